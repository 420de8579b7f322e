"""The arithmetic of a channel table: whole numbers whose columns sum, ratios kept as numerator and denominator.

A ratio of a total is the ratio of the sums, never an average of ratios. All money of one table is in minor units of one
currency; converting is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.money import PPM


class Ratio(NamedTuple):
    """numerator / denominator, the denominator above 0."""

    numerator: int
    denominator: int


def ratio(numerator: int, denominator: int) -> Ratio | None:
    """Return the ratio, or None where there is nothing to divide by."""
    return Ratio(numerator, denominator) if denominator > 0 else None


@dataclass(slots=True)
class ChannelRow:
    """One row of the table: money in minor units, orders and buyers in millionths of one. Revenue is net of refunds."""

    spend_minor: int = 0
    revenue_minor: int = 0
    refunds_minor: int = 0
    orders_ppm: int = 0
    buyers_ppm: int = 0

    @property
    def cac(self) -> Ratio | None:
        """Cost of a customer: spend / new buyers, in minor units; None without a buyer."""
        return ratio(self.spend_minor * PPM, self.buyers_ppm)

    @property
    def roas(self) -> Ratio | None:
        """Return on spend: revenue / spend; None without spend."""
        return ratio(self.revenue_minor, self.spend_minor)
