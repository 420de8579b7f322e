"""The body of an entry as one text, written the same way here and in SQL, so that the database can prove its hash.

JSON is written as PostgreSQL writes `jsonb`: keys by length in bytes, then by bytes; ", " and ": " between.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from accounts.columns import instant
from ledger.errors import LedgerError
from ledger.splits.sale import Detail

MARK = "tributary-entry/1"

LINES_SQL = """
string_agg(a.code || '|' || p.currency || '|' || p.amount || '|' || p.line || '|' || p.clause || '|'
    || coalesce(to_char(p.matures_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), ''),
    E'\\n' ORDER BY p.position)
"""
"""SQL for what the hash says of the postings `p` of one entry on accounts `a`."""

BODY_SQL = f"""
encode(sha256(convert_to(
    '{MARK}' || E'\\n' || e.kind || E'\\n' || e.source_kind || E'\\n' || e.source_id || E'\\n'
    || to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\\n'
    || coalesce(e.reverses_id::text, '') || E'\\n' || e.inputs::text || E'\\n' || {{lines}},
    'UTF8')), 'hex')
"""
"""SQL for the hash of entry `e`, whose postings say `lines`."""

HASH_SQL = BODY_SQL.format(lines=LINES_SQL)
"""SQL for the hash of entry `e` over its postings `p` on accounts `a`, grouped by entry."""


LEAF_SQL = """
sha256(convert_to(
    r.id || '|' || r.body_hash || '|' || to_char(r.booked_on, 'YYYY-MM-DD') || '|'
    || to_char(r.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '|'
    || coalesce(r.actor_id::text, ''), 'UTF8'))
"""
"""SQL for what a seal says of entry `r`: 32 bytes over its id, hash, day, instant of recording and actor."""

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
    matures: dict[int | None, datetime | None] = {None: None}
    bodies = []
    for account, currency, amount, line, clause, hold_days in details:
        if hold_days not in matures:
            matures[hold_days] = placed_at + timedelta(days=hold_days)  # type: ignore[arg-type]
        if amount:
            bodies.append(PostingBody(account, currency, amount, line, clause, matures[hold_days]))
    return bodies


def body_hash(
    *,
    kind: str,
    source_kind: str,
    source_id: str,
    occurred_at: datetime,
    reverses_id: int | None,
    inputs: str,
    postings: Iterable[PostingBody],
) -> str:
    """SHA-256 of an entry's body, as HASH_SQL computes it from the stored rows. The trace follows from the inputs.

    `inputs` are the entry's, as `canonical` writes them.
    """
    head = [MARK, kind, source_kind, source_id, instant(occurred_at), str(reverses_id or ""), inputs]
    told: dict[datetime | None, str] = {None: ""}
    for account, currency, amount, line, clause, matures_at in postings:
        if matures_at not in told:
            told[matures_at] = instant(matures_at)
        head.append(f"{account}|{currency}|{amount}|{line}|{clause}|{told[matures_at]}")
    return hashlib.sha256("\n".join(head).encode()).hexdigest()


def canonical(value: Any) -> str:
    """Write plain data as PostgreSQL prints jsonb. Floats are refused: no amount is one."""
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is dict or isinstance(value, dict):
        told = []
        for name, key in _shape(tuple(value)):
            inner = value[name]
            # Most of what the books keep is texts: not asking again is a third of the time.
            told.append(key + (_quoted(inner) if type(inner) is str else canonical(inner)))
        return "{" + ", ".join(told) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join([canonical(item) for item in value]) + "]"
    if isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False)
    raise LedgerError(f"Inputs of an entry are texts, whole numbers, lists and objects; {value!r} is none of them.")


def canonical_in_order(value: Any) -> str:
    """What `canonical` writes, of data in which the names of every object stand in that order and no number is a float.

    A third of its time. The proof I4 compares each entry's hash with what the database makes of its inputs.
    """
    return _in_order(value)


_in_order = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(", ", ": ")).encode
_quoted = json.encoder.encode_basestring
_shapes: dict[tuple[str, ...], list[tuple[str, str]]] = {}
# Objects of the books have a few shapes: the names of each are sorted and quoted once.
MOST_SHAPES = 10_000


def _shape(names: tuple[str, ...]) -> list[tuple[str, str]]:
    found = _shapes.get(names)
    if found is None:
        if len(_shapes) >= MOST_SHAPES:
            _shapes.clear()
        found = _shapes[names] = [(name, f"{_quoted(name)}: ") for name in sorted(names, key=_jsonb_key)]
    return found


def _jsonb_key(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


def digest_of(value: Any) -> str:
    """SHA-256 of plain data, written as PostgreSQL prints jsonb."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
