"""What another policy would have got, from what this one showed: inverse propensity scores over the log.

IPS: Horvitz and Thompson (JASA 47, 1952); self-normalised: Swaminathan and Joachims (NeurIPS 2015), with the
delta-method error of a ratio (Owen, "Monte Carlo theory", chapter 9). Weights are clipped at `clip` (Bottou et al.,
JMLR 14, 2013), which trades variance against a bias towards zero; how much was clipped is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from recommender.engine.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CLIP = 20.0
Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Replayed:
    """Reward a shown item under the policy that was logged, and under the other by both estimators.

    `effective`: the sample size that the weights leave; `clipped`: the part of rows whose weight was cut.
    """

    rows: int
    logged: Estimate
    ips: Estimate
    snips: Estimate
    effective: float
    clipped: float


def replay(rewards: ArrayLike, logged: ArrayLike, target: ArrayLike, *, clip: float = CLIP) -> Replayed:
    """Estimate from one entry a shown item: its reward, how probable it was there, how probable it would have been.

    Raises DataError for no rows, unequal lengths, a logged probability outside (0, 1], or another outside [0, 1].
    """
    r, p, q = (np.asarray(column, dtype=np.float64) for column in (rewards, logged, target))
    if not r.size or r.shape != p.shape or r.shape != q.shape or r.ndim != 1:
        raise DataError("a replay needs rewards and two probabilities for each shown item, and at least one")
    if not ((p > 0) & (p <= 1)).all() or not ((q >= 0) & (q <= 1)).all():
        raise DataError("probabilities lie between 0 and 1, and what was shown cannot have had none")
    raw = q / p
    w = np.minimum(raw, clip)
    total = float(w.sum())
    snips = float(w @ r) / total if total else 0.0
    spread = w * (r - snips)
    error = sqrt(float(spread @ spread)) / total if total else 0.0
    return Replayed(
        rows=int(r.size),
        logged=_mean(r),
        ips=_mean(w * r),
        snips=Estimate(snips, snips - Z * error, snips + Z * error),
        effective=total**2 / float(w @ w) if total else 0.0,
        clipped=float((raw > clip).mean()),
    )


def _mean(values: np.typing.NDArray[np.float64]) -> Estimate:
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / sqrt(values.size) if values.size > 1 else 0.0
    return Estimate(mean, mean - half, mean + half)
