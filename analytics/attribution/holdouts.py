"""What a hold-out test says: lift against those who were held out, its standard error, and figures set right by it.

People are held out by hash, or whole groups of them are (regions, campaigns' audiences). Sums are whole numbers, so a
lift and its variance are exact fractions until their last step.
Sources: difference of means with unequal variances (Welch 1947); groups by the linearised ratio estimator (Cochran
1977, section 6.4), with what was before taken away (difference in differences); errors of products and quotients by
the delta method; several tests of one channel weighed by their precision (DerSimonian and Laird 1986, fixed effect).
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import hypot, isfinite, sqrt
from typing import Any

from analytics.attribution.errors import AttributionError
from ledger.money import BP

NORMAL_95 = 1.959963984540054
"""Standard errors on either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a test by people: how many, the sum of what they did and the sum of its squares, as whole numbers.

    What they did is a count (orders) or money in minor units; people who did nothing count with 0.
    """

    people: int
    total: int
    squares: int

    @classmethod
    def of(cls, amounts: Iterable[int], *, people: int | None = None) -> Arm:
        """Add up one amount a person; `people` counts also those who are not told because they did nothing."""
        told = list(amounts)
        return cls(len(told) if people is None else people, sum(told), sum(amount * amount for amount in told))


@dataclass(frozen=True, slots=True)
class Group:
    """A region or a campaign's audience: how many people, what they did in the test, and before it as long.

    `before` is 0 where it is not known; then it must be 0 for every group.
    """

    people: int
    total: int
    before: int = 0


@dataclass(frozen=True, slots=True)
class Lift:
    """What one person more did because of the channel, its standard error, and how many people could see the channel.

    `in_test` is what these people did altogether, caused or not.
    """

    per_person: float
    error: float
    people: int
    in_test: int

    @property
    def total(self) -> float:
        """What all who could see the channel did because of it."""
        return self.per_person * self.people

    @property
    def total_error(self) -> float:
        """Standard error of `total`."""
        return self.error * self.people

    @property
    def ends(self) -> tuple[float, float]:
        """The 95 % interval of `total`."""
        return self.total - NORMAL_95 * self.total_error, self.total + NORMAL_95 * self.total_error


def held_out(person: object, *, test: str, share_bp: int) -> bool:
    """Whether a person is held out of a test: the same answer each time, and independent of every other test.

    Raises AttributionError where `share_bp` is not from 1 to 9,999.
    """
    if not 1 <= share_bp < BP:
        raise AttributionError(f"a test holds out 1 to {BP - 1} of {BP} people, not {share_bp}")
    digest = hashlib.sha256(f"{test}\n{person}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BP < share_bp


def lift_of_people(exposed: Arm, held: Arm) -> Lift:
    """Lift of people who could see a channel against people who could not.

    lift = mean_1 - mean_0, variance s_1^2 / n_1 + s_0^2 / n_0 with sample variances. Raises AttributionError where an
    arm has fewer than two people or sums that no amounts have.
    """
    means, variances = [], []
    for name, arm in (("exposed", exposed), ("held-out", held)):
        if arm.people < 2:
            raise AttributionError(f"the {name} arm has {arm.people} people, at least two are needed")
        spread = arm.people * arm.squares - arm.total**2
        if spread < 0:
            raise AttributionError(f"the {name} arm's sum of squares is too small for its sum")
        means.append(Fraction(arm.total, arm.people))
        variances.append(Fraction(spread, arm.people**2 * (arm.people - 1)))
    return Lift(float(means[0] - means[1]), sqrt(sum(variances)), exposed.people, exposed.total)


def lift_of_groups(exposed: Sequence[Group], held: Sequence[Group]) -> Lift:
    """Lift where whole groups could see a channel or could not, so that groups and not people are counted.

    With y = total - before: rate = sum y / sum people of each side, lift = rate_1 - rate_0, variance of a rate
    m / (m - 1) * sum (y - rate * people)^2 / (sum people)^2 over its m groups. Raises AttributionError where a side has
    fewer than two groups, or a group no people.
    """
    rates, variances = [], []
    for name, groups in (("exposed", exposed), ("held-out", held)):
        if len(groups) < 2:
            raise AttributionError(f"the {name} side has {len(groups)} groups, at least two are needed")
        if any(group.people < 1 for group in groups):
            raise AttributionError(f"a group of the {name} side has no people")
        people = sum(group.people for group in groups)
        rate = Fraction(sum(group.total - group.before for group in groups), people)
        off = sum((group.total - group.before - rate * group.people) ** 2 for group in groups)
        rates.append(rate)
        variances.append(Fraction(len(groups), len(groups) - 1) * off / people**2)
    people, in_test = (sum(getattr(group, name) for group in exposed) for name in ("people", "total"))
    return Lift(float(rates[0] - rates[1]), sqrt(sum(variances)), people, in_test)


@dataclass(frozen=True, slots=True)
class Factor:
    """By what a model's credit for a channel is to be multiplied, and its standard error."""

    factor: float
    error: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A figure set right by tests, its standard error and its 95 % interval; `raw` is what the model says."""

    raw: float
    figure: float
    error: float

    @property
    def ends(self) -> tuple[float, float]:
        """The 95 % interval of `figure`."""
        return self.figure - NORMAL_95 * self.error, self.figure + NORMAL_95 * self.error


def factor_of(lift: Lift, *, credited: float, credited_error: float = 0.0) -> Factor:
    """Compare a lift with what the model credited the channel for the same people in the same time.

    factor = lift / credited, its error by the delta method from both errors. Raises AttributionError where the model
    credited nothing, or less: no factor leads from there to what the test says.
    """
    if not (isfinite(credited) and credited > 0):
        raise AttributionError(f"a factor needs something credited in the test, not {credited:g}")
    factor = lift.total / credited
    return Factor(factor, hypot(lift.total_error, factor * credited_error) / credited)


def combined(factors: Sequence[Factor]) -> Factor:
    """One factor of several tests of one channel, each weighed by 1 / error^2.

    A test without an error outweighs all with one. Raises AttributionError without a test.
    """
    if not factors:
        raise AttributionError("no test was given to combine")
    sure = [factor.factor for factor in factors if factor.error == 0]
    if sure:
        return Factor(sum(sure) / len(sure), 0.0)
    weights = [factor.error**-2 for factor in factors]
    mean = sum(w * factor.factor for w, factor in zip(weights, factors, strict=True)) / sum(weights)
    return Factor(mean, sum(weights) ** -0.5)


def calibrated(raw: float, factor: Factor, *, raw_error: float = 0.0) -> Calibrated:
    """Set a figure right: raw * factor; both errors enter by the delta method."""
    return Calibrated(raw, raw * factor.factor, hypot(raw * factor.error, factor.factor * raw_error))


def calibration(
    figures: Mapping[Any, float], tests: Mapping[Any, Sequence[Factor]], *, errors: Mapping[Any, float] | None = None
) -> dict[Any, Calibrated | None]:
    """Set each channel's figure right by its tests, in the order of `figures`; None says "not tested"."""
    errors = errors or {}
    told: dict[Hashable, Calibrated | None] = {}
    for channel, raw in figures.items():
        factors = tests.get(channel, ())
        told[channel] = calibrated(raw, combined(factors), raw_error=errors.get(channel, 0.0)) if len(factors) else None
    return told
