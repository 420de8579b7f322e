"""Figures that hold-out tests set right, beside the raw ones."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.rules import may
from analytics.attribution.holdouts import Calibrated
from analytics.models import ReportRun
from analytics.selectors import Span
from analytics.selectors.holdouts import Calibration, calibration_of
from analytics.views.asking import Asked
from analytics.views.runs import wanted
from analytics.views.sheets import millionths
from ledger.money import PPM, decimal_from_minor, exponent, half_up


def calibrate(run: ReportRun, asked: Asked, user: User) -> Calibration:
    """What tests say of a run; a report of the days of a test that cannot be read yet is asked for."""
    found = calibration_of(run, model=asked.model)
    if found.unread and may(user, "add", "analytics.reportrun"):
        for since, until in sorted({(test.since, test.until) for test in found.unread}):
            wanted(Span(since, until, run.currency, run.window_days, run.with_direct), user)
    return found


def told_by_tests(calibration: Calibration, channel_id: int | None, currency: str) -> dict[str, Any] | None:
    """The calibrated revenue of a channel (minor units) and orders, with their intervals, and by which tests.

    None where the channel has no test. Without a figure its test cannot be read yet.
    """
    tests = calibration.tests.get(channel_id) if channel_id is not None else None
    if channel_id is None or not tests:
        return None
    told: dict[str, Any] = {"tests": ", ".join(test.local_name for test in tests)}
    if figure := calibration.revenue.get(channel_id):
        unit = 10 ** exponent(currency)
        told["value"] = max(0, round(figure.figure))
        told["ends"] = [half_up(max(0, round(end)), unit) for end in figure.ends]
    if orders := calibration.orders.get(channel_id):
        told["orders"] = Fraction(max(0, round(orders.figure * 10)), 10)
        told["orders_ends"] = [Fraction(max(0, round(end * 10)), 10) for end in orders.ends]
    return told


def calibrated_heads() -> Sequence[str]:
    """Heads of the cells that `calibrated_cells` gives."""
    return [
        *(_("Calibrated revenue"), _("Calibrated revenue, 95% from"), _("Calibrated revenue, 95% to")),
        *(_("Calibrated orders"), _("Calibrated orders, 95% from"), _("Calibrated orders, 95% to")),
        _("Hold-out tests"),
    ]


def calibrated_cells(calibration: Calibration, channel_id: int | None, currency: str) -> Sequence[str]:
    """What tests say of a channel, for a sheet; nothing of what is no channel.

    The last cell names the tests, or says that there is none or that it cannot be read yet.
    """
    tests = calibration.tests.get(channel_id) if channel_id is not None else None
    if channel_id is None or not tests:
        return [*[""] * 6, "" if channel_id is None else _("not tested")]
    revenue, orders = calibration.revenue.get(channel_id), calibration.orders.get(channel_id)
    told = ", ".join(test.local_name for test in tests) if revenue or orders else _("not read yet")
    return [
        *_three(revenue, lambda minor: decimal_from_minor(round(minor), currency)),
        *_three(orders, lambda number: millionths(round(number * PPM))),
        told,
    ]


def _three(figure: Calibrated | None, written: Callable[[float], str]) -> Sequence[str]:
    return [written(max(0.0, told)) for told in (figure.figure, *figure.ends)] if figure else [""] * 3
