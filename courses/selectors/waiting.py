"""What of the orders waits for a person."""

from accounts.models import User
from accounts.selectors import Waiting, waiting
from courses.choices import DisputeState, RefundState
from courses.models import Dispute, Refund


def refunds_requested(reader: User) -> Waiting:
    """Refunds that a second person is to decide."""
    rows = Refund.objects.filter(state=RefundState.REQUESTED)
    return waiting(rows, since="requested_at", begun_by="requested_by", reader=reader)


def disputes_open(reader: User) -> Waiting:  # noqa: ARG001 - one shape for all of them
    """Disputes whose evidence is to be sent."""
    return waiting(Dispute.objects.filter(state=DisputeState.OPEN), since="opened_at")
