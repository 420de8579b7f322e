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
from analytics.choices import ReportModel, RunState
from analytics.errors import MissingRateError, ReportRefusedError
from analytics.models import ChannelReportRow, ReportRun
from analytics.models.report import ABANDONED
from analytics.selectors import ReportInputs, local_day, report_inputs
from analytics.services.crediting import ModelTotals, credit_by_markov, credit_by_path
from analytics.services.intervals import ChannelEnds
from analytics.services.paths import path_facts
from ledger.money import MoneyError, exponent

LONGEST_DAYS = 1100
"""Days that one report may cover: three years."""

NOTHING = ChannelEnds((0, 0), (0, 0), (0, 0))
"""The interval of a channel that no replicate credits anything."""

PATH_MODELS = tuple(model for model in ReportModel.values if model != ReportModel.MARKOV)
"""Models that credit each path by itself; Markov needs all paths together."""


@transaction.atomic
def report_request(
    *,
    since: date,
    until: date,
    currency: str,
    window_days: int = 30,
    requested_by: User | None = None,
    once: bool = False,
) -> ReportRun:
    """Ask for the report of [since, until] (days of the portal's time zone, inclusive); the task computes it.

    Who asks for what is waiting or being computed already gets that run; with `once` also one that is done and that no
    person asked for. Raises ReportRefusedError on a range that ends before it begins or is longer than
    `LONGEST_DAYS`, a window outside 1 to 365 days, and an unknown currency.
    """
    report_check(since=since, until=until, currency=currency, window_days=window_days)
    # Two who ask at once must not both find nothing.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('analytics_report_request'))")
    asked = {"since": since, "until": until, "currency": currency, "window_days": window_days}
    alive = Q(state=RunState.QUEUED) | Q(state=RunState.RUNNING, started_at__gt=timezone.now() - ABANDONED)
    if once:
        alive |= Q(state=RunState.DONE, requested_by=None)
    waiting = ReportRun.objects.filter(alive, **asked).order_by("-pk").first()
    return waiting or ReportRun.objects.create(**asked, requested_by=requested_by)


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
    """Compute a requested report. Safe to repeat: a finished run is returned as it is, rows are replaced whole.

    Three transactions: begin, read, and write. So progress and failure are seen by others at once, and no transaction
    stays open while the models compute. Call it outside a transaction.
    """
    with all_rows(), transaction.atomic():
        run = ReportRun.objects.select_for_update().get(pk=run_id)
        if run.state == RunState.DONE:
            return run
        run.state, run.started_at, run.progress_bp = RunState.RUNNING, timezone.now(), 0
        run.failure_code, run.failure_params, run.failure = "", {}, ""
        run.save(update_fields=["state", "started_at", "progress_bp", "failure_code", "failure_params", "failure"])
    try:
        with all_rows(), transaction.atomic():
            inputs = report_inputs(since=run.since, until=run.until, window_days=run.window_days, currency=run.currency)
        effects: dict[str, float] = {}
        rows = _compute(run, inputs, effects)
        with all_rows(), transaction.atomic():
            _finish(run, inputs, rows, effects)
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


def _compute(run: ReportRun, inputs: ReportInputs, effects: dict[str, float]) -> list[ChannelReportRow]:
    rows: list[ChannelReportRow] = []
    models = (*PATH_MODELS, ReportModel.MARKOV.value)
    for done, model in enumerate(models, start=1):
        markov = model == ReportModel.MARKOV
        totals = credit_by_markov(inputs, effects=effects) if markov else credit_by_path(inputs, model=model)
        rows += _rows(run, model, totals, inputs)
        ReportRun.objects.filter(pk=run.pk).update(progress_bp=10_000 * done // (len(models) + 1))
    return rows


def _finish(run: ReportRun, inputs: ReportInputs, rows: list[ChannelReportRow], effects: dict[str, float]) -> None:
    locked = ReportRun.objects.select_for_update().get(pk=run.pk)
    if locked.state == RunState.DONE:  # another worker was given the same run and came first
        run.refresh_from_db()
        return
    run.rows.all().delete()
    ChannelReportRow.objects.bulk_create(rows)
    run.watermark, run.input_hash = inputs.watermark, _hash(run, inputs)
    run.facts = {
        "orders": len(inputs.orders),
        "buyers": inputs.buyers,
        "sign_ups": len(inputs.sign_ups),
        "revenue_minor": sum(order.net_minor for order in inputs.orders),
        "refunds_minor": sum(order.refunded_minor for order in inputs.orders),
        "spend_minor": sum(inputs.spend.values()),
        "visitors": inputs.visitors,
        "touches": sum(inputs.touches.values()),
        "days": _by_day(inputs),
        "removal_effects": effects,
        "paths": path_facts(inputs),
        "rates": inputs.rates,
    }
    run.state, run.progress_bp, run.finished_at = RunState.DONE, 10_000, timezone.now()
    run.save()


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
        "orders": [(order.order_id, order.value_minor, order.refunded_minor, order.path) for order in inputs.orders],
        "sign_ups": [(sign_up.user_id, sign_up.path) for sign_up in inputs.sign_ups],
        "nulls": _sorted(inputs.null_paths),
        "spend": _sorted(inputs.spend),
    }
    return hashlib.sha256(json.dumps(body, default=plain, sort_keys=True).encode()).hexdigest()


def _sorted(mapping: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return sorted((str(key), value) for key, value in mapping.items())
