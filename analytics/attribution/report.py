"""The arithmetic of a channel table: whole numbers whose columns sum, ratios kept as numerator and denominator.

A ratio of a total is the ratio of the sums, never an average of ratios. All money of one table is in minor units of one
currency; converting is the caller's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.money import PPM, apportion

Channel = Hashable | None
"""A channel's key; None is "unattributed"."""


class Ratio(NamedTuple):
    """numerator / denominator, the denominator above 0."""

    numerator: int
    denominator: int


def ratio(numerator: int, denominator: int) -> Ratio | None:
    """Return the ratio, or None where there is nothing to divide by."""
    return Ratio(numerator, denominator) if denominator > 0 else None


@dataclass(frozen=True, slots=True)
class CreditedOrder:
    """An order with its credit in ppm per channel (summing to 1,000,000); `first` where it is the buyer's first."""

    revenue_minor: int
    credit: Mapping[Any, int]
    first: bool = False


@dataclass(slots=True)
class ChannelRow:
    """One row of the table: money in minor units, orders and buyers in millionths of one."""

    spend_minor: int = 0
    revenue_minor: int = 0
    orders_ppm: int = 0
    buyers_ppm: int = 0

    @property
    def cac(self) -> Ratio | None:
        """Cost of a customer: spend / new buyers, in minor units; None without a buyer."""
        return ratio(self.spend_minor * PPM, self.buyers_ppm)

    @property
    def cost_per_order(self) -> Ratio | None:
        """Spend / orders, in minor units; None without an order."""
        return ratio(self.spend_minor * PPM, self.orders_ppm)

    @property
    def roas(self) -> Ratio | None:
        """Return on spend: revenue / spend; None without spend."""
        return ratio(self.revenue_minor, self.spend_minor)


@dataclass(frozen=True, slots=True)
class ChannelTable:
    """Rows by channel (None: unattributed, always there) and their sums, from which the total's ratios come."""

    rows: dict[Channel, ChannelRow]
    total: ChannelRow = field(default_factory=ChannelRow)


def channel_table(orders: Iterable[CreditedOrder], *, spend: Mapping[Any, int]) -> ChannelTable:
    """Add up what each channel cost and brought.

    Each order's revenue (>= 0) is apportioned over its ppm, so every column sums exactly to what went in, unattributed
    included. Raises ValueError on credit that does not sum to 1,000,000.
    """
    table = ChannelTable({None: ChannelRow()})
    for channel, amount in spend.items():
        table.rows.setdefault(channel, ChannelRow()).spend_minor += amount
        table.total.spend_minor += amount
    for order in orders:
        ppm = list(order.credit.values())
        if sum(ppm) != PPM:
            raise ValueError(f"credit sums to {sum(ppm)}, not to {PPM}")
        for channel, part, minor in zip(order.credit, ppm, apportion(order.revenue_minor, ppm), strict=True):
            for row in (table.rows.setdefault(channel, ChannelRow()), table.total):
                row.revenue_minor += minor
                row.orders_ppm += part
                row.buyers_ppm += part if order.first else 0
    return table
