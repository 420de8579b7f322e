"""What tests of the ledger set up again and again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.choices import PartyKind
from accounts.models import Party
from accounts.services import party_create
from ledger.selectors import entry_with_postings
from ledger.services import EntryDraft, PostingDraft

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(days=7)


def party(code: str) -> Party:
    """A party that can be credited."""
    return party_create(code=code, kind=PartyKind.CREATOR, name=code.title())


def draft(source: str = "O-1", *postings: tuple[str, int], currency: str = "CNY", **facts: Any) -> EntryDraft:
    """A sale that pays 100 to alice, unless postings (account, amount) are given."""
    rows = postings or (("processor:clearing", -100), ("party:alice", 100))
    facts.setdefault("inputs", {"price": 100})
    return EntryDraft(
        kind=facts.pop("kind", "sale"),
        source_kind=facts.pop("source_kind", "order"),
        source_id=source,
        occurred_at=facts.pop("occurred_at", AT),
        postings=[
            PostingDraft(
                account, amount, currency, line="L1", matures_at=LATER if account.startswith("party:") else None
            )
            for account, amount in rows
        ],
        **facts,
    )


def opposite(entry_id: int, kind: str = "void", at: datetime = LATER) -> EntryDraft:
    """The exact opposite of an entry, pointing at it, as any reversal of the whole would be booked."""
    entry = entry_with_postings(entry_id=entry_id, visible_to=None)
    assert entry is not None
    return EntryDraft(
        kind=kind,
        source_kind=entry.source_kind,
        source_id=entry.source_id,
        occurred_at=at,
        postings=[PostingDraft(p.account, -p.amount, p.currency, line=p.line) for p in entry.postings],
        inputs={"reverses": entry.body_hash},
        reverses_id=entry.id,
    )
