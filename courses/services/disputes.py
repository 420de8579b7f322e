"""Payments that the learner's bank asks back: opened, then won or lost."""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import DisputeState
from courses.errors import DisputeError, RefundConflictError
from courses.models import Dispute, Order
from courses.services.refunds import MANUAL
from courses.services.returns import (
    enrolments_end,
    given_back_whole,
    lines_of,
    number_next,
    order_locked,
    order_save,
    parts_of,
    returned_of,
    returns_record,
)
from events.choices import EventName
from events.services import event_record


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDispute:
    """What a bank asks back, and what the processor charges for it, in minor units of the order's currency."""

    amount_minor: int
    reason: str
    fee_minor: int = 0
    evidence_due: datetime | None = None
    provider: str = MANUAL
    external_id: str = ""


@transaction.atomic
def dispute_open(*, order_id: int, dispute: NewDispute, at: datetime | None = None, by: User | None = None) -> Dispute:
    """Record that a payment is disputed: what is left of the amount counts as given back, `order.disputed` is told.

    Enrolments stay until the dispute is lost. The same (provider, external_id) again is the same row.
    DisputeError: another one is open; NotRefundableError: the order is not paid. Call it where all rows are visible.
    """
    order = order_locked(order_id)
    known = _known(order, dispute)
    if known is not None:
        return known
    if order.disputed:
        raise DisputeError(_("Order %(code)s is in dispute already.") % {"code": order.code})
    if dispute.amount_minor <= 0 or dispute.fee_minor < 0:
        raise DisputeError(_("A dispute is about an amount above zero; its fee is zero or more."))
    now = at or timezone.now()
    row = Dispute(
        order=order,
        number=number_next(order),
        amount_minor=dispute.amount_minor,
        fee_minor=dispute.fee_minor,
        reason=dispute.reason.strip()[:200],
        evidence_due=dispute.evidence_due,
        provider=dispute.provider,
        external_id=dispute.external_id,
        opened_at=now,
        opened_by=by,
    )
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as fault:
        # The lock is on this order; another order may have taken the provider's id meanwhile.
        raise _conflict(dispute) from fault
    lines = lines_of(order)
    taken = min(dispute.amount_minor, order.left_minor)
    returns_record(order=order, parts=parts_of(lines, returned_of(lines), taken), dispute=row)
    order.disputed = True
    order_save(order)
    _tell(EventName.ORDER_DISPUTED, order, row, row.number, now)
    return row


@transaction.atomic
def dispute_close(
    *, dispute_id: int, won: bool, fee_returned_minor: int = 0, at: datetime | None = None, by: User | None = None
) -> Dispute:
    """Record how a dispute ended. Won: all comes back but the fee, of which `fee_returned_minor` does. Lost: it stays.

    Lost, enrolments end of lines of which nothing is left. Closing it the same way again is the same row;
    DisputeError: it ended otherwise, or more of the fee was to come back than there was.
    """
    order_id = Dispute.objects.values_list("order_id", flat=True).get(pk=dispute_id)
    order = order_locked(order_id)
    row = Dispute.objects.select_for_update(of=("self",)).get(pk=dispute_id)
    ends = DisputeState.WON if won else DisputeState.LOST
    if row.state != DisputeState.OPEN:
        if (row.state, row.fee_returned_minor) != (ends, fee_returned_minor):
            raise DisputeError(
                _("This dispute of order %(code)s was closed before: %(state)s.")
                % {"code": order.code, "state": row.get_state_display().lower()}
            )
        return row
    if not 0 <= fee_returned_minor <= (row.fee_minor if won else 0):
        raise DisputeError(_("More of the fee was to come back than there was, or of a lost dispute."))
    now = at or timezone.now()
    row.state, row.closed_at, row.closed_by = ends, now, by
    row.closed_number, row.fee_returned_minor = number_next(order), fee_returned_minor
    row.save(update_fields=["state", "closed_at", "closed_by", "closed_number", "fee_returned_minor"])
    moved = dict(row.returns.values_list("line_id", "amount_minor"))
    if won:
        returns_record(order=order, parts={line: -amount for line, amount in moved.items()}, dispute=row)
    else:
        lines = lines_of(order)
        enrolments_end(given_back_whole(lines, returned_of(lines), list(moved)), now)
    order.disputed = False
    order_save(order)
    name = EventName.ORDER_DISPUTE_WON if won else EventName.ORDER_DISPUTE_LOST
    _tell(name, order, row, row.closed_number, now)
    return row


def _known(order: Order, dispute: NewDispute) -> Dispute | None:
    if not dispute.external_id:
        return None
    found = Dispute.objects.filter(provider=dispute.provider, external_id=dispute.external_id).first()
    if found is None:
        return None
    told = (order.pk, dispute.amount_minor, dispute.fee_minor)
    if (found.order_id, found.amount_minor, found.fee_minor) != told:
        raise _conflict(dispute)
    return found


def _conflict(dispute: NewDispute) -> RefundConflictError:
    return RefundConflictError(
        _("Dispute %(id)s of %(provider)s is known already, with another order or amount.")
        % {"id": dispute.external_id, "provider": dispute.provider}
    )


def _tell(name: EventName, order: Order, row: Dispute, number: int, at: datetime) -> None:
    event_record(
        name=name,
        key=f"{order.code}/{number}",
        payload={"order_id": order.pk, "code": order.code, "number": number, "dispute_id": row.pk},
        occurred_at=at,
    )
