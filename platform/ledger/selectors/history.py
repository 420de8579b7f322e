"""Sales of the books with all that happened to their orders, streamed for whoever computes them once more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from ledger.choices import EntryKind
from ledger.models import Account


@dataclass(frozen=True, slots=True)
class History:
    """Which sales: those of orders placed in [since, until), of one kind of source.

    `about`: JSON objects; a sale belongs where its inputs contain at least one of them. None: all belong.
    """

    since: datetime
    until: datetime
    source_kind: str = "order"
    about: Sequence[Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class HistorySpan:
    """Numbers of the first and the last entry of a history, and how many sales that can be at most."""

    first: int
    last: int
    sales: int


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """A sale's entry: its inputs as stored, and (day, body) of each event since. Days are ordinals, portal's time."""

    entry_id: int
    order_id: str
    placed_at: datetime
    day: int
    inputs: Mapping[str, Any]
    events: Sequence[tuple[int, Mapping[str, Any]]]


def history_span(history: History) -> HistorySpan:
    """Say where a history lies. Call it where all rows are visible, as all of this module."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(min(id), 0), coalesce(max(id), -1), count(*) FROM ledger_journalentry e"
            " WHERE e.kind = %(kind)s AND e.source_kind = %(source)s"
            " AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s",
            _params(history),
        )
        return HistorySpan(*cursor.fetchone())


def history_read(history: History, *, first: int, last: int) -> Iterator[StoredOrder]:
    """Stream the sales whose entries are numbered first to last, both inclusive, in the order of booking."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""
            SELECT e.id, e.source_id, e.occurred_at,
                (e.occurred_at AT TIME ZONE %(zone)s)::date - DATE '0001-01-01' + 1, e.inputs::text, since.events::text
            FROM ledger_journalentry e
            LEFT JOIN LATERAL (
                SELECT json_agg(json_build_array(
                    (v.occurred_at AT TIME ZONE %(zone)s)::date - DATE '0001-01-01' + 1, v.body) ORDER BY v.number
                ) AS events
                FROM ledger_bookedorder o JOIN ledger_orderevent v ON v.order_id = o.id AND v.number > 0
                WHERE o.sale_id = e.id
            ) since ON true
            WHERE {_belongs(history)} AND e.id BETWEEN %(first)s AND %(last)s
            ORDER BY e.id
            """,  # noqa: S608 - the condition is one of two texts of this module
            {**_params(history), "first": first, "last": last},
        )
        for entry_id, order_id, placed_at, day, inputs, events in cursor:
            yield StoredOrder(
                entry_id, order_id, placed_at, day, json.loads(inputs), json.loads(events) if events else ()
            )


def history_booked(history: History, *, first: int, last: int) -> dict[tuple[str, str], int]:
    """Sum what is booked by (account, currency) for the same sales and for every event of their orders."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH mine AS MATERIALIZED (
                SELECT e.id FROM ledger_journalentry e WHERE {_belongs(history)} AND e.id BETWEEN %(first)s AND %(last)s
            )
            SELECT p.account_id, sum(p.amount) FROM ledger_posting p
            JOIN (
                SELECT id FROM mine
                UNION ALL
                SELECT v.entry_id FROM mine
                JOIN ledger_bookedorder o ON o.sale_id = mine.id
                JOIN ledger_orderevent v ON v.order_id = o.id AND v.entry_id IS NOT NULL
            ) entry ON entry.id = p.entry_id
            GROUP BY p.account_id
            """,  # noqa: S608 - as above
            {**_params(history), "first": first, "last": last},
        )
        sums = {account: int(amount) for account, amount in cursor.fetchall()}
    rows = Account.objects.filter(pk__in=sums).values_list("pk", "code", "currency")
    return {(code, currency): sums[pk] for pk, code, currency in rows}


def _belongs(history: History) -> str:
    """SQL condition on entry `e`."""
    kind = "e.kind = %(kind)s AND e.source_kind = %(source)s"
    placed = "e.occurred_at >= %(since)s AND e.occurred_at < %(until)s"
    about = "" if history.about is None else " AND e.inputs @> ANY (%(about)s::jsonb[])"
    return f"{kind} AND {placed}{about}"


def _params(history: History) -> dict[str, Any]:
    return {
        "kind": EntryKind.SALE,
        "source": history.source_kind,
        "since": history.since,
        "until": history.until,
        "zone": timezone.get_default_timezone_name(),
        "about": [json.dumps(part) for part in history.about or ()],
    }
