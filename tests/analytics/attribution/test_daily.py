"""Journeys by day and path: the same as told person by person, and after any change the same bytes as a full count."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.attribution import builder, daily
from analytics.attribution.daily import DayPaths, count_by_day, no_paths, of_people, restated
from analytics.attribution.errors import AttributionError
from tests.analytics.attribution.test_builder import Row, log, many, plainly, rows_of

KEYS = (11, 12, 13, 40)
DIRECT = 2
DAYS = np.arange(-10, 200, 7, dtype=np.int64)
Told = dict[tuple[int, ...], list[int]]


def told(paths: DayPaths) -> Told:
    rows = [tuple(paths.codes[a:b].tolist()) for a, b in zip(paths.starts[:-1], paths.starts[1:], strict=True)]
    assert rows == sorted(set(rows))
    return dict(zip(rows, paths.counts.tolist(), strict=True))


def counted(touches: list[Row], sales: list[Row], **more: Any) -> DayPaths:
    return count_by_day(log(touches), log(sales), channels=KEYS, days=DAYS, lookback=9, **more)


def by_hand(touches: list[Row], sales: list[Row]) -> Told:
    """One journey at a time: each sale with the touches since the one before."""
    counts: Told = defaultdict(lambda: [0, 0, 0])
    for person in {row[0] for row in touches + sales}:
        mine = [row for row in touches if row[0] == person]
        last = -(10**9)
        ends = [(row[1], [row]) for row in sales if row[0] == person]
        ends += [(mine[-1][1], [])] if mine and (not ends or mine[-1][1] > ends[-1][0]) else []
        for end, sale in ends:
            inside = [row for row in mine if last < row[1] <= end]
            paths, _untouched = plainly(inside, sale, 9, "exposure", None)
            path = next(iter(paths), ())
            row = counts[int(np.searchsorted(DAYS, end, side="right")) - 1, *(KEYS[code] for code in path)]
            row[0] += len(sale)
            row[1] += sum(value for _who, _at, value in sale)
            row[2] += not sale
            last = end
    return dict(counts)


def bytes_of(paths: DayPaths) -> list[bytes]:
    return [paths.codes.tobytes(), paths.starts.tobytes(), paths.counts.tobytes()]


@given(touches=rows_of(st.integers(0, 3), 40), sales=rows_of(st.integers(-500, 20_000), 12))
def test_every_log_is_counted_as_it_is_told_journey_by_journey(touches: list[Row], sales: list[Row]) -> None:
    assert told(counted(touches, sales)) == by_hand(touches, sales)


def test_rows_are_looked_up_as_they_are_gone_through(interpreted: None) -> None:
    people, chosen = np.array([3, 0, 3, 1, 9, 0], np.int32), np.array([True, False, False, True])
    starts, rows = builder.by_person(people[:4], np.arange(4), 4)
    found = daily.rows_at(starts, rows.astype(np.int32), np.flatnonzero(chosen))
    assert sorted(found) == daily.rows_of(people[:4], daily.packed(chosen)).tolist() == [0, 1, 2]
    assert daily.rows_of(people, daily.packed(chosen)).tolist() == [0, 1, 2, 5]


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
def test_whose_an_order_and_a_browser_is(form: str, request: pytest.FixtureRequest) -> None:
    if form == "interpreted":
        request.getfixturevalue("interpreted")
    owners = np.array([0, 15, 4, 15], np.int32)
    buyers = daily.buyers_of(np.array([8, -1, -1, -1], np.int32), np.array([1, 1, 2, -1], np.int32), owners)
    assert buyers.tolist() == [17, 15, 4, 0]
    found = np.array([True, False, False, False, False])
    daily.add_owned(found, owners, np.arange(16) == 15)
    assert found.tolist() == [True, True, False, True, False]


NEWS = st.lists(
    st.tuples(st.sampled_from("tsmrw"), st.integers(0, 5), st.integers(-5, 30), st.integers(0, 3)), max_size=8
)


class World:
    """Browsers with touches and sales; any of them may turn out to be somebody's, or be withdrawn."""

    def __init__(self) -> None:
        self.touches: list[Row] = []
        self.sales: list[Row] = []
        self.person_of = list(range(6))

    def hear(self, kind: str, browser: int, at: int, what: int) -> None:
        """A touch, a sale, a merge, what is given back of a sale, or what is withdrawn; late or not."""
        if kind == "t":
            self.touches.append((browser, at, what))
        elif kind == "s":
            self.sales.append((browser, at, 100 * what))
        elif kind == "m":
            self.person_of[browser] = 6 + what
        elif kind == "r" and self.sales:
            who, when, value = self.sales[at % len(self.sales)]
            self.sales[at % len(self.sales)] = (who, when, value // 2)
        elif kind == "w":
            self.touches = self.touches[1:]

    def rows(self) -> tuple[list[Row], list[Row]]:
        """As they are of persons, in order of time."""
        first, second = (
            sorted(((self.person_of[who], at, what) for who, at, what in rows), key=lambda row: row[1])
            for rows in (self.touches, self.sales)
        )
        return first, second


@given(days=st.lists(NEWS, min_size=1, max_size=5))
@pytest.mark.parametrize(("transform", "direct"), [("exposure", None), ("first", DIRECT)])
def test_day_after_day_whatever_comes_late_the_statistics_equal_a_full_count(
    transform: str, direct: int | None, days: list[list[tuple[str, int, int, int]]]
) -> None:
    more: dict[str, Any] = {"transform": transform, "direct": direct}
    world, kept = World(), no_paths()
    for news in days:
        before = world.rows()
        for item in news:
            world.hear(*item)
        after = world.rows()
        chosen = np.zeros(10, bool)
        for old, new in zip(before, after, strict=True):
            own = [Counter(old), Counter(new)]
            chosen[[row[0] for row in (own[0] - own[1]) + (own[1] - own[0])]] = True
        old_paths, new_paths = (
            count_by_day(
                of_people(log(touches), chosen), of_people(log(sales), chosen),
                channels=KEYS, days=DAYS, lookback=9, **more,
            )
            for touches, sales in (before, after)
        )  # fmt: skip
        kept = restated(kept, old=old_paths, new=new_paths)
        assert bytes_of(kept) == bytes_of(counted(*after, **more))


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
def test_many_rows_are_put_in_order_and_taken_away_again(form: str, request: pytest.FixtureRequest) -> None:
    if form == "interpreted":
        request.getfixturevalue("interpreted")
    touches, sales = many(40)
    touches, sales = touches[:700], sales[:80]
    whole = counted(touches, sales)
    assert told(whole) == by_hand(touches, sales)
    chosen = np.arange(30) % 3 == 0
    some, others = (
        count_by_day(of_people(log(touches), own), of_people(log(sales), own), channels=KEYS, days=DAYS, lookback=9)
        for own in (chosen, np.concatenate([~chosen, np.ones(10, bool)]))
    )
    assert bytes_of(restated(whole, old=some, new=no_paths())) == bytes_of(others)
    assert bytes_of(restated(others, old=no_paths(), new=some)) == bytes_of(whole)
    assert bytes_of(restated(whole, old=whole, new=no_paths())) == bytes_of(no_paths())


@pytest.mark.parametrize(
    ("touches", "sales"),
    [([(1, 5, 0)], []), ([(1, 5, 1)], [(1, 5, 100)]), ([], [(1, 5, 100)]), ([(2, 5, 1)], [(2, 5, 70)])],
)
def test_journeys_that_are_not_held_cannot_be_taken_away(touches: list[Row], sales: list[Row]) -> None:
    kept = counted([(2, 5, 1)], [(2, 5, 50)])
    with pytest.raises(AttributionError, match="do not hold"):
        restated(kept, old=counted(touches, sales), new=no_paths())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"channels": (3, 3)}, "ascending order"),
        ({"days": np.zeros(0, np.int64)}, "at least one day"),
        ({"days": np.array([6])}, "before the first day, which begins at 6"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_one_sentence(more: dict[str, Any], words: str) -> None:
    with pytest.raises(AttributionError, match=words):
        count_by_day(log([(0, 5, 0)]), log([]), **{"channels": KEYS, "days": DAYS, "lookback": 9, **more})
