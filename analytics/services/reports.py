"""The channel report: what each channel brought and cost, under every model, computed once and kept."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.scope import all_rows
from analytics.attribution.uncertainty import BLOCKS, REPLICATES, SEED
from analytics.choices import ReportModel, RunState, Segment
from analytics.errors import MissingRateError, ReportRefusedError
from analytics.models import ChannelReportRow, ReportRun
from analytics.selectors import ReportInputs, direct_channels, known_of, local_day, passed_over, report_inputs
from analytics.services.crediting import ModelTotals, conversion_model, credit_by_markov, credit_by_path
from analytics.services.intervals import ChannelEnds
from analytics.services.paths import path_facts
from analytics.services.stretches import parts_ensure, stretches_compute, stretches_ensure, stretches_gather
from ledger.money import MoneyError, exponent

VERSION = 5
"""Of how reports are computed; with the parameters it says what made a run's figures."""

LONGEST_DAYS = 1100
"""Days that one report may cover: three years."""

NOTHING = ChannelEnds((0, 0), (0, 0), (0, 0))
"""The interval of a channel that no replicate credits anything."""

PATH_MODELS = tuple(model for model in ReportModel.values if model != ReportModel.MARKOV)
"""Models that credit each path by itself, by what is known of the run; Markov needs all paths together."""


@transaction.atomic
def report_request(
    *,
    since: date,
    until: date,
    currency: str,
    window_days: int = 30,
    with_direct: bool = True,
    requested_by: User | None = None,
    once: bool = False,
) -> ReportRun:
    """Ask for the report of [since, until] (days of the portal's time zone, inclusive); the task computes it.

    Without `with_direct` a direct visit counts only on a journey that has no other touch.
    Without `requested_by` the house itself asks: what this run learns pays orders placed after it, and what persons
    asked for is passed over. Who else asks for what is waiting or being computed gets that run (also one whose worker
    was lost: computing it goes on from where it broke off); with `once` also one of the house's that is done. Raises
    ReportRefusedError on a range that ends before it begins or is longer than `LONGEST_DAYS`, a window outside 1 to 365
    days, and an unknown currency.
    """
    report_check(since=since, until=until, currency=currency, window_days=window_days)
    # Two who ask at once must not both find nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('analytics_report_request'))")
    asked: dict[str, Any] = {"since": since, "until": until, "currency": currency, "window_days": window_days}
    asked |= {"with_direct": with_direct}
    alive = Q(state__in=(RunState.QUEUED, RunState.RUNNING))
    if requested_by is None:
        asked["pays"] = True
    if once:
        alive |= Q(state=RunState.DONE, pays=True)
    waiting = ReportRun.objects.filter(alive, **asked).order_by("-pk").first()
    if waiting and waiting.state == RunState.RUNNING and not waiting.is_alive:
        waiting.state = RunState.QUEUED
        waiting.save(update_fields=["state"])
    return waiting or ReportRun.objects.create(**{**asked, "pays": requested_by is None}, requested_by=requested_by)


def report_check(*, since: date, until: date, currency: str, window_days: int) -> None:
    """Raise ReportRefusedError where no report could be computed as asked, as `report_request` does."""
    if until < since:
        text = _("The report would end on %(until)s, before it begins on %(since)s.")
        raise ReportRefusedError(text % {"until": until, "since": since})
    if (until - since).days >= LONGEST_DAYS:
        raise ReportRefusedError(_("A report covers at most %(days)s days.") % {"days": LONGEST_DAYS})
    if not 1 <= window_days <= 365:
        raise ReportRefusedError(_("The look-back is 1 to 365 days, not %(days)s.") % {"days": window_days})
    try:
        exponent(currency)
    except MoneyError as error:
        raise ReportRefusedError(_("%(code)s is no currency of ISO 4217.") % {"code": currency}) from error


def report_run(*, run_id: int) -> ReportRun:
    """Compute a requested report. Safe to repeat: a finished run is returned as it is.

    Each stretch of days is computed in each segment by itself and kept; a run that broke off goes on from what is
    there, unless that is older than `ABANDONED`. No transaction stays open while models compute, so progress and
    failure are seen by others at once. Call it outside a transaction.
    """
    with all_rows(), transaction.atomic():
        run = ReportRun.objects.select_for_update().get(pk=run_id)
        if run.state == RunState.DONE:
            return run
        run.state, run.started_at, run.progress_bp = RunState.RUNNING, timezone.now(), 0
        run.failure_code, run.failure_params, run.failure = "", {}, ""
        run.parameters = parameters()
        run.save()
        parts_ensure(run)
    try:
        _channels(run)
        stretches_compute(run)
        with all_rows(), transaction.atomic():
            _finish(run)
    except Exception as error:
        known = error if isinstance(error, MissingRateError) else None
        with transaction.atomic():
            ReportRun.objects.filter(pk=run.pk).exclude(state=RunState.DONE).update(
                state=RunState.FAILED,
                failure_code=known.code if known else "broken",
                failure_params=known.params if known else {},
                failure="" if known else f"{type(error).__name__}: {error}",
                finished_at=timezone.now(),
            )
        raise
    return run


def parameters() -> dict[str, Any]:
    """What a report is computed by, beside range, look-back and currency."""
    return {
        "version": VERSION,
        "models": list(ReportModel.values),
        "half_life_days": 7,
        "markov_order": 1,
        "penalty": 1.0,
        "blocks": BLOCKS,
        "replicates": REPLICATES,
        "seed": SEED,
    }


def _channels(run: ReportRun) -> None:
    """The rows of the channels, from all journeys of the range at once, and the facts of the run."""
    part = run.parts.get(segment=Segment.CHANNELS)
    if part.state == RunState.DONE:
        return
    with all_rows(), transaction.atomic():
        inputs = report_inputs(
            since=run.since,
            until=run.until,
            window_days=run.window_days,
            currency=run.currency,
            passed_over=passed_over(run),
        )
    effects: dict[str, float] = {}
    rows: list[ChannelReportRow] = []
    learnt = {"removal_effects": effects, "conversion_model": conversion_model(inputs)}
    known = known_of(run.pk, learnt, direct=direct_channels())
    for model in PATH_MODELS:
        rows += _rows(run, model, credit_by_path(inputs, model=model, known=known), inputs)
    rows += _rows(run, ReportModel.MARKOV, credit_by_markov(inputs, effects=effects), inputs)
    with all_rows(), transaction.atomic():
        ReportRun.objects.select_for_update().get(pk=run.pk)
        part.refresh_from_db()
        if part.state == RunState.DONE:  # another worker was given the same run and came first
            return
        ChannelReportRow.objects.filter(run=run).delete()
        ChannelReportRow.objects.bulk_create(rows)
        ReportRun.objects.filter(pk=run.pk).update(facts={**_facts(inputs), **learnt})
        stretches_ensure(run, {local_day(one.occurred_at) for one in (*inputs.orders, *inputs.sign_ups)})
        part.state, part.read_at, part.input_hash = RunState.DONE, inputs.watermark, _hash(run, inputs)
        part.save()


def _facts(inputs: ReportInputs) -> dict[str, Any]:
    return {
        "orders": len(inputs.orders),
        "buyers": inputs.buyers,
        "sign_ups": len(inputs.sign_ups),
        "revenue_minor": sum(order.net_minor for order in inputs.orders),
        "refunds_minor": sum(order.refunded_minor for order in inputs.orders),
        "spend_minor": sum(inputs.spend.values()),
        "visitors": inputs.visitors,
        "touches": sum(inputs.touches.values()),
        "days": _by_day(inputs),
        "paths": path_facts(inputs.orders, inputs.null_paths),
        "sign_up_paths": path_facts(inputs.sign_ups, inputs.strangers),
        "rates": inputs.rates,
        "redeemed": [[*key, count] for key, count in sorted(inputs.redeemed.items())],
    }


def _finish(run: ReportRun) -> None:
    locked = ReportRun.objects.select_for_update().get(pk=run.pk)
    if locked.state == RunState.DONE:  # another worker was given the same run and came first
        run.refresh_from_db()
        return
    parts = list(locked.parts.order_by("segment", "since"))
    locked.facts = {**locked.facts, **stretches_gather(locked, parts)}
    locked.watermark = min(part.read_at for part in parts if part.read_at)
    digest = hashlib.sha256("".join(part.input_hash for part in parts).encode())
    locked.input_hash = digest.hexdigest()
    locked.state, locked.progress_bp, locked.finished_at = RunState.DONE, 10_000, timezone.now()
    locked.save()
    run.refresh_from_db()


def _by_day(inputs: ReportInputs) -> dict[str, int]:
    """Revenue in minor units by the orders' day, days without an order left out."""
    days: Counter[str] = Counter()
    for order in inputs.orders:
        days[local_day(order.occurred_at).isoformat()] += order.net_minor
    return dict(sorted(days.items()))


def _rows(run: ReportRun, model: str, totals: ModelTotals, inputs: ReportInputs) -> Sequence[ChannelReportRow]:
    channels = {None} | set(totals.orders_ppm) | set(totals.sign_ups_ppm) | set(inputs.spend) | set(inputs.touches)
    return [
        ChannelReportRow(
            run=run,
            model=model,
            channel_id=channel,
            touches=inputs.touches.get(channel, 0),
            visitors=inputs.channel_visitors.get(channel, 0),
            sign_ups_ppm=totals.sign_ups_ppm.get(channel, 0),
            orders_ppm=totals.orders_ppm.get(channel, 0),
            buyers_ppm=totals.buyers_ppm.get(channel, 0),
            revenue_minor=totals.revenue_minor.get(channel, 0),
            refunds_minor=totals.refunds_minor.get(channel, 0),
            spend_minor=inputs.spend.get(channel, 0),
            **_ends(totals.ends.get(channel, NOTHING)),
        )
        for channel in sorted(channels, key=lambda channel: (channel is None, channel or 0))
    ]


def _ends(ends: ChannelEnds) -> dict[str, int]:
    (orders, buyers, revenue) = (ends.orders_ppm, ends.buyers_ppm, ends.revenue_minor)
    return {
        "orders_low_ppm": orders[0],
        "orders_high_ppm": orders[1],
        "buyers_low_ppm": buyers[0],
        "buyers_high_ppm": buyers[1],
        "revenue_low_minor": revenue[0],
        "revenue_high_minor": revenue[1],
    }


def _hash(run: ReportRun, inputs: ReportInputs) -> str:
    """Same inputs, same parameters: same hash."""

    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, date | datetime) else str(value)

    body = {
        "since": run.since,
        "until": run.until,
        "window_days": run.window_days,
        "currency": run.currency,
        "with_direct": run.with_direct,
        "orders": [
            (order.order_id, order.value_minor, order.refunded_minor, order.path, order.fresh)
            for order in inputs.orders
        ],
        "sign_ups": [(sign_up.user_id, sign_up.path) for sign_up in inputs.sign_ups],
        "nulls": _sorted(inputs.null_journeys),
        "strangers": _sorted(inputs.strangers),
        "touches": _sorted(inputs.touches),
        "visitors": _sorted(inputs.channel_visitors),
        "redeemed": _sorted(inputs.redeemed),
        "spend": _sorted(inputs.spend),
    }
    return hashlib.sha256(json.dumps(body, default=plain, sort_keys=True).encode()).hexdigest()


def _sorted(mapping: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return sorted((str(key), value) for key, value in mapping.items())
