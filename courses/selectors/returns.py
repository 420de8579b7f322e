"""What was given back of an order, and everything that happened to it, with where it stands in the books."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db.models import Sum

from accounts.models import User
from accounts.scope import all_rows
from courses.choices import DisputeState, OrderState, RefundState
from courses.models import Dispute, LineReturn, Order, OrderLine, Refund
from events.choices import DeliveryState
from events.models import Delivery
from ledger.selectors import EventRow, OrderKey, events_of_order

REFUND, REVERSAL, DISPUTE, WON, LOST, VOID = "refund", "reversal", "dispute", "won", "lost", "void"

_DISPUTES = {DISPUTE: "dispute_opened", WON: "dispute_won", LOST: "dispute_lost"}


@dataclass(frozen=True, slots=True)
class LineStanding:
    """An order line with what was paid for it and what went back; minor units of the order's currency."""

    line: OrderLine
    paid: int
    returned: int

    @property
    def left(self) -> int:
        """What is left of it."""
        return self.paid - self.returned


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that happened to an order, or is asked for.

    `kind` is one of this module's, or what the books call an event that orders know nothing of. `state` is a refund's.
    `entry_id` and `booked_on`: where it stands in the books. `waits`: its news is on its way; `parked`: why the books
    did not take it.
    """

    kind: str
    at: datetime
    amount: int | None = None
    fee: int | None = None
    reason: str = ""
    state: str = ""
    line: OrderLine | None = None
    people: tuple[User, ...] = ()
    external: str = ""
    refund: Refund | None = None
    dispute: Dispute | None = None
    number: int | None = None
    taken_back: bool = False
    entry_id: int | None = None
    booked_on: date | None = None
    waits: bool = False
    parked: str = ""


def lines_standing(*, order: Order) -> list[LineStanding]:
    """An order's lines with what went back of each. Call it where all rows are visible."""
    lines = list(OrderLine.objects.filter(order=order).select_related("course").order_by("position"))
    sums = LineReturn.objects.filter(line__in=lines).order_by().values("line").annotate(total=Sum("amount_minor"))
    returned = dict(sums.values_list("line", "total"))
    return [LineStanding(line, line.payable_minor, int(returned.get(line.pk, 0))) for line in lines]


def refunds_shown(*, order: Order, visible_to: User) -> list[Refund]:
    """Refunds of a learner's own order that were made and not taken back, the earliest first; nobody else's."""
    if order.buyer_id != visible_to.pk:
        return []
    # What the desk wrote down belongs to the house; that money came back is the learner's own business.
    with all_rows():
        made = Refund.objects.filter(order=order, state=RefundState.DONE, reverses=None)
        undone = Refund.objects.filter(order=order, reverses__isnull=False, state=RefundState.DONE)
        rows = made.exclude(pk__in=undone.values("reverses")).select_related("line__course").order_by("number")
        return list(rows)


def order_journal(*, order: Order) -> list[Happened]:
    """Return everything that happened to an order after its payment, the earliest first; what waits for somebody last.

    A constant number of queries. Call it where all rows are visible.
    """
    rows = [*_refunds(order), *_disputes(order)]
    if order.state == OrderState.VOIDED and order.voided_at is not None:
        people = (order.voided_by,) if order.voided_by else ()
        rows.append(Happened(VOID, order.voided_at, reason=order.void_reason, people=people))
    booked = {row.source: row for row in events_of_order(key=OrderKey("order", order.code))}
    undelivered = _undelivered(order)
    told = [_placed(row, order, booked, undelivered) for row in rows]
    others = [
        Happened(row.kind, row.occurred_at, entry_id=row.entry_id, booked_on=row.booked_on)
        for source, row in booked.items()
        if source not in {_source(row, order) for row in rows}
    ]
    return sorted([*told, *others], key=lambda row: (row.state == RefundState.REQUESTED, row.at, row.number or 0))


def _refunds(order: Order) -> list[Happened]:
    refunds = list(
        Refund.objects.filter(order=order).select_related("line__course", "requested_by", "decided_by").order_by("pk")
    )
    undone = {row.reverses_id for row in refunds if row.reverses_id and row.state != RefundState.DECLINED}
    return [
        Happened(
            kind=REFUND if row.reverses_id is None else REVERSAL,
            at=row.occurred_at or row.decided_at or row.requested_at,
            amount=row.amount_minor,
            reason=row.reason,
            state=row.state,
            line=row.line,
            people=tuple(person for person in (row.requested_by, row.decided_by) if person),
            external=row.external_id,
            refund=row,
            number=row.number,
            taken_back=row.pk in undone,
        )
        for row in refunds
    ]


def _disputes(order: Order) -> list[Happened]:
    found = []
    for row in Dispute.objects.filter(order=order).select_related("opened_by", "closed_by").order_by("pk"):
        opened = Happened(
            kind=DISPUTE,
            at=row.opened_at,
            amount=row.amount_minor,
            fee=row.fee_minor,
            reason=row.reason,
            people=(row.opened_by,) if row.opened_by else (),
            external=row.external_id,
            dispute=row,
            number=row.number,
        )
        found.append(opened)
        if row.state != DisputeState.OPEN and row.closed_at is not None:
            found.append(
                replace(
                    opened,
                    kind=WON if row.state == DisputeState.WON else LOST,
                    at=row.closed_at,
                    fee=row.fee_returned_minor,
                    reason="",
                    people=(row.closed_by,) if row.closed_by else (),
                    number=row.closed_number,
                )
            )
    return found


def _source(row: Happened, order: Order) -> OrderKey | None:
    if row.refund is not None:
        return OrderKey("refund", str(row.refund.pk))
    if row.dispute is not None:
        return OrderKey(
            {DISPUTE: "dispute_opened", WON: "dispute_won", LOST: "dispute_lost"}[row.kind], str(row.dispute.pk)
        )
    return OrderKey("order_void", order.code) if row.kind == VOID else None


def _undelivered(order: Order) -> dict[str, tuple[str, str]]:
    """News of this order that has not reached the books: key of the event to state and reason."""
    numbers = [f"{order.code}/{number}" for number in range(1, order.events_count + 1)]
    rows = Delivery.objects.filter(event__name__startswith="order.", event__key__in=[order.code, *numbers])
    rows = rows.exclude(state=DeliveryState.DONE).order_by("pk")
    return {key: (state, reason) for key, state, reason in rows.values_list("event__key", "state", "reason")}


def _placed(
    row: Happened, order: Order, booked: Mapping[OrderKey, EventRow], undelivered: Mapping[str, tuple[str, str]]
) -> Happened:
    """Say where it stands in the books."""
    source = _source(row, order)
    entry = booked.get(source) if source else None
    if entry is not None:
        return replace(row, entry_id=entry.entry_id, booked_on=entry.booked_on)
    state, reason = undelivered.get(order.code if row.kind == VOID else f"{order.code}/{row.number}", ("", ""))
    return replace(row, waits=state == DeliveryState.DUE, parked=reason if state == DeliveryState.PARKED else "")
