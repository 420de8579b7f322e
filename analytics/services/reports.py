"""The channel report: what each channel brought and cost, under every model, computed once and kept."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from analytics.attribution.errors import AttributionError
from analytics.choices import ReportModel, RunState
from analytics.models import ChannelReportRow, ReportRun
from analytics.selectors import ReportInputs, report_inputs
from analytics.services.crediting import ModelTotals, credit_by_markov, credit_by_path

PATH_MODELS = tuple(model for model in ReportModel.values if model != ReportModel.MARKOV)
"""Models that credit each path by itself; Markov needs all paths together."""


@transaction.atomic
def report_request(
    *, since: date, until: date, currency: str, window_days: int = 30, requested_by: User | None = None
) -> ReportRun:
    """Ask for the report of [since, until] (days of the portal's time zone, inclusive); the task computes it."""
    if until < since:
        raise AttributionError(f"the report would end on {until}, before it begins on {since}")
    return ReportRun.objects.create(
        since=since, until=until, currency=currency, window_days=window_days, requested_by=requested_by
    )


def report_run(*, run_id: int) -> ReportRun:
    """Compute a requested report. Safe to repeat: a finished run is returned as it is, rows are replaced whole."""
    with transaction.atomic():
        run = ReportRun.objects.select_for_update().get(pk=run_id)
        if run.state == RunState.DONE:
            return run
        run.state, run.started_at, run.progress_bp, run.failure = RunState.RUNNING, timezone.now(), 0, ""
        run.save(update_fields=["state", "started_at", "progress_bp", "failure"])
    try:
        with transaction.atomic():
            _compute(run)
    except Exception as error:
        ReportRun.objects.filter(pk=run.pk).update(
            state=RunState.FAILED, failure=f"{type(error).__name__}: {error}", finished_at=timezone.now()
        )
        raise
    return run


def _compute(run: ReportRun) -> None:
    inputs = report_inputs(since=run.since, until=run.until, window_days=run.window_days, currency=run.currency)
    run.watermark = inputs.watermark
    run.input_hash = _hash(run, inputs)
    run.rows.all().delete()
    effects: dict[str, float] = {}
    models = (*PATH_MODELS, ReportModel.MARKOV.value)
    for done, model in enumerate(models, start=1):
        markov = model == ReportModel.MARKOV
        totals = credit_by_markov(inputs, effects=effects) if markov else credit_by_path(inputs, model=model)
        ChannelReportRow.objects.bulk_create(_rows(run, model, totals, inputs))
        _progress(run, 10_000 * done // (len(models) + 1))
    run.facts = {
        "orders": len(inputs.orders),
        "buyers": inputs.buyers,
        "sign_ups": len(inputs.sign_ups),
        "revenue_minor": sum(order.value_minor for order in inputs.orders),
        "spend_minor": sum(inputs.spend.values()),
        "visitors": inputs.visitors,
        "touches": sum(inputs.touches.values()),
        "removal_effects": effects,
        "rates": inputs.rates,
    }
    run.state, run.progress_bp, run.finished_at = RunState.DONE, 10_000, timezone.now()
    run.save()


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
            spend_minor=inputs.spend.get(channel, 0),
        )
        for channel in sorted(channels, key=lambda channel: (channel is None, channel or 0))
    ]


def _progress(run: ReportRun, basis_points: int) -> None:
    run.progress_bp = basis_points
    run.save(update_fields=["progress_bp"])


def _hash(run: ReportRun, inputs: ReportInputs) -> str:
    """Same inputs, same parameters: same hash."""

    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, date | datetime) else str(value)

    body = {
        "since": run.since,
        "until": run.until,
        "window_days": run.window_days,
        "currency": run.currency,
        "orders": [(order.order_id, order.value_minor, order.path) for order in inputs.orders],
        "sign_ups": [(sign_up.user_id, sign_up.path) for sign_up in inputs.sign_ups],
        "nulls": _sorted(inputs.null_paths),
        "spend": _sorted(inputs.spend),
    }
    return hashlib.sha256(json.dumps(body, default=plain, sort_keys=True).encode()).hexdigest()


def _sorted(mapping: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    return sorted((str(key), value) for key, value in mapping.items())
