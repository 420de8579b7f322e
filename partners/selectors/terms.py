"""Which version of an agreement holds for what, when."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Party
from ledger.splits.accounts import REVENUE
from ledger.splits.parse import parse_rule
from ledger.splits.rule import final_parties
from partners.choices import VersionKind, VersionState
from partners.models import AgreementVersion
from partners.selectors.wording import Names
from partners.selectors.wording import Terms as WordingTerms

VALID = (VersionState.IN_FORCE, VersionState.SUPERSEDED)
"""States in which a version's range counts; superseded ones hold for orders of their own time."""


HOUSE_RULE: dict[str, Any] = {
    "id": "no-agreement",
    "version": 1,
    "effective_from": "1970-01-01T00:00:00Z",
    "owner": REVENUE,
    "steps": [{"take": "split", "parties": [{"account": REVENUE, "weight": 1}]}],
}
"""What a line without an agreement in force runs under: all of it stays with the platform."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What attribution must know of the version that pays a line."""

    version_id: int
    model: str
    window_days: int
    precedence: str


def paying_terms(
    *, items: Iterable[tuple[Any, datetime]], scope_kind: str = "course"
) -> dict[tuple[Any, datetime], Terms]:
    """For (covered id, instant) pairs the paying terms in force then; pairs without an agreement are left out.

    One query. Call it where all rows are visible.
    """
    pairs = list(dict.fromkeys(items))
    versions = versions_by_scope(scope_kind=scope_kind, scope_ids={str(item) for item, _ in pairs})
    found = {}
    for item, at in pairs:
        version = in_force_at(versions.get(str(item), ()), at)
        if version is not None:
            found[item, at] = Terms(version.pk, version.paying_model, version.window_days, version.precedence)
    return found


def versions_by_scope(*, scope_kind: str, scope_ids: Collection[str]) -> dict[str, list[AgreementVersion]]:
    """Every standard version that ever held, with its agreement, by covered id; one query."""
    rows = AgreementVersion.objects.filter(
        agreement__scope_kind=scope_kind,
        agreement__scope_id__in=scope_ids,
        kind=VersionKind.STANDARD,
        state__in=VALID,
    ).select_related("agreement")
    found: dict[str, list[AgreementVersion]] = defaultdict(list)
    for row in rows:
        found[row.agreement.scope_id].append(row)
    return found


def in_force_at(versions: Sequence[AgreementVersion], at: datetime) -> AgreementVersion | None:
    """The version whose range holds the instant: start inclusive, end exclusive. Ranges never overlap."""
    for version in versions:
        span = version.effective
        if span.lower <= at and (span.upper is None or at < span.upper):
            return version
    return None


def rule_party_codes(rule: Mapping[str, Any]) -> list[str]:
    """Codes of the parties that a stored rule names, in the order of its clauses, and of its owner, each once.

    Also those of weight zero: who is named accepts, as the database demands.
    """
    parsed = parse_rule(rule)
    accounts = [
        account
        for variant in parsed.variants
        for account in (
            *(take.account for take in variant.takes),
            *(party.account for party in final_parties(variant.split.parties)),
        )
    ]
    return list(dict.fromkeys(a.split(":")[1] for a in (*accounts, parsed.owner) if a.startswith("party:")))


def party_names(codes: Collection[str]) -> dict[str, Names]:
    """What parties are called, by code."""
    rows = Party.objects.filter(code__in=codes)
    return {row.code: Names(row.name, row.name_zh or row.name) for row in rows}


def wording_terms(version: AgreementVersion) -> WordingTerms:
    """What a version says beside its rule, for its text."""
    agreement = version.agreement
    return WordingTerms(
        title=Names(agreement.title, agreement.title_zh or agreement.title),
        paying_model=version.paying_model,
        window_days=version.window_days,
        hold_days=version.hold_days,
        precedence=version.precedence,
        self_purchase=version.self_purchase,
    )
