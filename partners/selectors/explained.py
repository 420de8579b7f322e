"""One earning, step by step: computed again from the stored inputs and held against what was booked.

The entry names every party of the order, so it is read past row-level security here, and only what the reader may know
leaves: the agreement's owner sees every side by name, its other parties see the others by role, and the owner of a
channel sees the price and the step that pays channels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.selectors import EntryRow, entry_with_postings, parties_seen, rules_by_digest
from ledger.selectors.arrivals import Arrivals, line_arrivals
from ledger.selectors.assurance import Assurance, assurance_of
from ledger.selectors.standing import posting_of_entry
from ledger.splits.replay import settle_again
from ledger.splits.sale import Detail, SaleResult
from partners.choices import EFFECTS, DecisionReason
from partners.models import Acceptance, AgreementVersion, CouponRedemption, EarningDecision
from partners.selectors.came import Arrived, came_of
from partners.selectors.earnings import EarningLine, line_of, on_the_way, standing
from partners.selectors.steps import Row, Sharing, Sight, Told, rows_of, sharings_of
from partners.selectors.terms import party_names, rule_party_codes, wording_terms
from partners.selectors.versions import version_before
from partners.selectors.weighing import weighing_of
from partners.selectors.wording import WordedClause, Wording, worded

if TYPE_CHECKING:
    from partners.selectors.earnings import Underway

_DECIDED_BY = {
    DecisionReason.SELF_PURCHASE: "self_purchase",
    DecisionReason.SELF_CLICK: "paying_model",
    DecisionReason.CLICK_INJECTED: "paying_model",
    DecisionReason.LOST_TO_COUPON: "precedence",
    DecisionReason.LOST_TO_LINK: "precedence",
    DecisionReason.WINDOW_CLOSED: "paying_model",
    DecisionReason.NO_CREDIT: "paying_model",
    DecisionReason.CAP_REACHED: "caps",
    DecisionReason.DUPLICATE: "duplicate",
}
"""Which clause decides that nothing is earned, by the place that it words."""

NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Since:
    """What happened to a line after its sale. `posting` is the first of what was booked, in minor units `amount`."""

    reason: str
    at: datetime
    amount: int
    posting: int | None


@dataclass(frozen=True, slots=True)
class Explained:
    """An earning explained. `computed` is what the stored inputs give now, `booked` what the postings say.

    `rows` lead from what the learner paid to `line.amount_minor`: paid less all rows that are not yours is yours.
    `decisive` are numbers of the clauses that decided for this reader. `coupon` is empty where none was used, or it is
    not the reader's to know; `capped` is what a cap kept from the reader, in minor units; `since` what happened
    after the sale. `arrivals` and `assurance`
    None: nothing was booked.
    """

    line: EarningLine
    party: Party
    sight: Sight
    version: AgreementVersion | None
    before: int | None
    clauses: tuple[WordedClause, ...]
    decisive: frozenset[str]
    accepted_at: datetime | None
    coupon: str
    capped: int
    since: tuple[Since, ...] = ()
    rows: tuple[Row, ...] = ()
    sharings: tuple[Sharing, ...] = ()
    came: Arrived | None = None
    arrivals: Arrivals | None = None
    assurance: Assurance | None = None
    computed: int = 0
    booked: int = 0
    entry_id: int | None = None
    entry_hash: str = ""

    @property
    def agrees(self) -> bool:
        """Whether computing it again gives what was booked and what the decision says."""
        return self.computed == self.booked == self.line.amount_minor


def earning_explained(*, decision_id: int, visible_to: User | None) -> Explained | None:
    """Explain a line to its reader; None where it is not theirs, as if it did not exist."""
    seen = parties_seen(visible_to)
    rows = on_the_way(standing(EarningDecision.objects.filter(pk=decision_id)))
    found = rows.select_related("channel", "party").first()
    if found is None or (seen is not None and found.party_id not in seen):
        return None
    with all_rows():
        return _explain(found, staff=seen is None)


def _explain(found: "Underway", *, staff: bool) -> Explained:
    version = (
        AgreementVersion.objects.select_related("agreement__owner").filter(pk=found.version_id).first()
        if found.version_id
        else None
    )
    sight = _sight(found.party, version, staff=staff)
    # A party that came in by an effect alone (a correction) has no sale of its own: the effect's postings say it all.
    booked = found.entry_id if found.reason not in (*EFFECTS, DecisionReason.CLAIMED) else None
    entry = entry_with_postings(entry_id=booked, visible_to=None) if booked else None
    wording = _wording(version)
    before = version_before(version) if version else None
    accepted = Acceptance.objects.filter(version=found.version_id, party=found.party_id).first()
    plain = Explained(
        line=line_of(found, timezone.now()),
        party=found.party,
        sight=sight,
        version=version,
        before=before.number if before else None,
        clauses=_clauses(wording, sight, ()),
        decisive=_decisive(found, wording, ()),
        accepted_at=accepted.accepted_at if accepted else None,
        coupon=_coupon(found, sight),
        capped=found.capped_minor,
        since=tuple(_since(found)),
    )
    return plain if entry is None else _booked(plain, found, entry, wording)


def _booked(plain: Explained, found: "Underway", entry: EntryRow, wording: Wording | None) -> Explained:
    """Add what the entry tells."""
    sight = plain.sight
    at = next(i for i, row in enumerate(entry.inputs["lines"]) if row["line"] == found.source_id)
    result = recomputed(entry)
    details = [row for row in result.details if row.line == found.source_id]
    told = Told(details, result.trace(), at, found.currency)
    names = _names(details)
    rows = rows_of(told, sight, names, wording)
    return replace(
        plain,
        clauses=_clauses(wording, sight, rows),
        decisive=_decisive(found, wording, rows, told.trace["lines"][at]),
        rows=rows,
        sharings=sharings_of(told, sight, names),
        came=came_of(
            journey=entry.inputs["lines"][at]["journey"],
            order=found.order_code,
            asked=weighing_of(plain.version) if plain.version else None,
            trace=told.trace["lines"][at],
            sight=sight,
            coupon=plain.coupon,
            placed_at=found.placed_at,
        ),
        arrivals=line_arrivals(entry_id=entry.id, line=found.source_id, party=found.party.code),
        assurance=assurance_of(entry_id=entry.id, recorded_at=entry.recorded_at),
        computed=sum(row.amount for row in details if sight.is_mine(row.account)),
        booked=sum(p.amount for p in entry.postings if p.line == found.source_id and p.party_id == found.party_id),
        entry_id=entry.id,
        entry_hash=entry.body_hash,
    )


def _since(found: "Underway") -> Iterator[Since]:
    """What refunds, disputes and corrections did to the line, the first one first."""
    rows = EarningDecision.objects.filter(
        source_kind=found.source_kind, source_id=found.source_id, party=found.party_id, reason__in=EFFECTS
    ).exclude(pk=found.pk)
    for row in rows.select_related("entry").order_by("pk"):
        posting = (
            posting_of_entry(entry_id=row.entry_id, line=row.source_id, party=row.party_id) if row.entry_id else None
        )
        at = row.entry.occurred_at if row.entry else row.decided_at
        yield Since(row.reason, at, row.amount_minor, posting)


def recomputed(entry: EntryRow) -> SaleResult:
    """Run a sale's stored inputs through its stored rules again. Call it where all rows are visible."""
    rules = rules_by_digest(digests=entry.inputs["rules"])
    return settle_again(
        entry.inputs["sale"], [rules[digest] for digest in entry.inputs["rules"]], entry.inputs.get("advances")
    )


def _sight(party: Party, version: AgreementVersion | None, *, staff: bool) -> Sight:
    if staff or (version is not None and version.agreement.owner_id == party.pk):
        return Sight(party.code, names=True, sides=True)
    inside = version is not None and party.code in rule_party_codes(version.rule)
    return Sight(party.code, names=False, sides=inside)


def _wording(version: AgreementVersion | None) -> Wording | None:
    if version is None:
        return None
    anew = worded(version.rule, wording_terms(version), party_names(rule_party_codes(version.rule)))
    return anew.as_accepted(version.text, version.text_zh)


def _clauses(wording: Wording | None, sight: Sight, rows: Sequence[Row]) -> tuple[WordedClause, ...]:
    """The clauses that the reader may read: all for a side of the agreement, else the own one and those on channels."""
    if wording is None:
        return ()
    own = {row.clause for row in rows if row.yours}
    return tuple(c for c in wording.clauses if sight.sides or c.number.startswith("4.") or c.number in own)


def _decisive(
    found: "Underway", wording: Wording | None, rows: Sequence[Row], waterfall: Mapping[str, Any] = NOTHING
) -> frozenset[str]:
    """The clauses that gave the reader its share and what partners took before it; of a zero the one behind it.

    `waterfall` is the trace of the line: who has no part of such a sale reads which sales it is for, and the split.
    """
    if wording is None:
        return frozenset()
    if found.reason == DecisionReason.NO_PART:
        split = (step["clause"] for step in waterfall.get("steps", ()) if step["code"] == "split")
        numbers = (wording.number_of(path) for path in (waterfall.get("clause", ""), *split))
        return frozenset(filter(None, numbers))
    place = _DECIDED_BY.get(DecisionReason(found.reason))
    if place is not None:
        return frozenset(clause.number for clause in wording.clauses if clause.path == place)
    held = found.reason_at(timezone.now()) == DecisionReason.HELD
    holds = [clause.number for clause in wording.clauses if clause.path == "hold_days" and held]
    paid = [row for row in rows if row.side in {"you", "partner"} and row.clause and row.code == "share"]
    by_credit = any(row.side == "partner" for row in paid) or found.credit_ppm
    model = [clause.number for clause in wording.clauses if clause.path == "paying_model" and by_credit]
    return frozenset([*(row.clause for row in paid), *model, *holds])


def _coupon(found: "Underway", sight: Sight) -> str:
    """The coupon that the order used, for a side of the agreement and for its owner."""
    used = (
        CouponRedemption.objects.filter(source_kind="order", source_id=found.order_code)
        .select_related("coupon")
        .order_by("pk")
        .first()
    )
    if used is None or not (sight.sides or used.coupon.owner_id == found.party_id):
        return ""
    return used.coupon.code


def _names(details: Sequence[Detail]) -> dict[str, str]:
    """What the parties of a line are called in the reader's language, by code."""
    codes = {row.account.split(":")[1] for row in details if row.account.startswith("party:")}
    chinese = (get_language() or "").startswith("zh")
    return {code: names.zh if chinese else names.en for code, names in party_names(codes).items()}
