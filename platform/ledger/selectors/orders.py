"""Orders as the books know them: rebuilt from the sale's inputs and every event since."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from ledger.choices import EntryKind
from ledger.errors import EventRejectedError, UnknownOrderError
from ledger.models import BookedOrder, JournalEntry, OrderEvent
from ledger.selectors.rules import rules_by_digest
from ledger.splits.problems import RejectedError
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.sale import Detail
from ledger.splits.state import Order, Result

EVENT_KINDS = {
    "refund": EntryKind.REFUND,
    "void": EntryKind.VOID,
    "refund_reversal": EntryKind.REFUND_REVERSAL,
    "dispute_opened": EntryKind.DISPUTE,
    "dispute_won": EntryKind.DISPUTE_WON,
    "dispute_lost": EntryKind.DISPUTE_LOST,
    "release_reserve": EntryKind.RELEASE,
    "correct_rule": EntryKind.CORRECTION,
}
"""What each event of an order is booked as."""


class OrderKey(NamedTuple):
    """Which order, as an upper floor names it."""

    source_kind: str
    source_id: str


@dataclass(slots=True)
class BookedState:
    """An order in the books, with what its events point at.

    `sale_id`: the sale's entry, None where it moved nothing. `refunds`: entries of refunds and voids in the order of
    booking, as `refund_index` counts them. `dispute`: the entry of the dispute opened last.
    """

    key: OrderKey
    order: Order
    sale_id: int | None
    inputs: Mapping[str, Any]
    refunds: list[int | None] = field(default_factory=list)
    dispute: int | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class EventEffect:
    """What an event would move, before it is booked: movements by account, order line and clause, with every step."""

    details: tuple[Detail, ...]
    trace: Mapping[str, Any]
    currency: str


@dataclass(frozen=True, slots=True)
class OrderStanding:
    """What is left of an order. Minor units of the currency paid in; `lines` by id: (paid, refunded)."""

    paid: int
    refunded: int
    disputed: bool
    reserve: int
    lines: Mapping[str, tuple[int, int]]


def booked_states(*, keys: Collection[OrderKey]) -> dict[OrderKey, BookedState]:
    """Rebuild orders from their history; those that are not in the books are left out. Where all rows are visible."""
    sales = _sales(keys)
    events = _events(keys)
    digests = {digest for _id, inputs, _at in sales.values() for digest in inputs["rules"]}
    rules = rules_by_digest(digests=digests)
    found = {}
    for key, (entry_id, inputs, placed_at) in sales.items():
        result = settle_again(inputs["sale"], [rules[d] for d in inputs["rules"]], inputs.get("advances"))
        state = BookedState(key, open_order(key.source_id, placed_at, result), entry_id, inputs)
        for event in events.get(key, ()):
            _follow(state, event)
        found[key] = state
    return found


def booked_state(*, key: OrderKey) -> BookedState:
    """Rebuild one order; UnknownOrderError where it is not in the books. Call it where all rows are visible."""
    found = booked_states(keys=[key]).get(key)
    if found is None:
        raise UnknownOrderError(f"There is no order {key.source_id} in the books.")
    return found


def event_effect(*, key: OrderKey, event: Mapping[str, Any]) -> EventEffect:
    """Say what an event would move, without booking it. EventRejectedError says why it is not allowed now."""
    state = booked_state(key=key)
    _order, result = apply_to(state.order, event)
    return EventEffect(result.details, result.trace, state.order.currency)


def order_standing(*, key: OrderKey) -> OrderStanding:
    """Say what is left of an order. UnknownOrderError where it is not in the books."""
    return standing_of(booked_state(key=key).order)


def standing_of(order: Order) -> OrderStanding:
    """Say what is left of a rebuilt order."""
    return OrderStanding(
        paid=sum(line.result.facts.payable for line in order.lines),
        refunded=sum(line.refunded for line in order.lines),
        disputed=order.dispute is not None,
        reserve=sum(sum(line.reserved.values()) for line in order.lines),
        lines={line.result.facts.id: (line.result.facts.payable, line.refunded) for line in order.lines},
    )


def apply_to(order: Order, event: Mapping[str, Any]) -> tuple[Order, Result]:
    """Apply an event; what the engine rejects becomes the ledger's error with the same code."""
    try:
        return apply_event(order, event)
    except RejectedError as error:
        raise EventRejectedError(error.code) from error


def _sales(keys: Collection[OrderKey]) -> dict[OrderKey, tuple[int | None, Mapping[str, Any], datetime]]:
    wanted = set(keys)
    kinds, ids = {key.source_kind for key in wanted}, {key.source_id for key in wanted}
    found: dict[OrderKey, tuple[int | None, Mapping[str, Any], datetime]] = {}
    entries = JournalEntry.objects.filter(kind=EntryKind.SALE, source_kind__in=kinds, source_id__in=ids)
    for pk, kind, source_id, inputs, at in entries.values_list(
        "pk", "source_kind", "source_id", "inputs", "occurred_at"
    ):
        found[OrderKey(kind, source_id)] = (pk, inputs, at)
    if wanted - found.keys():
        unmoved = OrderEvent.objects.filter(
            kind=EntryKind.SALE, order__source_kind__in=kinds, order__source_id__in=ids
        ).select_related("order")
        for event in unmoved:
            key = OrderKey(event.order.source_kind, event.order.source_id)
            found[key] = (None, event.body, event.occurred_at)
    return {key: found[key] for key in wanted if key in found}


def _events(keys: Collection[OrderKey]) -> dict[OrderKey, list[OrderEvent]]:
    rows = OrderEvent.objects.filter(
        order__in=BookedOrder.objects.filter(
            source_kind__in={key.source_kind for key in keys}, source_id__in={key.source_id for key in keys}
        ),
        number__gt=0,
    )
    found: dict[OrderKey, list[OrderEvent]] = {}
    for row in rows.select_related("order").order_by("order", "number"):
        found.setdefault(OrderKey(row.order.source_kind, row.order.source_id), []).append(row)
    return found


def _follow(state: BookedState, event: OrderEvent) -> None:
    state.order, _result = apply_to(state.order, event.body)
    state.events = event.number
    if event.kind in {EntryKind.REFUND, EntryKind.VOID}:
        state.refunds.append(event.entry_id)
    elif event.kind == EntryKind.DISPUTE:
        state.dispute = event.entry_id
