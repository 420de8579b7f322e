"""From ranks to figures, each with its standard error and a bootstrap interval.

Everything is computed from the full ranking (every item the user has not taken competes); there is no metric over
sampled negatives. A user's first target decides HR, NDCG and MRR; recall looks at all targets. Where targets are a set
(`Stage.unordered`) all of them count: HR is a hit of any, MRR the best one's, NDCG is over the best order of at most k
of them, recall over all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recommender.engine.data import Bool, Float64, Int32, Int64
from recommender.engine.split import Stage

DEPTH = 10
SHORT_HISTORY = 5
BLOCKS = 500
"""People are drawn anew in so many blocks at most: exposures are then counted once and not once a draw."""

DRAWS = 10
"""Means are cheap to draw: they get so many draws for each one that coverage and Gini get."""


@dataclass(frozen=True)
class Estimate:
    """A figure, its standard error, its 95 % bootstrap interval, and over how many users or targets it was taken."""

    value: float
    error: float
    count: int
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """What one model said to one stage: ranks float64 [targets] from 1, top int32 [users, 10] with -1 for no item."""

    stage: Stage
    ranks: Float64
    top: Int32


def per_user(ranking: Ranking) -> dict[str, Float64]:
    """Values of every user metric, float64 [users] in the order of ``stage.users`` (one at least)."""
    if ranking.stage.unordered:
        return _per_user_of_sets(ranking)
    first = ranking.ranks[ranking.stage.pointers[:-1]]
    values = {f"hr@{k}": (first <= k).astype(np.float64) for k in (1, 5, 10)}
    values |= {f"ndcg@{k}": np.where(first <= k, 1 / np.log2(first + 1), 0.0) for k in (10, 20)}
    lengths = np.diff(ranking.stage.pointers)
    hits = np.add.reduceat((ranking.ranks <= 20).astype(np.float64), ranking.stage.pointers[:-1])
    values["recall@20"] = hits / np.minimum(20, lengths)
    values["mrr"] = 1 / first
    return values


def _per_user_of_sets(ranking: Ranking) -> dict[str, Float64]:
    """The same for targets without an order: any of them is a hit, NDCG is over the best possible order of them."""
    starts, lengths = ranking.stage.pointers[:-1], np.diff(ranking.stage.pointers)
    best = np.minimum.reduceat(ranking.ranks, starts)
    values = {f"hr@{k}": (best <= k).astype(np.float64) for k in (1, 5, 10)}
    for k in (10, 20):
        gains = np.where(ranking.ranks <= k, 1 / np.log2(ranking.ranks + 1), 0.0)
        ideal = np.cumsum(1 / np.log2(np.arange(k) + 2))
        values[f"ndcg@{k}"] = np.add.reduceat(gains, starts) / ideal[np.minimum(k, lengths) - 1]
        values[f"recall@{k}"] = np.add.reduceat((ranking.ranks <= k).astype(np.float64), starts) / lengths
    values["mrr"] = 1 / best
    return values


def slices(stage: Stage) -> dict[str, Bool]:
    """Users by how often the first target was taken in training (tail20, tail100, head) and by history (short)."""
    taken = stage.train.item_counts[stage.targets[stage.pointers[:-1]]]
    return {
        "tail20": taken < 20,
        "tail100": taken < 100,
        "head": taken >= 100,
        "short": stage.known.lengths[stage.users] <= SHORT_HISTORY,
    }


def summarise(ranking: Ranking, *, rng: np.random.Generator, replicates: int = 100) -> dict[str, Estimate]:
    """All figures by name; a slice without users is left out, a stage without users gives nothing.

    hr@1, hr@5, hr@10, ndcg@10, ndcg@20, recall@20 (hits over min(20, targets)), mrr, the slices' hr@10 and ndcg@10,
    cold_hr@10 and cold_hr@100 (over every target nobody took in training), coverage@10 (share of the catalogue in
    somebody's top 10) and gini@10 (of the exposure counts of all items). Errors of means are analytic, those of
    coverage and Gini bootstrap standard deviations over `replicates` resamples of users. Intervals hold the middle 95 %
    of `DRAWS` times as many resamples; those of coverage and Gini are 1.96 deviations to each side.
    """
    stage = ranking.stage
    if not stage.users.size:
        return {}
    drawn = _Drawn(stage.users.size, rng=rng.spawn(1)[0], draws=DRAWS * replicates)
    values, people = per_user(ranking), np.arange(stage.users.size)
    figures = {name: drawn.mean(value, people) for name, value in values.items()}
    for name, mask in ({} if stage.unordered else slices(stage)).items():
        for metric in ("hr@10", "ndcg@10"):
            if mask.any():
                figures[f"{name}_{metric}"] = drawn.mean(values[metric][mask], people[mask])
    figures |= _of_targets(ranking, drawn)
    exposed = _exposure(ranking.top, stage.train.n_items)
    resampled = _resample(ranking.top, stage.train.n_items, rng=rng, replicates=replicates)
    for name, measure in (("coverage@10", coverage), ("gini@10", gini)):
        value, spread = measure(exposed), float(np.std([measure(counts) for counts in resampled], ddof=1))
        # Whoever is drawn twice shows nothing new, so draws cover less than people do: their spread counts alone.
        figures[name] = Estimate(value, spread, int(stage.users.size), value - 1.96 * spread, value + 1.96 * spread)
    return figures


def _of_targets(ranking: Ranking, drawn: _Drawn) -> dict[str, Estimate]:
    """Hits among new items, and, where no target is a user's first, among those that few or many took."""
    stage = ranking.stage
    taken, owners = (
        stage.train.item_counts[stage.targets],
        np.repeat(np.arange(stage.users.size), np.diff(stage.pointers)),
    )
    masks = {"cold_hr@10": (taken == 0, 10), "cold_hr@100": (taken == 0, 100)}
    if stage.unordered:
        masks |= {
            "tail20_hr@10": (taken < 20, 10),
            "tail100_hr@10": (taken < 100, 10),
            "head_hr@10": (taken >= 100, 10),
        }
    return {
        name: drawn.mean((ranking.ranks[mask] <= k).astype(np.float64), owners[mask])
        for name, (mask, k) in masks.items()
        if mask.any()
    }


class _Drawn:
    """People drawn anew, in at most `BLOCKS` blocks, the same draws for every figure."""

    def __init__(self, people: int, *, rng: np.random.Generator, draws: int) -> None:
        self.blocks = min(BLOCKS, people)
        # What `rng.multinomial` draws, in half of its time.
        drawn = rng.integers(0, self.blocks, (draws, self.blocks)) + self.blocks * np.arange(draws)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=draws * self.blocks)
        self.weights = counts.reshape(draws, self.blocks).astype(np.float64)

    def mean(self, values: Float64, owners: Int64) -> Estimate:
        """Of ``values``, one at least, each of the person at that place of the stage."""
        places = owners % self.blocks
        sums, counts = (np.bincount(places, each, minlength=self.blocks) for each in (values, np.ones(values.size)))
        total, value = self.weights @ counts, float(values.mean())
        found = (self.weights @ sums)[total > 0] / total[total > 0]  # a draw may hold nobody of a small slice
        low, high = np.quantile(found if found.size else [value], [0.025, 0.975])
        spread = values.std(ddof=1) if values.size > 1 else 0.0
        return Estimate(value, float(spread / np.sqrt(values.size)), int(values.size), float(low), float(high))


def coverage(counts: Int64) -> float:
    """Share of the catalogue that was shown at all."""
    return float((counts > 0).mean())


def gini(counts: Int64) -> float:
    """Gini coefficient of exposure: 0 when all items are shown alike, towards 1 when one item takes all."""
    total = counts.sum()
    if not total:
        return 0.0
    order = np.arange(1, counts.size + 1)
    return float(2 * (order * np.sort(counts)).sum() / (counts.size * total) - (counts.size + 1) / counts.size)


def paired_difference(
    first: Float64,
    second: Float64,
    *,
    rng: np.random.Generator,
    replicates: int = 1000,
    statistic: Callable[[Float64], float] = lambda values: float(values.mean()),
) -> tuple[float, float, float]:
    """Mean of ``first - second`` over the same users, and its 95 % bootstrap interval (low, high)."""
    difference = first - second
    draws = [statistic(difference[rng.integers(0, difference.size, difference.size)]) for _ in range(replicates)]
    low, high = np.quantile(draws, [0.025, 0.975])
    return statistic(difference), float(low), float(high)


def _exposure(top: Int32, n_items: int) -> Int64:
    return np.bincount(top[top >= 0], minlength=n_items).astype(np.int64)


def _resample(top: Int32, n_items: int, *, rng: np.random.Generator, replicates: int) -> list[Int64]:
    """Exposures of people drawn anew: in at most `BLOCKS` blocks, each counted once and drawn with replacement."""
    blocks = min(BLOCKS, top.shape[0])
    owners = np.repeat(np.arange(top.shape[0]) % blocks, top.shape[1]).reshape(top.shape)
    cells = (owners * n_items + top)[top >= 0]
    counts = np.bincount(cells, minlength=blocks * n_items).reshape(blocks, n_items).astype(np.float64)
    draws = rng.multinomial(blocks, [1 / blocks] * blocks, replicates)
    return list((draws @ counts).astype(np.int64))
