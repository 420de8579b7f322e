"""Turns the paths of a report into what each channel is credited, exactly."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analytics.attribution.credits import NOTHING_KNOWN, Known, Touch, credits_ppm
from analytics.choices import ReportModel
from analytics.selectors import ReportInputs, ReportPath
from analytics.services.intervals import BlockSums, ChannelEnds, counterfactual_ends, markov_ends, tables_by_block
from ledger.money import PPM, apportion

Channel = int | None
"""A channel's primary key; None is unattributed."""


@dataclass
class ModelTotals:
    """Sums by channel under one model. Each column sums to the report's total, unattributed included.

    Revenue is what was paid and kept; beside it, what was given back, credited as the order was. `ends` are the 95 %
    intervals of what was credited.
    """

    orders_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    buyers_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    sign_ups_ppm: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    revenue_minor: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    refunds_minor: dict[Channel, int] = field(default_factory=lambda: defaultdict(int))
    ends: dict[Channel, ChannelEnds] = field(default_factory=dict)

    def count_money(self, channels: Sequence[Channel], weights: Sequence[int], kept: int, given_back: int) -> None:
        """Divide what was kept over channels, and what was given back so that both together are divided so too."""
        parts = apportion(kept, weights)
        back = apportion(given_back, weights, parts)
        for channel, part, returned in zip(channels, parts, back, strict=True):
            if part:
                self.revenue_minor[channel] += part
            if returned:
                self.refunds_minor[channel] += returned


def credit_by_path(inputs: ReportInputs, *, model: str, known: Known = NOTHING_KNOWN) -> ModelTotals:
    """Credit each conversion over its own path, by what is `known`. A new buyer's first order carries the buyer.

    What was given back is taken from the channels that the order was credited to; the conversion stays.
    """
    totals = ModelTotals()
    blocks = BlockSums()
    for order in inputs.orders:
        parts = _parts(order, model, known)
        totals.count_money(list(parts), list(parts.values()), order.net_minor, order.refunded_minor)
        blocks.count(order, parts)
        for channel, ppm in parts.items():
            totals.orders_ppm[channel] += ppm
            if order.fresh:
                totals.buyers_ppm[channel] += ppm
    for sign_up in inputs.sign_ups:
        for channel, ppm in _parts(sign_up, model, known).items():
            totals.sign_ups_ppm[channel] += ppm
    totals.ends = counterfactual_ends(inputs) if model == ReportModel.COUNTERFACTUAL else blocks.ends()
    return totals


def conversion_model(inputs: ReportInputs) -> dict[str, Any]:
    """Fit the model behind `counterfactual` to all paths of the report: {"intercept", "effects"} by channel's key.

    Nothing where nobody came by a channel.
    """
    from analytics.attribution.logit import fit, sets_of
    from analytics.attribution.uncertainty import joined

    channels, tables = tables_by_block(inputs.orders, inputs)
    if not channels:
        return {}
    model = fit(sets_of(joined(tables)))
    effects = zip(channels, model.effects.tolist(), strict=True)
    return {"intercept": model.intercept, "effects": {str(channel): effect for channel, effect in effects}}


def credit_by_markov(inputs: ReportInputs, *, effects: dict[str, float]) -> ModelTotals:
    """Credit by the exact first-order Markov model of all paths of the report.

    The model's shares are real numbers; they are apportioned to whole ppm and minor units here, so that columns sum.
    Conversions without a touch stay unattributed. `effects` receives the removal effect by channel.
    """
    totals = ModelTotals()
    for column, paths in (
        (totals.orders_ppm, inputs.orders),
        (totals.buyers_ppm, inputs.first_orders()),
        (totals.sign_ups_ppm, inputs.sign_ups),
    ):
        shares = _markov_shares(
            paths, inputs.null_paths, [PPM] * len(paths), effects if column is totals.orders_ppm else {}
        )
        touched = PPM * sum(1 for path in paths if path.path)
        without = PPM * len(paths) - touched
        if without:
            column[None] += without
        for channel, part in zip(shares, apportion(touched, list(shares.values())), strict=True):
            column[channel] += part
    # The model knows what was paid: a refund takes from the channels that were credited, it does not move credit.
    paid = [order.value_minor for order in inputs.orders]
    shares = _markov_shares(inputs.orders, inputs.null_paths, paid, {})
    touched_orders = [order for order in inputs.orders if order.path]
    for channels, weights, orders in (
        (list(shares), list(shares.values()), touched_orders),
        ([None], [1], [order for order in inputs.orders if not order.path]),
    ):
        totals.count_money(channels, weights, sum(o.net_minor for o in orders), sum(o.refunded_minor for o in orders))
    totals.ends = markov_ends(inputs)
    return totals


def _parts(conversion: ReportPath, model: str, known: Known) -> dict[Channel, int]:
    ways = {channel for channel, _at in conversion.path}
    if len(ways) < 2 and model != ReportModel.COUNTERFACTUAL:  # all others leave nothing to the baseline
        return {next(iter(ways), None): PPM}
    touches = [Touch(key=channel, occurred_at=at) for channel, at in conversion.path]
    return credits_ppm(touches, model=model, converted_at=conversion.occurred_at, known=known)


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
