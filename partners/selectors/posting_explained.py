"""Any posting explained: what booked it, from what it was computed, and whether that gives the same again.

A sale's posting leads to its line's own explanation; what happened to the order afterwards, and what concerns a party
alone, is told here. The entry names every party, so it is read past row-level security and only the reader's part
leaves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User
from accounts.scope import all_rows
from ledger.selectors import parties_seen
from ledger.selectors.recomputed import PostingFacts, Recomputed, entry_recomputed, posting_facts
from partners.models import EarningDecision
from partners.selectors import exact


@dataclass(frozen=True, slots=True)
class ReversalStep:
    """How one share of the sale was charged: its quota by now, what was taken before, and this time."""

    charged: str
    exact: str
    already: int
    amount: int
    why: str


@dataclass(frozen=True, slots=True)
class PostingExplained:
    """A posting explained. `computed` is what the inputs give for its account and line now, `booked` what stands there.

    `line_id`: the decision about the sale's line, which explains what this is about; None where there is none.
    """

    posting_id: int
    kind: str
    amount: int
    currency: str
    account: str
    order: str
    line_id: int | None
    title: str
    occurred_at: datetime
    booked_on: Any
    note: str
    facts: Mapping[str, Any]
    steps: tuple[ReversalStep, ...]
    computed: int
    booked: int
    entry_hash: str

    @property
    def agrees(self) -> bool:
        """Whether computing it again gives what was booked."""
        return self.computed == self.booked


def posting_explained(*, posting_id: int, visible_to: User | None) -> PostingExplained | None:
    """Explain a posting to its reader; None where it is not theirs, as if it did not exist."""
    seen = parties_seen(visible_to)
    with all_rows():
        found = posting_facts(posting_id=posting_id)
        if found is None or (seen is not None and found.posting.party_id not in seen):
            return None
        return _explain(found, entry_recomputed(entry=found.entry))


def _explain(found: PostingFacts, made: Recomputed) -> PostingExplained:
    posting, entry = found.posting, found.entry
    line = (
        EarningDecision.objects.filter(order_code=found.order, source_id=posting.line, party=posting.party_id)
        .order_by("pk")
        .first()
        if found.order and posting.line and posting.party_id
        else None
    )
    same = entry.postings.filter(account=posting.account_id, line=posting.line)
    return PostingExplained(
        posting_id=posting.pk,
        kind=entry.kind,
        amount=posting.amount,
        currency=posting.currency,
        account=found.account,
        order=found.order,
        line_id=line.pk if line else None,
        title=line.local_title if line else "",
        occurred_at=entry.occurred_at,
        booked_on=entry.booked_on,
        note=str(made.facts.get("reason", "")),
        facts={key: value for key, value in made.facts.items() if key != "reason"},
        steps=tuple(_steps(made.trace, found)),
        computed=sum(d.amount for d in made.details if d.account == found.account and d.line == posting.line),
        booked=sum(row.amount for row in same),
        entry_hash=entry.body_hash,
    )


def _steps(trace: Mapping[str, Any], found: PostingFacts) -> Iterator[ReversalStep]:
    """The reversal of the account's own shares of the line."""
    for line in trace.get("lines", ()):
        if line.get("line") != found.posting.line:
            continue
        for step in line.get("steps", ()):
            for row in step.get("rows", ()) if step["code"] == "reverse" else ():
                if row["charged"] == found.account:
                    told = exact.exact(row["exact"], found.posting.currency)
                    yield ReversalStep(row["account"], told, row.get("already", 0), row["amount"], row["why"])
