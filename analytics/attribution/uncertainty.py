"""How sure a share is: a bootstrap over blocks of people.

What a person does hangs together, so people are drawn anew and not their orders: each falls into one of `BLOCKS` blocks
by a hash, and a replicate draws as many blocks with replacement. An interval holds the middle of what the replicates
say. Source: Efron and Tibshirani 1993, chapters 13 (percentile interval) and 8 (blocks).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from analytics.attribution.paths import Floats, PathTable

BLOCKS = 200
REPLICATES = 500
LEVEL = 0.95
SEED = 20_261_127
"""Every run draws the same blocks, so the same input gives the same interval and models differ by credit alone."""

_STEP = 1e-4
"""By how much an effect is moved to see how figures follow."""
_CELLS = 8_000_000
"""Doubles held at once while the chains of replicates are solved."""


def block_of(person: int) -> int:
    """The block of a person's number: its low bits mixed (splitmix64), so that neighbours part."""
    mixed = (person + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ (mixed >> 31)) % BLOCKS


@cache
def draws(*, replicates: int = REPLICATES, blocks: int = BLOCKS, seed: int = SEED) -> Floats:
    """How often each replicate draws each block: (replicates, blocks), rows sum to `blocks`."""
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=replicates).astype(np.float64)
    drawn.setflags(write=False)
    return drawn


def interval(samples: Floats, *, level: float = LEVEL) -> tuple[Floats, Floats]:
    """The middle `level` of each column of (replicates, columns): lower and upper ends."""
    tail = 50.0 * (1.0 - level)
    low, high = np.percentile(samples, [tail, 100.0 - tail], axis=0)
    return low, high


def resampled(sums: Floats, drawn: Floats) -> Floats:
    """What replicates say of amounts that add up: block sums (blocks, columns) to (replicates, columns)."""
    return drawn @ sums


def resampled_markov(blocks: Sequence[PathTable], drawn: Floats) -> tuple[Floats, Floats]:
    """Shares of conversions and of value by the order-1 Markov model of every replicate: (replicates, channels) each.

    `blocks` are path tables over the same channels. A replicate without a conversion shares out nothing; where the
    value of its conversions cancels out, value is shared as they are.
    """
    from analytics.attribution.markov import lost_of_counts, steps_of

    counted = [steps_of(paths) for paths in blocks]
    channels = counted[0][1].shape[0]
    flat_steps = np.stack([steps.ravel() for steps, _ends in counted])
    flat_ends = np.stack([ends.ravel() for _steps, ends in counted])
    shares, worth = np.zeros((len(drawn), channels)), np.zeros((len(drawn), channels))
    at_once = max(1, _CELLS // (3 * channels * channels))
    for first in range(0, len(drawn), at_once):
        some = drawn[first : first + at_once]
        drawn_steps = (some @ flat_steps).reshape(len(some), channels + 1, channels)
        drawn_ends = (some @ flat_ends).reshape(len(some), channels, 3)
        _p, _value, lost, lost_value = lost_of_counts(drawn_steps, drawn_ends)
        shares[first : first + at_once] = _shares(np.maximum(lost, 0.0), 0.0)
        worth[first : first + at_once] = _shares(lost_value, shares[first : first + at_once])
    return shares, worth


def resampled_counterfactual(
    measures: Sequence[Sequence[PathTable]], drawn: Floats, *, added: bool, recency: bool = False, pairs: bool = False
) -> list[Floats]:
    """What the counterfactual model says in every replicate, by measure: (replicates, channels + 1, columns).

    With `added` what each channel adds, as `counterfactual.added_by` tells it, else what is lost without it. The model
    follows a replicate to first order (one Newton step, then the slope of every figure): the infinitesimal bootstrap
    (Efron and Tibshirani 1993, chapter 22). A measure is a path table for each block, over the same channels; measures
    tell the same journeys and differ in what these are worth, so one model is fitted for all of them.
    """
    from analytics.attribution.counterfactual import added_by, lost_without
    from analytics.attribution.logit import fit, moved, sets_of

    told = added_by if added else lost_without
    sets = [
        ([sets_of(block, recency=recency) for block in blocks], sets_of(joined(blocks), recency=recency))
        for blocks in measures
    ]
    parts, whole = sets[0]
    model = fit(whole, pairs=pairs)
    moves, model_of = moved(parts, whole, model, drawn)
    found = []
    for parts, whole in sets:
        samples = drawn @ np.stack([told(part, model).ravel() for part in parts])
        for effect in range(moves.shape[1]):
            step = np.zeros(moves.shape[1])
            step[effect] = _STEP
            slope = (told(whole, model_of(step)) - told(whole, model_of(-step))).ravel() / (2 * _STEP)
            samples += moves[:, effect, None] * slope
        found.append(samples.reshape(len(drawn), whole.channels + 1, -1))
    return found


def joined(blocks: Sequence[PathTable]) -> PathTable:
    """All rows of tables over the same channels in one."""
    ends = np.cumsum([0, *(len(block.codes) for block in blocks)])
    values = [block.values for block in blocks if block.values is not None]
    return PathTable(
        blocks[0].channels,
        np.concatenate([block.codes for block in blocks]),
        np.concatenate([[0], *(block.starts[1:] + end for block, end in zip(blocks, ends, strict=False))]),
        np.concatenate([block.conversions for block in blocks]),
        np.concatenate([block.nulls for block in blocks]),
        np.concatenate(values) if values else None,
    )


def _shares(parts: Floats, otherwise: Floats | float) -> Floats:
    """Divide rows by their sums; a row whose sum is nothing but rounding is `otherwise`."""
    whole = parts.sum(axis=1, keepdims=True)
    empty = np.abs(whole) <= 1e-12 * np.abs(parts).sum(axis=1, keepdims=True)
    return np.where(empty, otherwise, parts / np.where(empty, 1.0, whole))
