"""Booking what happens to an order after its sale: refunds, disputes, releases, corrections."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.choices import EntryKind
from ledger.errors import IdempotencyConflictError, UnknownOrderError
from ledger.models import BookedOrder, OrderEvent
from ledger.selectors.body import digest_of
from ledger.selectors.orders import EVENT_KINDS, BookedState, OrderKey, apply_to, booked_state, standing_of
from ledger.services.advances import advances_lock
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft
from ledger.services.sales import posting_drafts
from ledger.splits.accounts import advance
from ledger.splits.sale import Detail
from ledger.splits.state import Order


@dataclass(frozen=True, slots=True)
class BookedEvent:
    """What became of an event: its entry (None where nothing moved), and its movements; none where booked before."""

    event_id: int
    entry_id: int | None
    created: bool
    details: tuple[Detail, ...] = ()


@transaction.atomic
def order_event_book(
    *,
    key: OrderKey,
    event: Mapping[str, Any],
    source: OrderKey,
    occurred_at: datetime,
    actor_id: int | None = None,
) -> BookedEvent:
    """Book one event of an order, once per source, under the order's own rules; the order stays locked until the end.

    `event` as in docs/reference/splits.md, without `order`. UnknownOrderError; EventRejectedError with the engine's
    code; EventError names a field that is wrong; IdempotencyConflictError: the source came before with another body.
    Call it where all rows are visible.
    """
    row = _locked(key)
    body = {name: value for name, value in event.items() if name != "order"}
    digest = digest_of({**body, "order": [key.source_kind, key.source_id]})
    before = OrderEvent.objects.filter(source_kind=source.source_kind, source_id=source.source_id).first()
    if before is not None:
        if before.body_hash != digest:
            raise IdempotencyConflictError(f"{source.source_kind} {source.source_id} came before with another body.")
        return BookedEvent(before.pk, before.entry_id, created=False)
    state = booked_state(key=key)
    if body.get("type") == "correct_rule":
        body["advances"] = _advance_balances(state.order)
    order, result = apply_to(state.order, body)
    kind = EVENT_KINDS[str(body["type"])]
    entry_id = None
    if result.details:
        entry_id = entries_post(
            drafts=[
                EntryDraft(
                    kind=kind,
                    source_kind=source.source_kind,
                    source_id=source.source_id,
                    occurred_at=occurred_at,
                    postings=posting_drafts(result.details, placed_at=row.placed_at),
                    inputs={
                        "format": "order-event/1",
                        "order": key.source_id,
                        "number": state.events + 1,
                        "event": body,
                    },
                    trace=dict(result.trace),
                    reverses_id=_reverses(state, kind, body),
                    actor_id=actor_id,
                )
            ]
        )[0].id
    kept = OrderEvent.objects.create(
        order=row,
        number=state.events + 1,
        kind=kind,
        source_kind=source.source_kind,
        source_id=source.source_id,
        body=body,
        body_hash=digest,
        entry_id=entry_id,
        occurred_at=occurred_at,
        actor_id=actor_id,
    )
    _sum_up(row, order, state.events + 1)
    return BookedEvent(kept.pk, entry_id, created=True, details=result.details)


def _locked(key: OrderKey) -> BookedOrder:
    """Lock an order's row, opened by its first event."""
    found = BookedOrder.objects.select_for_update().filter(source_kind=key.source_kind, source_id=key.source_id).first()
    if found is not None:
        return found
    state = booked_state(key=key)
    facts = state.order.sale.sale
    BookedOrder.objects.bulk_create(
        [
            BookedOrder(
                source_kind=key.source_kind,
                source_id=key.source_id,
                sale_id=state.sale_id,
                placed_at=state.order.placed_at,
                currency=facts.currency,
                settled_currency=facts.settled_currency,
                paid_minor=sum(line.payable for line in facts.lines),
                settled_minor=sum(line.settled for line in facts.lines),
                reserve_minor=standing_of(state.order).reserve,
            )
        ],
        ignore_conflicts=True,
    )
    found = BookedOrder.objects.select_for_update().filter(source_kind=key.source_kind, source_id=key.source_id).first()
    if found is None:
        raise UnknownOrderError(f"There is no order {key.source_id} in the books.")
    return found


def _sum_up(row: BookedOrder, order: Order, events: int) -> None:
    standing = standing_of(order)
    row.refunded_minor = standing.refunded
    row.reversed_minor = sum(line.gross for line in order.lines)
    row.reserve_minor = standing.reserve
    row.disputed = standing.disputed
    row.events_count = events
    row.save(update_fields=["refunded_minor", "reversed_minor", "reserve_minor", "disputed", "events_count"])


def _advance_balances(order: Order) -> dict[str, int]:
    """Balances of the advances that the order's sale found open, locked: a correction may give some of it back."""
    payables = [(account, order.currency) for account in order.sale.advances]
    return {advance(account): row.amount for (account, _), row in advances_lock(payables=payables).items()}


def _reverses(state: BookedState, kind: str, body: Mapping[str, Any]) -> int | None:
    """Return the entry that an event's entry points at: what it takes back, else the sale."""
    if kind == EntryKind.REFUND_REVERSAL:
        return state.refunds[int(body["refund_index"])] or state.sale_id
    if kind == EntryKind.DISPUTE_WON:
        return state.dispute or state.sale_id
    return state.sale_id
