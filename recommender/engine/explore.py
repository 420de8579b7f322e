"""Places kept for new courses, and with which probability each course stands where it stands.

A new course is shown as often as it is likely to be the one that people open most: Thompson sampling on Beta(clicks,
shows). Here the probabilities are computed and one course is drawn by them, which is the same draw; so what is written
beside the place is exact, and lists can be judged afterwards by what another policy would have shown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from recommender.engine.data import Float64
from recommender.engine.re_rank import Policy

PRIOR = (1.0, 19.0)
"""Clicks and passings-by that every course starts with: one in twenty is opened."""
NODES = 384
LEAST = 1e-6
"""No course of the pool has a smaller chance than this."""


class Fresh(NamedTuple):
    """A new course by its index, with how often it was opened and shown so far."""

    item: int
    clicks: int
    shows: int


class Placed(NamedTuple):
    """An item at its place. `propensity`: the probability of it at this place, given the places before."""

    item: int
    explored: bool
    propensity: float


def places_kept(places: int, share: float) -> tuple[int, float]:
    """How many of so many places are kept for certain, and the chance that one more is: `share` of them on average."""
    kept = places * share
    certain = math.floor(kept + 1e-9)
    return certain, max(kept - certain, 0.0) if kept - certain > 1e-9 else 0.0


def win_probabilities(pool: Sequence[Fresh]) -> Float64:
    """The chance of each to have the highest draw from its Beta; they sum to 1, none is below `LEAST` by much."""
    # Squares of even steps: dense near 0, where rates of opening lie.
    at = ((np.arange(NODES) + 0.5) / NODES) ** 2
    steps = (np.arange(NODES) + 0.5) / NODES  # the width of each step, up to a factor
    a = np.array([[PRIOR[0] + fresh.clicks] for fresh in pool])
    b = np.array([[PRIOR[1] + max(fresh.shows - fresh.clicks, 0)] for fresh in pool])
    logs = (a - 1) * np.log(at) + (b - 1) * np.log1p(-at)
    density = np.exp(logs - logs.max(axis=1, keepdims=True)) * steps
    density /= density.sum(axis=1, keepdims=True)
    below = np.cumsum(density, axis=1) - density / 2
    with np.errstate(divide="ignore"):
        logs_below = np.log(below)
    others = logs_below.sum(axis=0) - logs_below
    chances = (density * np.exp(others)).sum(axis=1)
    chances = np.maximum(chances, LEAST)
    found: Float64 = chances / chances.sum()
    return found


def compose(
    ranked: Sequence[int],
    pool: Sequence[Fresh],
    *,
    creators: Sequence[tuple[int, ...]],
    places: int,
    policy: Policy,
    rng: np.random.Generator,
    shown: Sequence[int | None] = (),
) -> list[Placed]:
    """A list of at most `places`: `ranked` in its order, its last places drawn from `pool` by the policy's share.

    Who asks how probable a list was that was `shown`, gives it: where a draw may fall on what stood there, it does.
    `ranked` must already keep the rules; what is drawn keeps them with it. Nothing stands twice. Where the pool has
    nothing that may stand there, the place is the ranking's.
    """
    certain, chance = places_kept(places, policy.explore)
    left = list(ranked)
    placed: list[Placed] = []
    for place in range(places):
        kept = 1.0 if place >= places - certain else chance if place == places - certain - 1 else 0.0
        wanted = shown[place] if place < len(shown) else None
        found = _one(left, _allowed(pool, placed, creators, policy) if kept else [], kept, rng, wanted)
        if found is None:
            break
        placed.append(found)
        if found.item in left:
            left.remove(found.item)
        left = [item for item in left if _keeps(item, placed, creators, policy)]
    return placed


def _one(
    left: Sequence[int], pool: Sequence[Fresh], kept: float, rng: np.random.Generator, wanted: int | None
) -> Placed | None:
    """Who stands here: the ranking's next, or with probability `kept` a draw from the pool; `wanted` if it may be."""
    following = left[0] if left else None
    if not pool:
        return None if following is None else Placed(following, explored=False, propensity=1.0)
    if following is None:
        kept = 1.0
    items = [fresh.item for fresh in pool]
    fixed = wanted if wanted in items or (wanted == following and kept < 1) else None
    explored = bool(rng.random() < kept) if fixed is None else fixed != following
    if following is not None and not explored and following not in items:
        return Placed(following, explored=False, propensity=1 - kept)
    chances = win_probabilities(pool)
    if fixed is not None:
        place = items.index(fixed)
    else:
        place = int(rng.choice(len(pool), p=chances)) if explored or following is None else items.index(following)
    item = items[place]
    propensity = kept * float(chances[place]) + (1 - kept if item == following else 0.0)
    return Placed(item, explored=explored, propensity=min(propensity, 1.0))


def _allowed(
    pool: Sequence[Fresh], placed: Sequence[Placed], creators: Sequence[tuple[int, ...]], policy: Policy
) -> list[Fresh]:
    taken = {place.item for place in placed}
    return [fresh for fresh in pool if fresh.item not in taken and _keeps(fresh.item, placed, creators, policy)]


def _keeps(item: int, placed: Sequence[Placed], creators: Sequence[tuple[int, ...]], policy: Policy) -> bool:
    """Whether the item may stand beside those placed: nobody has too many."""
    used = Counter(maker for place in placed for maker in creators[place.item])
    return all(used[maker] < policy.per_creator for maker in creators[item])
