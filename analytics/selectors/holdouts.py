"""Hold-out tests as reports use them: lift with its error, and a channel's figures set right."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from analytics.attribution.errors import AttributionError
from analytics.attribution.holdouts import (
    NORMAL_95,
    Arm,
    Calibrated,
    Factor,
    Group,
    Lift,
    calibrated,
    combined,
    factor_of,
    lift_of_groups,
    lift_of_people,
)
from analytics.choices import HoldoutKind, HoldoutSide, RunState
from analytics.models import ChannelReportRow, HoldoutArm, HoldoutTest, ReportRun
from ledger.money import BP, PPM


@dataclass(frozen=True, slots=True)
class Lifts:
    """What a test says the channel caused: orders, and value in minor units."""

    orders: Lift
    value: Lift


@dataclass
class Calibration:
    """What tests say of a report's channels under one model.

    `revenue` (minor units) and `orders` hold the calibrated figures of each channel with a test; a channel without
    stands as "not tested". `unread`: tests whose own days no finished report covers: they cannot be compared yet.
    """

    revenue: dict[int, Calibrated] = field(default_factory=dict)
    orders: dict[int, Calibrated] = field(default_factory=dict)
    tests: dict[int, list[HoldoutTest]] = field(default_factory=lambda: defaultdict(list))
    unread: list[HoldoutTest] = field(default_factory=list)


def lifts_of(test: HoldoutTest, arms: Iterable[HoldoutArm]) -> Lifts:
    """The lift that the arms of a test show. Raises AttributionError where they show none."""
    sides: dict[str, list[HoldoutArm]] = {side: [] for side in HoldoutSide.values}
    for arm in arms:
        sides[arm.side].append(arm)
    exposed, held = sides[HoldoutSide.EXPOSED], sides[HoldoutSide.HELD]
    if test.kind == HoldoutKind.USER_HASH:
        if len(exposed) != 1 or len(held) != 1:
            raise AttributionError("people held out by hash make one arm on each side")
        orders = lift_of_people(*(Arm(arm.people, arm.orders, arm.order_squares) for arm in (*exposed, *held)))
        value = lift_of_people(*(Arm(arm.people, arm.value_minor, int(arm.value_squares)) for arm in (*exposed, *held)))
        return Lifts(orders, value)
    of_orders = [[Group(arm.people, arm.orders, arm.before_orders) for arm in side] for side in (exposed, held)]
    of_value = [
        [Group(arm.people, arm.value_minor, arm.before_value_minor) for arm in side] for side in (exposed, held)
    ]
    return Lifts(lift_of_groups(*of_orders), lift_of_groups(*of_value))


def calibration_of(run: ReportRun, *, model: str) -> Calibration:
    """Set revenue and orders of a run's channels right by the tests that count for it.

    Each test's lift is compared with what the same model credits the channel in the report of the test's own days;
    several tests of a channel weigh by their precision, and the errors of lift, credit and figure all enter.
    """
    found = Calibration()
    tests = list(
        HoldoutTest.objects.filter(
            withdrawn_at=None, valid_until__gte=run.since, currency=run.currency, arms__isnull=False
        )
        .distinct()
        .select_related("channel")
        .prefetch_related("arms")
        .order_by("pk")
    )
    if not tests:
        return found
    rows = _rows_of_tests(tests, run, model)
    factors: dict[str, dict[int, list[Factor]]] = {name: defaultdict(list) for name in _SET_RIGHT}
    for test in tests:
        found.tests[test.channel_id].append(test)
        row = rows.get((test.since, test.until, test.channel_id))
        if row is None:
            found.unread.append(test)
            continue
        for name, (lift, raw) in _SET_RIGHT.items():
            credit, error = raw(row)
            reach = test.reach_bp / BP
            try:
                told = getattr(lifts_of(test, test.arms.all()), lift)
                factor = factor_of(told, credited=credit * reach, credited_error=error * reach)
            except AttributionError:
                continue
            factors[name][test.channel_id].append(factor)
    tested = {channel for by_channel in factors.values() for channel in by_channel}
    for row in ChannelReportRow.objects.filter(run=run, model=model, channel__in=tested):
        assert row.channel_id is not None
        for name, (_lift, raw) in _SET_RIGHT.items():
            if row.channel_id in factors[name]:
                credit, error = raw(row)
                figure = calibrated(credit, combined(factors[name][row.channel_id]), raw_error=error)
                getattr(found, name)[row.channel_id] = figure
    return found


def _rows_of_tests(
    tests: Collection[HoldoutTest], run: ReportRun, model: str
) -> dict[tuple[date, date, int], ChannelReportRow]:
    """The row of each test's channel in the newest finished report of the test's days that counts as `run` does."""
    wanted = {(test.since, test.until) for test in tests}
    done = ReportRun.objects.filter(
        state=RunState.DONE, currency=run.currency, window_days=run.window_days, with_direct=run.with_direct,
        since__in={since for since, _until in wanted}, until__in={until for _since, until in wanted},
    )  # fmt: skip
    newest = {(one.since, one.until): one.pk for one in done.order_by("pk").only("since", "until")}
    spans = {pk: span for span, pk in newest.items() if span in wanted}
    rows = ChannelReportRow.objects.filter(run__in=spans, model=model, channel__in=[test.channel_id for test in tests])
    return {(*spans[row.run_id], row.channel_id): row for row in rows if row.channel_id is not None}


def _revenue(row: ChannelReportRow) -> tuple[float, float]:
    """A row's revenue in minor units, and its standard error."""
    return float(row.revenue_minor), _error(row.revenue_low_minor, row.revenue_high_minor)


def _orders(row: ChannelReportRow) -> tuple[float, float]:
    """A row's orders, and their standard error."""
    return row.orders_ppm / PPM, _error(row.orders_low_ppm, row.orders_high_ppm) / PPM


def _error(low: int | None, high: int | None) -> float:
    """The standard error behind an interval; 0 where a run knows none."""
    return 0.0 if low is None or high is None else (high - low) / (2 * NORMAL_95)


_SET_RIGHT: Mapping[str, tuple[str, Callable[[ChannelReportRow], tuple[float, float]]]] = {
    "revenue": ("value", _revenue),
    "orders": ("orders", _orders),
}
"""Figures that a test sets right: which lift tells of it, and what a row says."""
