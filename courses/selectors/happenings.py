"""What happened to orders after their payment, one after the other: for the books, and for whoever looks on."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from courses.choices import DisputeState, RefundState
from courses.models import Dispute, Refund


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of an order, by its number. `source` names it in the books, `reverses` what a reversal takes back.

    `event` is the split engine's (docs/reference/splits.md, "Afterwards"), amounts in minor units of the order's
    currency; a refund taken back still lacks its `refund_index`, which only the books know. `note` says why.
    """

    order_id: int
    number: int
    source: tuple[str, str]
    event: dict[str, Any]
    note: str
    occurred_at: datetime
    actor_id: int | None
    reverses: tuple[str, str] | None = None


def happenings(*, order_ids: Collection[int]) -> dict[int, list[Happening]]:
    """Refunds and disputes of orders that were done, by order, in the order in which they came; two queries.

    Call it where all rows are visible.
    """
    found: dict[int, list[Happening]] = {pk: [] for pk in order_ids}
    for refund in Refund.objects.filter(order__in=order_ids, state=RefundState.DONE):
        found[refund.order_id].append(_refund(refund))
    for dispute in Dispute.objects.filter(order__in=order_ids):
        found[dispute.order_id] += _dispute(dispute)
    return {pk: sorted(rows, key=lambda row: row.number) for pk, rows in found.items()}


def _refund(row: Refund) -> Happening:
    assert row.number is not None
    assert row.occurred_at is not None
    if row.reverses_id is None:
        event: dict[str, Any] = {"type": "refund", "amount": row.amount_minor}
        if row.line_id is not None:
            event["line"] = str(row.line_id)
    else:
        event = {"type": "refund_reversal"}
    return Happening(
        order_id=row.order_id,
        number=row.number,
        source=("refund", str(row.pk)),
        event=event,
        note=row.reason,
        occurred_at=row.occurred_at,
        actor_id=row.decided_by_id or row.requested_by_id,
        reverses=("refund", str(row.reverses_id)) if row.reverses_id else None,
    )


def _dispute(row: Dispute) -> list[Happening]:
    opened = Happening(
        order_id=row.order_id,
        number=row.number,
        source=("dispute_opened", str(row.pk)),
        event={"type": "dispute_opened", "amount": row.amount_minor, "fee": row.fee_minor},
        note=row.reason,
        occurred_at=row.opened_at,
        actor_id=row.opened_by_id,
    )
    if row.state == DisputeState.OPEN:
        return [opened]
    assert row.closed_number is not None
    assert row.closed_at is not None
    won = row.state == DisputeState.WON
    event = {"type": "dispute_won", "fee_returned": row.fee_returned_minor} if won else {"type": "dispute_lost"}
    ended = Happening(
        order_id=row.order_id,
        number=row.closed_number,
        source=(str(event["type"]), str(row.pk)),
        event=event,
        note="",
        occurred_at=row.closed_at,
        actor_id=row.closed_by_id,
    )
    return [opened, ended]
