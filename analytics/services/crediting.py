"""Turns the paths of a report into what each channel is credited, exactly."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from analytics.attribution.credits import Touch, credits_ppm
from analytics.selectors import ReportInputs, ReportPath
from ledger.money import PPM, apportion

Channel = int | None
"""A channel's primary key; None is unattributed."""


@dataclass
class ModelTotals:
    """Sums by channel under one model. Each column sums to the report's total, unattributed included."""

    orders_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    buyers_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    sign_ups_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    revenue_minor: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))


def credit_by_path(inputs: ReportInputs, *, model: str) -> ModelTotals:
    """Credit each conversion over its own path. A buyer's first order in the range carries the buyer."""
    totals = ModelTotals()
    buyers: set[int] = set()
    for order in inputs.orders:
        parts = _parts(order, model)
        shares = apportion(order.value_minor, list(parts.values()))
        first = order.user_id not in buyers
        buyers.add(order.user_id)
        for (channel, ppm), share in zip(parts.items(), shares, strict=True):
            totals.orders_ppm[channel] += ppm
            totals.revenue_minor[channel] += share
            if first:
                totals.buyers_ppm[channel] += ppm
    for sign_up in inputs.sign_ups:
        for channel, ppm in _parts(sign_up, model).items():
            totals.sign_ups_ppm[channel] += ppm
    return totals


def credit_by_markov(inputs: ReportInputs, *, effects: dict[str, float]) -> ModelTotals:
    """Credit by the exact first-order Markov model of all paths of the report.

    The model's shares are real numbers; they are apportioned to whole ppm and minor units here, so that columns sum.
    Conversions without a touch stay unattributed. `effects` receives the removal effect by channel.
    """
    totals = ModelTotals()
    for column, paths, value_of in (
        (totals.orders_ppm, inputs.orders, None),
        (totals.buyers_ppm, inputs.first_orders(), None),
        (totals.revenue_minor, inputs.orders, "value_minor"),
        (totals.sign_ups_ppm, inputs.sign_ups, None),
    ):
        amounts = [getattr(path, value_of) if value_of else PPM for path in paths]
        shares = _markov_shares(paths, inputs.null_paths, amounts, effects if column is totals.orders_ppm else {})
        touched = sum(amount for path, amount in zip(paths, amounts, strict=True) if path.path)
        without = sum(amounts) - touched
        if without:
            column[None] += without
        for channel, part in zip(shares, apportion(touched, list(shares.values())), strict=True):
            column[channel] += part
    return totals


def _parts(conversion: ReportPath, model: str) -> dict[Channel, int]:
    touches = [Touch(key=channel, occurred_at=at) for channel, at in conversion.path]
    return {
        key: ppm for key, ppm in credits_ppm(touches, model=model, converted_at=conversion.occurred_at).items() if ppm
    }


def _markov_shares(
    paths: Sequence[ReportPath], nulls: Mapping[tuple[int, ...], int], amounts: Sequence[int], effects: dict[str, float]
) -> dict[Channel, int]:
    """Whole weights by channel: the model's value credit in billionths of the whole."""
    from analytics.attribution.markov import markov
    from analytics.attribution.paths import path_table

    rows: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for path, amount in zip(paths, amounts, strict=True):
        if path.path:
            row = rows[tuple(channel for channel, _ in path.path)]
            row[0] += 1
            row[1] += amount
    if not rows:
        return {}
    for codes, count in nulls.items():
        rows[codes][2] += count
    table = path_table(
        rows,
        conversions=[row[0] for row in rows.values()],
        values=[row[1] for row in rows.values()],
        nulls=[row[2] for row in rows.values()],
    )
    run = markov(table, order=1)
    effects.update(
        {str(channel): float(e) for channel, e in zip(table.channels, run.removal_effect_conversions, strict=True)}
    )
    credit = dict(zip(table.channels, run.conversions if run.value is None else run.value, strict=True))
    whole = float(sum(credit.values())) or 1.0
    return {int(channel): max(0, round(float(part) / whole * 1_000_000_000)) for channel, part in credit.items()}
