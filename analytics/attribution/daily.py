"""Journeys counted by the day on which they ended and by their path: what adds up, and can be taken away again.

A late touch, a merge, a refund or an erasure is "minus the old journeys of these people, plus the new ones". Rows stand
in one order and none is empty, so the result is the same as of a full count, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.builder import Ints, TouchLog, folded
from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import Codes, Offsets, read_only


@dataclass(frozen=True, slots=True)
class DayPaths:
    """Row `r` is `codes[starts[r]:starts[r + 1]]`: the number of the day, then the channels of the path.

    `counts[r]` holds conversions, their value in minor units, and journeys that did not convert. A row of a day alone
    counts conversions without a touch in their look-back. Rows are in order of day and path, and unlike each other.
    """

    codes: Codes
    starts: Offsets
    counts: Ints

    def __post_init__(self) -> None:
        for name, kind in (("codes", np.int32), ("starts", np.int64), ("counts", np.int64)):
            object.__setattr__(self, name, read_only(np.ascontiguousarray(getattr(self, name), kind)))


def no_paths() -> DayPaths:
    """Statistics of nothing."""
    return DayPaths(np.zeros(0, np.int32), np.zeros(1, np.int64), np.zeros((0, 3), np.int64))


def count_by_day(
    touches: TouchLog,
    conversions: TouchLog,
    *,
    channels: Sequence[int],
    days: Ints,
    lookback: int,
    transform: str = "exposure",
    direct: int | None = None,
    session: int | None = None,
) -> DayPaths:
    """Count the journeys of a log; `channels` are whole numbers in ascending order, one for each code.

    `days` are the instants at which days begin, ascending, in the unit of the times; a journey counts on the day that
    holds its conversion, or its last touch. The rest is as of `build_paths`. Raises AttributionError as that does, on
    channels out of order, and on a time before the first day.
    """
    keys = np.ascontiguousarray(channels, np.int32)
    if bool(np.any(keys[1:] <= keys[:-1])):
        raise AttributionError("channels of daily statistics must be in ascending order")
    if not len(days):
        raise AttributionError("daily statistics need at least one day")
    codes, starts, counts, _untouched = folded(
        touches, conversions, len(keys), lookback, transform, direct, session, days
    )
    order = in_order(codes, starts)
    return DayPaths(*arranged(codes, starts, counts, order, read_only(keys)))


def of_people(log: TouchLog, chosen: NDArray[np.bool_]) -> TouchLog:
    """The rows of the people whose codes are chosen, who are numbered anew; codes beyond `chosen` are not chosen."""
    rows = rows_of(log.people, packed(chosen))
    numbers = np.cumsum(chosen, dtype=np.int32) - 1
    return TouchLog(numbers[log.people[rows]], log.times[rows], log.what[rows])


def restated(before: DayPaths, *, old: DayPaths, new: DayPaths) -> DayPaths:
    """`before` without the journeys of `old` and with those of `new`.

    Raises AttributionError where `before` does not hold what is to be taken away.
    """
    left = DayPaths(*merged(before.codes, before.starts, before.counts, old.codes, old.starts, old.counts, -1))
    numbers = left.counts[:, (0, 2)]
    if bool(np.any(numbers < 0)) or bool(np.any(numbers.sum(axis=1) == 0)):
        raise AttributionError("the statistics do not hold the journeys that are to be taken away")
    return DayPaths(*merged(left.codes, left.starts, left.counts, new.codes, new.starts, new.counts, 1))


def packed(chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Eight people to a byte, so that all of them stay near the processor while it goes through a log."""
    return read_only(np.packbits(chosen, bitorder="little"))


@compiled
def rows_of(people: Codes, chosen: NDArray[np.uint8]) -> Ints:
    """The rows of people who are chosen, as `packed` tells it."""
    count = 0
    rows = np.empty(len(people), np.int64)
    for i in range(len(people)):
        if people[i] >> 3 < len(chosen):
            rows[count] = i
            count += (chosen[people[i] >> 3] >> (people[i] & 7)) & 1
    return rows[:count].copy()


@compiled
def add_owned(found: NDArray[np.bool_], owners: Codes | Ints, chosen: NDArray[np.bool_]) -> None:
    """Mark those things whose owners are chosen, beside what is marked already."""
    for i in range(len(owners)):
        if chosen[owners[i]]:
            found[i] = True


@compiled
def buyers_of(users: Codes, browsers: Codes, owners: Codes | Ints) -> Ints:
    """Twice a user's key and one; where there is none, whose the browser is, a browser below 0 being the first."""
    found = np.empty(len(users), np.int64)
    for i in range(len(users)):
        found[i] = 2 * np.int64(users[i]) + 1 if users[i] >= 0 else owners[max(browsers[i], 0)]
    return found


@compiled
def rows_at(starts: Offsets, rows: Codes, people: Ints) -> Ints:
    """The rows of these people, of a log whose rows were sorted by person: p has rows[starts[p]:starts[p + 1]]."""
    count = 0
    for person in people:
        count += starts[person + 1] - starts[person]
    found = np.empty(count, np.int64)
    count = 0
    for person in people:
        for i in range(starts[person], starts[person + 1]):
            found[count] = rows[i]
            count += 1
    return found


@compiled
def compared(codes: Codes, first: int, stop: int, others: Codes, other: int, end: int) -> int:
    """Whether codes[first:stop] comes before others[other:end] (-1), after it (1), or is the same (0)."""
    while first < stop and other < end and codes[first] == others[other]:
        first += 1
        other += 1
    if first == stop or other == end:
        return min(stop - first, 1) - min(end - other, 1)
    return 1 if codes[first] > others[other] else -1


@compiled
def in_order(codes: Codes, starts: Offsets) -> Ints:
    """The rows in order, by merging."""
    rows = len(starts) - 1
    order, spare = np.arange(rows), np.empty(rows, np.int64)
    width = 1
    while width < rows:
        for low in range(0, rows, 2 * width):
            middle, high = min(low + width, rows), min(low + 2 * width, rows)
            left, right = low, middle
            for to in range(low, high):
                a, b = order[min(left, rows - 1)], order[min(right, rows - 1)]
                if left < middle and (
                    right == high or compared(codes, starts[a], starts[a + 1], codes, starts[b], starts[b + 1]) <= 0
                ):
                    spare[to] = a
                    left += 1
                else:
                    spare[to] = b
                    right += 1
        order, spare = spare, order
        width *= 2
    return order


@compiled
def arranged(codes: Codes, starts: Offsets, counts: Ints, order: Ints, keys: Codes) -> tuple[Codes, Offsets, Ints]:
    """Rows in another order, the channels' keys in place of their codes."""
    own_codes, own_starts, own_counts = np.empty_like(codes), np.empty_like(starts), np.empty_like(counts)
    own_starts[0] = to = 0
    for row in range(len(order)):
        first, stop = starts[order[row]], starts[order[row] + 1]
        own_codes[to] = codes[first]
        for i in range(first + 1, stop):
            own_codes[to + i - first] = keys[codes[i]]
        to += stop - first
        own_starts[row + 1] = to
        own_counts[row] = counts[order[row]]
    return own_codes, own_starts, own_counts


@compiled
def merged(
    codes: Codes,
    starts: Offsets,
    counts: Ints,
    more: Codes,
    more_starts: Offsets,
    more_counts: Ints,
    sign: int,
) -> tuple[Codes, Offsets, Ints]:
    """Add the second statistics, times `sign`, to the first; rows that then count nothing are left out.

    The second are few: what is made holds room for both and is not copied to its length.
    """
    rows, others = len(counts), len(more_counts)
    own = np.empty(len(codes) + len(more), np.int32)
    own_starts, own_counts = np.zeros(rows + others + 1, np.int64), np.empty((rows + others, 3), np.int64)
    row = other = to = at = 0
    while row < rows or other < others:
        side = 1 if row == rows else -1
        if row < rows and other < others:
            first, stop = more_starts[other], more_starts[other + 1]
            side = compared(codes, starts[row], starts[row + 1], more, first, stop)
        first, stop, taken = 0, 0, codes
        conversions = value = nulls = 0
        if side <= 0:
            first, stop, taken = starts[row], starts[row + 1], codes
            conversions, value, nulls = counts[row, 0], counts[row, 1], counts[row, 2]
            row += 1
        if side >= 0:
            first, stop, taken = more_starts[other], more_starts[other + 1], more
            conversions += sign * more_counts[other, 0]
            value += sign * more_counts[other, 1]
            nulls += sign * more_counts[other, 2]
            other += 1
        if conversions != 0 or value != 0 or nulls != 0:
            for i in range(first, stop):  # rows are short: a loop takes half as long as slices
                own[at + i - first] = taken[i]
            at += stop - first
            own_counts[to, 0], own_counts[to, 1], own_counts[to, 2] = conversions, value, nulls
            to += 1
            own_starts[to] = at
    return own[:at], own_starts[: to + 1], own_counts[:to]
