"""How a model pays one order: whole parts per million per touch key, by integer arithmetic.

Nothing heavy is imported here, because every settlement passes through. No binary float takes part but what a finished
run knows (removal effects, the effects of its conversion model), which are taken as the exact fractions that they are;
so the same order gives the same credits on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import factorial, isfinite, lcm
from typing import Any, NamedTuple

from analytics.attribution.errors import AttributionError
from analytics.attribution.registry import PAYING_MODELS
from ledger.money import PPM, apportion

_DIGITS = Context(prec=30)
_LN2 = _DIGITS.ln(Decimal(2))
_MICROSECOND = timedelta(microseconds=1)


class Touch(NamedTuple):
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


MOST_PLAYERS = 10
"""Channels of one path whose subsets are weighed one by one; beyond it those of least effect play as one."""


@dataclass(frozen=True, slots=True)
class Known:
    """What models must know beyond the path: figures of the last finished run, by channel, and who is direct.

    `intercept` and `effects` are of the conversion model (log odds); no intercept where no run has fitted one.
    """

    run_id: int | None = None
    removal_effects: Mapping[Any, float] = field(default_factory=dict)
    intercept: float | None = None
    effects: Mapping[Any, float] = field(default_factory=dict)
    direct: Collection[Any] = ()


NOTHING_KNOWN = Known()

USUAL_WEIGHTS = (40, 20, 40)
"""Of position_weights, where nobody says others."""

Weights = dict[Hashable, int]


def credits_ppm(
    path: Sequence[Touch],
    *,
    model: str,
    converted_at: datetime,
    known: Known = NOTHING_KNOWN,
    half_life_days: int = 7,
    weights: Sequence[int] = USUAL_WEIGHTS,
) -> dict[Any, int]:
    """Share one conversion among the keys of its path; returns ppm per key, > 0 each, summing to 1,000,000.

    `path` is oldest first and ends no later than `converted_at`; an empty one gives `{None: 1_000_000}`, unattributed.
    By `model`: first_touch, last_touch all to one; linear 1/L per touch; u_shape 40/20/40 (halves of two touches);
    time_decay 2^(-age / half-life) per touch, normalised; position_weights by `weights`, whole numbers: three are of
    the first touch, of all between together, and of the last, any other number is by position from the first, touches
    beyond weigh as the last of them, and all alike where a path weighs nothing; last_non_direct all to the last touch
    that is not of a direct channel, to the last where all are; shapley 1/u per distinct channel; markov the removal
    effects (>= 0) normalised over the path's channels, 1/u where none of them has one; counterfactual the exact Shapley
    value of the conversion model on this path, nothing below 0, with its baseline under the key None, and all of it
    there where no run is known. What is known goes by channel, or by key where touches name no channel. Rounding by
    largest remainder, ties to the key met first, the baseline last.

    Raises AttributionError on an unknown model, a path out of order or past its conversion, a half-life below one day,
    weights that are none, below 0 or all 0,
    a removal effect that is negative or no number, and an effect that is no number.
    """
    if model not in PAYING_MODELS:
        raise AttributionError(f"unknown paying model '{model}', choose among {', '.join(PAYING_MODELS)}")
    times = [touch.occurred_at for touch in path] + [converted_at]
    if any(after < before for before, after in pairwise(times)):
        raise AttributionError("a path must be ordered by time and end no later than its conversion")
    if half_life_days < 1:
        raise AttributionError(f"the half-life must be at least one day, not {half_life_days}")
    if not weights or min(weights) < 0 or not any(weights):
        raise AttributionError("weights of positions must be numbers of at least 0, and one of them above 0")
    if not path:
        return {None: PPM}
    if model == "time_decay":
        worth = _by_touch(path, _decay(path, timedelta(days=half_life_days)))
    elif model == "position_weights":
        worth = _by_touch(path, _positions(len(path), weights))
    elif model == "markov":
        worth = _by_player(path, _effects(path, known.removal_effects))
    elif model == "shapley":
        worth = _by_player(path, {})
    elif model == "counterfactual":
        worth = _by_model(path, known)
    elif model == "last_non_direct":
        indirect = [touch for touch in path if touch.player not in known.direct]
        worth = {(indirect or path)[-1].key: 1}
    else:
        worth = _by_touch(path, _POSITIONS[model](len(path)))
    parts = apportion(PPM, list(worth.values()))
    return {key: ppm for key, ppm in zip(worth, parts, strict=True) if ppm}


def _positions(touches: int, weights: Sequence[int]) -> list[int]:
    """What each touch weighs, as whole numbers."""
    if len(weights) != 3 or touches == 1:
        found = [weights[min(place, len(weights) - 1)] for place in range(touches)]
    else:
        between = max(touches - 2, 1)
        first, middle, last = weights
        found = [first * between, *[middle] * (touches - 2), last * between]
    return found if any(found) else [1] * touches


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
        weights.append(_units(weight))
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
    players = dict.fromkeys(touch.player for touch in path)
    return _whole(_over_keys(path, worth if any(worth.values()) else dict.fromkeys(players, Fraction(1))))


def _over_keys(path: Sequence[Touch], worth: Mapping[Hashable, Fraction]) -> dict[Hashable, Fraction]:
    player_of = {touch.key: touch.player for touch in path}
    keys_of = Counter(player_of.values())
    return {key: worth[player] / keys_of[player] for key, player in player_of.items()}


def _whole(parts: Mapping[Hashable, Fraction]) -> Weights:
    scale = lcm(*(part.denominator for part in parts.values()))
    return {key: int(part * scale) for key, part in parts.items()}


def _by_model(path: Sequence[Touch], known: Known) -> Weights:
    """Weigh keys by what the conversion model says their channels add on this path, and None by what comes anyway."""
    if known.intercept is None:
        return {None: 1}
    effects = {player: float(known.effects.get(player, 0.0)) for player in dict.fromkeys(t.player for t in path)}
    for player, effect in effects.items():
        if not (isfinite(effect) and isfinite(known.intercept)):
            raise AttributionError(f"the effect of {player!r} is {effect!r} beside {known.intercept!r}, not a number")
    if len(effects) > MOST_PLAYERS:
        weak = sorted(effects, key=lambda player: abs(effects[player]))[: len(effects) - MOST_PLAYERS + 1]
        size = sum(abs(effects[player]) for player in weak)
        strong = [effect for player, effect in effects.items() if player not in weak]
        *parts, together, rest = _added(known.intercept, (*strong, sum(effects[player] for player in weak)))
        shares = {player: Fraction(abs(effects[player])) / Fraction(size or 1.0) * together for player in weak}
        worth = dict(zip((player for player in effects if player not in weak), map(Fraction, parts), strict=True))
        worth |= shares
    else:
        *parts, rest = _added(known.intercept, tuple(effects.values()))
        worth = dict(zip(effects, map(Fraction, parts), strict=True))
    weights = {**_whole({**_over_keys(path, worth), None: Fraction(rest)})}
    return weights if any(weights.values()) else {None: 1}


@lru_cache(maxsize=8_192)
def _added(intercept: float, effects: tuple[float, ...]) -> tuple[int, ...]:
    """The Shapley values of sigmoid(intercept + sum of effects), none below 0, and at the end what no effect leaves.

    In units of 10^-24 of a chance. A subset of s of u players weighs s! (u - s - 1)! / u! for who is not in it.
    """
    players = len(effects)
    sizes = [0]
    sums = [Decimal(intercept)]
    for effect in map(Decimal, effects):
        sums += [_DIGITS.add(before, effect) for before in sums]
        sizes += [size + 1 for size in sizes]
    chances = [_DIGITS.divide(1, _DIGITS.add(1, _DIGITS.exp(_DIGITS.minus(total)))) for total in sums]
    weigh = [
        _DIGITS.divide(factorial(size) * factorial(players - size - 1), factorial(players)) for size in range(players)
    ]
    added = []
    for player in range(players):
        bit, value = 1 << player, Decimal(0)
        for subset in range(1 << players):
            if not subset & bit:
                gain = _DIGITS.subtract(chances[subset | bit], chances[subset])
                value = _DIGITS.add(value, _DIGITS.multiply(gain, weigh[sizes[subset]]))
        added.append(value)
    return tuple(max(0, _units(part)) for part in [*added, chances[0]])


def _units(part: Decimal) -> int:
    """In units of 10^-24, rounded."""
    return int(part.scaleb(24, _DIGITS).to_integral_value(context=_DIGITS))
