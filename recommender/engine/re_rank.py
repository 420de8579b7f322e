"""From candidates to an order: features with explicit coefficients, and the rules that no score may break.

Every score is a plain sum, coefficient times feature, so that it can be written down beside the place it gave and taken
apart again for whoever asks why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from recommender.engine.config import require_range, settings_from
from recommender.engine.data import Bool, Float64

FEATURES = ("model", "cold", "topic", "popular", "creator", "level", "prerequisites", "price", "margin", "damped")
"""What a course is judged by, in the order of a feature matrix's columns; `Policy` has a coefficient for each."""

HALF = 5
"""Known courses at which a reader's own history weighs as much as what is known of strangers like them."""


@dataclass(frozen=True)
class Policy:
    """How lists are put together; all of it is kept beside the lists.

    Coefficients: `model` (the live model's score in standard deviations, times `history_weight`), `cold` (interests
    chosen, first page, channel; times what is left), `topic` and `creator` (share of the history that is of them),
    `popular` (standardised logarithm of recent learners), `level` (steps too hard or too easy), `prerequisites` (1
    where a course builds on one that is owned), `price` (standardised logarithm), `margin` (share that the platform
    keeps; off), `damped` (1 - 0.5^n after n times "less like this" on the topic).
    Rules: at most `per_creator` courses of one creator in a list; `explore` of all places for new courses, `tail` of
    the others for courses few have found. `candidates` are taken from each tier.
    """

    model: float = 1.0
    cold: float = 1.0
    topic: float = 0.5
    popular: float = 0.2
    creator: float = 0.3
    level: float = -0.25
    prerequisites: float = 0.5
    price: float = -0.05
    margin: float = 0.0
    damped: float = -2.0
    per_creator: int = 2
    explore: float = 0.1
    tail: float = 0.2
    candidates: int = 200

    def __post_init__(self) -> None:
        for name in FEATURES:
            require_range(name, getattr(self, name), -100, 100)
        require_range("per_creator", self.per_creator, 1, 1_000)
        require_range("explore", self.explore, 0.1, 1)
        require_range("tail", self.tail, 0, 1)
        require_range("candidates", self.candidates, 1, 10_000)

    @property
    def coefficients(self) -> Float64:
        """One for each of `FEATURES`."""
        return np.array([getattr(self, name) for name in FEATURES], dtype=np.float64)

    def written(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def policy_from(values: Mapping[str, Any]) -> Policy:
    """Read a policy, defaults where left out. Raises ConfigError for a name that is none, or a value out of range."""
    whole = {field.name for field in fields(Policy) if field.type == "int"}
    for name in whole & set(values):
        require_range(name, values[name], 1, 10_000)
    return settings_from(Policy, {name: int(value) if name in whole else value for name, value in values.items()})


class Standard(NamedTuple):
    """Values as deviations from their mean, and both."""

    values: Float64
    mean: float
    deviation: float


def history_weight(known: int) -> float:
    """How much a history of so many known courses counts against what strangers are told: n / (n + 5)."""
    return known / (known + HALF)


def standardise(values: Float64, known: Bool | None = None) -> Standard:
    """Deviations from the mean; where `known` is false, as little as the least known one. Equal values say nothing."""
    told = values if known is None else values[known]
    if not told.size:
        return Standard(np.zeros(values.size), 0.0, 1.0)
    mean, deviation = float(told.mean()), float(told.std())
    if deviation <= 1e-9 * max(1.0, abs(mean)):
        return Standard(np.zeros(values.size), mean, 1.0)
    found = (values - mean) / deviation
    if known is not None:
        found = np.where(known, found, found[known].min())
    return Standard(found, mean, deviation)


def level_gap(levels: Float64, reached: float | None) -> Float64:
    """Steps by which each level is above the next one for somebody who reached `reached`, or below where they are."""
    if reached is None:
        return np.zeros(levels.size)
    return np.maximum(levels - reached - 1, 0) + np.maximum(reached - levels, 0)


def arrange(
    order: Sequence[int], *, creators: Sequence[tuple[int, ...]], tail: Sequence[bool], places: int, policy: Policy
) -> list[int]:
    """The first `places` of `order` (indices, best first) that the rules allow, best first.

    Nobody has more than `per_creator` of them, and `tail` of the places, rounded, go to items marked so, as long as
    there are any that the first rule allows: they replace the last ones that are not. Where the rules leave fewer
    items, there are fewer.
    """
    rank = {item: place for place, item in enumerate(order)}
    used: Counter[int] = Counter()
    chosen: list[int] = []
    for item in order:
        if len(chosen) == places:
            break
        if _fits(creators[item], used, policy):
            chosen.append(item)
            used.update(creators[item])
    wanted = int(len(chosen) * policy.tail + 0.5) - sum(tail[item] for item in chosen)
    taken = set(chosen)
    spare = [item for item in order if tail[item] and item not in taken]
    for last in [item for item in reversed(chosen) if not tail[item]]:
        if wanted <= 0 or not spare:
            break
        used.subtract(creators[last])
        fits = next((item for item in spare if _fits(creators[item], used, policy)), None)
        if fits is None:
            used.update(creators[last])
            continue
        chosen[chosen.index(last)] = fits
        spare.remove(fits)
        used.update(creators[fits])
        wanted -= 1
    return sorted(chosen, key=rank.__getitem__)


def _fits(makers: tuple[int, ...], used: Counter[int], policy: Policy) -> bool:
    return all(used[maker] < policy.per_creator for maker in makers)
