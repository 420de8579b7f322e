"""Journal entries and what they moved. Whole entries are for staff; portals read sums over their own lines."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.columns import texts
from accounts.models import User
from accounts.statements import Statement, fetch
from ledger.models import JournalEntry
from ledger.selectors.visibility import parties_seen


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One posting as it stands in the books."""

    position: int
    account: str
    party_id: int | None
    amount: int
    currency: str
    line: str
    clause: str
    matures_at: datetime | None


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry with its postings."""

    id: int
    kind: str
    source_kind: str
    source_id: str
    occurred_at: datetime
    recorded_at: datetime
    reverses_id: int | None
    inputs: dict[str, Any]
    trace: Any
    body_hash: str
    postings: tuple[PostingRow, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """What the postings of some lines moved on one account; `shared` where the split, not a step before it, gave it."""

    account: str
    party_id: int | None
    currency: str
    shared: bool
    amount: int


def entry_with_postings(*, entry_id: int, visible_to: User | None) -> EntryRow | None:
    """One entry, or None. Only staff and the house itself see entries: they name every party of an order."""
    return next(iter(entries_with_postings(entries=[entry_id], visible_to=visible_to)), None)


def entries_with_postings(*, entries: Collection[int], visible_to: User | None) -> list[EntryRow]:
    """Return entries by id, each with its postings in order, in two queries."""
    if parties_seen(visible_to) is not None:
        return []
    rows = JournalEntry.objects.filter(pk__in=entries).prefetch_related("postings__account").order_by("pk")
    return [_entry(row) for row in rows]


_BOOKED = Statement(
    "booked_sources",
    """
    SELECT source_id, id FROM ledger_journalentry WHERE kind = %s AND source_kind = %s AND source_id = ANY (%s::text[])
    """,
)


def booked_sources(
    *, kind: str, source_kind: str, source_ids: Collection[str], visible_to: User | None
) -> dict[str, int]:
    """Which of the sources were booked: source id to entry id."""
    if parties_seen(visible_to) is not None:
        return {}
    return dict(fetch((_BOOKED, [kind, source_kind, texts(source_ids)])))


def credits_of_parties(*, source_kind: str, source_ids: Collection[str]) -> list[tuple[str, str, int]]:
    """What the entries of some sources moved on parties' payables and reserves: (party code, currency, minor units).

    For receipts of the house: it names every party, so it runs where all rows are visible.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT y.code, p.currency, sum(p.amount)
            FROM ledger_journalentry e
            JOIN ledger_posting p ON p.entry_id = e.id
            JOIN accounts_party y ON y.id = p.party_id
            WHERE e.source_kind = %s AND e.source_id = ANY (%s)
            GROUP BY y.code, p.currency ORDER BY y.code, p.currency
            """,
            [source_kind, list(source_ids)],
        )
        return [(code, currency, int(amount)) for code, currency, amount in cursor.fetchall()]


def line_flows(*, lines: Sequence[tuple[int, str]]) -> list[Flow]:
    """Sum the postings of (entry, order line) pairs by account. The caller answers for who may read which sum."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.code, p.party_id, p.currency,
                (p.clause LIKE '%%.parties[%%' OR p.clause LIKE 'groups.%%' OR p.clause = 'reserve_bp') AS shared,
                sum(p.amount)
            FROM unnest(%s::bigint[], %s::text[]) AS k (entry_id, line)
            JOIN ledger_posting p ON p.entry_id = k.entry_id AND p.line = k.line
            JOIN ledger_account a ON a.id = p.account_id
            GROUP BY a.code, p.party_id, p.currency, shared
            """,
            [[entry for entry, _ in lines], [line for _, line in lines]],
        )
        return [Flow(code, party, cur, shared, int(amount)) for code, party, cur, shared, amount in cursor.fetchall()]


def _entry(row: JournalEntry) -> EntryRow:
    postings = sorted(row.postings.all(), key=lambda posting: posting.position)
    return EntryRow(
        id=row.pk,
        kind=row.kind,
        source_kind=row.source_kind,
        source_id=row.source_id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        reverses_id=row.reverses_id,
        inputs=row.inputs,
        trace=row.trace,
        body_hash=row.body_hash,
        postings=tuple(
            PostingRow(p.position, p.account.code, p.party_id, p.amount, p.currency, p.line, p.clause, p.matures_at)
            for p in postings
        ),
    )
