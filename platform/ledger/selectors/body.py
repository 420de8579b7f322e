"""The body of an entry as one text, written the same way here and in SQL, so that the database can prove its hash.

JSON is written as PostgreSQL writes `jsonb`: keys by length in bytes, then by bytes; ", " and ": " between.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ledger.errors import LedgerError
from ledger.splits.sale import Detail

MARK = "tributary-entry/1"

HASH_SQL = f"""
encode(sha256(convert_to(
    '{MARK}' || E'\\n' || e.kind || E'\\n' || e.source_kind || E'\\n' || e.source_id || E'\\n'
    || to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\\n'
    || coalesce(e.reverses_id::text, '') || E'\\n' || e.inputs::text || E'\\n'
    || string_agg(a.code || '|' || p.currency || '|' || p.amount || '|' || p.line || '|' || p.clause || '|'
        || coalesce(to_char(p.matures_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''),
        E'\\n' ORDER BY p.position),
    'UTF8')), 'hex')
"""
"""SQL for the hash of entry `e` over its postings `p` on accounts `a`, grouped by entry."""


LEAF_SQL = """
sha256(convert_to(
    e.id || '|' || e.body_hash || '|' || to_char(e.booked_on, 'YYYY-MM-DD') || '|'
    || to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '|'
    || coalesce(e.actor_id::text, ''), 'UTF8'))
"""
"""SQL for what a seal says of entry `e`: 32 bytes over its id, hash, day, instant of recording and actor."""

SEAL_SQL = "encode(sha256(convert_to({previous}, 'UTF8') || string_agg({leaf}, ''::bytea ORDER BY {order})), 'hex')"
"""SQL for the digest of a seal: the previous digest as text, then the leaves in the order of the entries."""

MARK_BYTES = 4
"""How much of each leaf a seal keeps, to name the entry when the digest does not agree."""


class PostingBody(NamedTuple):
    """What the hash says of one posting, in the entry's order."""

    account: str
    currency: str
    amount: int
    line: str
    clause: str
    matures_at: datetime | None


def posting_bodies(details: Iterable[Detail], *, placed_at: datetime) -> list[PostingBody]:
    """Turn movements into what is booked; a sale's shares mature the rule's days after the order, the rest at once."""
    return [
        PostingBody(
            row.account,
            row.currency,
            row.amount,
            row.line,
            row.clause,
            None if row.hold_days is None else placed_at + timedelta(days=row.hold_days),
        )
        for row in details
        if row.amount
    ]


def body_hash(
    *,
    kind: str,
    source_kind: str,
    source_id: str,
    occurred_at: datetime,
    reverses_id: int | None,
    inputs: dict[str, Any],
    postings: Iterable[PostingBody],
) -> str:
    """SHA-256 of an entry's body, as HASH_SQL computes it from the stored rows. The trace follows from the inputs."""
    head = [MARK, kind, source_kind, source_id, instant(occurred_at), str(reverses_id or ""), canonical(inputs)]
    lines = [
        f"{p.account}|{p.currency}|{p.amount}|{p.line}|{p.clause}|{instant(p.matures_at) if p.matures_at else ''}"
        for p in postings
    ]
    return hashlib.sha256("\n".join(head + lines).encode()).hexdigest()


def instant(moment: datetime) -> str:
    """Write an aware instant in UTC with microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value: Any) -> str:
    """Write plain data as PostgreSQL prints jsonb. Floats are refused: no amount is one."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(", ", ": "))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_jsonb_key)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise LedgerError(f"Inputs of an entry are texts, whole numbers, lists and objects; {value!r} is none of them.")


def _jsonb_key(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


def digest_of(value: Any) -> str:
    """SHA-256 of plain data, written as PostgreSQL prints jsonb."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
