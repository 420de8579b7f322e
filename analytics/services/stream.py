"""Whole numbers out of a COPY, through libpq itself: a row is never an object of Python.

psycopg2 hands over every row as bytes and calls `write` for it, which costs four times what reading it does. It also
tells where its own libpq keeps the connection (`pgconn_ptr`, "for passing to libpq C functions"), so the loop over rows
is compiled here and asks libpq for each, without the interpreter's lock; over TLS and sockets alike.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg2
from llvmlite import ir  # type: ignore[import-untyped] # has no types
from numba import extending
from numba.core.types import int64, void
from numpy.typing import NDArray

from analytics.attribution.compiled import compiled

_LIBPQ = ctypes.CDLL(psycopg2._psycopg.__file__)  # a library answers for those that it was linked with
_WORD, _SHORT = ir.IntType(64), ir.IntType(32)
_COMMAND_OK, _COPY_OUT = 1, 3
"""What libpq says of a result: done; rows follow."""

_ROOM, _MORE = 1 << 16, 32
"""Rows for which there is room at first; times as many when these do not do, enough for a month."""

_HEAD = 19
"""Bytes of COPY's binary format before the first row."""


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of libpq; handles are plain addresses."""
    function = getattr(_LIBPQ, name)
    function.restype, function.argtypes = result, arguments
    return function


_exec = _function("PQexec", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
_result = _function("PQgetResult", ctypes.c_void_p, ctypes.c_void_p)
_status = _function("PQresultStatus", ctypes.c_int, ctypes.c_void_p)
_message = _function("PQresultErrorMessage", ctypes.c_char_p, ctypes.c_void_p)
_clear = _function("PQclear", None, ctypes.c_void_p)
_ROW, _FREE = (
    ctypes.cast(getattr(_LIBPQ, name), ctypes.c_void_p).value or 0 for name in ("PQgetCopyData", "PQfreemem")
)

_intrinsic: Any = extending.intrinsic
"""Makes what writes machine code into a function that compiled ones may call."""


@_intrinsic  # type: ignore[untyped-decorator] # numba has no types
def _get_row(_context: Any, _function: Any, _link: Any, _slot: Any) -> Any:
    """Call PQgetCopyData at an address: the length of the next row, which `slot` then points to; below 0, no more."""

    def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        function, link, slot = arguments
        kind = ir.FunctionType(_SHORT, [_WORD, _WORD, _SHORT])
        waits = ir.Constant(_SHORT, 0)
        told = builder.call(builder.inttoptr(function, kind.as_pointer()), [link, slot, waits])
        return builder.sext(told, _WORD)

    return int64(int64, int64, int64), build


@_intrinsic  # type: ignore[untyped-decorator] # numba has no types
def _free_row(_context: Any, _function: Any, _row: Any) -> Any:
    """Call PQfreemem at an address."""

    def build(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        function, row = arguments
        kind = ir.FunctionType(ir.VoidType(), [_WORD])
        builder.call(builder.inttoptr(function, kind.as_pointer()), [row])
        return context.get_dummy_value()

    return void(int64, int64), build


def _number(bits: int) -> Any:
    """What reads a number of so many bits, the highest byte first, at an address."""

    @_intrinsic  # type: ignore[untyped-decorator] # numba has no types
    def read(_context: Any, _address: Any) -> Any:
        def build(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            kind = ir.IntType(bits)
            found = builder.load(builder.inttoptr(arguments[0], kind.as_pointer()), align=1)
            swapped = builder.bswap(found)
            return swapped if bits == _WORD.width else builder.sext(swapped, _WORD)

        return int64(int64), build

    return read


_short, _word, _long = _number(16), _number(32), _number(64)


@compiled
def _rows(
    get: int, free: int, link: int, slot: NDArray[np.int64], to: int, first: int, columns: NDArray[np.int64],
    nulls: NDArray[np.bool_],
) -> tuple[int, int, int]:  # fmt: skip
    """Unpack rows from the `first` on, until there is no room or they end: (rows, what libpq said last, misfits).

    `to` is where `slot` lies. `nulls` are those of the last columns, which alone may have any.
    """
    count, odd, firm = first, 0, len(columns) - len(nulls)
    while count < columns.shape[1]:
        length = _get_row(get, link, to)
        if length < 0:
            return count, length, odd
        at, end = slot[0] + (0 if count else _HEAD), slot[0] + length
        if end - at >= 2 and _short(at) != -1:  # the last message says that no row follows
            fits = _short(at) == len(columns)
            at += 2
            for column in range(len(columns) if fits else 0):
                size = _word(at) if end - at >= 4 else -2
                at += 4
                if column >= firm:
                    nulls[column - firm, count] = size == -1
                if size == 8 and end - at >= 8:
                    columns[column, count] = _long(at)
                    at += 8
                elif size != -1 or column < firm:
                    fits = False
                    break
            odd += not fits
            count += 1
        _free_row(free, slot[0])
    return count, 0, odd


class Stream:
    """A connection to the database and the memory into which its rows come, which is used again for the next."""

    def __init__(self, link: Any) -> None:
        self._link = link
        self._columns, self._nulls = np.empty((0, 0), np.int64), np.empty((0, 0), np.bool_)

    def columns(self, query: str, names: Sequence[str], maybe: Sequence[str] = ()) -> dict[str, Any]:
        """The columns of a query, all of 64 bits; an instant as microseconds since 2000. The next call overwrites them.

        Those of `names` are never null. Those of `maybe`, which come last, may be: each is (values, which are null).
        Raises ValueError where rows are of another shape, psycopg2.DatabaseError where the database refuses.
        """
        handle = self._link.pgconn_ptr
        _expect(_exec(handle, f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()), _COPY_OUT)
        slot = np.zeros(1, np.int64)
        count = odd = told = 0
        self._make_room(len(names) + len(maybe), len(maybe), 0)
        while told >= 0:
            if count == self._columns.shape[1]:
                self._make_room(len(names) + len(maybe), len(maybe), count)
            count, told, strange = _rows(
                _ROW, _FREE, handle, slot, slot.ctypes.data, count, self._columns, self._nulls
            )  # fmt: skip
            odd += strange
        while result := _result(handle):
            _expect(result, _COMMAND_OK)
        if odd:
            raise ValueError(f"{', '.join((*names, *maybe))}: not all of 64 bits, or some are null")
        found: dict[str, Any] = {name: self._columns[place, :count] for place, name in enumerate(names)}
        for place, name in enumerate(maybe):
            found[name] = self._columns[len(names) + place, :count], self._nulls[place, :count]
        return found

    def _make_room(self, columns: int, maybe: int, held: int) -> None:
        """Room for more rows than are held; what is never written to takes no memory."""
        before, nulls = self._columns, self._nulls
        if not held and (len(before), len(nulls)) == (columns, maybe):
            return
        room = max(_MORE * _ROOM, 4 * held) if held else _ROOM
        self._columns, self._nulls = np.empty((columns, room), np.int64), np.empty((maybe, room), np.bool_)
        if held:
            self._columns[:, :held], self._nulls[:, :held] = before, nulls


def _expect(result: int, status: int) -> None:
    """Let go of a result; raises psycopg2.DatabaseError where libpq says something else of it."""
    told, said = _status(result), _message(result)
    _clear(result)
    if told != status:
        raise psycopg2.DatabaseError((said or b"").decode(errors="replace").strip() or f"libpq answered {told}")
