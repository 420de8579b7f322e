"""Giving money back, and taking a refund back that did not go through."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import RefundState
from courses.errors import NotRefundableError, RefundConflictError, RefundStepError
from courses.models import Order, OrderLine, Refund
from courses.services.returns import (
    enrolments_end,
    enrolments_restore,
    given_back_whole,
    lines_of,
    number_next,
    order_locked,
    order_save,
    parts_of,
    refund_witnessed,
    returned_of,
    returns_record,
)
from events.choices import EventName
from events.services import event_record
from ledger.errors import NoRateError
from ledger.money import decimal_from_minor
from ledger.selectors import convert

MANUAL = "manual"
"""The provider of what a person entered at the desk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefund:
    """Money to give back, in minor units of the order's currency; of one line, or of the whole order.

    (`provider`, `external_id`) names it at the provider; an empty id is not held against others.
    """

    amount_minor: int
    reason: str
    line_id: int | None = None
    provider: str = MANUAL
    external_id: str = ""


@transaction.atomic
def order_refund(*, order_id: int, refund: NewRefund, at: datetime | None = None, by: User | None = None) -> Refund:
    """Record a refund that was made: enrolments, behaviour, `order.refunded`, all in this transaction.

    The same (provider, external_id) again is the same row; RefundConflictError where its facts differ.
    NotRefundableError: more than is left of the order (or line), not paid, or in dispute. Whoever asks for one at a
    desk goes through `refund_request`. Call it where all rows are visible.
    """
    order = order_locked(order_id)
    known = _known(order, refund, reverses=None)
    if known is not None:
        return known
    _check(order, refund)
    row = _row(order, refund, by)
    return _do(order, row, at or timezone.now())


@transaction.atomic
def refund_request(*, order_id: int, refund: NewRefund, by: User, at: datetime | None = None) -> Refund:
    """Refund at once, or ask a second person where the amount is above the house's limit (`needs_approval`)."""
    order = order_locked(order_id)
    known = _known(order, refund, reverses=None)
    if known is not None:
        return known
    _check(order, refund)
    row = _row(order, refund, by)
    now = at or timezone.now()
    if needs_approval(amount_minor=refund.amount_minor, currency=order.currency, at=now):
        return _wait(row, now)
    return _do(order, row, now)


@transaction.atomic
def refund_reverse(
    *,
    refund_id: int,
    reason: str,
    by: User | None = None,
    external_id: str = "",
    at: datetime | None = None,
) -> Refund:
    """Take a refund back, because the money came back or never went: what it moved moves back, once.

    By a person and above the house's limit a second one approves it first. Returns the row that takes it back; the
    same refund again gives that row. Call it where all rows are visible.
    """
    order_id = Refund.objects.values_list("order_id", flat=True).get(pk=refund_id)
    order = order_locked(order_id)
    refund = Refund.objects.select_related("line").get(pk=refund_id)
    before = Refund.objects.filter(reverses=refund).exclude(state=RefundState.DECLINED).first()
    if before is not None:
        return before
    if refund.state != RefundState.DONE or refund.reverses_id is not None:
        raise RefundStepError(_("Only a refund that was made can be taken back, once."))
    facts = NewRefund(
        amount_minor=refund.amount_minor,
        reason=reason,
        line_id=refund.line_id,
        provider=refund.provider,
        external_id=external_id,
    )
    known = _known(order, facts, reverses=refund)
    if known is not None:
        return known
    row = _row(order, facts, by, reverses=refund)
    now = at or timezone.now()
    if by is not None and needs_approval(amount_minor=refund.amount_minor, currency=order.currency, at=now):
        return _wait(row, now)
    return _do(order, row, now)


@transaction.atomic
def refund_approve(*, refund_id: int, by: User, at: datetime | None = None) -> Refund:
    """Do what another person asked for, if the order still has it to give. Approving twice does it once."""
    order, row = _asked(refund_id)
    if row.state == RefundState.DONE:
        return row
    if row.state != RefundState.REQUESTED:
        raise RefundStepError(_("This refund was declined."))
    if row.requested_by_id == by.pk:
        raise RefundStepError(_("You asked for this refund, so a second person approves it."))
    if row.reverses_id is None:
        _check(order, NewRefund(amount_minor=row.amount_minor, reason=row.reason, line_id=row.line_id))
    now = at or timezone.now()
    row.decided_by, row.decided_at = by, now
    return _do(order, row, now)


@transaction.atomic
def refund_decline(*, refund_id: int, by: User, at: datetime | None = None) -> Refund:
    """Turn down what was asked for, or withdraw one's own wish. Nothing was moved by it."""
    row = Refund.objects.select_for_update(of=("self",)).get(pk=refund_id)
    if row.state == RefundState.DECLINED:
        return row
    if row.state != RefundState.REQUESTED:
        raise RefundStepError(_("This refund was made; it can only be taken back."))
    row.state, row.decided_by, row.decided_at = RefundState.DECLINED, by, at or timezone.now()
    row.save(update_fields=["state", "decided_by", "decided_at"])
    return row


def needs_approval(*, amount_minor: int, currency: str, at: datetime) -> bool:
    """Whether a second person is needed: above REFUND_APPROVAL_MINOR of the platform's currency (0: never).

    An amount whose exchange rate is unknown needs one.
    """
    limit = settings.REFUND_APPROVAL_MINOR
    if not limit:
        return False
    try:
        day = timezone.localdate(at)
        return convert(amount_minor=amount_minor, base=currency, quote=settings.CURRENCY, day=day).minor > limit
    except NoRateError:
        return True


def _asked(refund_id: int) -> tuple[Order, Refund]:
    order_id = Refund.objects.values_list("order_id", flat=True).get(pk=refund_id)
    order = order_locked(order_id)
    return order, Refund.objects.select_for_update(of=("self",)).select_related("reverses").get(pk=refund_id)


def _known(order: Order, refund: NewRefund, *, reverses: Refund | None) -> Refund | None:
    """The row of this provider's id, if it is known, once its facts were found to agree."""
    if not refund.external_id:
        return None
    found = Refund.objects.filter(provider=refund.provider, external_id=refund.external_id).first()
    if found is None:
        return None
    same = (found.order_id, found.line_id, found.amount_minor, found.reverses_id)
    if same != (order.pk, refund.line_id, refund.amount_minor, reverses.pk if reverses else None):
        raise _conflict(refund.provider, refund.external_id)
    return found


def _conflict(provider: str, external_id: str) -> RefundConflictError:
    return RefundConflictError(
        _("Refund %(id)s of %(provider)s is known already, with another order or amount.")
        % {"id": external_id, "provider": provider}
    )


def _check(order: Order, refund: NewRefund) -> None:
    """Whether a locked order has so much to give now. NotRefundableError says what is left."""
    if order.disputed:
        raise NotRefundableError(
            _("Order %(code)s is in dispute; it can be refunded when the dispute is closed.") % {"code": order.code}
        )
    lines = lines_of(order)
    asked = [line for line in lines if refund.line_id in {None, line.pk}]
    if not asked:
        raise NotRefundableError(_("Order %(code)s has no such line.") % {"code": order.code})
    returned = returned_of(asked)
    left = sum(line.payable_minor - returned[line.pk] for line in asked)
    if not 0 < refund.amount_minor <= left:
        raise NotRefundableError(
            _("%(asked)s %(currency)s were to be given back, but %(left)s %(currency)s are left of %(code)s.")
            % {
                "asked": decimal_from_minor(refund.amount_minor, order.currency),
                "left": decimal_from_minor(left, order.currency),
                "currency": order.currency,
                "code": order.code,
            }
        )


def _row(order: Order, refund: NewRefund, by: User | None, reverses: Refund | None = None) -> Refund:
    line = OrderLine.objects.get(pk=refund.line_id) if refund.line_id else None
    return Refund(
        order=order,
        line=line,
        reverses=reverses,
        amount_minor=refund.amount_minor,
        reason=refund.reason.strip()[:200],
        provider=refund.provider,
        external_id=refund.external_id,
        requested_by=by,
    )


def _wait(row: Refund, at: datetime) -> Refund:
    row.state, row.requested_at = RefundState.REQUESTED, at
    _keep(row)
    return row


def _keep(row: Refund) -> None:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as fault:
        # The lock is on this order; another order may have taken the provider's id meanwhile.
        raise _conflict(row.provider, row.external_id) from fault


def _do(order: Order, row: Refund, at: datetime) -> Refund:
    """Move the money of a refund, or of one that takes another back; the order is locked and was checked."""
    if row.pk is None:
        row.requested_at = at
    row.state, row.occurred_at, row.number = RefundState.DONE, at, number_next(order)
    _keep(row)
    if row.reverses is None:
        _give_back(order, row, at)
        name = EventName.ORDER_REFUNDED
    else:
        _take_back(order, row)
        name = EventName.ORDER_REFUND_REVERSED
    order_save(order)
    event_record(
        name=name,
        key=f"{order.code}/{row.number}",
        payload={"order_id": order.pk, "code": order.code, "number": row.number, "refund_id": row.pk},
        occurred_at=at,
    )
    return row


def _give_back(order: Order, row: Refund, at: datetime) -> None:
    lines = lines_of(order)
    before = returned_of(lines)
    asked = [line for line in lines if row.line_id in {None, line.pk}]
    parts = parts_of(asked, before, row.amount_minor)
    returns_record(order=order, parts=parts, refund=row)
    touched = [pk for pk, amount in parts.items() if amount]
    after = {pk: amount + parts.get(pk, 0) for pk, amount in before.items()}
    enrolments_end(given_back_whole(lines, after, touched), at)
    refund_witnessed(order, lines, touched, at)


def _take_back(order: Order, row: Refund) -> None:
    assert row.reverses is not None
    moved = dict(row.reverses.returns.values_list("line_id", "amount_minor"))
    returns_record(order=order, parts={line: -amount for line, amount in moved.items()}, refund=row)
    enrolments_restore(order, list(moved))
