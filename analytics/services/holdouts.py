"""The registry of hold-out tests: planning one, writing what its arms did, measuring it, taking it back."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import User
from accounts.scope import all_rows
from analytics.attribution.errors import AttributionError
from analytics.attribution.holdouts import held_out
from analytics.choices import ConversionKind, HoldoutKind, HoldoutSide
from analytics.errors import HoldoutRefusedError
from analytics.models import HoldoutArm, HoldoutTest
from analytics.selectors.exchange import Exchange
from analytics.selectors.holdouts import lifts_of
from analytics.selectors.inputs import conversions_held, day_start, local_day
from ledger.money import MoneyError, exponent

VALID_DAYS = 365
"""How long a test counts after its last day where nothing else is said."""


@dataclass(frozen=True, slots=True)
class NewArm:
    """What one side of a test did; see `HoldoutArm`."""

    side: str
    people: int
    label: str = ""
    orders: int = 0
    value_minor: int = 0
    order_squares: int | None = None
    value_squares: int | None = None
    before_orders: int = 0
    before_value_minor: int = 0


@transaction.atomic
def holdout_write(*, test: HoldoutTest, by: User | None = None) -> HoldoutTest:
    """Plan a test, or change one. HoldoutRefusedError: days out of order, no currency, withdrawn.

    What a test is about (kind, channel, days, currency) stays once its arms are written.
    """
    if test.until < test.since:
        raise HoldoutRefusedError(_("The test ends before it begins."))
    try:
        exponent(test.currency)
    except MoneyError as error:
        raise HoldoutRefusedError(_("%(code)s is no currency of ISO 4217.") % {"code": test.currency}) from error
    if test.valid_until is None:
        test.valid_until = test.until + timedelta(days=VALID_DAYS)
    if test.valid_until < test.until:
        raise HoldoutRefusedError(_("A test counts at least until its last day."))
    if test.pk:
        stored = HoldoutTest.objects.select_for_update().get(pk=test.pk)
        _refuse_withdrawn(stored)
        about = ("kind", "channel_id", "since", "until", "currency")
        if stored.arms.exists() and any(getattr(stored, name) != getattr(test, name) for name in about):
            raise HoldoutRefusedError(_("What its arms did is written; withdraw the test and plan another."))
    with acting(actor=by.pk if by else None):
        test.save()
    return test


@transaction.atomic
def holdout_arms_write(*, test_id: int, arms: Sequence[NewArm], by: User | None = None) -> HoldoutTest:
    """Keep what the arms of a test did, in place of what was kept before.

    HoldoutRefusedError: withdrawn, the same arm twice, or arms from which no lift can be told. Squares that are not
    given are those of people who did at most one thing each.
    """
    test = HoldoutTest.objects.select_for_update().get(pk=test_id)
    _refuse_withdrawn(test)
    rows = [
        HoldoutArm(
            test=test,
            side=arm.side,
            label="" if test.kind == HoldoutKind.USER_HASH else arm.label.strip(),
            people=arm.people,
            orders=arm.orders,
            order_squares=arm.orders if arm.order_squares is None else arm.order_squares,
            value_minor=arm.value_minor,
            value_squares=_squares(arm) if arm.value_squares is None else arm.value_squares,
            before_orders=arm.before_orders,
            before_value_minor=arm.before_value_minor,
        )
        for arm in arms
    ]
    if len({(row.side, row.label) for row in rows}) < len(rows):
        raise HoldoutRefusedError(_("An arm stands there twice; give each region or audience a name of its own."))
    try:
        lifts_of(test, rows)
    except AttributionError as error:
        raise HoldoutRefusedError(_("No lift can be told from these arms: %(why)s.") % {"why": error}) from error
    with acting(actor=by.pk if by else None):
        test.arms.all().delete()
        for row in rows:
            row.save()
    return test


def _squares(arm: NewArm) -> int:
    return arm.value_minor**2 // arm.orders if arm.orders else 0


@transaction.atomic
def holdout_measure(*, test_id: int, by: User | None = None) -> HoldoutTest:
    """Count the arms of a test by hash from our own orders: everybody who had joined before its first day.

    Who is held out is what `held_out` says of the person's number and the test's. HoldoutRefusedError: another kind,
    not over yet, withdrawn. Raises MissingRateError where an order's currency has no rate.
    """
    test = HoldoutTest.objects.select_for_update().get(pk=test_id)
    if test.kind != HoldoutKind.USER_HASH:
        raise HoldoutRefusedError(_("Only a test of people by hash is counted from our own orders."))
    if test.until >= timezone.localdate():
        raise HoldoutRefusedError(_("The test is not over: its last day is %(day)s.") % {"day": test.until})
    opens, closes = day_start(test.since), day_start(test.until + timedelta(days=1))
    exchange = Exchange(test.currency, until=test.until)
    people: dict[str, int] = defaultdict(int)
    side_of: dict[int, str] = {}
    for pk in User.objects.filter(date_joined__lt=opens).order_by("pk").values_list("pk", flat=True):
        held = held_out(pk, test=f"holdout-{test.pk}", share_bp=test.share_bp)
        side_of[pk] = HoldoutSide.HELD if held else HoldoutSide.EXPOSED
        people[side_of[pk]] += 1
    did: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    with all_rows():
        rows = conversions_held().filter(
            kind=ConversionKind.ORDER, occurred_at__gte=opens, occurred_at__lt=closes, user__isnull=False
        )
        told = rows.values_list("user_id", "occurred_at", "value_minor", "order__returned_minor", "currency")
        for person, at, value, back, unit in told:
            if person in side_of:
                did[person][0] += 1
                did[person][1] += exchange.convert(value - (back or 0), unit, local_day(at))
    arms = []
    for side in HoldoutSide.values:
        mine = [sums for person, sums in did.items() if side_of[person] == side]
        arms.append(NewArm(
            side, people[side], orders=sum(n for n, _ in mine), value_minor=sum(v for _, v in mine),
            order_squares=sum(n * n for n, _ in mine), value_squares=sum(v * v for _, v in mine),
        ))  # fmt: skip
    if any(not arm.people for arm in arms):
        raise HoldoutRefusedError(_("Too few people had joined before the test: one arm is empty."))
    return holdout_arms_write(test_id=test.pk, arms=arms, by=by)


@transaction.atomic
def holdout_withdraw(*, test_id: int, because: str, by: User | None = None) -> HoldoutTest:
    """Let a test count no longer; it stays readable. HoldoutRefusedError without a reason. Safe to repeat."""
    if not because.strip():
        raise HoldoutRefusedError(_("Say why the test is withdrawn."))
    test = HoldoutTest.objects.select_for_update().get(pk=test_id)
    if test.withdrawn_at is None:
        test.withdrawn_at, test.withdrawn_because = timezone.now(), because.strip()[:200]
        with acting(actor=by.pk if by else None):
            test.save(update_fields=["withdrawn_at", "withdrawn_because"])
    return test


def _refuse_withdrawn(test: HoldoutTest) -> None:
    if test.withdrawn_at is not None:
        raise HoldoutRefusedError(_("This test is withdrawn; plan another."))
