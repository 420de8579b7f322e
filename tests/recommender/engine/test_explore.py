"""Places kept for new courses: as many as promised, drawn by chances that are written down."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommender.engine.explore import PRIOR, Fresh, compose, places_kept, win_probabilities
from recommender.engine.re_rank import Policy


def test_one_place_in_ten_is_kept_and_a_part_of_one_is_a_chance() -> None:
    assert places_kept(10, 0.1) == (1, 0)
    assert places_kept(25, 0.1) == (2, 0.5)
    certain, chance = places_kept(4, 0.1)
    assert (certain, round(chance, 9)) == (0, 0.4)


def test_chances_are_those_of_the_highest_draw() -> None:
    pool = [Fresh(0, 0, 0), Fresh(1, 3, 30), Fresh(2, 40, 400), Fresh(3, 0, 50)]
    rng = np.random.default_rng(1)
    draws = np.array([rng.beta(PRIOR[0] + f.clicks, PRIOR[1] + f.shows - f.clicks, 60_000) for f in pool])
    counted = np.bincount(draws.argmax(axis=0), minlength=4) / 60_000
    assert np.abs(win_probabilities(pool) - counted).max() < 0.01


def test_a_course_that_nobody_opens_is_shown_less_and_less_but_never_not_at_all() -> None:
    chances = [win_probabilities([Fresh(0, 0, shows), Fresh(1, 10, 100)])[0] for shows in (0, 50, 500, 10**6)]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] > 0


def test_places_are_drawn_as_often_as_they_say() -> None:
    pool, alone = [Fresh(8, 1, 10), Fresh(9, 0, 10), Fresh(1, 0, 3)], [(n,) for n in range(10)]
    told: dict[tuple[int, ...], float] = {}
    seen: Counter[tuple[int, ...]] = Counter()
    for seed in range(800):
        found = compose([0, 1], pool, creators=alone, places=2, policy=Policy(explore=0.3), rng=_rng(seed))
        key = tuple(place.item for place in found)
        seen[key] += 1
        told[key] = float(np.prod([place.propensity for place in found]))
    assert abs(sum(told.values()) - 1) < 1e-9
    assert all(abs(seen[key] / 800 - chance) < 0.06 for key, chance in told.items())


def test_a_list_that_was_shown_is_as_probable_as_it_was_when_it_was_drawn() -> None:
    pool, alone = [Fresh(8, 1, 10), Fresh(9, 0, 10), Fresh(2, 0, 3)], [(n,) for n in range(10)]

    def made(seed: int, **more: Any) -> list[tuple[int, float]]:
        policy = Policy(explore=0.45)
        found = compose([0, 1, 2, 3], pool, creators=alone, places=4, policy=policy, rng=_rng(seed), **more)
        return [(place.item, place.propensity) for place in found]

    for seed in range(40):
        drawn = made(seed)
        assert made(seed + 1_000, shown=[item for item, _chance in drawn]) == drawn
    assert [item for item, _chance in made(0, shown=[None, 7, 5, None])][:2] == [
        0,
        1,
    ]  # what cannot stand there does not


def test_the_same_generator_draws_the_same_list_and_an_empty_shelf_gives_none() -> None:
    pool, alone = [Fresh(2, 0, 0), Fresh(3, 0, 0)], [(n,) for n in range(4)]
    lists = [compose([0, 1], pool, creators=alone, places=4, policy=Policy(), rng=_rng(7)) for _ in range(2)]
    assert lists[0] == lists[1]
    assert [place.item for place in lists[0]] == [0, 1]  # where the ranking ends, the list ends
    assert compose([], [], creators=[], places=4, policy=Policy(), rng=_rng(7)) == []


@given(
    places=st.integers(1, 12),
    ranked=st.integers(0, 8),
    fresh=st.integers(0, 6),
    makers=st.lists(st.integers(0, 3), min_size=14, max_size=14),
    seed=st.integers(0, 10**6),
)
def test_nothing_stands_twice_and_nobody_has_too_many(
    places: int, ranked: int, fresh: int, makers: list[int], seed: int
) -> None:
    creators = [(maker,) for maker in makers]
    policy, used = Policy(explore=0.25), Counter[int]()
    kept = [n for n in range(ranked) if (used.update(creators[n]) or used[creators[n][0]] <= policy.per_creator)]
    pool = [Fresh(n, 0, n) for n in range(8, 8 + fresh)]
    found = compose(kept, pool, creators=creators, places=places, policy=policy, rng=_rng(seed))
    items = [place.item for place in found]
    assert len(set(items)) == len(items) <= places
    assert all(0 < place.propensity <= 1 for place in found)
    counted = Counter(makers[item] for item in items)
    assert not counted or max(counted.values()) <= policy.per_creator
    assert [item for item in items if item < 8] == [n for n in kept if n in items]


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)
