"""Agreements as their parties read them."""

from django.db.models import Prefetch, QuerySet

from accounts.models import User
from ledger.selectors import parties_seen
from partners.choices import VersionState
from partners.models import Acceptance, AgreementVersion


def agreements_of(*, party: int, visible_to: User | None) -> QuerySet[AgreementVersion]:
    """Proposed, accepted, held and former versions of all agreements that name a party; drafts are staff's alone."""
    seen = parties_seen(visible_to)
    if seen is not None and party not in seen:
        return AgreementVersion.objects.none()
    return (
        AgreementVersion.objects.filter(agreement__parties__party=party)
        .exclude(state__in=[VersionState.DRAFT, VersionState.WITHDRAWN])
        .select_related("agreement", "decline__party", "leave__party")
        .prefetch_related(Prefetch("acceptances", Acceptance.objects.select_related("user")))
        .order_by("agreement__title", "agreement_id", "-number")
    )
