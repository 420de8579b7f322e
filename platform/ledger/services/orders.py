"""Booking what happens to an order after its sale: refunds, disputes, releases, corrections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.choices import EntryKind
from ledger.errors import EventRejectedError, IdempotencyConflictError, LedgerError, UnknownOrderError
from ledger.models import BookedOrder, OrderEvent
from ledger.selectors.body import digest_of, posting_bodies
from ledger.selectors.orders import EVENT_KINDS, BookedState, OrderKey, apply_to, booked_states, standing_of
from ledger.services.advances import advances_lock
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft
from ledger.splits.accounts import advance
from ledger.splits.sale import Detail
from ledger.splits.state import Order, Result

FORMAT = "order-event/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEventDraft:
    """One event to be: of which order, what (docs/reference/splits.md, without `order`), and what makes it happen once.

    `note` is kept with it and is no part of what must be the same the second time.
    """

    key: OrderKey
    event: Mapping[str, Any]
    source: OrderKey
    occurred_at: datetime
    note: str = ""
    actor_id: int | None = None


@dataclass(frozen=True, slots=True)
class BookedEvent:
    """What became of an event: its entry (None where nothing moved), and its movements; none where booked before.

    `rejected` is the code of what kept it from being booked, where the caller asked not to hear of it by an error.
    """

    entry_id: int | None
    created: bool
    details: tuple[Detail, ...] = ()
    rejected: str = ""


@dataclass(slots=True)
class _Underway:
    draft: OrderEventDraft
    row: BookedOrder
    state: BookedState
    number: int
    kind: EntryKind
    body: dict[str, Any]
    digest: str
    result: Result


def order_event_book(
    *,
    key: OrderKey,
    event: Mapping[str, Any],
    source: OrderKey,
    occurred_at: datetime,
    note: str = "",
    actor_id: int | None = None,
) -> BookedEvent:
    """Book one event; see `order_events_book`."""
    draft = OrderEventDraft(key=key, event=event, source=source, occurred_at=occurred_at, note=note, actor_id=actor_id)
    return order_events_book(drafts=[draft])[0]


@transaction.atomic
def order_events_book(*, drafts: Sequence[OrderEventDraft], skip: bool = False) -> list[BookedEvent]:
    """Book events of orders, each once per source, under the orders' own rules; orders stay locked until the end.

    At most one event an order; in a constant number of queries, in the order given. UnknownOrderError;
    EventRejectedError with the engine's code; EventError names a field that is wrong; IdempotencyConflictError: the
    source came before with another body. With `skip` unknown orders and rejected events are passed over and say why.
    All or nothing otherwise. Call it where all rows are visible.
    """
    keys = [draft.key for draft in drafts]
    if len(set(keys)) < len(keys):
        raise LedgerError("Two events of one order are booked one after the other, not in one batch.")
    rows = _locked(keys)
    known = _known(drafts)
    states = booked_states(keys=[draft.key for draft in drafts if draft.source not in known and draft.key in rows])
    found: dict[OrderKey, BookedEvent] = {}
    underway = []
    for draft in drafts:
        if draft.source in known:
            found[draft.key] = known[draft.source]
            continue
        try:
            underway.append(_applied(draft, rows.get(draft.key), states))
        except (UnknownOrderError, EventRejectedError) as error:
            if not skip:
                raise
            found[draft.key] = BookedEvent(None, created=False, rejected=error.code)
    entries = _post(underway)
    OrderEvent.objects.bulk_create([_event(row, entries.get(row.draft.key)) for row in underway])
    fields = ["refunded_minor", "reversed_minor", "reserve_minor", "disputed", "events_count"]
    BookedOrder.objects.bulk_update([row.row for row in underway], fields, batch_size=1_000)
    for row in underway:
        found[row.draft.key] = BookedEvent(entries.get(row.draft.key), created=True, details=row.result.details)
    return [found[draft.key] for draft in drafts]


def order_hold(*, key: OrderKey) -> None:
    """Keep further events of an order waiting until the transaction ends. Call it where all rows are visible."""
    _locked([key])


def _locked(keys: Sequence[OrderKey]) -> dict[OrderKey, BookedOrder]:
    """Lock the orders' rows, in one order for everybody; opened here by their first event."""
    found = _lock_rows(keys)
    missing = [key for key in keys if key not in found]
    if missing:
        states = booked_states(keys=missing)
        BookedOrder.objects.bulk_create([_opened(state) for state in states.values()], ignore_conflicts=True)
        found |= _lock_rows(missing)
    return found


def _lock_rows(keys: Sequence[OrderKey]) -> dict[OrderKey, BookedOrder]:
    wanted = set(keys)
    rows = BookedOrder.objects.select_for_update().filter(
        source_kind__in={key.source_kind for key in wanted}, source_id__in=[key.source_id for key in wanted]
    )
    found = {OrderKey(row.source_kind, row.source_id): row for row in rows.order_by("source_kind", "source_id")}
    return {key: row for key, row in found.items() if key in wanted}


def _opened(state: BookedState) -> BookedOrder:
    facts = state.order.sale.sale
    return BookedOrder(
        source_kind=state.key.source_kind,
        source_id=state.key.source_id,
        sale_id=state.sale_id,
        placed_at=state.order.placed_at,
        currency=facts.currency,
        settled_currency=facts.settled_currency,
        paid_minor=sum(line.payable for line in facts.lines),
        settled_minor=sum(line.settled for line in facts.lines),
        reserve_minor=standing_of(state.order).reserve,
    )


def _known(drafts: Sequence[OrderEventDraft]) -> dict[OrderKey, BookedEvent]:
    """Events whose source came before, with the same body."""
    rows = OrderEvent.objects.filter(
        source_kind__in={draft.source.source_kind for draft in drafts},
        source_id__in=[draft.source.source_id for draft in drafts],
    )
    stored = {OrderKey(row.source_kind, row.source_id): row for row in rows}
    known = {}
    for draft in drafts:
        row = stored.get(draft.source)
        if row is not None:
            if row.body_hash != _digest(draft):
                raise IdempotencyConflictError(
                    f"{draft.source.source_kind} {draft.source.source_id} came before with another body."
                )
            known[draft.source] = BookedEvent(row.entry_id, created=False)
    return known


def _digest(draft: OrderEventDraft) -> str:
    return digest_of({**draft.event, "order": [draft.key.source_kind, draft.key.source_id]})


def _applied(draft: OrderEventDraft, row: BookedOrder | None, states: Mapping[OrderKey, BookedState]) -> _Underway:
    state = states.get(draft.key)
    if row is None or state is None:
        raise UnknownOrderError(f"There is no order {draft.key.source_id} in the books.")
    body = {name: value for name, value in draft.event.items() if name != "order"}
    if body.get("type") == "correct_rule":
        body["advances"] = _advance_balances(state.order)
    order, result = apply_to(state.order, body)
    if draft.note:
        body["note"] = draft.note
    _sum_up(row, order, state.events + 1)
    return _Underway(draft, row, state, state.events + 1, EVENT_KINDS[str(body["type"])], body, _digest(draft), result)


def _post(underway: Sequence[_Underway]) -> dict[OrderKey, int]:
    moved = [row for row in underway if row.result.details]
    posted = entries_post(
        drafts=[
            EntryDraft(
                kind=row.kind,
                source_kind=row.draft.source.source_kind,
                source_id=row.draft.source.source_id,
                occurred_at=row.draft.occurred_at,
                postings=posting_bodies(row.result.details, placed_at=row.row.placed_at),
                inputs={
                    "format": FORMAT,
                    "order": row.draft.key.source_id,
                    "number": row.number,
                    "event": row.body,
                },
                trace=dict(row.result.trace),
                reverses_id=_reverses(row.state, row.kind, row.body),
                actor_id=row.draft.actor_id,
            )
            for row in moved
        ]
    )
    return {row.draft.key: entry.id for row, entry in zip(moved, posted, strict=True)}


def _event(row: _Underway, entry_id: int | None) -> OrderEvent:
    return OrderEvent(
        order=row.row,
        number=row.number,
        kind=row.kind,
        source_kind=row.draft.source.source_kind,
        source_id=row.draft.source.source_id,
        body=row.body,
        body_hash=row.digest,
        entry_id=entry_id,
        occurred_at=row.draft.occurred_at,
        actor_id=row.draft.actor_id,
    )


def _sum_up(row: BookedOrder, order: Order, events: int) -> None:
    standing = standing_of(order)
    row.refunded_minor = standing.refunded
    row.reversed_minor = sum(line.gross for line in order.lines)
    row.reserve_minor = standing.reserve
    row.disputed = standing.disputed
    row.events_count = events


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
