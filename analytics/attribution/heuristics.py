"""Position models: each conversion is handed to the touches of its own path by a fixed formula.

Every model here hands out all conversions and all value of every path, negative value included. Simplified Shapley
stands among them because its dividends are exact: v(S) counts the conversions of paths within S, so that
phi_j = sum over paths containing j of conversions / distinct channels (Zhao, Mahboobi, Bagheri 2018).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from analytics.attribution.compiled import compiled
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable

HALF_LIFE_POSITIONS = 7.0
"""Positions after which a touch weighs half in position decay."""

Spread = Callable[[Codes, Offsets, Floats, int], Floats]


@compiled
def spread_linear(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Give each of the L touches 1/L of its path's amount, repeats counted."""
    credit = np.zeros(channels)
    for row in range(len(amounts)):
        if amounts[row] != 0:
            share = amounts[row] / (starts[row + 1] - starts[row])
            for i in range(starts[row], starts[row + 1]):
                credit[codes[i]] += share
    return credit


@compiled
def spread_u_shape(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Give first and last touch 40 % each, the others 20 % together; halves of two touches, all of one."""
    credit = np.zeros(channels)
    for row in range(len(amounts)):
        if amounts[row] != 0:
            first, last = starts[row], starts[row + 1] - 1
            between = last - first - 1
            ends = 0.4 * amounts[row] if between > 0 else 0.5 * amounts[row]
            credit[codes[first]] += ends
            credit[codes[last]] += ends
            for i in range(first + 1, last):
                credit[codes[i]] += 0.2 * amounts[row] / between
    return credit


@compiled
def spread_decay(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Weigh the touch at distance d from the path's end by 2^(-d / half-life), normalised over the path."""
    longest = 0
    for row in range(len(amounts)):
        longest = max(longest, starts[row + 1] - starts[row])
    weight = 2.0 ** (-np.arange(longest) / HALF_LIFE_POSITIONS)
    total = np.cumsum(weight)
    credit = np.zeros(channels)
    for row in range(len(amounts)):
        if amounts[row] != 0:
            last = starts[row + 1] - 1
            scale = amounts[row] / total[last - starts[row]]
            for i in range(starts[row], last + 1):
                credit[codes[i]] += scale * weight[last - i]
    return credit


@compiled
def spread_shapley(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Give each of a path's u distinct channels 1/u of its amount: the simplified Shapley value."""
    credit = np.zeros(channels)
    seen = np.full(channels, -1, np.int64)
    distinct = np.empty(channels, np.int64)
    for row in range(len(amounts)):
        if amounts[row] != 0:
            count = 0
            for i in range(starts[row], starts[row + 1]):
                if seen[codes[i]] != row:
                    seen[codes[i]] = row
                    distinct[count] = codes[i]
                    count += 1
            for i in range(count):
                credit[distinct[i]] += amounts[row] / count
    return credit


def spread_first(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Give the first touch everything."""
    return np.bincount(codes[starts[:-1]], weights=amounts, minlength=channels).astype(np.float64)


def spread_last(codes: Codes, starts: Offsets, amounts: Floats, channels: int) -> Floats:
    """Give the last touch everything."""
    return np.bincount(codes[starts[1:] - 1], weights=amounts, minlength=channels).astype(np.float64)


SPREADS: dict[str, Spread] = {
    "first_touch": spread_first,
    "last_touch": spread_last,
    "linear": spread_linear,
    "u_shape": spread_u_shape,
    "time_decay": spread_decay,
    "shapley": spread_shapley,
}


def heuristic(paths: PathTable, *, model: str) -> tuple[Floats, Floats | None]:
    """Return (conversions, value) per channel code of `paths` by the position model named `model`."""
    spread = SPREADS[model]
    channels = len(paths.channels)
    conversions = spread(paths.codes, paths.starts, paths.conversions, channels)
    if paths.values is None:
        return conversions, None
    return conversions, spread(paths.codes, paths.starts, paths.values, channels)
