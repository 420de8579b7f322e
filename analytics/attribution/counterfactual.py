"""What channels cause by a fitted conversion model: what is lost without each, what each adds, and what comes anyway.

With p(S) the model's chance for a journey that keeps only the channels S of its path T:

- lost without j: sum over journeys of p(T) - p(T without j), and of value v * (1 - p(T without j) / p(T));
- added by j: the exact Shapley value of p on each path, so that all channels and the baseline sum to the total;
- baseline: p of no channel, what would have come anyway.

Shapley by enumeration of subsets on paths of up to `ENUMERATED` channels. On longer ones, for a model without pairs,
phi_j = integral over t in [0, 1] of E[sigmoid(X + b_j) - sigmoid(X)], X the sum of the other effects, each present with
chance t (Owen 1972). The integrand is a polynomial in t, so Gauss-Legendre is exact with half as many nodes as channels
(few nearly always do, and their sum tells); the expectation follows from the Fourier transform of sigmoid',
pi w / sinh(pi w), where it is a product over channels; the trapezoidal rule over w is exact to the last digits because
everything decays exponentially (Trefethen and Weideman 2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.logit import Logit, Sets, fit, sets_of
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable, read_only

ENUMERATED = 12
MOST_WITH_PAIRS = 20
"""Channels on one path up to which subsets are enumerated where pairs make the model no sum."""
FEW, CLOSE = 16, 1e-13
"""Nodes that are tried first on a long path, and how near the parts must then sum to what they are parts of."""

_SPAN, _HIGHEST = 40.0, 12.5
"""Beyond the one sigmoid' is below 1e-17, beyond the other its transform."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What the model says of a path table, by channel code; pairs are (conversions, value), value None where unknown.

    `lost`: what would be missing without that one channel. `added`: its Shapley value. `baseline`: what comes without
    any channel; with all that is `added` it sums to the conversions and the value of the table.
    """

    model: Logit
    lost: tuple[Floats, Floats | None]
    added: tuple[Floats, Floats | None]
    baseline: tuple[float, float | None]


@compiled
def chance(eta: float) -> float:
    """The chance whose log odds are eta."""
    small = np.exp(-abs(eta))
    return float(1.0 / (1.0 + small) if eta > 0 else small / (1.0 + small))


@compiled
def pulls(codes: Codes, recency: Floats, first: int, stop: int, effects: Floats, recent: Floats, pull: Floats) -> float:
    """Write what each channel of a path adds to its log odds into `pull`, pairs apart; return the sum."""
    total = 0.0
    for i in range(first, stop):
        pull[i - first] = effects[codes[i]]
        if len(recency) > 0:
            pull[i - first] += recent[codes[i]] * recency[i]
        total += pull[i - first]
    return total


@compiled
def losses(
    codes: Codes, starts: Offsets, recency: Floats, weights: Floats, values: Floats,
    intercept: float, effects: Floats, recent: Floats, pairs: Floats,
) -> Floats:  # fmt: skip
    """What is lost without each channel: (channels + 1, 2) of conversions and value, the last row without any."""
    channels = len(effects)
    lost = np.zeros((channels + 1, 2))
    pull = np.empty(channels)
    for row in range(len(weights)):
        first, stop = starts[row], starts[row + 1]
        eta = intercept + pulls(codes, recency, first, stop, effects, recent, pull)
        if len(pairs) > 0:
            for i in range(first, stop):
                for k in range(i + 1, stop):
                    eta += pairs[codes[i], codes[k]]
        whole, without = chance(eta), chance(intercept)
        for i in range(first, stop):
            less = eta - pull[i - first]
            if len(pairs) > 0:
                for k in range(first, stop):
                    less -= pairs[min(codes[i], codes[k]), max(codes[i], codes[k])]
            less = chance(less)
            lost[codes[i], 0] += weights[row] * (whole - less)
            lost[codes[i], 1] += values[row] * (1.0 - less / whole)
        lost[channels, 0] += weights[row] * (whole - without)
        lost[channels, 1] += values[row] * (1.0 - without / whole)
    return lost


@compiled
def enumerated(codes: Codes, first: int, u: int, intercept: float, pull: Floats, pairs: Floats, phi: Floats) -> None:
    """Write the Shapley values of a path's u channels into `phi`, over all subsets in the order of a Gray code."""
    for j in range(u):
        phi[j] = 0.0
    size, subset, eta, outside = 0, 0, intercept, 0.0
    # A subset of s channels weighs (s - 1)! (u - s)! / u! for who is in it, s! (u - s - 1)! / u! for who is not.
    inner, outer = np.zeros(u + 1), np.zeros(u + 1)
    inner[u], outer[0] = 1.0 / u, 1.0 / u
    for s in range(1, u):
        outer[s] = outer[s - 1] * s / (u - s)
        inner[s] = outer[s - 1]
    for step in range(1 << u):
        if step > 0:
            j = 0
            while not (step >> j) & 1:
                j += 1
            sign = -1.0 if (subset >> j) & 1 else 1.0
            change = pull[j]
            if len(pairs) > 0:
                for k in range(u):
                    if k != j and (subset >> k) & 1:
                        change += pairs[codes[first + min(j, k)], codes[first + max(j, k)]]
            subset ^= 1 << j
            size += int(sign)
            eta += sign * change
        worth = chance(eta)
        outside += worth * outer[size]
        both = worth * (inner[size] + outer[size])
        for j in range(u):
            if (subset >> j) & 1:
                phi[j] += both
    for j in range(u):
        phi[j] -= outside


@compiled
def integrated(u: int, intercept: float, pull: Floats, rule: Floats, phi: Floats) -> None:
    """Write the Shapley values of a path's u channels into `phi`, for a model that is a sum; see the module.

    `rule` is Gauss-Legendre's: nodes on [0, 1], and their weights.
    """
    nodes, parts = rule[0], rule[1]
    spread = abs(intercept)
    for j in range(u):
        spread += abs(pull[j])
        phi[j] = 0.0
    step = 2.0 * np.pi / (2.0 * spread + _SPAN)
    turns, ahead = np.empty(u, np.complex128), np.empty(u + 1, np.complex128)
    for k in range(int(_HIGHEST / step) + 1):
        w = k * step
        factor = step * (0.5 if k == 0 else 1.0) / (np.sinh(np.pi * w) if k > 0 else 1.0)
        around = np.exp(1j * w * intercept)
        for j in range(u):
            turns[j] = np.exp(1j * w * pull[j])
        for t in range(len(nodes)):
            ahead[u] = 1.0
            for j in range(u - 1, -1, -1):
                ahead[j] = ahead[j + 1] * (1.0 - nodes[t] + nodes[t] * turns[j])
            behind = around + 0j
            for j in range(u):
                others = behind * ahead[j + 1]
                if k == 0:  # the limit of (e^iwb - 1) / (i sinh(pi w))
                    phi[j] += parts[t] * factor * pull[j] / np.pi
                else:
                    phi[j] += parts[t] * factor * ((turns[j] - 1.0) * others / 1j).real
                behind *= 1.0 - nodes[t] + nodes[t] * turns[j]


@compiled
def additions(
    codes: Codes, starts: Offsets, recency: Floats, weights: Floats, values: Floats,
    intercept: float, effects: Floats, recent: Floats, pairs: Floats,
    few: Floats, many: Floats,
) -> Floats:  # fmt: skip
    """The Shapley values of all paths, added up: (channels + 1, 3), the last row the rest.

    The columns are conversions, value, and value as it is paid: no channel gets less than nothing of any path.
    """
    channels = len(effects)
    added = np.zeros((channels + 1, 3))
    pull, phi = np.empty(channels), np.empty(channels)
    least = chance(intercept)
    for row in range(len(weights)):
        first, u = starts[row], starts[row + 1] - starts[row]
        gain = chance(intercept + pulls(codes, recency, first, first + u, effects, recent, pull)) - least
        if u <= ENUMERATED or len(pairs) > 0:
            enumerated(codes, first, u, intercept, pull, pairs, phi)
        else:
            integrated(u, intercept, pull, few, phi)
            if abs(phi[:u].sum() - gain) > CLOSE:
                integrated(u, intercept, pull, many, phi)
        whole = least + phi[:u].sum()
        paid = least + np.maximum(phi[:u], 0.0).sum()
        for i in range(u):
            added[codes[first + i], 0] += weights[row] * phi[i]
            added[codes[first + i], 1] += values[row] * phi[i] / whole
            added[codes[first + i], 2] += values[row] * max(phi[i], 0.0) / paid
        added[channels, 0] += weights[row] * least
        added[channels, 1] += values[row] * least / whole
        added[channels, 2] += values[row] * least / paid
    return added


def _arguments(sets: Sets, model: Logit) -> tuple[Any, ...]:
    sums = (sets.codes, sets.starts, sets.recency, sets.weights, sets.values)
    return (*sums, model.intercept, *(read_only(part) for part in (model.effects, model.recency, model.pairs)))


def lost_without(sets: Sets, model: Logit) -> Floats:
    """(channels + 1, 2): conversions and value lost without each channel, and without all of them in the last row."""
    found: Floats = losses(*_arguments(sets, model))
    return found


def added_by(sets: Sets, model: Logit) -> Floats:
    """(channels + 1, 3): what each channel adds (Shapley), see `additions`, and what comes anyway in the last row.

    Raises AttributionError where, with pairs, one path holds more than `MOST_WITH_PAIRS` channels.
    """
    longest = int(np.diff(sets.starts).max()) if len(sets.weights) else 0
    if len(model.pairs) and longest > MOST_WITH_PAIRS:
        raise AttributionError(f"counterfactual with pairs takes {MOST_WITH_PAIRS} channels on a path, not {longest}")
    arguments = (*_arguments(sets, model), rule(min(FEW, longest // 2 + 1)), rule(longest // 2 + 1))
    found: Floats = additions(*arguments)
    return found


@lru_cache(maxsize=256)
def rule(nodes: int) -> Floats:
    """Gauss-Legendre on [0, 1]: nodes and their weights."""
    places, parts = np.polynomial.legendre.leggauss(nodes)
    return read_only(np.stack([0.5 * (places + 1.0), 0.5 * parts]))


def counterfactual(paths: PathTable, *, recency: bool = False, pairs: bool = False) -> Counterfactual:
    """Fit the conversion model to `paths` and tell what its channels cause.

    Without a conversion nothing is lost or added; where every journey converted all is baseline: a table without
    journeys that did not convert cannot tell what a channel changes. Raises AttributionError as `added_by` does.
    """
    sets = sets_of(paths, recency=recency)
    model = fit(sets, pairs=pairs)
    lost, added = lost_without(sets, model), added_by(sets, model)
    known = paths.values is not None
    if not paths.conversions.any():  # the fitted chance is then as small as numbers can be; what came anyway is nothing
        added[-1, 0] = 0.0
    return Counterfactual(
        model,
        (lost[:-1, 0].copy(), lost[:-1, 1].copy() if known else None),
        (added[:-1, 0].copy(), added[:-1, 1].copy() if known else None),
        (float(added[-1, 0]), float(added[-1, 1]) if known else None),
    )
