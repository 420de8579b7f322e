"""A version as the desk reads it: what it follows, who has said yes or no, what was known when, who wants to leave."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from accounts.models import Party
from partners.choices import VersionKind, VersionState
from partners.models import Acceptance, Agreement, AgreementVersion, Leave
from partners.selectors.terms import VALID, rule_party_codes, signatories


@dataclass(frozen=True, slots=True)
class Consent:
    """A party that must accept, and its acceptance if it has."""

    party: Party
    said: Acceptance | None


def version_before(version: AgreementVersion) -> AgreementVersion | None:
    """The version that this one would follow, or followed: the last one that held before it began.

    For a correction: the one that its first order was settled under.
    """
    others = AgreementVersion.objects.filter(
        agreement=version.agreement_id, kind=VersionKind.STANDARD, state__in=VALID
    ).exclude(pk=version.pk)
    start = version.starts
    if version.kind == VersionKind.CORRECTION:
        others = others.filter(effective__contains=start)
    else:
        others = others.filter(effective__startswith__lt=start)
    return others.select_related("agreement__owner").order_by("-effective__startswith").first()


def version_consents(version: AgreementVersion) -> list[Consent]:
    """Every party that must sign the version, with its acceptance."""
    codes = signatories(version)
    parties = {party.code: party for party in Party.objects.filter(code__in=codes)}
    said = {row.party_id: row for row in version.acceptances.select_related("user")}
    return [Consent(parties[code], said.get(parties[code].pk)) for code in codes if code in parties]


def terms_as_known(*, agreement: Agreement, at: datetime, known_on: datetime) -> AgreementVersion | None:
    """Which version held for orders placed at `at`, as it was known at `known_on`; None where none was known then.

    Versions that came in force after `known_on` are unknown to it, so that what they ended was open still.
    """
    return (
        AgreementVersion.objects.filter(
            agreement=agreement,
            kind=VersionKind.STANDARD,
            state__in=VALID,
            in_force_at__lte=known_on,
            effective__startswith__lte=at,
        )
        .select_related("agreement__owner")
        .order_by("-effective__startswith")
        .first()
    )


@dataclass(frozen=True, slots=True)
class OpenLeave:
    """A wish to leave that no version in force has met yet; `overdue`: its day has come."""

    leave: Leave
    overdue: bool


def open_leaves(*, at: datetime | None = None) -> list[OpenLeave]:
    """Wishes to leave that still wait, the most urgent first; two queries. Call it where all rows are visible.

    A wish is met once the version that holds last names the party no more, whichever version that is.
    """
    now = at or timezone.now()
    rows = list(
        Leave.objects.exclude(version__state__in=VALID)
        .select_related("agreement", "party", "version")
        .order_by("leaves_at", "pk")
    )
    held = AgreementVersion.objects.filter(
        agreement__in={row.agreement_id for row in rows}, kind=VersionKind.STANDARD, state=VersionState.IN_FORCE
    )
    named = {version.agreement_id: rule_party_codes(version.rule) for version in held}
    return [
        OpenLeave(row, overdue=row.leaves_at <= now)
        for row in rows
        if row.party.code in named.get(row.agreement_id, ())
    ]
