"""Position models: each conversion is handed to the touches of its own path by a fixed formula.

Every model here hands out all conversions and all value of every path, negative value included. Simplified Shapley
stands among them because its dividends are exact: v(S) counts the conversions of paths within S, so that
phi_j = sum over paths containing j of conversions / distinct channels (Zhao, Mahboobi, Bagheri 2018).
Conversions and value are credited in one pass over the paths that have any, and so are all of `POSITION_MODELS`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import Channel, Codes, Floats, Offsets, PathTable, read_only
from analytics.attribution.registry import POSITION_MODELS

HALF_LIFE_POSITIONS = 7.0
"""Positions after which a touch weighs half in position decay."""

Credit = tuple[Floats, Floats | None]
"""Conversions and value by channel code; no value where the table knows none."""


@compiled
def spread_six(
    codes: Codes, starts: Offsets, conversions: Floats, values: Floats, channels: int, half_life: float
) -> Floats:
    """Credit `POSITION_MODELS` in one pass: (channels, 12), conversions and value by turns.

    Of a path of L touches on u channels: all to the first; all to the last; 1/L each, repeats counted; 40 % each to
    first and last and 20 % to the others together (halves of two touches); by weight 2^(-d / half-life) at distance d
    from the end, normalised; 1/u to each channel.
    """
    longest = 0
    for row in range(len(conversions)):
        longest = max(longest, starts[row + 1] - starts[row])
    weight = 2.0 ** (-np.arange(longest) / half_life)
    total = np.cumsum(weight)
    credit = np.zeros((channels, 12))
    seen = np.full(channels, -1, np.int64)
    for row in range(len(conversions)):
        count, money = conversions[row], values[row]
        if count == 0 and money == 0:
            continue
        first, last = starts[row], starts[row + 1] - 1
        touches, distinct = last + 1 - first, 0
        for i in range(first, last + 1):
            distinct += seen[codes[i]] != row
            seen[codes[i]] = row
        each, alike, scale = 1.0 / touches, 1.0 / distinct, 1.0 / total[last - first]
        between = 0.2 / (touches - 2) if touches > 2 else each
        ends = 0.4 - between if touches > 2 else 0.0
        head, tail = credit[codes[first]], credit[codes[last]]
        head[0] += count
        head[1] += money
        tail[2] += count
        tail[3] += money
        for side in (head, tail):
            side[6] += count * ends
            side[7] += money * ends
        for i in range(first, last + 1):
            code = codes[i]
            faded = scale * weight[last - i]
            credit[code, 4] += count * each
            credit[code, 5] += money * each
            credit[code, 6] += count * between
            credit[code, 7] += money * between
            credit[code, 8] += count * faded
            credit[code, 9] += money * faded
            if seen[code] == row:
                credit[code, 10] += count * alike
                credit[code, 11] += money * alike
                seen[code] = -1
    return credit


@compiled
def spread_last_but(
    codes: Codes, starts: Offsets, conversions: Floats, values: Floats, left_out: NDArray[np.bool_]
) -> Floats:
    """Give all to the last touch on a channel that is not left out, to the last touch where all are: (channels, 2)."""
    credit = np.zeros((len(left_out), 2))
    for row in range(len(conversions)):
        at = starts[row + 1] - 1
        while at > starts[row] and left_out[codes[at]]:
            at -= 1
        if left_out[codes[at]]:
            at = starts[row + 1] - 1
        credit[codes[at], 0] += conversions[row]
        credit[codes[at], 1] += values[row]
    return credit


@compiled
def spread_weights(
    codes: Codes, starts: Offsets, conversions: Floats, values: Floats, channels: int, weights: Floats, ends: bool
) -> Floats:
    """Give each touch the part that its weight has of its path's: (channels, 2).

    With `ends`, weights are of the first touch, of all between together, and of the last; without, the i-th touch has
    the i-th weight, and touches beyond them the last one. A path whose touches all weigh nothing is shared alike.
    """
    credit = np.zeros((channels, 2))
    longest = 0
    for row in range(len(conversions)):
        longest = max(longest, starts[row + 1] - starts[row])
    own = np.empty(longest)
    for row in range(len(conversions)):
        first, touches = starts[row], starts[row + 1] - starts[row]
        for i in range(touches):
            own[i] = weights[min(i, len(weights) - 1)]
        if ends and touches > 1:
            own[1 : touches - 1] = weights[1] / max(touches - 2, 1)
            own[touches - 1] = weights[2]
        whole = own[:touches].sum()
        for i in range(touches):
            share = own[i] / whole if whole > 0 else 1.0 / touches
            credit[codes[first + i], 0] += conversions[row] * share
            credit[codes[first + i], 1] += values[row] * share
    return credit


@compiled
def spread_ages(
    codes: Codes, starts: Offsets, conversions: Floats, values: Floats, channels: int, ages: Floats, half_life: float
) -> Floats:
    """Weigh each touch by 2^(-age / half-life), normalised over its path: (channels, 2)."""
    credit = np.zeros((channels, 2))
    for row in range(len(conversions)):
        first, end = starts[row], starts[row + 1]
        newest = ages[first:end].min()
        whole = 0.0
        for i in range(first, end):
            whole += 2.0 ** ((newest - ages[i]) / half_life)
        for i in range(first, end):
            share = 2.0 ** ((newest - ages[i]) / half_life) / whole
            credit[codes[i], 0] += conversions[row] * share
            credit[codes[i], 1] += values[row] * share
    return credit


@compiled
def spread_ordered(
    codes: Codes, starts: Offsets, conversions: Floats, values: Floats, channels: int, most: int
) -> Floats:
    """Give a path's channels 1/u each, divided alike over the positions where each stands: (channels, most, 2).

    Positions from `most` on count as the last one.
    """
    credit = np.zeros((channels, most, 2))
    times, seen = np.zeros(channels, np.int64), np.full(channels, -1, np.int64)
    for row in range(len(conversions)):
        if conversions[row] == 0 and values[row] == 0:
            continue
        distinct = 0
        for i in range(starts[row], starts[row + 1]):
            if seen[codes[i]] != row:
                seen[codes[i]] = row
                times[codes[i]] = 0
                distinct += 1
            times[codes[i]] += 1
        for i in range(starts[row], starts[row + 1]):
            place, share = min(i - starts[row], most - 1), 1.0 / (distinct * times[codes[i]])
            credit[codes[i], place, 0] += conversions[row] * share
            credit[codes[i], place, 1] += values[row] * share
    return credit


MOST_POSITIONS = 1_000
"""Positions that ordered Shapley tells apart."""


def _columns(paths: PathTable) -> tuple[Codes, Offsets, Floats, Floats]:
    values = read_only(np.zeros(len(paths.conversions))) if paths.values is None else paths.values
    return paths.codes, paths.starts, paths.conversions, values


def _credit(paths: PathTable, both: Floats) -> Credit:
    conversions, value = both[..., 0].copy(), both[..., 1].copy()
    return conversions, None if paths.values is None else value


def six(paths: PathTable, *, half_life: float = HALF_LIFE_POSITIONS) -> dict[str, Credit]:
    """Credit every model of `POSITION_MODELS` at once; `half_life` in positions, for `time_decay`.

    Raises AttributionError where the half-life is not above 0.
    """
    _check_half_life(half_life)
    credit = spread_six(*_columns(paths), len(paths.channels), float(half_life))
    return {model: _credit(paths, credit[:, 2 * place : 2 * place + 2]) for place, model in enumerate(POSITION_MODELS)}


def last_non_direct(paths: PathTable, *, direct: Collection[Channel]) -> Credit:
    """Credit the last touch on a channel that is not among `direct`; where there is none, the last touch."""
    return _credit(paths, spread_last_but(*_columns(paths), np.array([c in direct for c in paths.channels], bool)))


def weighted(paths: PathTable, *, weights: Sequence[float]) -> Credit:
    """Credit by weights of one's own: three are of the first touch, of all between together, and of the last.

    Any other number is by position from the first touch; touches beyond the list have its last weight. Normalised over
    each path; a path whose touches all weigh nothing is shared alike. Raises AttributionError on an empty list, on
    weights below 0 or not finite, and where all are 0.
    """
    if not (weights and all(isfinite(weight) and weight >= 0 for weight in weights) and any(weights)):
        raise AttributionError("weights of positions must be numbers of at least 0, and one of them above 0")
    own = np.array(weights, np.float64)
    return _credit(paths, spread_weights(*_columns(paths), len(paths.channels), own, len(own) == 3))


def decay_by_age(paths: PathTable, *, ages: Floats, half_life: float) -> Credit:
    """Credit each touch by 2^(-age / half-life), normalised; `ages` has one per code, in the half-life's unit.

    Raises AttributionError where there is not one finite age per touch, or the half-life is not above 0.
    """
    _check_half_life(half_life)
    if len(ages) != len(paths.codes) or not bool(np.all(np.isfinite(ages))):
        raise AttributionError("decay by time needs one finite age for each touch")
    own = read_only(np.ascontiguousarray(ages, np.float64))
    return _credit(paths, spread_ages(*_columns(paths), len(paths.channels), own, float(half_life)))


def ordered_shapley(paths: PathTable) -> Credit:
    """Credit by simplified Shapley, told by position: (channels, positions); sums over positions are `shapley`.

    phi_{j,t} = sum over converting paths with s_t = j of c / (u * times j occurs) (Zhao, Mahboobi, Bagheri 2018).
    Positions beyond `MOST_POSITIONS` count as the last one.
    """
    longest = int(np.diff(paths.starts).max()) if len(paths.conversions) else 1
    return _credit(paths, spread_ordered(*_columns(paths), len(paths.channels), min(longest, MOST_POSITIONS)))


def _check_half_life(half_life: float) -> None:
    if not (isfinite(half_life) and half_life > 0):
        raise AttributionError(f"a half-life must be a number above 0, not {half_life:g}")
