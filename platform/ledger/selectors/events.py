"""Which events of orders are in the books, and where."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from ledger.choices import EntryKind
from ledger.errors import UnknownOrderError
from ledger.models import OrderEvent
from ledger.selectors.orders import OrderKey


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of an order in the books. `entry_id` and `booked_on` are None where it moved nothing."""

    number: int
    kind: str
    source: OrderKey
    entry_id: int | None
    occurred_at: datetime
    booked_on: date | None


def booked_events(*, sources: Collection[OrderKey]) -> dict[OrderKey, EventRow]:
    """Events by what made them happen; those that are not in the books are left out. Where all rows are visible."""
    wanted = set(sources)
    if not wanted:
        return {}
    rows = OrderEvent.objects.filter(
        source_kind__in={source.source_kind for source in wanted},
        source_id__in={source.source_id for source in wanted},
    )
    found = {row.source: row for row in map(_row, rows.select_related("entry"))}
    return {source: row for source, row in found.items() if source in wanted}


def events_of_order(*, key: OrderKey) -> list[EventRow]:
    """All events of one order in the order of booking. Call it where all rows are visible."""
    rows = OrderEvent.objects.filter(order__source_kind=key.source_kind, order__source_id=key.source_id, number__gt=0)
    return [_row(row) for row in rows.select_related("entry").order_by("number")]


def refund_index(*, key: OrderKey, source: OrderKey) -> int:
    """How the split engine counts a booked refund of an order: from 0, voids counted too.

    UnknownOrderError where the refund is not in the books. Call it where all rows are visible.
    """
    rows = OrderEvent.objects.filter(
        order__source_kind=key.source_kind,
        order__source_id=key.source_id,
        kind__in=[EntryKind.REFUND, EntryKind.VOID],
    ).order_by("number")
    for index, told in enumerate(rows.values_list("source_kind", "source_id")):
        if told == (source.source_kind, source.source_id):
            return index
    raise UnknownOrderError(f"{source.source_kind} {source.source_id} of order {key.source_id} is not in the books.")


def _row(event: OrderEvent) -> EventRow:
    return EventRow(
        number=event.number,
        kind=event.kind,
        source=OrderKey(event.source_kind, event.source_id),
        entry_id=event.entry_id,
        occurred_at=event.occurred_at,
        booked_on=event.entry.booked_on if event.entry else None,
    )
