"""News that the programme acts upon."""

from events.choices import EventName, Queue
from events.services import EventData, handles
from partners.services import statements_issue_due


@handles(EventName.PERIOD_CLOSED, queue=Queue.MONEY)
def issue_statements(events: list[EventData]) -> None:  # noqa: ARG001 - every closed month that has none gets its statements
    """Issue a closed month's statements at once; the hourly task is the net below."""
    statements_issue_due()
