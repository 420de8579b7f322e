"""What analytics does with news from the floors below."""

from uuid import UUID

from analytics.services import SignUp, orders_settle, sign_ups_settle
from events.choices import Queue
from events.services import EventData, handles
from partners.services import earnings_void


@handles("order.paid", queue=Queue.MONEY)
def settle_orders(events: list[EventData]) -> None:
    """Settle paid orders: credits, earnings, ledger."""
    orders_settle(order_ids=[event.payload["order_id"] for event in events])


@handles("order.voided", queue=Queue.MONEY)
def void_orders(events: list[EventData]) -> None:
    """Take voided orders out of the books: the exact opposite of what was booked for them."""
    for event in events:
        earnings_void(
            order_codes=[event.payload["code"]],
            at=event.occurred_at,
            actor_id=event.payload.get("actor_id"),
            reason=event.payload.get("reason", ""),
        )


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
