"""From the columns of a log of touches to a path table, in one compiled pass.

Job P1 (`journeys` tells the same of touches that carry their conversions themselves): a conversion closes a journey,
which holds the person's touches up to its instant and after the conversion before. What follows a person's last
conversion is a null journey, which ends with its last touch. A journey keeps the touches not older than the look-back
before its end. Paths are told apart by comparing them, never by a hash alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import Channel, Codes, Offsets, PathTable, read_only

Ints = NDArray[np.int64]

UNIQUE, EXPOSURE, FIRST = range(3)
TRANSFORMS = {"unique": UNIQUE, "exposure": EXPOSURE, "collapse": EXPOSURE, "first": FIRST}
"""What becomes of repeats, in the words of Google's fractribution: every touch stands for itself (`unique`), touches in
a row on one channel are one (`exposure`, `collapse`), a channel counts where it first appears (`first`)."""

ROOM = 1 << 12
"""Places for paths at first, a power of two; there come to be twice as many as paths."""

_NONE = -1
_NEIGHBOURS, _LARGEST = 13, (1 << 62) - 1
_FACTOR, _LOW = 1_000_003, (1 << 42) - 1
"""Of the hash of a path; what is multiplied stays within 63 bits."""


@dataclass(frozen=True, slots=True)
class TouchLog:
    """Touches or conversions as columns, in order of time (of one instant: in order of id).

    `people[i]` is a code >= 0, `times[i]` a whole number (seconds, milliseconds: one unit for all), `what[i]` the
    channel's code of a touch, or the value of a conversion in minor units. At most 2^31 rows.
    """

    people: Codes
    times: Ints
    what: NDArray[Any]

    def __post_init__(self) -> None:
        for name, kind in (("people", np.int32), ("times", np.int64), ("what", None)):
            array = np.ascontiguousarray(getattr(self, name), kind)
            object.__setattr__(self, name, read_only(array))
        if not len(self.people) == len(self.times) == len(self.what):
            raise AttributionError("a log of touches needs one person, time and channel or value each")
        if len(self.people) and int(self.people.min()) < 0:
            raise AttributionError("a person's code in a log of touches must not be negative")
        if bool(np.any(self.times[1:] < self.times[:-1])):
            raise AttributionError("a log of touches must be in order of time")


@dataclass(frozen=True, slots=True)
class BuiltPaths:
    """The paths, in the order in which they were first met; values in minor units.

    `untouched` conversions of `untouched_minor` had no touch within their look-back.
    """

    paths: PathTable
    untouched: int
    untouched_minor: int


def build_paths(
    touches: TouchLog,
    conversions: TouchLog,
    *,
    channels: tuple[Channel, ...],
    lookback: int,
    transform: str = "exposure",
    direct: int | None = None,
    session: int | None = None,
) -> BuiltPaths:
    """Build the paths of all people; `lookback` and `session` in the unit of the times.

    `direct` is the code of a channel that counts only in journeys without any other. With `session`, touches of a
    journey of which each follows the one before within that time are one session, told by its first touch (the first
    that is not direct, where there is one); a conversion ends a session. Raises AttributionError on an unknown
    transform, a negative look-back or session, a channel's code that is not among `channels`, or times of which the
    span times the number of channels does not fit into 62 bits.
    """
    days = read_only(np.zeros(0, np.int64))
    arena, starts, counts, untouched = folded(
        touches, conversions, len(channels), lookback, transform, direct, session, days
    )
    table = PathTable(channels, arena, starts, *(counts[:, column].astype(np.float64) for column in (0, 2, 1)))
    return BuiltPaths(table, int(untouched[0]), int(untouched[1]))


def folded(
    touches: TouchLog,
    conversions: TouchLog,
    channels: int,
    lookback: int,
    transform: str,
    direct: int | None,
    session: int | None,
    days: Ints,
) -> tuple[Codes, Offsets, Ints, Ints]:
    """As `fold` returns it; refuses what `build_paths` refuses, and journeys that end before the first of `days`."""
    if transform not in TRANSFORMS:
        raise AttributionError(f"unknown transform '{transform}', choose among {', '.join(TRANSFORMS)}")
    if lookback < 0:
        raise AttributionError("a look-back cannot be negative")
    if session is not None and session < 0:
        raise AttributionError("the time within which touches are one session cannot be negative")
    codes = np.ascontiguousarray(touches.what, np.int32)
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < channels:
        raise AttributionError("a touch names a channel that is not among the channels")
    people = 1 + max((int(log.people.max()) for log in (touches, conversions) if len(log.people)), default=-1)
    bits = max(1, (channels - 1).bit_length())
    base = min((int(log.times[0]) for log in (touches, conversions) if len(log.times)), default=0)
    latest = max((int(log.times[-1]) for log in (touches, conversions) if len(log.times)), default=0)
    if (latest - base + 1) << bits > _LARGEST:
        raise AttributionError(f"times that span {latest - base} leave no room for {channels} channels")
    if len(days) and people and base < days[0]:
        raise AttributionError(f"the time {base} lies before the first day, which begins at {days[0]}")
    own_people, own_rows = by_bucket(touches.people, touches.times, read_only(codes), base, bits)
    return fold(
        *by_person(read_only(own_people), read_only(own_rows), people),
        *by_person(conversions.people, read_only(np.arange(len(conversions.people), dtype=np.int64)), people),
        conversions.times - base,
        read_only(np.ascontiguousarray(conversions.what, np.int64)),
        bits,
        min(lookback, latest - base + 1),
        (
            TRANSFORMS[transform],
            _NONE if direct is None else direct,
            _NONE if session is None else min(session, latest - base + 1),
        ),
        np.full(ROOM, _NONE, np.int32),
        days - base,
    )


@compiled
def by_bucket(people: Codes, times: Ints, codes: Codes, base: int, bits: int) -> tuple[Codes, Ints]:
    """Pack a log into (people, rows) and bring together the rows of each 2^13 neighbouring people, in order of time.

    A row holds its time since `base` above `bits` bits and its code below them.
    """
    starts = np.zeros((people.max() >> _NEIGHBOURS) + 2 if len(people) else 1, np.int64)
    for i in range(len(people)):
        starts[(people[i] >> _NEIGHBOURS) + 1] += 1
    for bucket in range(1, len(starts)):
        starts[bucket] += starts[bucket - 1]
    own_people, rows = np.empty(len(people), np.int32), np.empty(len(people), np.int64)
    for i in range(len(people)):
        bucket = people[i] >> _NEIGHBOURS
        at = starts[bucket]
        starts[bucket] = at + 1
        own_people[at] = people[i]
        rows[at] = ((times[i] - base) << bits) | codes[i]
    return own_people, rows


@compiled
def by_person(people: Codes, rows: Ints, most: int) -> tuple[Offsets, Ints]:
    """Sort rows by person, by counting: person p has sorted[starts[p]:starts[p + 1]], in the order in which they came.

    Of a log in buckets the places written to lie near each other; of any other log this takes four times as long.
    """
    starts = np.zeros(most + 1, np.int64)
    for i in range(len(people)):
        starts[people[i] + 1] += 1
    for person in range(most):
        starts[person + 1] += starts[person]
    place = starts[:-1].copy()
    own = np.empty(len(rows), np.int64)
    for i in range(len(people)):
        at = place[people[i]]
        place[people[i]] = at + 1
        own[at] = rows[i]
    return starts, own


@compiled
def fold(
    starts: Offsets,
    rows: Ints,
    conversion_starts: Offsets,
    conversion_rows: Ints,
    conversion_times: Ints,
    values: Ints,
    bits: int,
    lookback: int,
    how: tuple[int, int, int],
    table: Codes,
    days: Ints,
) -> tuple[Codes, Offsets, Ints, Ints]:
    """Count journeys by path: (codes of all paths, starts, (paths, 3) of conversions, value and nulls, untouched).

    `how`: transform, direct channel and session, as `journey` takes them.
    With `days`, the instants at which days begin, the number of the day on which a journey ended stands before its
    path, and a conversion without a touch has the path of its day alone.
    """
    transform, direct, session = how
    most, lead = len(starts) + len(values), min(len(days), 1)
    seen = np.full(1 << bits, _NONE, np.int64)
    arena, ends = np.empty(len(rows) + 1 + lead * most, np.int32), np.zeros(most + 1, np.int64)
    hashes, counts = np.empty(most, np.int64), np.empty((most, 3), np.int64)
    untouched = np.zeros(2, np.int64)
    paths = 0
    for person in range(len(starts) - 1):
        first, stop = starts[person], starts[person + 1]
        for i in range(conversion_starts[person], conversion_starts[person + 1]):
            c, until = conversion_rows[i], first
            end = conversion_times[c]
            while until < stop and rows[until] >> bits <= end:
                until += 1
            at = dated(arena, ends[paths], days, end)
            length = lead + journey(
                rows, bits, first, until, end - lookback, transform, direct, session, arena, at, seen
            )
            first = until
            if length == 0:
                untouched[0] += 1
                untouched[1] += values[c]
                continue
            row, paths, table = kept(arena, ends, hashes, counts, table, paths, length)
            counts[row, 0] += 1
            counts[row, 1] += values[c]
        if first < stop:
            end = rows[stop - 1] >> bits
            at = dated(arena, ends[paths], days, end)
            length = lead + journey(
                rows, bits, first, stop, end - lookback, transform, direct, session, arena, at, seen
            )
            row, paths, table = kept(arena, ends, hashes, counts, table, paths, length)
            counts[row, 2] += 1
    return arena[: ends[paths]].copy(), ends[: paths + 1].copy(), counts[:paths].copy(), untouched


@compiled
def dated(arena: Codes, at: int, days: Ints, end: int) -> int:
    """Write the number of the day that holds `end` into `arena`, where there are days; where the path goes on."""
    if len(days) == 0:
        return at
    arena[at] = np.searchsorted(days, end, side="right") - 1
    return at + 1


@compiled
def journey(
    rows: Ints,
    bits: int,
    first: int,
    until: int,
    opens: int,
    transform: int,
    direct: int,
    session: int,
    arena: Codes,
    at: int,
    seen: Ints,
) -> int:
    """Write the path of rows[first:until] that are not older than `opens` into `arena` from `at`; its length.

    `seen[channel]` is the row that stands for it; those of other journeys lie before `first`. A `session` below 0: each
    touch stands for itself.
    """
    while first < until and rows[first] >> bits < opens:
        first += 1
    to, sessions, told = at, 0, False
    for i in range(first, until):
        if session < 0 or i == first or (rows[i] >> bits) - (rows[i - 1] >> bits) > session:
            sessions, told = sessions + 1, False
        code = rows[i] & ((1 << bits) - 1)
        if told or code == direct:
            continue
        told = session >= 0
        if transform == EXPOSURE and to > at and arena[to - 1] == code:
            continue
        if transform == FIRST:
            if seen[code] >= first:
                continue
            seen[code] = i
        arena[to] = code
        to += 1
    if to == at and first < until:  # nothing but direct touches
        to = at + (sessions if transform == UNIQUE else 1)
        arena[at:to] = direct
    return to - at


@compiled
def kept(
    arena: Codes,
    ends: Offsets,
    hashes: Ints,
    counts: Ints,
    table: Codes,
    paths: int,
    length: int,
) -> tuple[int, int, Codes]:
    """Find the path that stands last in `arena` among those before, or keep it: (its row, paths, table)."""
    at, mask = ends[paths], len(table) - 1
    mixed = np.int64(length)
    for i in range(at, at + length):
        mixed = ((mixed & _LOW) * _FACTOR) ^ arena[i]
    mixed ^= mixed >> 29
    slot = mixed & mask
    while table[slot] != _NONE:
        row = table[slot]
        if hashes[row] == mixed and same(arena, ends[row], ends[row + 1], at, length):
            return row, paths, table
        slot = (slot + 1) & mask
    table[slot] = paths
    hashes[paths] = mixed
    ends[paths + 1] = at + length
    counts[paths] = 0
    if 2 * (paths + 1) > len(table):
        table = widened(hashes, paths + 1, 2 * len(table))
    return paths, paths + 1, table


@compiled
def same(arena: Codes, first: int, until: int, at: int, length: int) -> bool:
    """Whether the path first:until of `arena` is the one of `length` from `at`."""
    alike = 0
    if until - first == length:
        while alike < length and arena[first + alike] == arena[at + alike]:
            alike += 1
    return alike == length


@compiled
def widened(hashes: Ints, paths: int, size: int) -> Codes:
    """Make a table of `size` places, a power of two, for the paths there are."""
    table = np.full(size, _NONE, np.int32)
    for row in range(paths):
        slot = hashes[row] & (size - 1)
        while table[slot] != _NONE:
            slot = (slot + 1) & (size - 1)
        table[slot] = row
    return table
