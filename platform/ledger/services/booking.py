"""The one place that writes journal entries. Batch first: the number of queries does not depend on the batch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.columns import instants, json_list, numbers, texts
from accounts.savepoints import atomic_within
from accounts.statements import Statement, fetch, send
from ledger.errors import IdempotencyConflictError, LedgerError, UnbalancedEntryError
from ledger.money import EXPONENTS
from ledger.selectors.body import PostingBody, body_hash, canonical, canonical_in_order
from ledger.services.accounts import AccountKey, AccountRow, accounts_open
from ledger.services.drafts import EntryDraft, PostedEntry
from ledger.services.stillness import SHARE_LOCK

_MOST = 2**63 - 1


_POSTINGS = Statement(
    "postings_insert",
    """
    INSERT INTO ledger_posting
        (entry_id, position, account_id, party_id, amount, currency, line, clause, occurred_at, matures_at,
        booked_on)
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[],
        %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::date[])
    """,
)


_ENTRIES = Statement(
    "entries_insert",
    """
    INSERT INTO ledger_journalentry (kind, source_kind, source_id, occurred_at, reverses_id, inputs, trace,
        body_hash, actor_id, recorded_at, booked_on)
    SELECT kind, source_kind, source_id, occurred_at, reverses_id, inputs, trace, body_hash, actor_id,
        %(now)s::timestamptz,
        CASE WHEN date_trunc('month', day)::date <= c.month THEN greatest(day, %(today)s::date) ELSE day END
    FROM ROWS FROM (
        unnest(%(c0)s::text[], %(c1)s::text[], %(c2)s::text[], %(c3)s::timestamptz[], %(c4)s::bigint[],
            %(c5)s::text[], %(c6)s::bigint[]),
        jsonb_array_elements(%(inputs)s::jsonb),
        jsonb_array_elements(%(trace)s::jsonb)
    ) AS d (kind, source_kind, source_id, occurred_at, reverses_id, body_hash, actor_id, inputs, trace)
    CROSS JOIN LATERAL (SELECT (occurred_at AT TIME ZONE %(zone)s::text)::date AS day) l
    CROSS JOIN (SELECT max(month) AS month FROM ledger_closedperiod) c
    ON CONFLICT (kind, source_kind, source_id) DO NOTHING
    RETURNING kind, source_kind, source_id, id, booked_on
    """,
)


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
    created = _insert_entries(prepared)
    found = _find_entries([row for row in prepared if row.draft.key not in created])
    fresh = [row for row in prepared if row.draft.key in created]
    if fresh:
        accounts = accounts_open(keys={(p.account, p.currency) for row in fresh for p in row.bodies})
        _insert_postings(fresh, created, accounts)
    ids = {**found, **{key: pk for key, (pk, _day) in created.items()}}
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
            raise LedgerError(f"{_name(draft)}: {amount!r} is no amount for {account}.")
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


def _insert_entries(prepared: Sequence[_Prepared]) -> dict[tuple[str, str, str], tuple[int, date]]:
    """Insert what is new; returns id and day in the books of each. Waits for others who are booking the same source.

    What occurred in a month that is closed by now, or before one, is booked today: a closed month's balances are those
    of all that stands before its end.
    """
    drafts, now = [row.draft for row in prepared], timezone.now()
    columns = [
        texts(draft.kind for draft in drafts),
        texts(draft.source_kind for draft in drafts),
        texts(draft.source_id for draft in drafts),
        instants(draft.occurred_at for draft in drafts),
        numbers(draft.reverses_id for draft in drafts),
        texts(row.hash for row in prepared),
        numbers(draft.actor_id for draft in drafts),
    ]
    told = {
        "now": now,
        "today": timezone.localdate(now),
        "zone": timezone.get_default_timezone_name(),
        "inputs": json_list(row.inputs for row in prepared),
        "trace": json_list(json.dumps(draft.trace, ensure_ascii=False) for draft in drafts),
        **{f"c{i}": column for i, column in enumerate(columns)},
    }
    rows = fetch((SHARE_LOCK, []), (_ENTRIES, told))
    return {(kind, source, source_id): (pk, day) for kind, source, source_id, pk, day in rows}


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


def _insert_postings(
    fresh: Sequence[_Prepared],
    ids: Mapping[tuple[str, str, str], tuple[int, date]],
    accounts: Mapping[AccountKey, AccountRow],
) -> None:
    rows = [
        (*ids[row.draft.key], row.draft.occurred_at, i, accounts[body.account, body.currency], body)
        for row in fresh
        for i, body in enumerate(row.bodies)
    ]
    entry, booked, occurred, position, where, bodies = zip(*rows, strict=True)
    account, party = zip(*where, strict=True)
    _account, currency, amount, line, clause, matures = zip(*bodies, strict=True)
    columns = [
        *(numbers(column) for column in (entry, position, account, party, amount)),
        *(texts(column) for column in (currency, line, clause)),
        *(instants(column) for column in (occurred, matures, booked)),
    ]
    send((_POSTINGS, columns))


def _name(draft: EntryDraft) -> str:
    return f"Entry {draft.kind} {draft.source_kind}/{draft.source_id}"
