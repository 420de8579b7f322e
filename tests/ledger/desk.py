"""What tests of the ledger set up again and again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from accounts.choices import PartyKind
from accounts.models import Party
from accounts.services import party_create
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
