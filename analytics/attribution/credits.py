"""How a model pays one order: whole parts per million per touch key, by integer arithmetic.

Nothing heavy is imported here, because every settlement passes through. No binary float takes part but removal effects,
which are taken as the exact fractions that they are; so the same order gives the same credits on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from itertools import pairwise
from math import isfinite, lcm
from typing import Any

from analytics.attribution.errors import AttributionError
from analytics.attribution.registry import PAYING_MODELS
from ledger.money import PPM, apportion

_DIGITS = Context(prec=30)
_LN2 = _DIGITS.ln(Decimal(2))
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Touch:
    """One touch of a path: whom it credits (`key`, anything hashable) and when it was.

    `channel` is what the games of shapley and markov are played between; None takes the key itself. Several keys of one
    channel (a channel and its owners) share that channel's credit equally, so that sums by channel agree with the
    model's channel report.
    """

    key: Hashable
    occurred_at: datetime
    channel: Hashable = None

    @property
    def player(self) -> Hashable:
        """What shapley and markov count as one."""
        return self.key if self.channel is None else self.channel


Weights = dict[Hashable, int]


def credits_ppm(
    path: Sequence[Touch],
    *,
    model: str,
    converted_at: datetime,
    removal_effects: Mapping[Any, float] | None = None,
    half_life_days: int = 7,
) -> dict[Any, int]:
    """Share one conversion among the keys of its path; returns ppm per key, > 0 each, summing to 1,000,000.

    `path` is oldest first and ends no later than `converted_at`; an empty one gives `{None: 1_000_000}`, unattributed.
    By `model`: first_touch, last_touch all to one; linear 1/L per touch; u_shape 40/20/40 (halves of two touches);
    time_decay 2^(-age / half-life) per touch, normalised; shapley 1/u per distinct channel; markov the
    `removal_effects` (>= 0, by channel, or by key where touches name no channel) normalised over the path's channels,
    1/u where none of them has one. Rounding by largest remainder, ties to the key met first.

    Raises AttributionError on an unknown model, a path out of order or past its conversion, a half-life below one day,
    and a removal effect that is negative or no number.
    """
    if model not in PAYING_MODELS:
        raise AttributionError(f"unknown paying model '{model}', choose among {', '.join(PAYING_MODELS)}")
    times = [touch.occurred_at for touch in path] + [converted_at]
    if any(after < before for before, after in pairwise(times)):
        raise AttributionError("a path must be ordered by time and end no later than its conversion")
    if half_life_days < 1:
        raise AttributionError(f"the half-life must be at least one day, not {half_life_days}")
    if not path:
        return {None: PPM}
    if model == "time_decay":
        weights = _by_touch(path, _decay(path, timedelta(days=half_life_days)))
    elif model == "markov":
        weights = _by_player(path, _effects(path, removal_effects or {}))
    elif model == "shapley":
        weights = _by_player(path, {})
    else:
        weights = _by_touch(path, _POSITIONS[model](len(path)))
    parts = apportion(PPM, list(weights.values()))
    return {key: ppm for key, ppm in zip(weights, parts, strict=True) if ppm}


def _u_shape(touches: int) -> list[int]:
    """40 / 20 / 40 as whole numbers: each middle touch 1, each end twice as much as all middle ones together."""
    if touches <= 2:
        return [1] * touches
    return [2 * (touches - 2), *[1] * (touches - 2), 2 * (touches - 2)]


_POSITIONS: dict[str, Callable[[int], list[int]]] = {
    "first_touch": lambda touches: [1] + [0] * (touches - 1),
    "last_touch": lambda touches: [0] * (touches - 1) + [1],
    "linear": lambda touches: [1] * touches,
    "u_shape": _u_shape,
}


def _decay(path: Sequence[Touch], half_life: timedelta) -> list[int]:
    """Weigh each touch by its age against the newest, in units of 10^-24; correctly rounded decimals, no libm."""
    newest = path[-1].occurred_at
    weights = []
    for touch in path:
        age = Decimal((newest - touch.occurred_at) // _MICROSECOND)
        halvings = _DIGITS.divide(age, Decimal(half_life // _MICROSECOND))
        weight = _DIGITS.exp(_DIGITS.minus(_DIGITS.multiply(halvings, _LN2)))
        weights.append(int(weight.scaleb(24, _DIGITS).to_integral_value(context=_DIGITS)))
    return weights


def _by_touch(path: Sequence[Touch], weights: Sequence[int]) -> Weights:
    total: Weights = {}
    for touch, weight in zip(path, weights, strict=True):
        total[touch.key] = total.get(touch.key, 0) + weight
    return total


def _effects(path: Sequence[Touch], removal_effects: Mapping[Any, float]) -> dict[Hashable, Fraction]:
    effects = {}
    for player in dict.fromkeys(touch.player for touch in path):
        effect = removal_effects.get(player, 0.0)
        if not (isfinite(effect) and effect >= 0):
            raise AttributionError(f"the removal effect of {player!r} is {effect!r}, not a number >= 0")
        effects[player] = Fraction(effect)
    return effects


def _by_player(path: Sequence[Touch], worth: Mapping[Hashable, Fraction]) -> Weights:
    """Weigh each distinct key by its player's worth (all equal where none has any) over the player's distinct keys."""
    player_of = {touch.key: touch.player for touch in path}
    keys_of = Counter(player_of.values())
    equal = not any(worth.values())
    parts = {key: (Fraction(1) if equal else worth[player]) / keys_of[player] for key, player in player_of.items()}
    scale = lcm(*(part.denominator for part in parts.values()))
    return {key: int(part * scale) for key, part in parts.items()}
