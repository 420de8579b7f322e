"""Journeys with a known truth, by recipe R1: the tables on which models are timed and compared.

PCG64(20240601 + channels). Channel i starts a journey by weight (i+1)^-0.8 and follows another by 0.3 on itself plus
0.7 of a Dirichlet row; a journey has min(Geometric(0.28), 30) touches and converts by a logit over the set of its
channels. Two more worlds break what a logit of main effects believes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.builder import Ints, kept
from analytics.attribution.compiled import compiled
from analytics.attribution.daily import in_order
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable

SEED, BASE, MOST_TOUCHES = 20240601, -2.2, 30


@dataclass(frozen=True)
class Journeys:
    """Journeys one by one: codes[starts[i]:starts[i + 1]] are the touches of journey i."""

    codes: Codes
    starts: Offsets
    effects: Floats
    draw: np.random.Generator


def journeys(channels: int, count: int) -> Journeys:
    """Draw the touches; what comes of them is drawn by `outcomes` from the same stream."""
    draw = np.random.Generator(np.random.PCG64(SEED + channels))
    often = (np.arange(channels) + 1.0) ** -0.8
    often /= often.sum()
    after = 0.3 * np.eye(channels) + 0.7 * np.stack(
        [draw.dirichlet(0.6 * channels * often) for _row in range(channels)]
    )
    effects = draw.normal(0.15, 0.35, channels)
    lengths = np.minimum(draw.geometric(0.28, count), MOST_TOUCHES)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    codes = walked(draw.random(starts[-1]), starts, np.cumsum(often), np.cumsum(after, axis=1))
    return Journeys(codes, starts, effects, draw)


@compiled
def walked(uniform: Floats, starts: Offsets, first: Floats, after: Floats) -> Codes:
    """The channel of each touch, by the number drawn for it."""
    codes = np.empty(len(uniform), np.int32)
    most = len(first) - 1
    for row in range(len(starts) - 1):
        for i in range(starts[row], starts[row + 1]):
            ladder = first if i == starts[row] else after[codes[i - 1]]
            codes[i] = min(np.searchsorted(ladder, uniform[i]), most)
    return codes


@compiled
def effect_sums(codes: Codes, starts: Offsets, effects: Floats) -> Floats:
    """The sum of effects over the set of each journey's channels."""
    sums = np.zeros(len(starts) - 1)
    seen = np.full(len(effects), -1, np.int64)
    for row in range(len(starts) - 1):
        for i in range(starts[row], starts[row + 1]):
            if seen[codes[i]] != row:
                seen[codes[i]] = row
                sums[row] += effects[codes[i]]
    return sums


def sigmoid(x: Floats) -> Floats:
    """The chance whose log odds are x."""
    return 1.0 / (1.0 + np.exp(-x))


def outcomes(found: Journeys, chances: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Which journeys convert, and what each conversion is worth."""
    converted = found.draw.random(len(chances)) < chances
    value = np.round(np.exp(found.draw.normal(3.5, 0.8, len(chances))), 2)
    return converted, np.where(converted, value, 0.0)


@compiled
def counted(codes: Codes, starts: Offsets, converted: NDArray[np.bool_], cents: Ints) -> tuple[Codes, Offsets, Ints]:
    """Count journeys by path: conversions, their value in hundredths, nulls."""
    rows = len(starts) - 1
    arena, ends = np.empty(len(codes) + 1, np.int32), np.zeros(rows + 1, np.int64)
    hashes, counts = np.empty(rows, np.int64), np.empty((rows, 3), np.int64)
    table = np.full(1 << 12, -1, np.int32)
    paths = 0
    for row in range(rows):
        length = starts[row + 1] - starts[row]
        arena[ends[paths] : ends[paths] + length] = codes[starts[row] : starts[row + 1]]
        at, paths, table = kept(arena, ends, hashes, counts, table, paths, length)
        counts[at, 0] += converted[row]
        counts[at, 1] += cents[row]
        counts[at, 2] += not converted[row]
    return arena[: ends[paths]].copy(), ends[: paths + 1].copy(), counts[:paths].copy()


def table_of(found: Journeys, converted: NDArray[np.bool_], value: Floats) -> PathTable:
    """The path table, rows in byte order of the paths' texts."""
    cents = np.rint(100 * value).astype(np.int64)
    codes, starts, counts = counted(found.codes, found.starts, converted, cents)
    order = in_order(codes, starts)
    lengths = np.diff(starts)[order]
    own = np.concatenate(([0], np.cumsum(lengths)))
    places = np.arange(own[-1]) - np.repeat(own[:-1] - starts[:-1][order], lengths)
    counts = counts[order]
    names = tuple(f"ch{code:02}" for code in range(len(found.effects)))
    return PathTable(
        names, codes[places], own, counts[:, 0].astype(float), counts[:, 2].astype(float), counts[:, 1] / 100
    )


def r1(channels: int, count: int) -> PathTable:
    """The path table of recipe R1."""
    found = journeys(channels, count)
    return table_of(found, *outcomes(found, sigmoid(BASE + effect_sums(found.codes, found.starts, found.effects))))


@dataclass(frozen=True)
class World:
    """A path table with what is true of it: conversions lost without each channel, and without any."""

    name: str
    table: PathTable
    lost: Floats
    without_any: float


def main_effects(channels: int, count: int) -> World:
    """R1 itself: each channel on a journey adds its effect to the log odds, however often and wherever it stands."""
    found = journeys(channels, count)
    return _world("main effects", found, np.full(count, BASE), found.effects, np.zeros((channels, channels)))


def interactions(channels: int, count: int) -> World:
    """As R1, and every pair of channels on a journey adds N(0, 0.5): channels help each other, or are in the way."""
    found = journeys(channels, count)
    pairs = np.triu(np.random.Generator(np.random.PCG64(SEED)).normal(0.0, 0.5, (channels, channels)), 1)
    return _world("interactions", found, np.full(count, BASE), found.effects, pairs)


def confounded(channels: int, count: int) -> World:
    """Half of all people want to buy anyway (log odds + 1.5) and then often come by channel 0, which causes nothing.

    A touch of theirs is on channel 0 instead of its own with chance 0.5: a "direct" channel that meets intent.
    """
    found = journeys(channels, count)
    lengths = np.diff(found.starts)
    wants = found.draw.random(count) < 0.5
    typed = np.repeat(wants, lengths) & (found.draw.random(len(found.codes)) < 0.5)
    codes = np.where(typed, 0, found.codes).astype(np.int32)
    effects = np.where(np.arange(channels) == 0, 0.0, found.effects)
    found = Journeys(codes, found.starts, effects, found.draw)
    return _world("confounded direct", found, BASE + 1.5 * wants, effects, np.zeros((channels, channels)))


def _world(name: str, found: Journeys, base: Floats, effects: Floats, pairs: Floats) -> World:
    log_odds, lost = truth(found.codes, found.starts, base, effects, pairs + pairs.T)
    return World(name, table_of(found, *outcomes(found, sigmoid(log_odds))), lost, float(sigmoid(base).sum()))


@compiled
def truth(codes: Codes, starts: Offsets, base: Floats, effects: Floats, pairs: Floats) -> tuple[Floats, Floats]:
    """Log odds of every journey, and what is expected to be lost without each channel."""
    log_odds, lost = base.copy(), np.zeros(len(effects))
    seen, distinct = np.full(len(effects), -1, np.int64), np.empty(len(effects), np.int64)
    for row in range(len(base)):
        u = 0
        for i in range(starts[row], starts[row + 1]):
            if seen[codes[i]] != row:
                seen[codes[i]] = row
                distinct[u] = codes[i]
                u += 1
        for i in range(u):
            log_odds[row] += effects[distinct[i]]
            for k in range(i):
                log_odds[row] += pairs[distinct[i], distinct[k]]
        for i in range(u):
            less = log_odds[row] - effects[distinct[i]]
            for k in range(u):
                less -= pairs[distinct[i], distinct[k]]
            lost[distinct[i]] += 1.0 / (1.0 + np.exp(-log_odds[row])) - 1.0 / (1.0 + np.exp(-less))
    return log_odds, lost
