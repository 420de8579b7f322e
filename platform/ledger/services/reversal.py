"""Taking back what was booked: always by a new entry that is the exact opposite and points at the old one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ledger.errors import UnknownEntryError
from ledger.models import JournalEntry, Posting
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft, PostedEntry, PostingDraft


@dataclass(frozen=True, slots=True)
class ReversalDraft:
    """Which entry is taken back, by its source, and as what the opposite is booked."""

    of_kind: str
    source_kind: str
    source_id: str
    kind: str
    occurred_at: datetime
    reason: str
    actor_id: int | None = None


@transaction.atomic
def entries_reverse(*, drafts: Sequence[ReversalDraft]) -> list[PostedEntry]:
    """Book the exact opposite of each entry, under the same source and another kind; in the order given.

    What has not matured yet is taken back with the instant at which it would have, so that it never counts as a debt
    against money that is available. Again with the same instant and reason: the existing one. UnknownEntryError where
    there is nothing to take back.
    """
    originals = _originals(drafts)
    postings: dict[int, list[tuple[str, Posting]]] = {entry.pk: [] for entry in originals.values()}
    for posting in Posting.objects.filter(entry__in=postings).select_related("account").order_by("entry", "position"):
        postings[posting.entry_id].append((posting.account.code, posting))
    return entries_post(
        drafts=[_opposite(draft, originals[_key(draft)], postings[originals[_key(draft)].pk]) for draft in drafts]
    )


def entry_reverse(
    *, entry_id: int, kind: str, occurred_at: datetime, reason: str, actor_id: int | None = None
) -> PostedEntry:
    """Book the exact opposite of one entry, by its id."""
    entry = JournalEntry.objects.filter(pk=entry_id).only("kind", "source_kind", "source_id").first()
    if entry is None:
        raise UnknownEntryError(f"There is no entry {entry_id}.")
    draft = ReversalDraft(entry.kind, entry.source_kind, entry.source_id, kind, occurred_at, reason, actor_id)
    return entries_reverse(drafts=[draft])[0]


def _key(draft: ReversalDraft) -> tuple[str, str, str]:
    return draft.of_kind, draft.source_kind, draft.source_id


def _originals(drafts: Sequence[ReversalDraft]) -> dict[tuple[str, str, str], JournalEntry]:
    wanted = {_key(draft) for draft in drafts}
    rows = JournalEntry.objects.filter(
        kind__in={kind for kind, _, _ in wanted},
        source_kind__in={source for _, source, _ in wanted},
        source_id__in={source_id for _, _, source_id in wanted},
    ).defer("inputs", "trace")
    found = {(row.kind, row.source_kind, row.source_id): row for row in rows}
    for kind, source_kind, source_id in sorted(wanted - found.keys()):
        raise UnknownEntryError(f"There is no {kind} entry for {source_kind}/{source_id}.")
    return found


def _opposite(draft: ReversalDraft, entry: JournalEntry, postings: Sequence[tuple[str, Posting]]) -> EntryDraft:
    return EntryDraft(
        kind=draft.kind,
        source_kind=draft.source_kind,
        source_id=draft.source_id,
        occurred_at=draft.occurred_at,
        postings=[
            PostingDraft(
                account=code,
                amount=-posting.amount,
                currency=posting.currency,
                line=posting.line,
                clause=posting.clause,
                matures_at=max(posting.matures_at, draft.occurred_at),
            )
            for code, posting in postings
        ],
        inputs={"reverses": entry.body_hash, "reason": draft.reason},
        reverses_id=entry.pk,
        actor_id=draft.actor_id,
    )
