"""Reads finished channel reports as tables whose columns sum."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts.rules import Reader, is_staff
from analytics.attribution.disagreement import disagreement
from analytics.attribution.report import ChannelRow
from analytics.choices import ReportModel, RunState, Segment
from analytics.models import ChannelReportRow, ReportNode, ReportRun
from courses.models import Order
from ledger.money import apportion, exponent, half_up
from partners.models import Channel


@dataclass(frozen=True)
class Span:
    """What a report is asked for: days (both inclusive), currency, look-back in days, whether direct visits count."""

    since: date
    until: date
    currency: str
    window_days: int
    with_direct: bool = True

    @property
    def days(self) -> int:
        """How many days it covers."""
        return (self.until - self.since).days + 1


@dataclass
class ChannelLine:
    """One channel of a report, or everything without a channel; figures by model where models differ.

    `revenue_ends` (minor units), `buyers_ends` and `orders_ends` (ppm) are 95 % intervals; sums and old runs have none.
    """

    channel: Channel | None
    touches: int = 0
    visitors: int = 0
    spend_minor: int = 0
    models: dict[str, ChannelRow] = field(default_factory=dict)
    sign_ups_ppm: dict[str, int] = field(default_factory=dict)
    revenue_ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    buyers_ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    orders_ends: dict[str, tuple[int, int]] = field(default_factory=dict)

    def revenue(self, model: str) -> int:
        """Revenue that a model gives this channel, in minor units."""
        row = self.models.get(model)
        return row.revenue_minor if row else 0

    @property
    def spread(self) -> float | None:
        """How far models agree: the largest revenue over the smallest of those that give any; None where none does."""
        return disagreement({model: {None: self.revenue(model)} for model in ReportModel.values}).channels[None].factor


@dataclass(frozen=True)
class Report:
    """A finished report: channels by revenue under the model asked for, the rest without a channel, and the sums."""

    run: ReportRun
    model: str
    channels: list[ChannelLine]
    unattributed: ChannelLine
    total: ChannelLine

    @property
    def lines(self) -> list[ChannelLine]:
        """All rows, unattributed last."""
        return [*self.channels, self.unattributed]

    def days(self) -> list[tuple[date, int]]:
        """Revenue in minor units of every day of the range."""
        found: Mapping[str, int] = self.run.facts.get("days", {})
        span = (self.run.until - self.run.since).days + 1
        days = [self.run.since + timedelta(days=place) for place in range(span)]
        return [(day, int(found.get(day.isoformat(), 0))) for day in days]


def report_table(run: ReportRun, *, model: str) -> Report:
    """The rows of a finished run; the total of each column is the sum of its rows."""
    lines: dict[int | None, ChannelLine] = {None: ChannelLine(None)}
    total = ChannelLine(None)
    rows = ChannelReportRow.objects.filter(run=run).select_related("channel")
    for row in rows:
        line = lines.setdefault(row.channel_id, ChannelLine(row.channel))
        line.touches, line.visitors, line.spend_minor = row.touches, row.visitors, row.spend_minor
        if row.revenue_low_minor is not None and row.revenue_high_minor is not None:
            line.revenue_ends[row.model] = row.revenue_low_minor, row.revenue_high_minor
        if row.buyers_low_ppm is not None and row.buyers_high_ppm is not None:
            line.buyers_ends[row.model] = row.buyers_low_ppm, row.buyers_high_ppm
        if row.orders_low_ppm is not None and row.orders_high_ppm is not None:
            line.orders_ends[row.model] = row.orders_low_ppm, row.orders_high_ppm
        for each in (line, total):
            sums = each.models.setdefault(row.model, ChannelRow())
            sums.spend_minor += row.spend_minor
            sums.revenue_minor += row.revenue_minor
            sums.refunds_minor += row.refunds_minor
            sums.orders_ppm += row.orders_ppm
            sums.buyers_ppm += row.buyers_ppm
            each.sign_ups_ppm[row.model] = each.sign_ups_ppm.get(row.model, 0) + row.sign_ups_ppm
    for line in lines.values():
        for name in ReportModel.values:
            line.models.setdefault(name, ChannelRow())
        total.touches += line.touches
        total.visitors += line.visitors
        total.spend_minor += line.spend_minor
    for name in ReportModel.values:
        total.models.setdefault(name, ChannelRow())
    unattributed = lines.pop(None)
    ordered = sorted(
        lines.values(),
        key=lambda line: (-line.revenue(model), -line.spend_minor, line.channel.pk if line.channel else 0),
    )
    return Report(run, model, ordered, unattributed, total)


def sign_ups_ends(run: ReportRun, *, model: str) -> dict[int | None, tuple[int, int]]:
    """The 95 % intervals of sign-ups (ppm) by channel under a model; none in runs from before they were computed."""
    if "sign_up_paths" not in run.facts:
        return {}
    rows = ReportNode.objects.filter(run=run, segment=Segment.WAYS, depth=1, model=model)
    return {
        int(channel) if (channel := key.removeprefix("channel:")) else None: (low, high)
        for key, low, high in rows.values_list("key", "sign_ups_low_ppm", "sign_ups_high_ppm")
    }


def report_finished(span: Span, *, visible_to: Reader | None) -> ReportRun | None:
    """The newest finished run of a span; None tells that there is none, or none for this reader."""
    return _runs(span, visible_to).filter(state=RunState.DONE).order_by("-pk").first()


def report_latest(span: Span, *, visible_to: Reader | None) -> ReportRun | None:
    """The newest run of a span, in whatever state."""
    return _runs(span, visible_to).order_by("-pk").first()


def span_ready(
    *, currency: str, window_days: int, days: int, visible_to: Reader | None, with_direct: bool = True
) -> Span | None:
    """The newest span of so many days that has a finished run."""
    if not _may_see(visible_to):
        return None
    done = ReportRun.objects.filter(
        state=RunState.DONE, currency=currency, window_days=window_days, with_direct=with_direct
    )
    for run in done.order_by("-until", "-pk").only("since", "until")[:50]:
        span = Span(run.since, run.until, currency, window_days, with_direct)
        if span.days == days:
            return span
    return None


def currencies() -> list[str]:
    """The currencies that orders were paid in, the platform's own first."""
    found = set(Order.objects.order_by().values_list("currency", flat=True).distinct())
    return [settings.CURRENCY, *sorted(found - {settings.CURRENCY, ""})]


def whole_units(amounts: Sequence[int], currency: str) -> tuple[list[int], int]:
    """Minor units as whole units whose sum is the rounded total: the rounding is apportioned, not done twice."""
    total = half_up(sum(amounts), 10 ** exponent(currency))
    return apportion(total, amounts) if total else [0] * len(amounts), total


def tenths(ppm: Iterable[int]) -> tuple[list[int], int]:
    """Millionths of one as tenths of one whose sum is the rounded total."""
    parts = list(ppm)
    total = half_up(sum(parts), 100_000)
    return apportion(total, parts) if total else [0] * len(parts), total


def _runs(span: Span, visible_to: Reader | None) -> QuerySet[ReportRun]:
    if not _may_see(visible_to):
        return ReportRun.objects.none()
    return ReportRun.objects.filter(
        since=span.since,
        until=span.until,
        currency=span.currency,
        window_days=span.window_days,
        with_direct=span.with_direct,
    )


def _may_see(reader: Reader | None) -> bool:
    """Evidence is for staff; None stands for the house itself."""
    return reader is None or is_staff(reader)
