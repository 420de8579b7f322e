"""The conversion model behind `counterfactual`: a regularised logit over aggregated paths.

P(conversion | path) = sigmoid(b_0 + sum over the set of its channels of b_j), where asked also c_j times how recent
channel j is, and d_jk for every pair of channels on it. Recency of a channel is 2^(-d / half-life) at distance d of its
last touch from the path's end; a touch that is taken away leaves its place empty, so taking a channel away changes
nothing of the others. Fitted by L-BFGS (SciPy) and polished by Newton steps, so that equal input gives equal digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from analytics.attribution.builder import kept
from analytics.attribution.compiled import compiled
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable, read_only

PENALTY = 1.0
"""Half of this times the sum of squared effects is taken from the log-likelihood; b_0 is free."""
HALF_LIFE = 7.0
"""Positions after which a channel's recency is a half."""
CERTAIN = 700.0
"""Log odds of what always happens in the table, or never."""
MOST_POLISHED, POLISHES = 1_500, 3
"""Effects up to which Newton's matrix is worth its memory, and how many steps it is used for."""


@dataclass(frozen=True, slots=True)
class Sets:
    """Journeys by what the model sees of them: row `r` has the channels codes[starts[r]:starts[r + 1]], ascending.

    `recency` has one number per code where the model knows it, and is empty where it does not.
    """

    channels: int
    codes: Codes
    starts: Offsets
    conversions: Floats
    weights: Floats
    values: Floats
    recency: Floats


@dataclass(frozen=True, slots=True)
class Logit:
    """A fitted model: `intercept`, an effect per channel code, where fitted recency effects and pairs (upper half)."""

    intercept: float
    effects: Floats
    recency: Floats
    pairs: Floats


@compiled
def gather(
    codes: Codes, starts: Offsets, amounts: Floats, channels: int, half_life: float, recent: bool
) -> tuple[Codes, Offsets, Floats, Floats]:
    """Reduce paths to sets of channels, equal ones added up unless they are told apart by recency."""
    rows = len(amounts)
    arena, ends = np.empty(len(codes) + 1, np.int32), np.zeros(rows + 1, np.int64)
    recency = np.empty(len(codes) if recent else 0)
    hashes, counts = np.empty(rows, np.int64), np.empty((rows, 3), np.int64)
    sums = np.zeros((rows, 3))
    table, last = np.full(1 << 12, -1, np.int32), np.full(channels, -1, np.int64)
    found = 0
    for row in range(rows):
        at = ends[found]
        length = 0
        for i in range(starts[row], starts[row + 1]):
            if last[codes[i]] < starts[row]:
                place = at + length
                while place > at and arena[place - 1] > codes[i]:
                    arena[place] = arena[place - 1]
                    place -= 1
                arena[place] = codes[i]
                length += 1
            last[codes[i]] = i
        if recent:
            for place in range(at, at + length):
                recency[place] = 2.0 ** ((last[arena[place]] - starts[row + 1] + 1) / half_life)
            to, found = found, found + 1
            ends[found] = at + length
        else:
            to, found, table = kept(arena, ends, hashes, counts, table, found, length)
        sums[to] += amounts[row]
    return arena[: ends[found]].copy(), ends[: found + 1].copy(), sums[:found].copy(), recency[: ends[found]].copy()


def sets_of(paths: PathTable, *, recency: bool = False) -> Sets:
    """What the model sees of a path table; rows of no journeys are kept."""
    values = np.zeros(len(paths.conversions)) if paths.values is None else paths.values
    amounts = read_only(np.stack([paths.conversions, paths.weights, values], axis=1))
    codes, starts, sums, recent = gather(paths.codes, paths.starts, amounts, len(paths.channels), HALF_LIFE, recency)
    converted, weights, value = (read_only(np.ascontiguousarray(sums[:, column])) for column in range(3))
    sizes = (len(paths.channels), read_only(codes), read_only(starts))
    return Sets(*sizes, converted, weights, value, read_only(recent))


@compiled
def features(
    codes: Codes, starts: Offsets, recency: Floats, channels: int, pairs: bool
) -> tuple[Offsets, Codes, Floats]:
    """Write each row's features in compressed rows: (starts, numbers, amounts); 0 is the intercept."""
    size = 0
    recent = len(recency) > 0
    own = np.zeros(len(starts), np.int64)
    for row in range(len(starts) - 1):
        u = starts[row + 1] - starts[row]
        size += 1 + u * (2 if recent else 1) + (u * (u - 1) // 2 if pairs else 0)
        own[row + 1] = size
    numbers, amounts = np.empty(size, np.int32), np.ones(size)
    before = 1 + channels * (2 if recent else 1)
    for row in range(len(starts) - 1):
        at = own[row]
        numbers[at] = 0
        at += 1
        for i in range(starts[row], starts[row + 1]):
            numbers[at] = 1 + codes[i]
            at += 1
            if recent:
                numbers[at] = 1 + channels + codes[i]
                amounts[at] = recency[i]
                at += 1
            if pairs:
                for k in range(starts[row], i):  # of channels a < b the pair is number b (b - 1) / 2 + a
                    numbers[at] = before + codes[i] * (codes[i] - 1) // 2 + codes[k]
                    at += 1
    return own, numbers, amounts


@compiled
def loss(
    starts: Offsets, numbers: Codes, amounts: Floats, conversions: Floats, weights: Floats, beta: Floats, slope: Floats
) -> float:
    """Return minus the log-likelihood at `beta` and add its gradient to `slope`."""
    total = 0.0
    for row in range(len(weights)):
        if weights[row] > 0:
            eta = 0.0
            for i in range(starts[row], starts[row + 1]):
                eta += beta[numbers[i]] * amounts[i]
            small = np.exp(-abs(eta))
            chance = 1.0 / (1.0 + small) if eta > 0 else small / (1.0 + small)
            total += weights[row] * (np.log1p(small) + max(eta, 0.0)) - conversions[row] * eta
            pull = weights[row] * chance - conversions[row]
            for i in range(starts[row], starts[row + 1]):
                slope[numbers[i]] += pull * amounts[i]
    return total


@compiled
def curve(starts: Offsets, numbers: Codes, amounts: Floats, weights: Floats, beta: Floats, matrix: Floats) -> None:
    """Add the second derivatives of minus the log-likelihood at `beta` to `matrix`."""
    for row in range(len(weights)):
        if weights[row] > 0:
            eta = 0.0
            for i in range(starts[row], starts[row + 1]):
                eta += beta[numbers[i]] * amounts[i]
            small = np.exp(-abs(eta))
            bend = weights[row] * small / (1.0 + small) ** 2
            for i in range(starts[row], starts[row + 1]):
                for k in range(starts[row], starts[row + 1]):
                    matrix[numbers[i], numbers[k]] += bend * amounts[i] * amounts[k]


@dataclass(frozen=True, slots=True)
class _Design:
    """The features of sets in compressed rows; `size` effects, the intercept first, then channels, recency, pairs."""

    sets: Sets
    pairs: bool
    starts: Offsets
    numbers: Codes
    amounts: Floats

    @classmethod
    def of(cls, sets: Sets, *, pairs: bool) -> _Design:
        columns = features(sets.codes, sets.starts, sets.recency, sets.channels, pairs)
        return cls(sets, pairs, *(read_only(column) for column in columns))

    @property
    def size(self) -> int:
        channels = self.sets.channels
        return 1 + channels * (2 if self.recent else 1) + (channels * (channels - 1) // 2 if self.pairs else 0)

    @property
    def recent(self) -> bool:
        return len(self.sets.recency) > 0

    def loss(self, beta: Floats, slope: Floats) -> float:
        sets = self.sets
        columns = (self.starts, self.numbers, self.amounts, sets.conversions, sets.weights)
        return float(loss(*columns, beta, slope))

    def curve(self, beta: Floats) -> Floats:
        matrix = np.diag(_shrink(self.size, PENALTY))
        curve(self.starts, self.numbers, self.amounts, self.sets.weights, beta, matrix)
        return matrix

    def model(self, beta: Floats) -> Logit:
        channels = self.sets.channels
        recency = beta[1 + channels : 1 + 2 * channels] if self.recent else np.zeros(channels)
        pairs = np.zeros((channels, channels) if self.pairs else (0, 0))
        if self.pairs:
            below = np.tril_indices(channels, -1)  # of channels a < b the pair is number b (b - 1) / 2 + a
            pairs[below[::-1]] = beta[self.size - len(below[0]) :]
        return Logit(float(beta[0]), beta[1 : 1 + channels].copy(), recency.copy(), pairs)


def _shrink(size: int, penalty: float) -> Floats:
    shrink = np.full(size, penalty)
    shrink[0] = 0.0
    return shrink


def fit(sets: Sets, *, pairs: bool = False) -> Logit:
    """Fit the model to `sets`; with recency where they tell it, with `pairs` where asked.

    Where nobody converted, or everybody did, no channel makes a difference and the intercept is -CERTAIN or CERTAIN.
    """
    design = _Design.of(sets, pairs=pairs)
    converted, journeys = float(sets.conversions.sum()), float(sets.weights.sum())
    beta = np.zeros(design.size)
    if 0 < converted < journeys:
        beta[0] = log(converted / (journeys - converted))
        beta = _fitted(design, beta, journeys)
    else:
        beta[0] = CERTAIN if converted else -CERTAIN
    return design.model(beta)


def _fitted(design: _Design, beta: Floats, journeys: float) -> Floats:
    from scipy.optimize import minimize

    shrink = _shrink(design.size, PENALTY)

    def measured(at: Floats) -> tuple[float, Floats]:
        slope = shrink * at
        total = design.loss(at, slope) + 0.5 * float(shrink @ (at * at))
        return total / journeys, slope / journeys

    options = {"maxiter": 2_000, "maxfun": 4_000, "maxcor": 20, "ftol": 1e-16, "gtol": 1e-9}
    beta = minimize(measured, beta, jac=True, method="L-BFGS-B", options=options).x
    if design.size <= MOST_POLISHED:
        for _step in range(POLISHES):
            slope = measured(beta)[1] * journeys
            beta = beta - np.linalg.solve(design.curve(beta), slope)
    return np.asarray(beta)


def moved(blocks: Sequence[Sets], whole: Sets, model: Logit, drawn: Floats) -> tuple[Floats, Callable[[Floats], Logit]]:
    """How far the effects of `model`, fitted to `whole`, move in each replicate: (replicates, effects), to first order.

    One Newton step with the matrix of the whole from the sums of the blocks' slopes. Also tells how a model follows
    from a move.
    """
    pairs = len(model.pairs) > 0
    design = _Design.of(whole, pairs=pairs)
    parts = [np.array([model.intercept]), model.effects]
    parts += [model.recency] if design.recent else []
    parts += [model.pairs[np.tril_indices(whole.channels, -1)[::-1]]] if pairs else []
    beta = np.concatenate(parts)
    slopes = np.zeros((len(blocks), design.size))
    for block, slope in zip(blocks, slopes, strict=True):
        _Design.of(block, pairs=pairs).loss(beta, slope)
    if abs(model.intercept) >= CERTAIN:
        return np.zeros((len(drawn), design.size)), lambda _move: model
    moves = np.asarray(-np.linalg.solve(design.curve(beta), ((drawn - 1.0) @ slopes).T).T, np.float64)
    return moves, lambda move: design.model(beta + move)
