"""The one place that writes journal entries. Batch first: the number of queries does not depend on the batch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.columns import (
    instant,
    instants,
    instants_part,
    joined,
    json_list,
    numbers,
    numbers_part,
    texts,
    texts_part,
)
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
            %(c5)s::bigint[], %(c6)s::text[]),
        jsonb_array_elements(%(inputs)s::jsonb),
        jsonb_array_elements(%(trace)s::jsonb)
    ) AS d (kind, source_kind, source_id, occurred_at, reverses_id, actor_id, body_hash, inputs, trace)
    CROSS JOIN LATERAL (SELECT (occurred_at AT TIME ZONE %(zone)s::text)::date AS day) l
    CROSS JOIN (SELECT max(month) AS month FROM ledger_closedperiod) c
    ON CONFLICT (kind, source_kind, source_id) DO NOTHING
    RETURNING kind, source_kind, source_id, id, booked_on
    """,
)


class _Postings(NamedTuple):
    """An entry's postings, ready to be written: their accounts, and the other columns as parts of arrays."""

    accounts: Sequence[AccountKey]
    amounts: str
    currencies: str
    lines: str
    clauses: str
    matures: str


class _Prepared(NamedTuple):
    """One entry that was checked and written out. `inputs` and `trace` are JSON, the first as `canonical` writes it."""

    kind: str
    source_kind: str
    source_id: str
    occurred_at: datetime
    reverses_id: int | None
    actor_id: int | None
    inputs: str
    trace: str
    hash: str
    postings: _Postings

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it happen once."""
        return self[:3]


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
    found = _find_entries([row for row in prepared if row.key not in created])
    fresh = [row for row in prepared if row.key in created]
    if fresh:
        accounts = accounts_open(keys={key for row in fresh for key in row.postings.accounts})
        _insert_postings(fresh, created, accounts)
    ids = {**found, **{key: pk for key, (pk, _day) in created.items()}}
    first: set[tuple[str, str, str]] = set()
    posted = []
    for draft in drafts:
        posted.append(PostedEntry(ids[draft.key], draft.key in created and draft.key not in first))
        first.add(draft.key)
    return posted


def _prepare(draft: EntryDraft) -> _Prepared:
    bodies = [
        p if type(p) is PostingBody else PostingBody(p.account, p.currency, p.amount, p.line, p.clause, p.matures_at)
        for p in draft.postings
    ]
    _check(draft, bodies)
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
    _account, currency, amount, line, clause, matures = zip(*bodies, strict=True)
    return _Prepared(
        kind=draft.kind,
        source_kind=draft.source_kind,
        source_id=draft.source_id,
        occurred_at=draft.occurred_at,
        reverses_id=draft.reverses_id,
        actor_id=draft.actor_id,
        inputs=inputs,
        trace=json.dumps(draft.trace, ensure_ascii=False),
        hash=digest,
        postings=_Postings(
            accounts=[body[:2] for body in bodies],
            amounts=numbers_part(amount),
            currencies=texts_part(currency),
            lines=texts_part(line),
            clauses=texts_part(clause),
            matures=instants_part(matures),
        ),
    )


def _check(draft: EntryDraft, bodies: Sequence[PostingBody]) -> None:
    """Refuse postings that make no entry."""
    totals: dict[str, int] = {}
    for account, currency, amount, _line, _clause, _matures_at in bodies:
        if type(amount) is not int or not amount or not -_MOST <= amount <= _MOST:
            raise LedgerError(f"{_name(*draft.key)}: {amount!r} is no amount for {account}.")
        totals[currency] = totals.get(currency, 0) + amount
    unknown = totals.keys() - EXPONENTS.keys()
    if unknown:
        raise LedgerError(f"{_name(*draft.key)}: {min(unknown)!r} is no currency.")
    if not totals:
        raise UnbalancedEntryError(f"{_name(*draft.key)} has no postings; what moves no money is not booked.")
    off = {currency: total for currency, total in totals.items() if total}
    if off:
        raise UnbalancedEntryError(f"{_name(*draft.key)} does not balance: {off}.")


def _unique(prepared: Iterable[_Prepared]) -> list[_Prepared]:
    """Each source once, sorted, so that two batches with common sources wait for each other in one order."""
    by_key: dict[tuple[str, str, str], _Prepared] = {}
    for row in prepared:
        other = by_key.setdefault(row.key, row)
        if other.hash != row.hash:
            raise IdempotencyConflictError(f"{_name(*row.key)} stands twice in one batch, with different bodies.")
    return [by_key[key] for key in sorted(by_key)]


def _insert_entries(prepared: Sequence[_Prepared]) -> dict[tuple[str, str, str], tuple[int, date]]:
    """Insert what is new; returns id and day in the books of each. Waits for others who are booking the same source.

    What occurred in a month that is closed by now, or before one, is booked today: a closed month's balances are those
    of all that stands before its end.
    """
    now = timezone.now()
    kind, source, source_id, occurred, reverses, actor, inputs, trace, digest, _postings = zip(*prepared, strict=True)
    columns = [
        *(texts(column) for column in (kind, source, source_id)),
        instants(occurred),
        numbers(reverses),
        numbers(actor),
        texts(digest),
    ]
    told = {
        "now": now,
        "today": timezone.localdate(now),
        "zone": timezone.get_default_timezone_name(),
        "inputs": json_list(inputs),
        "trace": json_list(trace),
        **{f"c{i}": column for i, column in enumerate(columns)},
    }
    rows = fetch((SHARE_LOCK, []), (_ENTRIES, told))
    return {(kind, source, source_id): (pk, day) for kind, source, source_id, pk, day in rows}


def _find_entries(prepared: Sequence[_Prepared]) -> dict[tuple[str, str, str], int]:
    """Ids of entries booked before; IdempotencyConflictError where a body differs."""
    if not prepared:
        return {}
    columns = [[row[i] for row in prepared] for i in range(3)]
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
        if rows[row.key][1] != row.hash:
            raise IdempotencyConflictError(f"{_name(*row.key)} was booked before with another body.")
    return {key: id_ for key, (id_, _hash) in rows.items()}


def _insert_postings(
    fresh: Sequence[_Prepared],
    ids: Mapping[tuple[str, str, str], tuple[int, date]],
    accounts: Mapping[AccountKey, AccountRow],
) -> None:
    columns: list[list[str]] = [[] for _unused in range(11)]
    for row in fresh:
        pk, day = ids[row.key]
        where, amounts, currencies, lines, clauses, matures = row.postings
        count = len(where)
        account, party = zip(*[accounts[key] for key in where], strict=True)
        told = (
            _repeated(str(pk), count),
            _positions(count),
            numbers_part(account),
            numbers_part(party),
            amounts,
            currencies,
            lines,
            clauses,
            _repeated(f'"{instant(row.occurred_at)}"', count),
            matures,
            _repeated(f'"{day.isoformat()}"', count),
        )
        for column, part in zip(columns, told, strict=True):
            column.append(part)
    send((_POSTINGS, [joined(column) for column in columns]))


def _repeated(text: str, count: int) -> str:
    return f"{text}," * (count - 1) + text


@cache
def _positions(count: int) -> str:
    return numbers_part(range(count))


def _name(kind: str, source_kind: str, source_id: str) -> str:
    return f"Entry {kind} {source_kind}/{source_id}"
