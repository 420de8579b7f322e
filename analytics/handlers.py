"""What analytics does with news from the floors below."""

from uuid import UUID

from analytics.services import (
    OpenedSuggestion,
    SignUp,
    claim_gather,
    order_events_book,
    orders_settle,
    orders_void_book,
    sign_ups_settle,
    suggestion_touches_record,
)
from events.choices import Queue
from events.services import EventData, handles


@handles("order.paid", queue=Queue.MONEY)
def settle_orders(events: list[EventData]) -> None:
    """Settle paid orders: credits, earnings, ledger."""
    orders_settle(order_ids=[event.payload["order_id"] for event in events])


@handles("order.voided", queue=Queue.MONEY)
def void_orders(events: list[EventData]) -> None:
    """Take what is left of voided orders out of the books."""
    orders_void_book(order_ids=[event.payload["order_id"] for event in events])


@handles(
    "order.refunded",
    "order.refund_reversed",
    "order.disputed",
    "order.dispute_won",
    "order.dispute_lost",
    queue=Queue.MONEY,
)
def book_order_events(events: list[EventData]) -> None:
    """Take refunds and disputes into the books."""
    wanted: dict[int, set[int]] = {}
    for event in events:
        wanted.setdefault(event.payload["order_id"], set()).add(event.payload["number"])
    order_events_book(wanted=wanted)


@handles("user.signed_up")
def settle_sign_ups(events: list[EventData]) -> None:
    """Close the journeys that led to sign-ups."""
    sign_ups_settle(
        sign_ups=[
            SignUp(
                user_id=event.payload["user_id"],
                visitor_key=UUID(event.payload["visitor_key"]) if event.payload.get("visitor_key") else None,
                occurred_at=event.occurred_at,
            )
            for event in events
        ]
    )


@handles("suggestion.opened")
def touch_by_suggestions(events: list[EventData]) -> None:
    """Count suggestions that were opened as touches of the platform's own channel."""
    suggestion_touches_record(
        opened=[
            OpenedSuggestion(
                number=event.payload["impression_id"],
                visitor_key=UUID(event.payload["visitor_key"]),
                slot=event.payload["slot"],
                path=event.payload["path"],
                occurred_at=event.occurred_at,
            )
            for event in events
            if event.payload["visitor_key"]
        ]
    )


@handles("claim.filed", queue=Queue.MONEY)
def gather_for_claims(events: list[EventData]) -> None:
    """Gather what is known of claimed orders, and propose a verdict."""
    for event in events:
        claim_gather(claim_id=event.payload["claim_id"], round_number=event.payload["round"])
