"""Which version of an agreement holds for what, when."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Party
from accounts.scope import all_rows
from ledger.selectors import book_rule
from ledger.splits.accounts import CHANNEL, REVENUE
from ledger.splits.rule import Rule, final_parties, rule_accounts
from partners.choices import VersionKind, VersionState
from partners.models import AgreementVersion, EarningDecision
from partners.selectors.phrases import Names
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
    # The texts that were signed are long, and no settlement reads them.
    rows = rows.defer("text", "text_zh")
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
    parsed = book_rule(body=rule).rule
    accounts = [
        account
        for variant in parsed.variants
        for account in (
            *(take.account for take in variant.takes),
            *(party.account for party in final_parties(variant.split.parties)),
        )
    ]
    return list(dict.fromkeys(a.split(":")[1] for a in (*accounts, parsed.owner) if a.startswith("party:")))


def pays_channels(rule: Rule) -> bool:
    """Whether any step pays whoever brought the learner."""
    return CHANNEL in rule_accounts(rule)


def signatories(version: AgreementVersion) -> list[str]:
    """Codes of the parties that must accept a version, each once: whom its rule names, and the owner.

    A correction also takes from those who shared under the versions that its orders were settled under; they sign too.
    """
    codes = rule_party_codes(version.rule)
    if version.kind == VersionKind.CORRECTION:
        # A party reads its own decisions alone, yet who must sign is the same for all readers.
        with all_rows():
            settled = settled_versions(version)
        codes += [code for row in settled for code in rule_party_codes(row.rule)]
    return list(dict.fromkeys(codes))


def settled_versions(correction: AgreementVersion) -> list[AgreementVersion]:
    """The versions under which a correction's orders were settled. Call it where all rows are visible."""
    decided = EarningDecision.objects.filter(
        order_code__in=correction.orders.values("order_code"), version__agreement=correction.agreement_id
    )
    return list(AgreementVersion.objects.filter(pk__in=decided.values("version")).order_by("number"))


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
        reserve_days=version.reserve_days,
        meter=version.meter,
        caps=version.caps,
        orders=tuple(bound_orders(version)),
    )


def bound_orders(version: AgreementVersion) -> list[str]:
    """Codes of the orders that a correction is about, in order; of no other kind."""
    if version.kind != VersionKind.CORRECTION:
        return []
    return list(version.orders.order_by("order_code").values_list("order_code", flat=True))
