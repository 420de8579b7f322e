"""Learning paths: prerequisites first, nothing twice, nothing to spare, always the same."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.engine.errors import DataError
from recommender.engine.path import Option, Plan, Score, Standing, Why, alternatives, arranged, moved, plan


def flat(_history: Sequence[int], courses: Collection[int]) -> Mapping[int, Score]:
    """Everything is as good."""
    return dict.fromkeys(courses, Score(1.0))


def by_number(history: Sequence[int], courses: Collection[int]) -> Mapping[int, Score]:
    """Higher numbers are better, because of what was taken last."""
    return {course: Score(float(course), history[-1] if history else None) for course in courses}


def option(course: int, *requires: int, level: int = 0, serves: Collection[str] = ()) -> Option:
    return Option(course, level, frozenset(serves), frozenset(requires))


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Option], dict[Hashable, int], Standing]:
    """Courses that ask only for lower numbers, a demand, and somebody who stands somewhere."""
    count = draw(st.integers(1, 9))
    courses = st.integers(1, count)
    options = [
        Option(
            pk,
            draw(st.integers(0, 2)),
            frozenset(draw(st.sets(st.sampled_from("abc"), max_size=2))),
            frozenset(draw(st.sets(st.integers(1, pk - 1), max_size=2))) if pk > 1 else frozenset(),
        )
        for pk in range(1, count + 1)
    ]
    done = tuple(sorted(draw(st.sets(courses, max_size=2))))
    standing = Standing(
        done=done,
        owned=frozenset(draw(st.sets(courses, max_size=2))) | set(done),
        known=frozenset(draw(st.sets(courses, max_size=1))),
        pinned=tuple(sorted(draw(st.sets(courses, max_size=1)))),
        barred=frozenset(draw(st.sets(courses, max_size=1))),
    )
    return options, draw(st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), max_size=3)), standing


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_a_plan_keeps_its_promises(world: tuple[list[Option], dict[Hashable, int], Standing]) -> None:
    options, demand, standing = world
    made = plan(options, demand, standing, by_number)
    offer = {one.item_id: one for one in options}
    pinned = set(standing.pinned)
    settled = set(standing.done) | standing.known | (standing.barred - pinned)
    seen: set[int] = set()
    for course in made.item_ids:
        assert {pre for pre in offer[course].requires if pre not in settled} <= seen  # what it asks for came before
        seen.add(course)
    assert not seen & set(standing.done)  # nothing done is asked for again
    assert len(seen) == len(made.steps)
    assert pinned - set(standing.done) <= seen
    assert not seen & ((standing.barred | standing.known) - pinned)
    for course in seen - pinned:  # nothing to spare
        rest = seen - {course}
        needed = any(course in offer[other].requires for other in rest)
        assert needed or missed(demand, rest | set(standing.done), offer) != made.unserved
    assert made.unserved == missed(demand, seen | set(standing.done), offer)
    assert made == plan(list(reversed(options)), demand, standing, by_number)  # however it is asked


def missed(demand: Mapping[Hashable, int], courses: set[int], offer: Mapping[int, Option]) -> dict[Hashable, int]:
    served = {aim: sum(aim in offer[pk].serves for pk in courses) for aim in demand}
    return {aim: count - served[aim] for aim, count in demand.items() if count > served[aim]}


def test_prerequisites_are_brought_in_and_told() -> None:
    options = [option(1), option(2, 1), option(3, 2, level=1, serves="g"), option(4, serves="h")]
    made = plan(options, {"g": 1}, Standing(), flat)
    assert [(step.item_id, step.why, step.of) for step in made.steps] == [
        (1, Why.REQUIRED, 2),
        (2, Why.REQUIRED, 3),
        (3, Why.GOAL, None),
    ]
    again = plan(options, {"g": 1}, Standing(done=(1,), known=frozenset({2})), flat)
    assert again.item_ids == (3,)


def test_what_serves_the_goal_for_nothing_comes_before_what_must_be_bought() -> None:
    options = [option(1, serves="g"), option(2, serves="g")]
    assert plan(options, {"g": 1}, Standing(), by_number).item_ids == (2,)
    assert plan(options, {"g": 1}, Standing(owned=frozenset({1})), by_number).item_ids == (1,)


def test_lower_levels_come_first_then_what_usually_follows() -> None:
    options = [option(pk, level=level, serves="g") for pk, level in ((1, 1), (2, 0), (3, 0))]
    made = plan(options, {"g": 3}, Standing(), by_number)
    assert made.item_ids == (3, 2, 1)
    assert [(step.why, step.of) for step in made.steps] == [(Why.GOAL, None), (Why.NEXT, 3), (Why.NEXT, 2)]


def test_a_course_that_serves_two_demands_makes_others_needless() -> None:
    options = [option(1, serves="a"), option(2, 4, serves="ab"), option(3, serves="b"), option(4)]
    assert set(plan(options, {"a": 1, "b": 1}, Standing(), flat).item_ids) == {1, 3} or plan(
        options, {"a": 1, "b": 1}, Standing(), flat
    ).item_ids == (4, 2)
    both = plan([*options, option(5, serves="ab")], {"a": 1, "b": 1}, Standing(), flat)
    assert both.item_ids == (5,)


def test_the_weakest_needless_step_is_left_out_again() -> None:
    options = [option(1, serves="a"), option(2, 1, serves="b", level=1), option(3, 1, serves="ab", level=1)]
    made = plan(options, {"a": 1, "b": 1}, Standing(), flat)
    assert made.item_ids == (1, 2)
    # 7 is the best for "a", then 6 must come for "b" and brings "a" along through 4: 7 was needless.
    options = [option(4, serves="a"), option(7, serves="a"), option(6, 4, serves="b")]
    assert plan(options, {"a": 1, "b": 1}, Standing(), by_number).item_ids == (4, 6)


def test_required_by_the_goal_and_by_the_order_is_told_as_required_without_a_model() -> None:
    made = plan([option(1, serves="g"), option(2, 1, serves="g")], {"g": 2}, Standing(), flat)
    assert [(step.why, step.of) for step in made.steps] == [(Why.REQUIRED, 2), (Why.GOAL, None)]


def test_what_nobody_teaches_is_told_and_an_empty_goal_needs_nothing() -> None:
    assert plan([option(1)], {"g": 2}, Standing(), lambda _h, _c: {}) == Plan((), {"g": 2})
    assert plan([], {}, Standing(), flat) == Plan(())
    assert plan([option(1)], {}, Standing(pinned=(1,)), flat).steps[0].why is Why.CHOSEN


def test_rings_doubles_and_pins_from_elsewhere_are_refused() -> None:
    with pytest.raises(DataError, match="asks for itself"):
        plan([option(1, 2), option(2, 1)], {}, Standing(), flat)
    with pytest.raises(DataError, match="asks for itself"):
        arranged([1, 2], {1: [2], 2: [1]})
    with pytest.raises(DataError, match="twice"):
        plan([option(1), option(1)], {}, Standing(), flat)
    with pytest.raises(DataError, match="not on offer"):
        plan([option(1)], {}, Standing(pinned=(2,)), flat)


@settings(max_examples=15, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_an_order_by_hand_is_kept_as_far_as_prerequisites_allow(
    world: tuple[list[Option], dict[Hashable, int], Standing], random: object
) -> None:
    options = world[0]
    requires = {one.item_id: one.requires for one in options}
    order = [one.item_id for one in options][::-1]
    found = arranged(order, requires)
    assert sorted(found) == sorted(order)
    assert all(found.index(pre) < found.index(course) for course in found for pre in requires[course])
    assert arranged(found, requires) == found
    for first, second in pairwise(found):
        swapped, because = moved(found, second, -1, requires)
        assert (because == first) == (first in requires[second])
        assert (swapped == found) == (first in requires[second])
        assert moved(found, first, 1, requires)[0] == swapped
    assert moved(found, found[0], -1, requires) == (found, None)


def test_alternatives_serve_the_same_and_the_best_come_first() -> None:
    options = [option(1, serves="a"), option(2, serves="ab"), option(3, serves="b"), option(4, serves="a")]
    scores = {2: Score(1.0), 4: Score(2.0)}
    assert alternatives(options, 1, {1}, scores) == [4, 2]
    assert alternatives(options, 1, {1, 4}, scores) == [2]
    assert alternatives(options, 9, set(), scores) == []
