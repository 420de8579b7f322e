"""Interactions: order, repeats, ids, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.engine.data import Interactions, index_of
from recommender.engine.errors import DataError
from tests.examples import examples
from tests.recommender.engine.cases import checkerboard, interactions


def test_histories_are_ordered_by_time_and_carry_outer_ids() -> None:
    table = Interactions.build(users=[9, 4, 9, 9], items=[30, 10, 20, 10], times=[5, 1, 3, 4])
    assert table.user_ids.tolist() == [4, 9]
    assert table.item_ids.tolist() == [10, 20, 30]
    assert table.history(1).tolist() == [1, 0, 2]
    assert table.times is not None
    assert table.times.tolist() == [1, 3, 4, 5]
    assert (table.n_users, table.n_items, len(table)) == (2, 3, 4)
    assert table.lengths.tolist() == [1, 3]
    assert table.rows.tolist() == [0, 1, 1, 1]
    assert table.item_counts.tolist() == [2, 1, 1]


def test_without_times_and_at_equal_times_input_order_stands() -> None:
    untimed = Interactions.build(users=[1, 1, 1], items=[7, 5, 6])
    assert untimed.item_ids[untimed.items].tolist() == [7, 5, 6]
    tied = Interactions.build(users=[1, 1, 1], items=[7, 5, 6], times=[2, 2, 1])
    assert tied.item_ids[tied.items].tolist() == [6, 7, 5]


def test_a_repeated_pair_keeps_its_latest_place_and_its_largest_weight() -> None:
    table = Interactions.build(
        users=[1, 1, 1, 1], items=[5, 6, 5, 7], times=[1, 2, 3, 4], weights=[2.0, 1.0, 0.5, 0.25]
    )
    assert table.item_ids[table.items].tolist() == [6, 5, 7]
    assert table.times is not None
    assert table.times.tolist() == [2, 3, 4]
    weights = table.history_weights(0)
    assert weights is not None
    assert weights.tolist() == [1.0, 2.0, 0.25]


def test_a_repeated_pair_can_be_refused() -> None:
    with pytest.raises(DataError, match="1 rows repeat"):
        Interactions.build(users=[1, 1], items=[5, 5], repeats="refuse")


def test_a_catalogue_may_hold_items_nobody_took_in_any_order() -> None:
    table = Interactions.build(users=[1, 1], items=[5, 8], item_ids=[8, 9, 5])
    assert table.items.tolist() == [2, 0]
    assert table.item_counts.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"users": [1, 2], "items": [1]}, "items has 1 entries, users has 2"),
        ({"users": [1], "items": [1], "times": [1, 2]}, "times has 2 entries"),
        ({"users": [1], "items": [1], "weights": [1, 2]}, "weights has 2 entries"),
        ({"users": [1], "items": [1.5]}, "items must hold integers"),
        ({"users": ["a"], "items": [1]}, "users must hold integers"),
        ({"users": [[1]], "items": [1]}, "one column"),
        ({"users": [1], "items": [1], "weights": [0.0]}, "above 0"),
        ({"users": [1], "items": [1], "weights": [float("nan")]}, "above 0"),
        ({"users": [1], "items": [1], "weights": [1e9]}, "at most"),
        ({"users": [1], "items": [1], "weights": ["much"]}, "column of numbers"),
        ({"users": [1], "items": [4], "item_ids": [1, 2]}, "item 4 is not in the catalogue"),
        ({"users": [1], "items": [4], "item_ids": []}, "item 4 is not in the catalogue"),
        ({"users": [1], "items": [1], "item_ids": [1, 2, 1]}, "names an item twice"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Interactions.build(**columns)


def test_no_events_make_an_empty_table() -> None:
    table = Interactions.build(users=[], items=[], times=[], weights=[], item_ids=[3, 4])
    assert (table.n_users, table.n_items, len(table)) == (0, 2, 0)


def test_keeping_some_leaves_users_and_catalogue_alone() -> None:
    table = Interactions.build(users=[1, 1, 2], items=[5, 6, 5], times=[1, 2, 3], weights=[1, 2, 3])
    kept = table.keep(np.array([False, True, False]))
    assert kept.lengths.tolist() == [1, 0]
    assert kept.n_items == 2
    assert kept.times is not None
    assert kept.times.tolist() == [2]
    assert kept.weights is not None
    assert kept.weights.tolist() == [2.0]


def test_the_fingerprint_tells_any_change_and_nothing_else() -> None:
    columns: dict[str, Any] = {"users": [1, 1, 2], "items": [5, 6, 5], "times": [1, 2, 3], "weights": [1, 2, 3]}
    original = Interactions.build(**columns).fingerprint()
    assert Interactions.build(**columns).fingerprint() == original
    changes: list[dict[str, Any]] = [
        {"users": [1, 1, 3]},
        {"items": [5, 6, 6]},
        {"times": [1, 2, 4]},
        {"weights": [1, 2, 4]},
        {"times": None},
        {"weights": None},
        {"item_ids": [5, 6, 7]},
    ]
    assert len({original, *(Interactions.build(**{**columns, **change}).fingerprint() for change in changes)}) == 8
    assert Interactions.build(users=[1, 1, 2], items=[5, 6, 5]).fingerprint() == (
        "476c891e1461fa7b6b5f5999ebb4825cb60f5ad8c69821e82dc3bdee5fdd3af8"
    )


def test_places_in_a_catalogue() -> None:
    assert index_of(np.array([8, 9, 5]), np.array([5, 7, 8, 100])).tolist() == [2, -1, 0, -1]


def test_the_checkerboard_withholds_its_diagonal() -> None:
    board = checkerboard()
    for user in range(8):
        assert set(board.history(user).tolist()) == {i for i in range(8) if (i + user) % 2 == 0} - {user}


@given(interactions())
@settings(max_examples=examples(60))
def test_no_user_holds_an_item_twice_and_time_never_runs_back(table: Interactions) -> None:
    assert table.pointers[0] == 0
    assert table.pointers[-1] == len(table)
    for user in range(table.n_users):
        history = table.history(user)
        assert len(set(history.tolist())) == history.size > 0
        if table.times is not None:
            assert (np.diff(table.times[table.pointers[user] : table.pointers[user + 1]]) >= 0).all()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=20), st.randoms())
@settings(max_examples=examples(40))
def test_with_distinct_times_the_order_of_rows_does_not_matter(pairs: list[tuple[int, int]], random: Any) -> None:
    events = [(user, item, time) for time, (user, item) in enumerate(pairs)]
    shuffled = list(events)
    random.shuffle(shuffled)
    tables = []
    for rows in (events, shuffled):
        users, items, times = ([row[place] for row in rows] for place in range(3))
        tables.append(Interactions.build(users=users, items=items, times=times, item_ids=range(5)))
    assert tables[0].fingerprint() == tables[1].fingerprint()
