"""The one place that writes journal entries. Batch first: the number of queries does not depend on the batch."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.columns import instants, json_list, numbers, texts
from accounts.savepoints import atomic_within
from accounts.statements import Statement, fetch
from ledger.errors import IdempotencyConflictError, LedgerError, UnbalancedEntryError
from ledger.money import EXPONENTS
from ledger.selectors.body import PostingBody, body_hash, canonical, canonical_in_order
from ledger.services.accounts import accounts_open
from ledger.services.drafts import EntryDraft, PostedEntry
from ledger.services.stillness import SHARE_LOCK
from ledger.splits.reading import shown

_MOST = 2**63 - 1


_BOOK = Statement(
    "entries_book",
    """
    WITH booked AS (
        INSERT INTO ledger_journalentry (kind, source_kind, source_id, occurred_at, reverses_id, inputs, trace,
            body_hash, actor_id, recorded_at, booked_on)
        SELECT kind, source_kind, source_id, occurred_at, reverses_id, inputs, trace, body_hash, actor_id,
            %(now)s::timestamptz,
            CASE WHEN date_trunc('month', day)::date <= c.month THEN greatest(day, %(today)s::date) ELSE day END
        FROM ROWS FROM (
            unnest(%(kind)s::text[], %(source_kind)s::text[], %(source_id)s::text[], %(occurred)s::timestamptz[],
                %(reverses)s::bigint[], %(hash)s::text[], %(actor)s::bigint[]),
            jsonb_array_elements(%(inputs)s::jsonb),
            jsonb_array_elements(%(trace)s::jsonb)
        ) AS d (kind, source_kind, source_id, occurred_at, reverses_id, body_hash, actor_id, inputs, trace)
        CROSS JOIN LATERAL (SELECT (occurred_at AT TIME ZONE %(zone)s::text)::date AS day) l
        CROSS JOIN (SELECT max(month) AS month FROM ledger_closedperiod) c
        ON CONFLICT (kind, source_kind, source_id) DO NOTHING
        RETURNING kind, source_kind, source_id, id, occurred_at, booked_on
    ), told AS MATERIALIZED (
        SELECT array_agg(coalesce(b.id, 0) ORDER BY n) AS ids,
            array_agg(coalesce(b.occurred_at, '-infinity') ORDER BY n) AS instants,
            array_agg(coalesce(b.booked_on, '-infinity') ORDER BY n) AS days
        FROM unnest(%(kind)s::text[], %(source_kind)s::text[], %(source_id)s::text[]) WITH ORDINALITY
            AS d (kind, source_kind, source_id, n)
        LEFT JOIN booked b USING (kind, source_kind, source_id)
    ), posted AS (
        INSERT INTO ledger_posting (entry_id, position, account_id, party_id, amount, currency, line, clause,
            occurred_at, matures_at, booked_on)
        SELECT t.ids[p.entry], p.position, p.account_id, p.party_id, p.amount, p.currency, p.line, p.clause,
            t.instants[p.entry], p.matures_at, t.days[p.entry]
        FROM told t CROSS JOIN unnest(%(entry)s::int[], %(position)s::int[], %(account)s::bigint[],
            %(party)s::bigint[], %(amount)s::bigint[], %(currency)s::text[], %(line)s::text[], %(clause)s::text[],
            %(matures)s::timestamptz[])
            AS p (entry, position, account_id, party_id, amount, currency, line, clause, matures_at)
        WHERE t.ids[p.entry] <> 0
    )
    SELECT kind, source_kind, source_id, id FROM booked
    """,
)
"""Entries that are not booked yet, with their postings, so that what asks for both after the statement sees both.

A posting finds its entry by number: an element of an array of numbers costs nothing, and a join must be planned.
"""


class _Prepared(NamedTuple):
    draft: EntryDraft
    bodies: list[PostingBody]
    inputs: str
    hash: str


@atomic_within
def entries_post(*, drafts: Sequence[EntryDraft]) -> list[PostedEntry]:
    """Book every draft, or find it booked already; in the order given.

    Missing accounts are opened. The same source with the same body gives the existing entry; with another body
    IdempotencyConflictError. UnbalancedEntryError, UnknownAccountError and LedgerError name the entry. All or nothing.
    """
    prepared = _unique(_prepare(draft) for draft in drafts)
    if not prepared:
        return []
    created = _insert(prepared)
    found = _find_entries([row for row in prepared if row.draft.key not in created])
    ids = {**found, **created}
    first: set[tuple[str, str, str]] = set()
    posted = []
    for draft in drafts:
        posted.append(PostedEntry(ids[draft.key], draft.key in created and draft.key not in first))
        first.add(draft.key)
    return posted


def _prepare(draft: EntryDraft) -> _Prepared:
    totals: dict[str, int] = {}
    bodies = [
        p if type(p) is PostingBody else PostingBody(p.account, p.currency, p.amount, p.line, p.clause, p.matures_at)
        for p in draft.postings
    ]
    for account, currency, amount, _line, _clause, _matures_at in bodies:
        if type(amount) is not int or not amount or not -_MOST <= amount <= _MOST:
            raise LedgerError(f"{_name(draft)}: {shown(amount)} is no amount for {account}.")
        totals[currency] = totals.get(currency, 0) + amount
    unknown = totals.keys() - EXPONENTS.keys()
    if unknown:
        raise LedgerError(f"{_name(draft)}: {min(unknown)!r} is no currency.")
    if not totals:
        raise UnbalancedEntryError(f"{_name(draft)} has no postings; what moves no money is not booked.")
    off = {currency: total for currency, total in totals.items() if total}
    if off:
        raise UnbalancedEntryError(f"{_name(draft)} does not balance: {off}.")
    inputs = canonical_in_order(draft.inputs) if draft.in_order else canonical(draft.inputs)
    digest = body_hash(
        kind=draft.kind,
        source_kind=draft.source_kind,
        source_id=draft.source_id,
        occurred_at=draft.occurred_at,
        reverses_id=draft.reverses_id,
        inputs=inputs,
        postings=bodies,
    )
    return _Prepared(draft, bodies, inputs, digest)


def _unique(prepared: Iterable[_Prepared]) -> list[_Prepared]:
    """Each source once, sorted, so that two batches with common sources wait for each other in one order."""
    by_key: dict[tuple[str, str, str], _Prepared] = {}
    for row in prepared:
        other = by_key.setdefault(row.draft.key, row)
        if other.hash != row.hash:
            raise IdempotencyConflictError(f"{_name(row.draft)} stands twice in one batch, with different bodies.")
    return [by_key[key] for key in sorted(by_key)]


def _insert(prepared: Sequence[_Prepared]) -> dict[tuple[str, str, str], int]:
    """Open accounts, insert what is new; returns the id of each entry. Waits for who is booking the same source.

    What occurred in a month that is closed by now, or before one, is booked today: a closed month's balances are those
    of all that stands before its end.
    """
    drafts, now = [row.draft for row in prepared], timezone.now()
    told = {
        "now": now,
        "today": timezone.localdate(now),
        "zone": timezone.get_default_timezone_name(),
        "kind": texts(draft.kind for draft in drafts),
        "source_kind": texts(draft.source_kind for draft in drafts),
        "source_id": texts(draft.source_id for draft in drafts),
        "occurred": instants(draft.occurred_at for draft in drafts),
        "reverses": numbers(draft.reverses_id for draft in drafts),
        "hash": texts(row.hash for row in prepared),
        "actor": numbers(draft.actor_id for draft in drafts),
        "inputs": json_list(row.inputs for row in prepared),
        "trace": json_list(json.dumps(draft.trace, ensure_ascii=False) for draft in drafts),
        **_postings(prepared),
    }
    rows = fetch((SHARE_LOCK, []), (_BOOK, told))
    return {(kind, source, source_id): pk for kind, source, source_id, pk in rows}


def _postings(prepared: Sequence[_Prepared]) -> dict[str, str]:
    """The postings' columns; `entry` counts from one, as arrays do."""
    bodies = [body for row in prepared for body in row.bodies]
    code, currency, amount, line, clause, matures = zip(*bodies, strict=True)
    keys = list(zip(code, currency, strict=True))
    accounts = accounts_open(keys=set(keys))
    account, party = zip(*[accounts[key] for key in keys], strict=True)
    counts = [len(row.bodies) for row in prepared]
    return {
        "entry": numbers([number for number, count in enumerate(counts, start=1) for _ in range(count)]),
        "position": numbers([position for count in counts for position in range(count)]),
        "account": numbers(account),
        "party": numbers(party),
        "amount": numbers(amount),
        "currency": texts(currency),
        "line": texts(line),
        "clause": texts(clause),
        "matures": instants(matures),
    }


def _find_entries(prepared: Sequence[_Prepared]) -> dict[tuple[str, str, str], int]:
    """Ids of entries booked before; IdempotencyConflictError where a body differs."""
    if not prepared:
        return {}
    columns = [[row.draft.key[i] for row in prepared] for i in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.kind, e.source_kind, e.source_id, e.id, e.body_hash
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS d (kind, source_kind, source_id)
            JOIN ledger_journalentry e USING (kind, source_kind, source_id)
            """,
            columns,
        )
        rows = {(row[0], row[1], row[2]): (row[3], row[4]) for row in cursor.fetchall()}
    for row in prepared:
        if rows[row.draft.key][1] != row.hash:
            raise IdempotencyConflictError(f"{_name(row.draft)} was booked before with another body.")
    return {key: id_ for key, (id_, _hash) in rows.items()}


def _name(draft: EntryDraft) -> str:
    return f"Entry {draft.kind} {draft.source_kind}/{draft.source_id}"
