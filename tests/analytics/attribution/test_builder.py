"""Paths out of the columns of a log, against the same told person by person in plain Python."""

from collections import defaultdict
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.attribution import builder
from analytics.attribution.builder import TRANSFORMS, BuiltPaths, TouchLog, build_paths
from analytics.attribution.errors import AttributionError

CHANNELS = ("search", "mail", "direct", "banner")
DIRECT = 2
Row = tuple[int, int, int]
"""Person, time, channel or value."""
Told = dict[tuple[int, ...], list[int]]


def log(rows: list[Row]) -> TouchLog:
    people, times, what = zip(*rows, strict=True) if rows else ((), (), ())
    return TouchLog(np.array(people, np.int32), np.array(times, np.int64), np.array(what, np.int64))


def plainly(
    touches: list[Row], sales: list[Row], lookback: int, transform: str, direct: int | None, session: int | None = None
) -> tuple[Told, int]:
    """Paths with conversions, value and nulls; how many conversions had no touch."""
    told: Told = defaultdict(lambda: [0, 0, 0])
    untouched = 0
    for person in {row[0] for row in touches + sales}:
        left = [(time, channel) for who, time, channel in touches if who == person]
        for _who, end, value in [row for row in sales if row[0] == person]:
            mine, left = [row for row in left if row[0] <= end], [row for row in left if row[0] > end]
            path = shown([row for row in mine if row[0] >= end - lookback], transform, direct, session)
            untouched += not path
            if path:
                told[path][0] += 1
                told[path][1] += value
        if left:
            end = left[-1][0]
            told[shown([row for row in left if row[0] >= end - lookback], transform, direct, session)][2] += 1
    return dict(told), untouched


def shown(touches: list[tuple[int, int]], transform: str, direct: int | None, session: int | None) -> tuple[int, ...]:
    visits: list[list[int]] = []
    for place, (time, channel) in enumerate(touches):
        if session is None or not place or time - touches[place - 1][0] > session:
            visits.append([])
        visits[-1].append(channel)
    channels = [next((channel for channel in visit if channel != direct), visit[0]) for visit in visits]
    channels = [channel for channel in channels if channel != direct] or channels
    if transform == "first":
        return tuple(dict.fromkeys(channels))
    return tuple(channels) if transform == "unique" else tuple(channel for channel, _ in groupby(channels))


def told(built: BuiltPaths) -> Told:
    table = built.paths
    assert table.values is not None
    rows = zip(table.conversions, table.values, table.nulls, strict=True)
    return {
        tuple(table.codes[table.starts[row] : table.starts[row + 1]].tolist()): [int(count) for count in counts]
        for row, counts in enumerate(rows)
    }


def rows_of(what: st.SearchStrategy[int], most: int) -> st.SearchStrategy[list[Row]]:
    row = st.tuples(st.sampled_from([0, 1, 2, 9_000]), st.integers(-5, 30), what)
    return st.lists(row, max_size=most).map(lambda rows: sorted(rows, key=lambda row: row[1]))


@given(
    touches=rows_of(st.integers(0, 3), 40),
    sales=rows_of(st.integers(-500, 20_000), 12),
    lookback=st.sampled_from([0, 1, 7, 10**12]),
    transform=st.sampled_from(list(TRANSFORMS)),
    direct=st.sampled_from([None, DIRECT]),
    session=st.sampled_from([None, 0, 2, 10**12]),
)
def test_every_log_gives_the_paths_that_are_told_person_by_person(
    touches: list[Row], sales: list[Row], lookback: int, transform: str, direct: int | None, session: int | None
) -> None:
    asked = {"lookback": lookback, "transform": transform, "direct": direct, "session": session}
    built = build_paths(log(touches), log(sales), channels=CHANNELS, **asked)  # type: ignore[arg-type]  # as the strategies
    expected, untouched = plainly(touches, sales, lookback, transform, direct, session)
    assert told(built) == expected
    assert built.untouched == untouched
    assert built.paths.channels == CHANNELS
    value = sum(counts[1] for counts in expected.values())
    assert value + built.untouched_minor == sum(row[2] for row in sales)


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
def test_a_visit_is_told_by_its_first_touch_that_is_not_direct_and_ends_with_a_conversion(
    form: str, request: pytest.FixtureRequest
) -> None:
    if form == "interpreted":
        request.getfixturevalue("interpreted")
    search, mail, direct, banner = range(4)
    visit = [(1, 0, direct), (1, 1, mail), (1, 2, search)]
    touches = [*visit, (1, 5, banner), (1, 9, search)]
    built = build_paths(log(touches), log([(1, 6, 500)]), channels=CHANNELS, lookback=99, direct=DIRECT, session=2)
    assert told(built) == {(mail, banner): [1, 500, 0], (search,): [0, 0, 1]}
    cut = build_paths(
        log([(1, 0, mail), (1, 2, search)]), log([(1, 1, 500)]), channels=CHANNELS, lookback=99, session=2
    )
    assert told(cut) == {(mail,): [1, 500, 0], (search,): [0, 0, 1]}
    asked = {"transform": "unique", "direct": DIRECT, "session": 0}
    alone = build_paths(log(visit[:1] * 3), log([]), channels=CHANNELS, lookback=99, **asked)  # type: ignore[arg-type]  # words and numbers
    assert told(alone) == {(direct,): [0, 0, 1]}


def many(people: int) -> tuple[list[Row], list[Row]]:
    draw = np.random.Generator(np.random.PCG64(3))
    touches = zip(draw.integers(0, people, 6_000), draw.integers(0, 99, 6_000), draw.integers(0, 4, 6_000), strict=True)
    sales = zip(draw.integers(0, people, 300), draw.integers(0, 99, 300), draw.integers(1, 9_999, 300), strict=True)
    return sorted(((int(a), int(b), int(c)) for a, b, c in touches), key=lambda row: row[1]), sorted(
        ((int(a), int(b), int(c)) for a, b, c in sales), key=lambda row: row[1]
    )


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
@pytest.mark.parametrize(("transform", "direct"), [("unique", None), ("exposure", DIRECT), ("first", DIRECT)])
def test_paths_are_kept_apart_where_room_was_short_and_hashes_are_alike(
    form: str, transform: str, direct: int | None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "ROOM", 4)
    if form == "interpreted":
        request.getfixturevalue("interpreted")
        monkeypatch.setattr(builder, "_FACTOR", 0)  # paths of one length that end alike have one hash
    touches, sales = many(40)
    touches = [*touches[:900], (41, 99, DIRECT), (41, 99, DIRECT)]
    built = build_paths(log(touches), log(sales), channels=CHANNELS, lookback=30, transform=transform, direct=direct)
    assert (told(built), built.untouched) == plainly(touches, sales, 30, transform, direct)
    assert len(told(built)) > 10


def test_one_log_always_gives_the_same_bytes() -> None:
    touches, sales = many(200)
    one, other = (build_paths(log(touches), log(sales), channels=CHANNELS, lookback=30) for _ in range(2))
    for name in ("codes", "starts", "conversions", "nulls", "values"):
        assert getattr(one.paths, name).tobytes() == getattr(other.paths, name).tobytes()


@pytest.mark.parametrize(
    ("touches", "sales", "more", "words"),
    [
        ([(1, 5, 0)], [], {"transform": "shorter"}, "unknown transform 'shorter', choose among unique, exposure"),
        ([(1, 5, 0)], [], {"lookback": -1}, "cannot be negative"),
        ([(1, 5, 0)], [], {"session": -1}, "are one session cannot be negative"),
        ([(1, 5, 4)], [], {}, "not among the channels"),
        ([(1, 5, -1)], [], {}, "not among the channels"),
        ([(-1, 5, 0)], [], {}, "must not be negative"),
        ([(1, 5, 0), (1, 4, 0)], [], {}, "in order of time"),
        ([(1, -(2**61), 0)], [(1, 2**61, 5)], {}, "leave no room for 4 channels"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_sentence(
    touches: list[Row], sales: list[Row], more: dict[str, int | str], words: str
) -> None:
    with pytest.raises(AttributionError, match=words):
        build_paths(log(touches), log(sales), channels=CHANNELS, **{"lookback": 9, **more})  # type: ignore[arg-type]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(AttributionError, match="one person, time and channel or value each"):
        TouchLog(np.zeros(2, np.int32), np.zeros(2, np.int64), np.zeros(1, np.int64))


def test_nothing_gives_no_paths() -> None:
    built = build_paths(log([]), log([]), channels=(), lookback=1)
    assert (told(built), built.untouched, built.untouched_minor) == ({}, 0, 0)
