"""What of the partner programme waits for a person."""

from django.utils import timezone

from accounts.models import User
from accounts.selectors import Waiting, waiting
from partners.choices import CLAIMS_OPEN, AdjustmentState, AdvanceState, ClaimState, MembershipState, VersionState
from partners.models import Adjustment, Advance, AgreementVersion, Claim, Creator, Guarantee, Leave, Partner
from partners.selectors.claims import SOON


def creators_applied(reader: User) -> Waiting:  # noqa: ARG001 - one shape for all of them
    """Creators who want to join."""
    return waiting(Creator.objects.filter(state=MembershipState.APPLIED), since="applied_at")


def partners_applied(reader: User) -> Waiting:  # noqa: ARG001
    """Partners who want to join."""
    return waiting(Partner.objects.filter(state=MembershipState.APPLIED), since="applied_at")


def versions_accepted(reader: User) -> Waiting:
    """Versions that every party accepted and a second person is to put in force."""
    rows = AgreementVersion.objects.filter(state=VersionState.ACCEPTED)
    return waiting(rows, since="recorded_at", begun_by="created_by", reader=reader)


def versions_proposed(reader: User) -> Waiting:  # noqa: ARG001
    """Versions that a party has not answered yet."""
    return waiting(AgreementVersion.objects.filter(state=VersionState.PROPOSED), since="recorded_at")


def leaves_asked(reader: User) -> Waiting:  # noqa: ARG001
    """Co-creators who asked to leave, as long as the version without them is not in force."""
    open_states = (VersionState.DRAFT, VersionState.PROPOSED, VersionState.ACCEPTED)
    return waiting(Leave.objects.filter(version__state__in=open_states), since="asked_at")


def advances_prepared(reader: User) -> Waiting:
    """Advances that a second person is to pay."""
    rows = Advance.objects.filter(state=AdvanceState.PREPARED)
    return waiting(rows, since="prepared_at", begun_by="prepared_by", reader=reader)


def guarantees_proposed(reader: User) -> Waiting:
    """Guarantees that a second person is to approve."""
    rows = Guarantee.objects.filter(approved_by=None)
    return waiting(rows, since="prepared_at", begun_by="prepared_by", reader=reader)


def claims_overdue(reader: User) -> Waiting:  # noqa: ARG001
    """Open claims whose answer is late."""
    return waiting(Claim.objects.filter(state__in=CLAIMS_OPEN, due_at__lte=timezone.now()), since="due_at")


def claims_soon(reader: User) -> Waiting:  # noqa: ARG001
    """Open claims whose answer is due within two days."""
    now = timezone.now()
    rows = Claim.objects.filter(state__in=CLAIMS_OPEN, due_at__gt=now, due_at__lte=now + SOON)
    return waiting(rows, since="filed_at")


def claims_to_decide(reader: User) -> Waiting:  # noqa: ARG001
    """Claims with their evidence that nobody has decided."""
    return waiting(Claim.objects.filter(state=ClaimState.REVIEW), since="filed_at")


def claims_appealed(reader: User) -> Waiting:
    """Appeals, which somebody else than the first person decides."""
    rows = Claim.objects.filter(state=ClaimState.APPEALED)
    return waiting(rows, since="decided_at", begun_by="first_by", reader=reader)


def claims_to_confirm(reader: User) -> Waiting:
    """Claims accepted against the evidence, which a second person confirms."""
    rows = Claim.objects.filter(state=ClaimState.CONFIRMING, adjustments__state=AdjustmentState.REQUESTED)
    return waiting(rows, since="filed_at", begun_by="adjustments__requested_by", reader=reader)


def adjustments_requested(reader: User) -> Waiting:
    """Adjustments of their own that a second person is to approve."""
    rows = Adjustment.objects.filter(state=AdjustmentState.REQUESTED, claim=None)
    return waiting(rows, since="requested_at", begun_by="requested_by", reader=reader)
