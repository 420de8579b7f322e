"""The difference between two arms: at a horizon that was fixed before, or at any time one cares to look.

Fixed horizon: Welch's unequal-variances t (B. L. Welch, Biometrika 34, 1947). Always valid: the mixture sequential
probability ratio test with a normal mixture, its p-value and its confidence sequence (Johari, Koomen, Pekelis, Walsh,
"Always Valid Inference", Operations Research 70, 2022, sections 4-5; Robbins, Ann. Math. Stat. 41, 1970). CUPED:
Deng, Xu, Kohavi, Walker, WSDM 2013. Sample-ratio check: Pearson's chi-square (Fabijan et al., KDD 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, log, sqrt
from typing import TYPE_CHECKING

from recommender.engine.errors import ConfigError
from recommender.engine.experiments.moments import Sums

if TYPE_CHECKING:
    from recommender.engine.data import Float64, Int64

ALPHA = 0.05
REPLICATES = 500
"""How often people are drawn anew for the interval of a figure that has no formula for it."""

SRM_ALPHA = 0.001
"""Below this the arms' sizes are not what chance does; a check looked at daily must not cry wolf."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Treatment less control: the estimate, its interval, the p-value of no difference."""

    estimate: float
    low: float
    high: float
    p: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def fixed_horizon(control: Sums, treated: Sums, *, alpha: float = ALPHA) -> Difference:
    """Welch's test and interval; valid only when looked at once, when the planned number of people is there."""
    from scipy.special import stdtr, stdtrit

    variance = control.error + treated.error
    estimate = treated.mean - control.mean
    if variance <= 0 or min(control.n, treated.n) < 2:
        return Difference(estimate, -inf, inf, 1.0)
    freedom = variance**2 / sum(arm.error**2 / (arm.n - 1) for arm in (control, treated))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * sqrt(variance)
    p = 2 * float(stdtr(freedom, -abs(estimate) / sqrt(variance)))
    return Difference(estimate, estimate - half, estimate + half, p)


def always_valid(control: Sums, treated: Sums, *, tau: float, alpha: float = ALPHA) -> Difference:
    """The mixture test: interval and p-value hold however often and whenever one looks.

    With V the variance of the difference and a normal mixture of scale `tau` (the effect that one would like to find
    soonest, in the outcome's unit), the likelihood ratio is sqrt(V/(V+tau²)) exp(tau² d² / (2 V (V+tau²))); p is 1 over
    it, at most 1. Over time one keeps the smallest p. Raises ConfigError for a tau that is not positive.
    """
    if tau <= 0:
        raise ConfigError("the mixture needs a scale above zero")
    variance = control.error + treated.error
    estimate = treated.mean - control.mean
    if variance <= 0 or min(control.n, treated.n) < 2:
        return Difference(estimate, -inf, inf, 1.0)
    spread = variance + tau**2
    evidence = 0.5 * log(variance / spread) + tau**2 * estimate**2 / (2 * variance * spread)
    half = sqrt(variance * spread / tau**2 * (2 * log(1 / alpha) + log(spread / variance)))
    return Difference(estimate, estimate - half, estimate + half, min(1.0, exp(-evidence)))


def cuped(control: Sums, treated: Sums) -> tuple[Sums, Sums, float]:
    """Both arms with the outcome less theta · (x − mean x), and the part of the variance that this takes away.

    Theta is pooled over both arms, so that neither is favoured; the mean of x is that of all. What was known before
    must not depend on the arm. Without any spread in x the arms come back as they are.
    """
    spread = _pooled(control, treated, "variance_before")
    if spread <= 0:
        return control, treated, 0.0
    theta = _pooled(control, treated, "covariance") / spread
    centre = (control.x + treated.x) / (control.n + treated.n)
    before = _pooled(control, treated, "variance")
    after = (_adjusted(control, theta, centre), _adjusted(treated, theta, centre))
    return *after, (1 - _pooled(*after, "variance") / before if before > 0 else 0.0)


def sample_ratio(counts: Sequence[int], weights: Sequence[int]) -> float:
    """The p-value that arms of these weights get these sizes by chance; below `SRM_ALPHA` something sorts people.

    Raises ConfigError for unequal lengths, fewer than two arms, or a weight that is not positive.
    """
    from scipy.special import chdtrc

    if len(counts) != len(weights) or len(counts) < 2 or min(weights) <= 0:
        raise ConfigError("a sample-ratio check needs a weight above zero for each of two or more arms")
    total = sum(counts)
    if not total:
        return 1.0
    expected = [total * weight / sum(weights) for weight in weights]
    chi = sum((count - wanted) ** 2 / wanted for count, wanted in zip(counts, expected, strict=True))
    return float(chdtrc(len(counts) - 1, chi))


def people_needed(rate: float, lift: float, *, alpha: float = ALPHA, power: float = 0.8) -> int:
    """How many people each of two arms needs so that a relative `lift` of a `rate` is found with this power.

    Fleiss, Levin and Paik, "Statistical Methods for Rates and Proportions", 3rd ed., formula 4.14 without continuity
    correction. Raises ConfigError for rates outside (0, 1), a lift of zero, or levels outside (0, 1).
    """
    from scipy.special import ndtri

    other = rate * (1 + lift)
    if not (0 < rate < 1 and 0 < other < 1 and lift and 0 < alpha < 1 and 0 < power < 1):
        raise ConfigError("rates and levels lie between 0 and 1, and the lift is not zero")
    mean = (rate + other) / 2
    by_chance = float(ndtri(1 - alpha / 2)) * sqrt(2 * mean * (1 - mean))
    by_effect = float(ndtri(power)) * sqrt(rate * (1 - rate) + other * (1 - other))
    return ceil(((by_chance + by_effect) / (rate - other)) ** 2)


def guardrail(difference: Difference, *, margin: float) -> str:
    """Whether something that must not rise has risen: "holds", "breached" or "unsure".

    Breached when even the interval's lower end lies above the margin, holding when its upper end lies at or below it
    (the test for non-inferiority, one-sided at half the interval's level).
    """
    if difference.low > margin:
        return "breached"
    return "holds" if difference.high <= margin else "unsure"


def gini_difference(
    control: Int64, treated: Int64, *, alike: bool = False, replicates: int = REPLICATES, alpha: float = ALPHA
) -> Difference:
    """How much more unequally something is shared in the second arm, with a bootstrap interval over people.

    Counts [blocks, shared over], a row a block of people (one person, or some that are drawn together), columns alike
    in both; blocks are drawn with replacement, in each arm apart, or together where row by row they are the same
    people (`alike`). The draw hangs on nothing but the sizes, so that the same counts give the same interval. Infinite
    where an arm has fewer than two blocks.
    """
    import numpy as np

    estimate = float(_ginis(treated.sum(axis=0)[None])[0] - _ginis(control.sum(axis=0)[None])[0])
    if min(len(control), len(treated)) < 2:
        return Difference(estimate, -inf, inf, 1.0)
    rng = np.random.default_rng(0)
    draws = [rng.multinomial(len(arm), [1 / len(arm)] * len(arm), replicates) for arm in (control, treated)]
    drawn = _ginis(draws[0 if alike else 1] @ treated) - _ginis(draws[0] @ control)
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    below = float(((drawn <= 0).sum() + 1) / (replicates + 1))
    above = float(((drawn >= 0).sum() + 1) / (replicates + 1))
    return Difference(estimate, float(low), float(high), min(1.0, 2 * min(below, above)))


def _ginis(counts: Int64) -> Float64:
    """Gini's coefficient of each row: 0 where all get alike, or nothing, towards 1 where one gets all."""
    import numpy as np

    n = counts.shape[1]
    ranked = np.sort(counts, axis=1) @ np.arange(1, n + 1)
    found: Float64 = 2 * ranked / (n * np.maximum(counts.sum(axis=1), 1)) - (n + 1) / n * counts.any(axis=1)
    return found


def _pooled(control: Sums, treated: Sums, what: str) -> float:
    """A moment within arms, weighted by their degrees of freedom."""
    freedom = [max(arm.n - 1, 0) for arm in (control, treated)]
    if not sum(freedom):
        return 0.0
    parts = zip(freedom, (control, treated), strict=True)
    return float(sum(weight * getattr(arm, what) for weight, arm in parts) / sum(freedom))


def _adjusted(arm: Sums, theta: float, centre: float) -> Sums:
    """Sums of y − theta (x − centre)."""
    shift = theta * centre
    y = arm.y - theta * arm.x + arm.n * shift
    yy = arm.yy - 2 * theta * arm.xy + theta**2 * arm.xx + 2 * shift * (arm.y - theta * arm.x) + arm.n * shift**2
    return Sums(arm.n, y, yy, arm.x, arm.xx, arm.xy - theta * arm.xx + shift * arm.x)
