"""A report by stretches of days: what each holds in each segment, kept until all are there."""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.scope import all_rows
from analytics.attribution.credits import Known
from analytics.choices import RunState, Segment
from analytics.models import ChannelReportRow, ReportNode, ReportPart, ReportRun
from analytics.models.report import ABANDONED
from analytics.selectors.exchange import Exchange
from analytics.selectors.known import direct_channels, known_of, passed_over
from analytics.selectors.segments import Joined, SoldOrder, Way, joined_within, orders_sold, ways_spent, ways_touched
from analytics.services.nodes import nodes_of, whole_of
from analytics.services.segments import TREES, cohorts_added, cohorts_of, tallied, unpacked

BY_STRETCH = (*TREES, Segment.COHORTS)


def stretch_days(run: ReportRun) -> int:
    """How many days a stretch of a run has: one, past a month a week, past a year four weeks."""
    days = (run.until - run.since).days + 1
    return 1 if days <= 31 else 7 if days <= 366 else 28


def parts_ensure(run: ReportRun) -> None:
    """The row for the channels of a run. What was read long ago is read again: too much may have happened since."""
    late = Q(read_at__lt=timezone.now() - ABANDONED)
    run.parts.filter(late).update(state=RunState.QUEUED, read_at=None, content=b"")
    whole = ReportPart(run=run, segment=Segment.CHANNELS, since=run.since, until=run.until)
    ReportPart.objects.bulk_create([whole], ignore_conflicts=True)


def stretches_ensure(run: ReportRun, days: Collection[date]) -> None:
    """A row for each stretch with an order or a sign-up on one of its `days`, in each segment."""
    length = stretch_days(run)
    starts = sorted({run.since + timedelta(days=(day - run.since).days // length * length) for day in days})
    wanted = [
        ReportPart(run=run, segment=segment, since=since, until=min(since + timedelta(days=length - 1), run.until))
        for since in starts
        for segment in BY_STRETCH
    ]
    ReportPart.objects.bulk_create(wanted, ignore_conflicts=True)


def stretches_compute(run: ReportRun) -> None:
    """Compute every part by stretch that is not there yet; each stretch is read once and kept in one transaction."""
    facts = ReportRun.objects.values_list("facts", flat=True).get(pk=run.pk)
    known = known_of(run.pk, facts, direct=direct_channels())
    exchange = Exchange(run.currency, until=timezone.localdate())
    every = run.parts.filter(segment__in=BY_STRETCH)
    waiting = sorted({part.since: part.until for part in every.exclude(state=RunState.DONE)}.items())
    stretches = len(every.values_list("since").distinct())
    for done, (since, until) in enumerate(waiting, start=1):
        with all_rows(), transaction.atomic():
            _stretch(run, since, until, known, exchange)
        bp = 1_000 + 8_000 * (stretches - len(waiting) + done) // stretches
        ReportRun.objects.filter(pk=run.pk).update(progress_bp=bp)


def _stretch(run: ReportRun, since: date, until: date, known: Known, exchange: Exchange) -> None:
    parts = list(
        ReportPart.objects.select_for_update().filter(run=run, since=since, segment__in=BY_STRETCH)
        .exclude(state=RunState.DONE)
    )  # fmt: skip
    if not parts:  # another worker was given the same run and came first
        return
    read_at = timezone.now()
    over = passed_over(run)
    orders = orders_sold(since=since, until=until, window_days=run.window_days, exchange=exchange, passed_over=over)
    joined = joined_within(since=since, until=until, window_days=run.window_days, passed_over=over)
    told, tallies = _hash(orders, joined), tallied(orders, known, joined)
    for part in parts:
        if part.segment == Segment.COHORTS:
            part.content = json.dumps(cohorts_of(orders)).encode()
        else:
            part.content = tallies[part.segment].packed().bytes() if tallies[part.segment].rows else b""
        part.state, part.read_at, part.input_hash = RunState.DONE, read_at, told
    ReportPart.objects.bulk_update(parts, ["content", "state", "read_at", "input_hash"])


def stretches_gather(run: ReportRun, parts: Sequence[ReportPart]) -> dict[str, Any]:
    """Write the nodes of a run from its parts, which then need no content; returns what goes to its facts."""
    exchange = Exchange(run.currency, until=run.until)
    touched = ways_touched(since=run.since, until=run.until)
    for channel, owner, count in run.facts.get("redeemed", ()):
        way = Way(channel, partner=owner)
        touched[way] = touched.get(way, 0) + count
    spent = ways_spent(since=run.since, until=run.until, exchange=exchange)
    rows = list(ChannelReportRow.objects.filter(run=run))
    nodes: list[ReportNode] = []
    for segment in TREES:
        ways = segment == Segment.WAYS
        whole = whole_of(rows, segment=segment)
        nodes += nodes_of(
            run_id=run.pk,
            segment=segment,
            parts=[unpacked(bytes(part.content)) for part in parts if part.segment == segment and part.content],
            whole=whole,
            touches=_by_key(touched) if ways else {},
            spend=_by_key(spent) if ways else {"channel:": 1},
        )
    run.nodes.all().delete()
    ReportNode.objects.bulk_create(nodes, batch_size=2_000)
    cohorts = [json.loads(bytes(part.content)) for part in parts if part.segment == Segment.COHORTS]
    run.parts.update(content=b"")
    return {"cohorts": cohorts_added(cohorts)}


def _by_key(ways: dict[Way, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for way, amount in ways.items():
        found[way.key] = found.get(way.key, 0) + amount
    return found


def _hash(orders: Sequence[SoldOrder], joined: Sequence[Joined]) -> str:
    """Same orders and sign-ups, same hash."""

    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, datetime) else str(value)

    body: list[Any] = [
        (
            order.order_id,
            order.fresh,
            order.path,
            [(line.course_id, line.creator_ids, line.value_minor, line.refunded_minor, line.margin_minor)
             for line in order.lines],
            order.later,
        )
        for order in orders
    ]  # fmt: skip
    body += [(one.person, one.path) for one in joined]
    return hashlib.sha256(json.dumps(body, default=plain).encode()).hexdigest()
