"""Intervals for a path table that knows no people: each journey stands for one person."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import Floats, PathTable
from analytics.attribution.registry import USUAL, Terms, attribute
from analytics.attribution.uncertainty import (
    BLOCKS,
    SEED,
    draws,
    interval,
    resampled,
    resampled_counterfactual,
    resampled_markov,
)

MOST_STEPS = 50_000_000
"""More cells of step counts over all blocks than this are refused; they would not fit into memory."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """The middle 95 % of what replicates give each channel code; `value` where the table knows value."""

    conversions: tuple[Floats, Floats]
    value: tuple[Floats, Floats] | None


def attribution_intervals(paths: PathTable, *, model: str, order: int = 1, terms: Terms = USUAL) -> Intervals:
    """Bootstrap what `attribute` says of `paths`. Raises AttributionError where it cannot be done.

    Counts must be whole numbers, since journeys are drawn; of markov only the first order is resampled.
    """
    order = order if order != 1 else terms.order
    if model == "markov" and order != 1:
        raise AttributionError(f"intervals of markov are told for order 1, not {order}")
    if model == "markov" and BLOCKS * len(paths.channels) ** 2 > MOST_STEPS:
        raise AttributionError(f"intervals of markov are told for few channels, not {len(paths.channels)}")
    drawn = draws()
    blocks = journey_blocks(paths)
    known = paths.values is not None
    if model == "counterfactual":
        [samples] = resampled_counterfactual([blocks], drawn, added=False, recency=terms.recency, pairs=terms.pairs)
        samples = samples[:, :-1]
        return Intervals(interval(samples[..., 0]), interval(samples[..., 1]) if known else None)
    if model != "markov":
        told = [attribute(block, model=model, terms=terms) for block in blocks]
        conversions = interval(resampled(np.stack([row.conversions for row in told]), drawn))
        worth = [row.value for row in told if row.value is not None]
        return Intervals(conversions, interval(resampled(np.stack(worth), drawn)) if worth else None)
    shares, worth_shares = resampled_markov(blocks, drawn)
    sums = [[block.conversions.sum(), 0.0 if block.values is None else block.values.sum()] for block in blocks]
    totals = resampled(np.array(sums), drawn)
    conversions = interval(shares * totals[:, :1])
    return Intervals(conversions, interval(worth_shares * totals[:, 1:]) if known else None)


def journey_blocks(paths: PathTable) -> list[PathTable]:
    """Divide the journeys of a table at random, by a fixed seed, over `BLOCKS` tables of the same channels.

    The value of a row is that of its conversions alike. Raises AttributionError where a count is not whole.
    """
    generator = np.random.Generator(np.random.PCG64(SEED))
    parts = [_divided(generator, counts) for counts in (paths.conversions, paths.nulls)]
    keys = np.union1d(parts[0][0], parts[1][0])
    conversions, nulls = np.zeros(len(keys)), np.zeros(len(keys))
    for column, (found, counts) in zip((conversions, nulls), parts, strict=True):
        column[np.searchsorted(keys, found)] = counts
    block, row = np.divmod(keys, max(len(paths.conversions), 1))
    values = None
    if paths.values is not None:
        values = conversions * (paths.values / np.maximum(paths.conversions, 1.0))[row]
    edges = np.searchsorted(block, np.arange(BLOCKS + 1))
    return [
        _table(paths, row[a:b], conversions[a:b], nulls[a:b], None if values is None else values[a:b])
        for a, b in pairwise(edges)
    ]


def _divided(generator: np.random.Generator, counts: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Draw a block for each journey; (block * rows + row) where there are any, in order, and how many."""
    if not bool(np.all(counts == np.floor(counts))):
        raise AttributionError("intervals need whole numbers of journeys")
    rows = np.repeat(np.arange(len(counts)), counts.astype(np.int64))
    keys, times = np.unique(generator.integers(0, BLOCKS, len(rows)) * len(counts) + rows, return_counts=True)
    return keys, times.astype(np.float64)


def _table(
    paths: PathTable, rows: NDArray[np.int64], conversions: Floats, nulls: Floats, values: Floats | None
) -> PathTable:
    lengths = np.diff(paths.starts)[rows]
    starts = np.concatenate(([0], np.cumsum(lengths)))
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
    codes = paths.codes[np.repeat(paths.starts[rows], lengths) + within]
    return PathTable(paths.channels, codes, starts, conversions, nulls, values)
