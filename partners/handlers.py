"""News that the programme acts upon."""

from events.choices import EventName, Queue
from events.services import EventData, handles
from partners.services import adjustment_letter, claim_letter, statements_issue_due


@handles(EventName.PERIOD_CLOSED, queue=Queue.MONEY)
def issue_statements(events: list[EventData]) -> None:  # noqa: ARG001 - every closed month that has none gets its statements
    """Issue a closed month's statements at once; the hourly task is the net below."""
    statements_issue_due()


@handles(EventName.CLAIM_DECIDED)
def write_of_claims(events: list[EventData]) -> None:
    """Write to parties how their claims were decided."""
    for event in events:
        told = event.payload
        claim_letter(claim_id=told["claim_id"], round_number=told["round"], state=told["state"], amount=told["amount"])


@handles(EventName.ADJUSTMENT_BOOKED)
def write_of_adjustments(events: list[EventData]) -> None:
    """Write to parties what was credited or charged."""
    for event in events:
        adjustment_letter(adjustment_id=event.payload["adjustment_id"])
