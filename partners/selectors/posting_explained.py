"""Any posting explained: what booked it, from what it was computed, and whether that gives the same again.

A sale's posting leads to its line's own explanation; what happened to the order afterwards, and what concerns a party
alone, is told here. The entry names every party, so it is read past row-level security and only the reader's part
leaves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from accounts.models import User
from accounts.scope import all_rows
from ledger.choices import EntryKind
from ledger.selectors import parties_seen
from ledger.selectors.assurance import Assurance, assurance_of
from ledger.selectors.recomputed import PostingFacts, Recomputed, entry_recomputed, posting_facts
from ledger.selectors.standing import posting_of_entry
from ledger.splits.state import LineState
from partners.models import Adjustment, ClaimCredit, EarningDecision
from partners.selectors import exact
from partners.selectors.phrases import percent

MONEY, RATE, DAY, TEXT = "money", "rate", "day", "text"
"""How a fact is written."""

_RATES, _DAYS = frozenset({"recoup_bp", "creator_bp"}), frozenset({"from", "to", "placed_at"})
_SETTLED = frozenset({"fee", "fee_returned"})
"""What the processor charges is in the currency of the postings, whatever the learner paid in."""


class Fact(NamedTuple):
    """A value from which an entry was computed, written by `kind`: MONEY in minor units, RATE in bp, DAY, TEXT."""

    code: str
    kind: str
    value: Any
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ReversalStep:
    """How one share of the sale was charged: `share`, its quota by now, what was taken before, and this time."""

    share: int
    charged: str
    exact: str
    already: int
    amount: int
    why: str


@dataclass(frozen=True, slots=True)
class PostingExplained:
    """A posting explained. `computed` is what the inputs give for it now, `booked` what stands there.

    `line_id`: the decision about the sale's line, which explains what this is about; None where there is none. `part`
    is which account of its party it is on: payable, reserve, advance, or house for the platform's own. `formula` says
    in plain figures how the amount came about; empty where steps or facts say it. `told_in`: the currency of what the
    entry was computed from, which a payout's exchange or a learner's payment may differ in. `claim_id`: the claim that
    an adjustment answers.
    """

    posting_id: int
    entry_id: int
    kind: str
    amount: int
    currency: str
    account: str
    part: str
    party_id: int | None
    order: str
    line: str
    clause: str
    line_id: int | None
    title: str
    occurred_at: datetime
    booked_on: date
    matures_at: datetime | None
    note: str
    facts: tuple[Fact, ...]
    undoes: datetime | None
    steps: tuple[ReversalStep, ...]
    formula: str
    computed: int
    assurance: Assurance
    entry_hash: str
    claim_id: int | None = None
    told_in: str = ""

    @property
    def booked(self) -> int:
        """What stands in the books."""
        return self.amount

    @property
    def agrees(self) -> bool:
        """Whether computing it again gives what was booked."""
        return self.computed == self.amount


def posting_explained(*, posting_id: int, visible_to: User | None) -> PostingExplained | None:
    """Explain a posting to its reader; None where it is not theirs, as if it did not exist."""
    seen = parties_seen(visible_to)
    with all_rows():
        found = posting_facts(posting_id=posting_id)
        if found is None or (seen is not None and found.posting.party_id not in seen):
            return None
        return _explain(found, entry_recomputed(entry=found.entry), staff=seen is None)


def effect_posting(*, decision_id: int) -> PostingExplained | None:
    """Explain the first posting of a decision that followed a sale; None where it moved nothing.

    The caller answers for who may read the decision.
    """
    with all_rows():
        told = EarningDecision.objects.filter(pk=decision_id).first()
        if told is None or told.entry_id is None:
            return None
        # An accepted claim is an adjustment, which is about a party and no line.
        lines = (told.source_id, "")
        found = (posting_of_entry(entry_id=told.entry_id, line=line, party=told.party_id) for line in lines)
        posting = next((pk for pk in found if pk), None)
    return posting_explained(posting_id=posting, visible_to=None) if posting else None


def _explain(found: PostingFacts, made: Recomputed, *, staff: bool) -> PostingExplained:
    posting, entry = found.posting, found.entry
    line = _line_of(found, staff=staff)
    asked = Adjustment.objects.filter(entry=entry.pk).first() if entry.kind == EntryKind.ADJUSTMENT else None
    claimed = ClaimCredit.objects.filter(entry=entry.pk).first() if entry.kind == EntryKind.ADJUSTMENT else None
    return PostingExplained(
        posting_id=posting.pk,
        entry_id=entry.pk,
        kind=entry.kind,
        amount=posting.amount,
        currency=posting.currency,
        account=found.account,
        part=_part(found.account),
        party_id=posting.party_id,
        order=claimed.order_code if claimed else asked.order_code if asked else found.order,
        line=posting.line,
        clause=posting.clause,
        line_id=line.pk if line else None,
        title=line.local_title if line else "",
        occurred_at=entry.occurred_at,
        booked_on=entry.booked_on,
        matures_at=posting.matures_at,
        note="" if claimed else str(made.facts.get("reason", "")),
        facts=tuple(_facts(found, made)),
        undoes=made.undoes,
        steps=tuple(_steps(made.trace, found)),
        formula=_formula(found, made),
        computed=_computed(found, made),
        assurance=assurance_of(entry_id=entry.pk, recorded_at=entry.recorded_at),
        entry_hash=entry.body_hash,
        claim_id=claimed.claim_id if claimed else None,
        told_in=made.currency or posting.currency,
    )


def _line_of(found: PostingFacts, *, staff: bool) -> EarningDecision | None:
    """The decision about the line: the party's own; of a posting of the house, for staff, the agreement's owner's."""
    if not found.order or not found.posting.line:
        return None
    rows = EarningDecision.objects.filter(order_code=found.order, source_id=found.posting.line)
    if found.posting.party_id:
        return rows.filter(party=found.posting.party_id).order_by("pk").first()
    rows = rows.select_related("version__agreement").order_by("pk")
    owned = (row for row in rows if row.version and row.version.agreement.owner_id == row.party_id)
    return (next(owned, None) or rows.first()) if staff else None


def _part(account: str) -> str:
    if not account.startswith("party:"):
        return "house"
    return next((part for part in ("reserve", "advance") if account.endswith(f":{part}")), "payable")


def _computed(found: PostingFacts, made: Recomputed) -> int:
    """What the inputs give for this very posting: of the same account and line, the one at the same place."""
    posting = found.posting
    same = found.entry.postings.filter(account=posting.account_id, line=posting.line)
    place = same.filter(position__lt=posting.position).count()
    told = [
        row.amount
        for row in made.details
        if row.amount and (row.account, row.currency, row.line) == (found.account, posting.currency, posting.line)
    ]
    return told[place] if place < len(told) else 0


def _facts(found: PostingFacts, made: Recomputed) -> Iterator[Fact]:
    """The values that the entry was computed from, then those about the reader's own part."""
    own = found.posting.currency
    for code, value in made.facts.items():
        if code == "reason" or value in (None, ""):
            continue
        if code in _DAYS:
            yield Fact(code, DAY, datetime.fromisoformat(value) if isinstance(value, str) else value)
        elif code == "exchanged":
            yield Fact("sent", MONEY, value["amount"], value["currency"])
            if "rate" in value:
                yield Fact(
                    "exchange_rate", TEXT, " · ".join(filter(None, (value["rate"], value["day"], value["source"])))
                )
        elif code in _RATES:
            yield Fact(code, RATE, value)
        else:
            yield Fact(code, MONEY, value, own if code in _SETTLED else made.currency or own)
    if found.entry.kind == EntryKind.CORRECTION and made.orders:
        before, after = (_earned(order.lines, found) for order in made.orders)
        yield Fact("settled_before", MONEY, before, own)
        yield Fact("settled_after", MONEY, after, own)
        moved = [row.amount for row in made.details if (row.account, row.line) == (found.account, found.posting.line)]
        # An order that was given back meanwhile takes the difference back as well.
        if len(moved) > 1:
            yield Fact("together", MONEY, sum(moved), own)


def _earned(lines: list[LineState], found: PostingFacts) -> int:
    """What the sale of the posting's line gives its account."""
    line = next(line for line in lines if line.result.facts.id == found.posting.line)
    return line.result.credits(found.account)


def _steps(trace: Mapping[str, Any], found: PostingFacts) -> Iterator[ReversalStep]:
    """The reversal of the account's own shares of the line."""
    for line in trace.get("lines", ()):
        if line.get("line") != found.posting.line:
            continue
        for step in line.get("steps", ()):
            for row in step.get("rows", ()) if step["code"] == "reverse" else ():
                if row["charged"] == found.account:
                    told = exact.exact(row["exact"], found.posting.currency)
                    yield ReversalStep(
                        row["weight"], row["account"], told, row.get("already", 0), row["amount"], row["why"]
                    )


def _formula(found: PostingFacts, made: Recomputed) -> str:
    """How the amount came about, in plain figures."""
    cur, facts, kind = made.currency or found.posting.currency, made.facts, found.entry.kind

    def plain(minor: int) -> str:
        return exact.plain(minor, cur)

    if kind == EntryKind.GUARANTEE:
        return f"{plain(facts['guarantee'])} − {plain(facts['earned'])} = {plain(abs(found.posting.amount))}"
    if kind == EntryKind.POOL:
        return _of_pool(found, made)
    if kind == EntryKind.PAYOUT:
        return f"{plain(facts['balance'])} − {plain(facts['held'])} = {plain(facts['balance'] - facts['held'])}"
    if kind == EntryKind.CORRECTION and made.orders:
        before, after = (_earned(order.lines, found) for order in made.orders)
        due = after - before
        return f"{plain(after)} − {plain(before)} = {plain(due)}" if due == found.posting.amount else ""
    return ""


def _of_pool(found: PostingFacts, made: Recomputed) -> str:
    """A pool's part: the creators' rate of the revenue, then the weight among all weights."""
    cur, facts, rows = found.posting.currency, made.facts, made.trace.get("rows", ())
    own = next((row for row in rows if row["account"] == found.account), None)
    if own is None:
        return ""
    whole = sum(row["weight"] for row in rows)
    revenue = f"{percent(facts['creator_bp'])} × {exact.plain(facts['amount'], cur)}"
    return f"{own['weight']}/{whole} × {exact.plain(made.trace['amount'], cur)} ({revenue}) = {_told(own, cur)}"


def _told(row: Mapping[str, Any], currency: str) -> str:
    return exact.exact(row["exact"], currency)
