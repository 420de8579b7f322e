"""Sums of an arm, from which every figure is taken: additive, so parts of days and machines may be added up."""

from __future__ import annotations

from dataclasses import dataclass

from recommender.engine.errors import DataError


@dataclass(frozen=True, slots=True)
class Sums:
    """People of an arm, the sums of their outcome y and of its square; and of what was known before (x) likewise."""

    n: int = 0
    y: float = 0.0
    yy: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    @classmethod
    def of(cls, outcomes: list[float], before: list[float] | None = None) -> Sums:
        """From one figure a person, with one from before beside it. Raises DataError for unequal lengths."""
        known = [0.0] * len(outcomes) if before is None else before
        if len(known) != len(outcomes):
            raise DataError(f"{len(outcomes)} outcomes stand beside {len(known)} figures from before")
        return cls(
            n=len(outcomes),
            y=sum(outcomes),
            yy=sum(y * y for y in outcomes),
            x=sum(known),
            xx=sum(x * x for x in known),
            xy=sum(x * y for x, y in zip(known, outcomes, strict=True)),
        )

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.n + other.n,
            self.y + other.y,
            self.yy + other.yy,
            self.x + other.x,
            self.xx + other.xx,
            self.xy + other.xy,
        )

    @property
    def mean(self) -> float:
        """Mean outcome, 0 of nobody."""
        return self.y / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Sample variance of the outcome (n − 1), 0 of fewer than two."""
        return _central(self.n, self.y, self.y, self.yy)

    @property
    def variance_before(self) -> float:
        """Sample variance of what was known before."""
        return _central(self.n, self.x, self.x, self.xx)

    @property
    def covariance(self) -> float:
        """Sample covariance of both."""
        return _central(self.n, self.x, self.y, self.xy)

    @property
    def error(self) -> float:
        """Variance of the mean, 0 of nobody."""
        return self.variance / self.n if self.n else 0.0


def _central(n: int, a: float, b: float, ab: float) -> float:
    return (ab - a * b / n) / (n - 1) if n > 1 else 0.0
