"""Reads the cohorts of a finished report: what new buyers brought since, by month and first channel."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from analytics.models import ReportRun
from ledger.money import half_up


@dataclass
class Cohort:
    """New buyers with one first channel, or of one month; money in minor units.

    `revenue[m]` and `margin[m]` are what they brought in the m-th month after the one of their first order.
    """

    buyers: int = 0
    spend_minor: int = 0
    revenue: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    margin: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, told: Mapping[str, Any]) -> None:
        """Count what a report told of some of them."""
        self.buyers += told["buyers"]
        for month, (revenue, margin) in told["months"].items():
            self.revenue[int(month)] += revenue
            self.margin[int(month)] += margin

    def ltv(self, months: int) -> int | None:
        """Net revenue a buyer up to and with the month so many after the first; None without a buyer."""
        total = sum(amount for month, amount in self.revenue.items() if month <= months)
        return half_up(max(0, total), self.buyers) if self.buyers else None

    @property
    def lifetime(self) -> int | None:
        """Net revenue a buyer so far."""
        return self.ltv(max(self.revenue, default=0))

    @property
    def cac(self) -> int | None:
        """Spend on the channel for one of its new buyers; None without spend or buyer."""
        return half_up(self.spend_minor, self.buyers) if self.buyers and self.spend_minor else None

    @property
    def payback(self) -> int | None:
        """The month after the first order in which margin had paid for the spend; None where it has not yet."""
        sums = 0
        for month in range(max(self.margin, default=-1) + 1):
            sums += self.margin.get(month, 0)
            if sums >= self.spend_minor:
                return month
        return None


@dataclass(frozen=True)
class Cohorts:
    """New buyers of a report by first channel (None: no touch in the look-back) and by month `2026-03`."""

    channels: dict[int | None, Cohort]
    months: dict[str, Cohort]
    total: Cohort

    @property
    def longest(self) -> int:
        """The last month after a first order in which anything was brought."""
        return max(self.total.revenue, default=0)

    def kept(self, month: str) -> list[Fraction]:
        """Net revenue of a month's buyers up to each month after, as part of what their first month brought."""
        cohort = self.months[month]
        first = cohort.revenue.get(0, 0)
        sums, told = 0, []
        for after in range(max(cohort.revenue, default=-1) + 1):
            sums += cohort.revenue.get(after, 0)
            told.append(Fraction(sums, first) if first > 0 else Fraction(0))
        return told


def report_cohorts(run: ReportRun, *, spend: Mapping[int | None, int]) -> Cohorts:
    """The cohorts of a finished run. `spend` is the range's by channel, in the run's currency."""
    channels: dict[int | None, Cohort] = defaultdict(Cohort)
    months: dict[str, Cohort] = defaultdict(Cohort)
    total = Cohort()
    for key, told in run.facts.get("cohorts", {}).items():
        month, _bar, channel = key.partition("|")
        for cohort in (channels[int(channel) if channel else None], months[month], total):
            cohort.add(told)
    for channel_id, amount in spend.items():
        if amount:
            channels[channel_id].spend_minor += amount
            total.spend_minor += amount
    return Cohorts(dict(channels), dict(sorted(months.items())), total)
