"""News that the programme acts upon."""

from events.choices import EventName, Queue
from events.services import EventData, handles
from partners.services import adjustment_letter, claim_letter, hold_letter, statements_issue_due


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


@handles(EventName.PAYOUTS_HELD)
def write_of_holds(events: list[EventData]) -> None:
    """Write to parties that their payouts are held back, and why."""
    for event in events:
        told = event.payload
        hold_letter(party_id=told["party_id"], key=event.key, reason=told["reason"], decide_by=told["decide_by"])


@handles(EventName.PAYOUTS_LET_GO)
def write_of_holds_lifted(events: list[EventData]) -> None:
    """Write to parties that their payouts go on."""
    for event in events:
        hold_letter(party_id=event.payload["party_id"], key=event.key)
