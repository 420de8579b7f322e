"""How far models are apart on the same journeys: by channel, and in one figure for all of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import Any

from analytics.attribution.errors import AttributionError

Figures = Mapping[str, Mapping[Any, float]]
"""What each model credits each channel, by model and channel; a channel that is not named is credited nothing."""

AGREE, APART, FAR = "agree", "apart", "far"
APART_FROM, FAR_FROM = 2.2, 3.4
"""Models are apart on a channel from the one factor on, and far apart from the other."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What models say of one channel: the least, the middle and the most.

    `factor` is the most over the least among the models that credit it anything, None where none does: a model that
    credits nothing is told by `low`, since no factor leads there.
    """

    low: float
    middle: float
    high: float
    factor: float | None

    @property
    def level(self) -> str:
        """AGREE, APART or FAR; FAR also where one model takes away what another gives."""
        if self.low < 0 < self.high:
            return FAR
        factor = self.factor or 1.0
        return AGREE if factor < APART_FROM else APART if factor < FAR_FROM else FAR


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How far models are apart: `index` for all of them, and a spread by channel.

    `index` is the part of what is credited that would have to move to another channel for one model to say what
    another says, averaged over all pairs of models: 0 where all say the same, 1 where no two name the same channel.
    """

    index: float
    channels: dict[Any, Spread]


def disagreement(figures: Figures) -> Disagreement:
    """Compare models on the channels that any of them names, in the order in which they are met.

    Give channels only: what a model leaves to nobody is no channel, since models that know a baseline would disagree by
    that alone. Amounts below 0 count as nothing in shares. The distance of two models is half the sum of differences of
    shares (total variation); one that credits nothing at all has no shares and stands in no pair.
    Raises AttributionError without a model.
    """
    if not figures:
        raise AttributionError("a comparison of models needs at least one model")
    channels: dict[Hashable, None] = {}
    for told in figures.values():
        channels.update(dict.fromkeys(told))
    shares = [found for told in figures.values() if (found := _shares(told))]
    apart = [
        0.5 * sum(abs(one.get(channel, 0.0) - other.get(channel, 0.0)) for channel in channels)
        for one, other in combinations(shares, 2)
    ]
    return Disagreement(
        index=min(1.0, fmean(apart)) if apart else 0.0,
        channels={channel: _spread([told.get(channel, 0) for told in figures.values()]) for channel in channels},
    )


def _shares(told: Mapping[Any, float]) -> dict[Any, float]:
    whole = sum(max(0, amount) for amount in told.values())
    return {channel: max(0, amount) / whole for channel, amount in told.items()} if whole else {}


def _spread(amounts: list[float]) -> Spread:
    credited = [amount for amount in amounts if amount > 0]
    factor = max(credited) / min(credited) if credited else None
    return Spread(float(min(amounts)), float(median(amounts)), float(max(amounts)), factor)
