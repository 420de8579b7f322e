"""What analytics does with news from the floors below."""

from uuid import UUID

from accounts.scope import all_rows
from analytics.services import SignUp, orders_settle, sign_ups_settle
from events.choices import Queue
from events.services import EventData, handles


@handles("order.paid", queue=Queue.MONEY)
def settle_orders(events: list[EventData]) -> None:
    """Settle paid orders: credits, earnings, ledger."""
    with all_rows():
        orders_settle(order_ids=[event.payload["order_id"] for event in events])


@handles("user.signed_up")
def settle_sign_ups(events: list[EventData]) -> None:
    """Close the journeys that led to sign-ups."""
    with all_rows():
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
