"""A version as the desk reads it: its words, what changed, who has said yes."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import get_language

from accounts.models import Party
from partners.choices import VersionKind
from partners.models import Acceptance, AgreementVersion
from partners.selectors.terms import VALID, party_names, rule_party_codes, wording_terms
from partners.selectors.wording import WordedClause, worded

SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """One clause beside the one of the same number in another version; texts in the reader's language."""

    number: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Consent:
    """A party that must accept, and its acceptance if it has."""

    party: Party
    said: Acceptance | None


def version_clauses(version: AgreementVersion) -> tuple[WordedClause, ...]:
    """The clauses of a version, written from its rule."""
    return worded(version.rule, wording_terms(version), party_names(rule_party_codes(version.rule))).clauses


def version_before(version: AgreementVersion) -> AgreementVersion | None:
    """The version that this one would follow, or followed: the last one that held before it began."""
    others = AgreementVersion.objects.filter(
        agreement=version.agreement_id,
        kind=VersionKind.STANDARD,
        state__in=VALID,
        effective__startswith__lt=version.effective.lower,
    )
    return others.exclude(pk=version.pk).select_related("agreement__owner").order_by("-effective__startswith").first()


def version_changes(version: AgreementVersion, before: AgreementVersion | None) -> list[ClauseChange]:
    """Compare two versions clause by clause, by number; those that stayed the same are left out."""
    if before is None:
        return []
    old, new = _by_number(version_clauses(before)), _by_number(version_clauses(version))
    found = []
    for number in [*new, *(number for number in old if number not in new)]:
        was, now = old.get(number, ""), new.get(number, "")
        kind = SAME if was == now else CHANGED if was and now else ADDED if now else REMOVED
        found.append(ClauseChange(number, kind, was, now))
    return [change for change in found if change.kind != SAME]


def version_consents(version: AgreementVersion) -> list[Consent]:
    """Every party that the version names, with its acceptance."""
    codes = rule_party_codes(version.rule)
    parties = {party.code: party for party in Party.objects.filter(code__in=codes)}
    said = {row.party_id: row for row in version.acceptances.select_related("user")}
    return [Consent(parties[code], said.get(parties[code].pk)) for code in codes if code in parties]


def _by_number(clauses: Sequence[WordedClause]) -> dict[str, str]:
    chinese = (get_language() or "").startswith("zh")
    return {clause.number: clause.zh if chinese else clause.en for clause in clauses}
