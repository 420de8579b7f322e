"""One earning, step by step: computed again from the stored inputs and held against what was booked.

The entry names every party of the order, so it is read past row-level security here, and only what the reader may know
leaves: the agreement's owner sees every side by name, its other parties see the others by role, and the owner of a
channel sees the price and the step that pays channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.selectors import EntryRow, entry_with_postings, parties_seen, rules_by_digest
from ledger.splits.replay import settle_again
from ledger.splits.sale import Detail, SaleResult
from partners.models import Acceptance, AgreementVersion, Channel, EarningDecision
from partners.selectors.earnings import EarningLine, line_of, standing
from partners.selectors.steps import Cent, Row, Sight, cents_of, rows_of
from partners.selectors.terms import party_names, rule_party_codes, wording_terms
from partners.selectors.wording import WordedClause, Wording, worded

if TYPE_CHECKING:
    from partners.selectors.earnings import Standing


@dataclass(frozen=True, slots=True)
class Credit:
    """A channel's credit for the sale; the names are empty where the reader may not know them."""

    channel: str
    party: str
    ppm: int
    yours: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """An earning explained. `computed` is what the stored inputs give now, `booked` what the postings say.

    `rows` lead from what the learner paid to `line.amount_minor`: paid less all rows that are not yours is yours.
    """

    line: EarningLine
    sight: Sight
    version: AgreementVersion | None
    clauses: tuple[WordedClause, ...]
    accepted_at: datetime | None
    rows: tuple[Row, ...]
    cents: tuple[Cent, ...]
    credits: tuple[Credit, ...]
    decided_by: str
    computed: int
    booked: int
    entry_hash: str

    @property
    def agrees(self) -> bool:
        """Whether computing it again gives what was booked and what the decision says."""
        return self.computed == self.booked == self.line.amount_minor


def earning_explained(*, decision_id: int, visible_to: User | None) -> Explained | None:
    """Explain a line to its reader; None where it is not theirs, as if it did not exist."""
    seen = parties_seen(visible_to)
    found = standing(EarningDecision.objects.filter(pk=decision_id)).select_related("channel", "party").first()
    if found is None or (seen is not None and found.party_id not in seen):
        return None
    accepted = Acceptance.objects.filter(version=found.version_id, party=found.party_id).first()
    with all_rows():
        return _explain(found, accepted.accepted_at if accepted else None, staff=seen is None)


def _explain(found: "Standing", accepted_at: datetime | None, *, staff: bool) -> Explained:
    line = line_of(found, timezone.now())
    version = (
        AgreementVersion.objects.select_related("agreement__owner").filter(pk=found.version_id).first()
        if found.version_id
        else None
    )
    sight = _sight(found.party, version, staff=staff)
    entry = entry_with_postings(entry_id=found.entry_id, visible_to=None) if found.entry_id else None
    wording = _wording(version)
    if entry is None:
        clauses = _clauses(wording, sight)
        return Explained(line, sight, version, clauses, accepted_at, (), (), (), "", 0, 0, "")
    at = next(i for i, row in enumerate(entry.inputs["lines"]) if row["line"] == found.source_id)
    told = entry.inputs["lines"][at]
    result = recomputed(entry)
    details = [row for row in result.details if row.line == found.source_id]
    trace = result.trace()["lines"][at]
    names = _names(details)
    return Explained(
        line=line,
        sight=sight,
        version=version,
        clauses=_clauses(wording, sight),
        accepted_at=accepted_at,
        rows=rows_of(details, trace, found.currency, sight, names, wording),
        cents=cents_of(trace, found.currency, sight, names),
        credits=_credits(told["journey"]["credits"], sight, names),
        decided_by=told["journey"]["decided_by"],
        computed=sum(row.amount for row in details if sight.is_mine(row.account)),
        booked=sum(p.amount for p in entry.postings if p.line == found.source_id and p.party_id == found.party_id),
        entry_hash=entry.body_hash,
    )


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
    return worded(version.rule, wording_terms(version), party_names(rule_party_codes(version.rule)))


def _clauses(wording: Wording | None, sight: Sight) -> tuple[WordedClause, ...]:
    """The clauses that the reader may read: all for a side of the agreement, else those about channels."""
    if wording is None:
        return ()
    return tuple(clause for clause in wording.clauses if sight.sides or clause.number.startswith("4."))


def _names(details: Sequence[Detail]) -> dict[str, str]:
    """What the parties of a line are called in the reader's language, by code."""
    codes = {row.account.split(":")[1] for row in details if row.account.startswith("party:")}
    chinese = (get_language() or "").startswith("zh")
    return {code: names.zh if chinese else names.en for code, names in party_names(codes).items()}


def _credits(stored: Sequence[Sequence[Any]], sight: Sight, names: dict[str, str]) -> tuple[Credit, ...]:
    channels = Channel.objects.in_bulk([row[0] for row in stored if row[0]])
    told = []
    for channel_id, code, ppm in stored:
        yours = code == sight.code
        may_know = sight.sides or yours or channel_id is None
        channel = channels.get(channel_id)
        told.append(
            Credit(
                channel=channel.local_name if channel and may_know else "",
                party=names.get(code or "", "") if sight.names or yours else "",
                ppm=ppm,
                yours=yours,
            )
        )
    return tuple(told)
