"""Path texts to integer codes, over raw UTF-8 bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.compiled import compiled
from analytics.attribution.paths import Codes, Offsets, read_only

Bytes = NDArray[np.uint8]

Counts = tuple[int, int, int, int]

FINE, BLANK_PATH, BLANK_ELEMENT, FULL = 0, 1, 2, 3


_SEED = 2166136261  # FNV-1a over 32 bits, kept in 64 so that no product overflows


@compiled
def _count_arrows(data: Bytes) -> int:
    arrows = 0
    for byte in data:
        arrows += byte == 62
    return arrows


@compiled
def plain_quotes(data: Bytes) -> bool:
    """Say whether every quote opens or closes a whole field of one line, so that all readers of CSV agree on it."""
    at, end = 0, len(data)
    if end >= 3 and data[0] == 0xEF and data[1] == 0xBB and data[2] == 0xBF:
        at = 3
    before = np.uint8(10)
    while at < end:
        byte = data[at]
        if byte == 34:
            if before not in (44, 10, 13):
                return False
            at += 1
            while at < end and data[at] != 34 and data[at] != 10 and data[at] != 13:
                at += 1
            if at == end or data[at] != 34:
                return False
            if at + 1 < end and data[at + 1] not in (44, 10, 13):
                return False
        before = byte
        at += 1
    return True


@compiled
def _separates(data: Bytes, begin: int, at: int, end: int) -> bool:
    """Say whether the byte at `at` is a `>` with a blank or an edge of the path on both sides."""
    if data[at] != 62:
        return False
    if at > begin and data[at - 1] != 32 and data[at - 1] != 9:
        return False
    return at + 1 == end or data[at + 1] == 32 or data[at + 1] == 9


@compiled
def _same(data: Bytes, first: int, last: int, names: Bytes, start: int, stop: int) -> bool:
    """Say whether data[first:last] and names[start:stop] are the same bytes."""
    if stop - start != last - first:
        return False
    for i in range(last - first):  # noqa: SIM110 - the compiler knows no generator expressions
        if data[first + i] != names[start + i]:
            return False
    return True


@compiled
def file_names(names: Bytes, ends: Offsets, used: int, table: Codes) -> None:
    """Enter the channels known so far into the empty hash table, a power of two long."""
    for channel in range(used):
        code = np.int64(_SEED)
        for at in range(ends[channel], ends[channel + 1]):
            if names[at] != 32 and names[at] != 9:  # blanks are not hashed, so that those at the edges never are
                code = ((code ^ names[at]) * 16777619) & 0xFFFFFFFF
        slot = (code ^ (code >> 15)) & (len(table) - 1)
        while table[slot] >= 0:
            slot = (slot + 1) & (len(table) - 1)
        table[slot] = channel


@compiled
def _most_bytes(offsets: Offsets) -> int:
    most = 0
    for row in range(len(offsets) - 1):
        most = max(most, offsets[row + 1] - offsets[row])
    return most


@compiled
def _common(data: Bytes, offsets: Offsets, row: int, edges: Offsets, known: int) -> int:
    """How many elements at the head of a path are those of the path before it, whose `known` separators end at `edges`.

    The byte behind a separator counts too, since it says that it is one.
    """
    begin, other = offsets[row], offsets[row - 1]
    shorter, same = min(offsets[row + 1] - begin, begin - other), 0
    while same < shorter and data[begin + same] == data[other + same]:
        same += 1
    kept = 0
    while kept < known and edges[kept] < same:
        kept += 1
    return kept


@compiled
def encode_into(
    data: Bytes, offsets: Offsets, table: Codes, names: Bytes, ends: Offsets, used: int, codes: Codes, starts: Offsets
) -> Counts:
    """Fill `codes` and `starts` from the path texts; channel c is called names[ends[c]:ends[c + 1]].

    Returns (fault, row, element, channels): the first bad path, counted from 0, or FINE; FULL where `names` or `ends`
    has no room for another channel.
    """
    filled, before = 0, 0
    edges = np.empty(_most_bytes(offsets) // 2 + 1, np.int64)
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        # Tables are mostly sorted: what a path has in common with the one before it was read there.
        kept = _common(data, offsets, row, edges, before) if row > 0 else 0
        for element in range(kept):
            codes[filled + element] = codes[starts[row - 1] + element]
        filled += kept
        opens = begin + (edges[kept - 1] if kept > 0 else 0)
        before = kept
        first, last, code = opens, opens, np.int64(_SEED)
        for at in range(opens, end + 1):
            if at == end or _separates(data, begin, at, end):
                if first == last:
                    blank = BLANK_PATH if at == end and filled == starts[row] else BLANK_ELEMENT
                    return blank, row, filled - starts[row], used
                slot = (code ^ (code >> 15)) & (len(table) - 1)
                while table[slot] >= 0 and not _same(
                    data, first, last, names, ends[table[slot]], ends[table[slot] + 1]
                ):
                    slot = (slot + 1) & (len(table) - 1)
                if table[slot] < 0:
                    if used + 1 == len(ends) or ends[used] + last - first > len(names):
                        return FULL, row, 0, used
                    table[slot] = used
                    names[ends[used] : ends[used] + last - first] = data[first:last]
                    ends[used + 1] = ends[used] + last - first
                    used += 1
                codes[filled] = table[slot]
                filled += 1
                if at < end:
                    edges[before] = at + 1 - begin
                    before += 1
                first, last, code = at + 1, at + 1, np.int64(_SEED)
            elif data[at] != 32 and data[at] != 9:
                first = at if first == last else first
                last = at + 1
                code = ((code ^ data[at]) * 16777619) & 0xFFFFFFFF
        starts[row + 1] = filled
    return FINE, 0, 0, used


def _roomy(column: NDArray[Any], least: int) -> NDArray[Any]:
    """The column with room for as many entries, in memory that was asked for at once: large pages are cheaper."""
    if least <= len(column):
        return column
    wider = np.empty(max(least, 2 * len(column)), column.dtype)
    wider[: len(column)] = column
    return wider


@dataclass(slots=True)
class Encoder:
    """Splits and interns path texts batch by batch; channels are coded in order of first appearance over all of them.

    Interning compares bytes, so no two names ever collide. What a batch was made of need not be kept.
    """

    _names: Bytes = field(default_factory=lambda: np.empty(1 << 14, np.uint8))
    _ends: Offsets = field(default_factory=lambda: np.zeros(1 << 10, np.int64))
    _table: Codes = field(default_factory=lambda: np.full(1 << 11, -1, np.int32))
    _used: int = 0
    _codes: Codes = field(default_factory=lambda: np.zeros(1 << 12, np.int32))
    _starts: Offsets = field(default_factory=lambda: np.zeros(1 << 10, np.int64))
    _rows: int = 0

    def add(self, data: Bytes, offsets: Offsets) -> tuple[int, int, int]:
        """Encode the path texts data[offsets[r]:offsets[r + 1]].

        Returns (fault, row, element) of the first bad path of the batch, counted from 0; fault is FINE where there is
        none. After a fault the encoder is of no more use.
        """
        data, offsets = read_only(data), read_only(offsets)
        rows = len(offsets) - 1
        filled = int(self._starts[self._rows])
        most = filled + _count_arrows(data[offsets[0] : offsets[rows]]) + rows
        self._codes, self._starts = _roomy(self._codes, most), _roomy(self._starts, self._rows + rows + 1)
        starts = self._starts[self._rows : self._rows + rows + 1]
        starts[0] = 0
        fault = FULL
        while fault == FULL:
            fault, row, element, self._used = encode_into(
                data, offsets, self._table, self._names, self._ends, self._used, self._codes[filled:], starts
            )
            if fault == FULL:
                self._widen(len(data))
        starts += filled
        self._rows += rows
        return fault, row, element

    def _widen(self, least: int) -> None:
        names, ends = self._names, self._ends
        self._names = np.empty(max(4 * len(names), len(names) + min(least, 1 << 24)), np.uint8)
        self._names[: len(names)] = names
        self._ends = np.zeros(4 * len(ends), np.int64)
        self._ends[: len(ends)] = ends
        self._table = np.full(2 * len(self._ends), -1, np.int32)
        file_names(self._names, self._ends, self._used, self._table)

    def paths(self) -> tuple[Codes, Offsets]:
        """The codes of all paths, and where each begins; nothing can be added any more."""
        starts = self._starts[: self._rows + 1]
        return self._codes[: starts[-1]], starts

    def channels(self) -> tuple[str, ...]:
        """The channels' names by code."""
        edges = self._ends[: self._used + 1].tolist()
        return tuple(self._names[first:last].tobytes().decode() for first, last in pairwise(edges))
