"""The order of candidates: explicit sums, and rules that no score breaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.engine.errors import ConfigError
from recommender.engine.re_rank import (
    FEATURES,
    Policy,
    arrange,
    history_weight,
    level_gap,
    policy_from,
    standardise,
)


def test_a_policy_writes_itself_down_and_is_read_again() -> None:
    policy = policy_from({"margin": 0.5, "per_creator": 1})
    assert policy_from(policy.written()) == policy
    assert policy.coefficients[FEATURES.index("margin")] == 0.5
    assert Policy().margin == 0


@pytest.mark.parametrize(
    "values", [{"margins": 1}, {"model": 101}, {"per_creator": 0}, {"explore": 0.05}, {"tail": 2}, {"candidates": "x"}]
)
def test_a_policy_with_a_wrong_name_or_value_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        policy_from(values)


def test_history_weighs_more_the_more_is_known() -> None:
    assert [history_weight(known) for known in (0, 5, 45)] == [0, 0.5, 0.9]


def test_what_the_model_does_not_know_stands_with_the_least_it_knows() -> None:
    found = standardise(np.array([1.0, 3.0, 99.0]), np.array([True, True, False]))
    assert found.values.tolist() == [-1, 1, -1]
    assert (found.mean, found.deviation) == (2, 1)
    assert standardise(np.array([1.0, 3.0])).values.tolist() == [-1, 1]
    assert standardise(np.ones(3)).values.tolist() == [0, 0, 0]
    assert standardise(np.ones(2), np.zeros(2, dtype=np.bool_)).values.tolist() == [0, 0]


def test_a_level_is_right_where_one_is_and_one_step_on() -> None:
    levels = np.array([0.0, 1.0, 2.0])
    assert level_gap(levels, 1).tolist() == [1, 0, 0]
    assert level_gap(levels, 0).tolist() == [0, 0, 1]
    assert level_gap(levels, None).tolist() == [0, 0, 0]


def test_a_place_of_the_tail_goes_to_whom_the_creators_rule_lets_in() -> None:
    makers = [(1,), (2,), (1,)]  # the last place cannot be the tail's: it is of the creator of the first
    policy = Policy(per_creator=1, tail=0.5)
    assert arrange([0, 1, 2], creators=makers, tail=[False, False, True], places=2, policy=policy) == [1, 2]


@st.composite
def shelves(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, ...]], list[bool], int, Policy]:
    n = draw(st.integers(0, 30))
    order = draw(st.permutations(range(n)))
    makers = st.lists(st.integers(0, 5), max_size=2, unique=True).map(tuple)
    creators = draw(st.lists(makers, min_size=n, max_size=n))
    tail = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    policy = Policy(per_creator=draw(st.integers(1, 3)), tail=draw(st.sampled_from([0, 0.2, 0.5, 1])))
    return list(order), creators, tail, draw(st.integers(0, 12)), policy


@given(shelves())
def test_no_creator_has_more_places_than_the_rule_gives_and_the_order_stands(shelf: tuple) -> None:  # type: ignore[type-arg]  # what `shelves` draws
    order, creators, tail, places, policy = shelf
    found = arrange(order, creators=creators, tail=tail, places=places, policy=policy)
    assert len(found) <= places
    assert len(set(found)) == len(found)
    assert [order.index(item) for item in found] == sorted(order.index(item) for item in found)
    used = [maker for item in found for maker in creators[item]]
    assert all(used.count(maker) <= policy.per_creator for maker in used)


@given(shelves())
def test_the_tail_has_its_places_wherever_creators_do_not_stand_against_it(shelf: tuple) -> None:  # type: ignore[type-arg]  # what `shelves` draws
    order, _creators, tail, places, policy = shelf
    alone: list[tuple[int, ...]] = [(item,) for item in range(len(order))]
    found = arrange(order, creators=alone, tail=tail, places=places, policy=policy)
    assert len(found) == min(places, len(order))
    wanted = int(len(found) * policy.tail + 0.5)
    assert sum(tail[item] for item in found) >= min(wanted, sum(tail))
