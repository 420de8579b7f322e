"""Which version of an agreement holds for what, when."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from accounts.columns import texts
from accounts.models import Party
from accounts.scope import all_rows
from accounts.statements import Statement, fetch
from ledger.selectors import BookRule, book_rule
from ledger.splits.accounts import CHANNEL, REVENUE
from ledger.splits.rule import Rule, final_parties, rule_accounts
from partners.choices import VersionKind, VersionState
from partners.models import AgreementVersion, EarningDecision
from partners.selectors.phrases import Names
from partners.selectors.weighing import Weighing, weighing_of
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
    asked: Weighing
    precedence: str


Item = tuple[str, str]
"""What an agreement covers: the kind, and its id as text."""


@dataclass(frozen=True, slots=True)
class ValidVersion:
    """A standard version that holds or held, as settlement reads it: start inclusive, end exclusive or open."""

    pk: int
    agreement_id: int
    owner_id: int
    starts: datetime
    ends: datetime | None
    paying_model: str
    window_days: int
    half_life_days: int
    position_weights: Sequence[int]
    hold_days: int
    precedence: str
    self_purchase: str
    meter: str
    book: BookRule
    caps: Sequence[Mapping[str, Any]]

    @property
    def rule(self) -> Mapping[str, Any]:
        """The rule's body as it is stored."""
        return self.book.body


Versions = Mapping[Item, Sequence[ValidVersion]]
"""Every valid version of what was asked for; a key without any is there too."""


def paying_terms(
    *, items: Iterable[tuple[Any, datetime]], scope_kind: str = "course", versions: Versions | None = None
) -> dict[tuple[Any, datetime], Terms]:
    """For (covered id, instant) pairs the paying terms in force then; pairs without an agreement are left out.

    One query, or none with the `versions` of all these items at hand. Call it where all rows are visible.
    """
    pairs = list(dict.fromkeys(items))
    if versions is None:
        versions = valid_versions(items={(scope_kind, str(item)) for item, _ in pairs})
    found = {}
    for item, at in pairs:
        version = valid_at(versions[scope_kind, str(item)], at)
        if version is not None:
            found[item, at] = Terms(version.pk, weighing_of(version), version.precedence)
    return found


_HOLD = Statement(
    "agreements_hold",
    """
    SELECT id FROM partners_agreement
    WHERE (scope_kind, scope_id) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY id FOR KEY SHARE
    """,
)
_VALID = Statement(
    "valid_versions",
    """
    SELECT a.scope_kind, a.scope_id, v.id, a.id, a.owner_id, lower(v.effective), upper(v.effective), v.paying_model,
        v.window_days, v.half_life_days, v.position_weights, v.hold_days, v.precedence, v.self_purchase,
        v.meter, v.rule, v.caps
    FROM partners_agreement a JOIN partners_agreementversion v ON v.agreement_id = a.id
    WHERE (a.scope_kind, a.scope_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
        AND v.kind = %s AND v.state = ANY (%s)
    ORDER BY v.id
    """,
)


def valid_versions(*, items: Collection[Item], hold: bool = False) -> Versions:
    """Every standard version that ever held, by what it covers; one round trip.

    With `hold`, `version_put_in_force` waits until the caller's transaction has ended; other readers are not held up.
    """
    kinds, ids = ([], []) if not items else zip(*sorted(items), strict=True)
    covered = [texts(kinds), texts(ids)]
    valid = (_VALID, [*covered, VersionKind.STANDARD.value, [state.value for state in VALID]])
    found: dict[Item, list[ValidVersion]] = {item: [] for item in items}
    # Two statements: the second must see what the first had to wait for.
    for (
        kind,
        scope_id,
        pk,
        agreement,
        owner,
        starts,
        ends,
        model,
        window,
        half_life,
        weights,
        *row,
        rule,
        caps,
    ) in fetch(*([(_HOLD, covered)] if hold else []), valid):
        # The row holds all fields but the last two, which mypy cannot count.
        version = ValidVersion(
            pk, agreement, owner, starts, ends, model, window, half_life, json.loads(weights),
            *row, book_rule(body=rule), json.loads(caps),
        )  # type: ignore[call-arg]  # fmt: skip
        found[kind, scope_id].append(version)
    return found


class Ranged(Protocol):
    """What has a range of time: start inclusive, end exclusive or open."""

    @property
    def starts(self) -> datetime:
        """The first instant of it."""

    @property
    def ends(self) -> datetime | None:
        """The first instant after it."""


_Row = TypeVar("_Row", bound=Ranged)


def valid_at(versions: Iterable[_Row], at: datetime) -> _Row | None:
    """The version, as a row or as settlement reads it, whose range holds the instant. Ranges never overlap."""
    for version in versions:
        if version.starts <= at and (version.ends is None or at < version.ends):
            return version
    return None


def rule_party_codes(rule: Mapping[str, Any]) -> list[str]:
    """Codes of the parties that a stored rule names; see `party_codes`."""
    return party_codes(book_rule(body=rule).rule)


def party_codes(rule: Rule) -> list[str]:
    """Codes of the parties that a rule names, in the order of its clauses, and of its owner, each once.

    Also those of weight zero: who is named accepts, as the database demands.
    """
    accounts = [
        account
        for variant in rule.variants
        for account in (
            *(take.account for take in variant.takes),
            *(party.account for party in final_parties(variant.split.parties)),
        )
    ]
    return list(dict.fromkeys(a.split(":")[1] for a in (*accounts, rule.owner) if a.startswith("party:")))


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
        asked=weighing_of(version),
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
