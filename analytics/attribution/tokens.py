"""Path texts to integer codes, over raw UTF-8 bytes."""

from __future__ import annotations

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
def _same(data: Bytes, first: int, last: int, start: int, stop: int) -> bool:
    """Say whether data[first:last] and data[start:stop] are the same bytes."""
    if stop - start != last - first:
        return False
    for i in range(last - first):  # noqa: SIM110 - the compiler knows no generator expressions
        if data[first + i] != data[start + i]:
            return False
    return True


@compiled
def encode_into(data: Bytes, offsets: Offsets, table: Codes, spans: Offsets, codes: Codes, starts: Offsets) -> Counts:
    """Fill `codes`, `starts` and `spans` from the path texts; `table` is the empty hash table, a power of two long.

    Returns (fault, row, element, channels): the first bad path, counted from 0, or FINE; FULL where `spans` has no room
    for another channel.
    """
    used, filled = 0, 0
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        first, last, code = begin, begin, np.int64(_SEED)
        for at in range(begin, end + 1):
            if at == end or _separates(data, begin, at, end):
                if first == last:
                    blank = BLANK_PATH if at == end and filled == starts[row] else BLANK_ELEMENT
                    return blank, row, filled - starts[row], used
                slot = (code ^ (code >> 15)) & (len(table) - 1)
                while table[slot] >= 0 and not _same(data, first, last, spans[table[slot], 0], spans[table[slot], 1]):
                    slot = (slot + 1) & (len(table) - 1)
                if table[slot] < 0:
                    if used == len(spans):
                        return FULL, row, 0, used
                    table[slot] = used
                    spans[used, 0], spans[used, 1] = first, last
                    used += 1
                codes[filled] = table[slot]
                filled += 1
                first, last, code = at + 1, at + 1, np.int64(_SEED)
            elif data[at] != 32 and data[at] != 9:
                first = at if first == last else first
                last = at + 1
                code = ((code ^ data[at]) * 16777619) & 0xFFFFFFFF
        starts[row + 1] = filled
    return FINE, 0, 0, used


def encode(data: Bytes, offsets: Offsets) -> tuple[Codes, Offsets, Offsets, int, int, int]:
    """Split and intern every path text data[offsets[r]:offsets[r + 1]].

    Returns codes, starts, the byte span of each channel's first appearance, and (fault, row, element) of the first bad
    path, counted from 0; fault is FINE where there is none. Interning compares bytes, so no two names ever collide.
    """
    data, offsets = read_only(data), read_only(offsets)
    rows = len(offsets) - 1
    codes = np.empty(_count_arrows(data[offsets[0] : offsets[rows]]) + rows, np.int32)
    starts = np.zeros(rows + 1, np.int64)
    fault, room = FULL, 256
    while fault == FULL:
        room *= 4
        spans = np.empty((room, 2), np.int64)
        table = np.full(2 * room, -1, np.int32)
        fault, row, element, used = encode_into(data, offsets, table, spans, codes, starts)
    return codes[: starts[-1]], starts, spans[:used], fault, row, element
