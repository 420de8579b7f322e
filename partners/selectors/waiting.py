"""What of the partner programme waits for a person."""

from accounts.models import User
from accounts.selectors import Waiting, waiting
from partners.choices import AdvanceState, MembershipState, VersionState
from partners.models import Advance, AgreementVersion, Creator, Guarantee, Leave, Partner


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
