"""Stamps: the rows that the services wrote for one order of a case, ready to be written again for another order.

Whatever columns the tables have, a copy is what the services wrote, but for numbers, keys and instants; its hash is
computed over what it says.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connections
from django.utils import timezone

from accounts.columns import instant
from ledger.selectors.body import MARK, canonical

LINE = "@@line@@"
"""Stands for the order line in texts; nothing else in a body of the books does."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "courses_order": {"id": "order", "code": "code", "buyer_id": "buyer", "visitor_key": "key", "placed_at": "at",
        "paid_at": "at"},
    "courses_orderline": {"id": "line", "order_id": "order"},
    "courses_payment": {"order_id": "order", "external_id": "code", "paid_at": "at", "recorded_at": "at"},
    "courses_enrolment": {"user_id": "buyer", "order_line_id": "line", "enrolled_at": "at"},
    "courses_behaviourevent": {"user_id": "buyer", "visitor_key": "key", "occurred_at": "at", "recorded_at": "at"},
    "analytics_conversion": {"id": "conversion", "order_id": "order", "user_id": "buyer", "visitor_id": "visitor",
        "occurred_at": "at", "settled_at": "at"},
    "analytics_credit": {"conversion_id": "conversion"},
    "ledger_journalentry": {"id": "entry", "source_id": "code", "occurred_at": "at", "booked_on": "day",
        "recorded_at": "at", "inputs": "", "trace": "", "body_hash": "hash"},
    "ledger_posting": {"entry_id": "entry", "line": "line", "occurred_at": "at", "booked_on": "day",
        "matures_at": "matures"},
    "partners_earningdecision": {"source_id": "line", "entry_id": "entry", "order_code": "code", "placed_at": "at",
        "matures_at": "matures", "decided_at": "at"},
}  # fmt: skip
"""Tables in the order in which they are filled; what takes the place of which column. NULL stays NULL."""

FOUND = {
    "courses_order": "t.id = %(order)s",
    "courses_orderline": "t.order_id = %(order)s",
    "courses_payment": "t.order_id = %(order)s",
    "courses_enrolment": "t.order_line_id = (SELECT l.id FROM courses_orderline l WHERE l.order_id = %(order)s)",
    "courses_behaviourevent": "t.kind = 'purchase' AND t.visitor_key = (SELECT o.visitor_key FROM courses_order o"
    " WHERE o.id = %(order)s)",
    "analytics_conversion": "t.order_id = %(order)s",
    "analytics_credit": "t.conversion_id = (SELECT c.id FROM analytics_conversion c WHERE c.order_id = %(order)s)",
    "ledger_journalentry": "t.kind = 'sale' AND t.source_kind = 'order' AND t.source_id = (SELECT o.code"
    " FROM courses_order o WHERE o.id = %(order)s)",
    "ledger_posting": "t.entry_id = (SELECT e.id FROM ledger_journalentry e JOIN courses_order o"
    " ON e.kind = 'sale' AND e.source_kind = 'order' AND e.source_id = o.code WHERE o.id = %(order)s)",
    "partners_earningdecision": "t.order_code = (SELECT o.code FROM courses_order o WHERE o.id = %(order)s)",
}
"""How an order's rows are found."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Texts by table, in COPY's format, and the body that is hashed; each is filled in with `%`."""

    hold: timedelta
    body: str
    texts: Mapping[str, str]

    def filled(self, facts: dict[str, Any], placed_at: datetime) -> Mapping[str, str]:
        """The rows of an order by table. `facts`: order, line, entry, conversion, visitor, code, buyer, key."""
        matures = placed_at + self.hold
        facts |= {
            "at": placed_at.isoformat(),
            "matures": matures.isoformat(),
            "day": timezone.localtime(placed_at).date().isoformat(),
            "at_utc": instant(placed_at),
            "matures_utc": instant(matures),
        }
        facts["hash"] = hashlib.sha256((self.body % facts).encode()).hexdigest()
        return {table: text % facts for table, text in self.texts.items()}


def columns_of(table: str) -> list[str]:
    """A table's columns but for a number that nothing points at, in order."""
    dynamic = TABLES[table]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - names of our own
        return [column.name for column in cursor.description if column.name != "id" or "id" in dynamic]


def stamp_of(order_id: int, columns: Mapping[str, Sequence[str]]) -> Stamp:
    """Read what the services wrote for an order of one line."""
    rows = {table: _rows(table, order_id, columns[table]) for table in TABLES}
    [order], [entry] = rows["courses_order"], rows["ledger_journalentry"]
    holds = {row["matures_at"] - order["placed_at"] for row in rows["ledger_posting"] if row["matures_at"]}
    holds |= {row["matures_at"] - order["placed_at"] for row in rows["partners_earningdecision"]}
    [hold] = holds
    [line] = [str(row["id"]) for row in rows["courses_orderline"]]
    told = {"inputs": _told(entry["inputs"], line), "trace": _told(entry["trace"], line)}
    texts = {
        table: "".join("\t".join(_cell(table, name, row, told) for name in columns[table]) + "\n" for row in some)
        for table, some in rows.items()
    }
    return Stamp(hold, _body(entry, rows["ledger_posting"], told["inputs"]), texts)


def _rows(table: str, order_id: int, columns: Sequence[str]) -> list[dict[str, Any]]:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f't.{name}' for name in columns)} FROM {table} t"  # noqa: S608 - names of our own
            f" WHERE {FOUND[table]} ORDER BY t.id",
            {"order": order_id},
        )
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _told(value: Any, line: str) -> str:
    """A body's JSON with a place for the line's number."""
    data = json.loads(value) if isinstance(value, str) else value
    return canonical(_placed(data, line)).replace("%", "%%").replace(LINE, "%(line)s")


def _placed(value: Any, line: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _placed(inner, line, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_placed(inner, line) for inner in value]
    return LINE if key in {"id", "line"} and value == line else value


def _cell(table: str, name: str, row: Mapping[str, Any], told: Mapping[str, str]) -> str:
    """One column as COPY reads it: a place to fill in, or what stood there."""
    value = row[name]
    if value is None:
        return "\\N"
    if table == "ledger_journalentry" and name in told:
        return _escaped(told[name])
    place = TABLES[table].get(name)
    if place:
        return f"%({place})s"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = value.isoformat() if isinstance(value, datetime) else json.dumps(value) if _is_json(value) else str(value)
    return _escaped(text.replace("%", "%%"))


def _is_json(value: Any) -> bool:
    return isinstance(value, dict | list)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def _body(entry: Mapping[str, Any], postings: Sequence[Mapping[str, Any]], inputs: str) -> str:
    """What the entry's hash is over, as `ledger.selectors.body` writes it."""
    codes = _account_codes({row["account_id"] for row in postings})
    head = [MARK, entry["kind"], entry["source_kind"], "%(code)s", "%(at_utc)s", "", inputs]
    lines = [
        "|".join(
            [
                codes[row["account_id"]].replace("%", "%%"),
                row["currency"],
                str(row["amount"]),
                "%(line)s" if row["line"] else "",
                row["clause"],
                "%(matures_utc)s" if row["matures_at"] else "",
            ]
        )
        for row in postings
    ]
    return "\n".join(head + lines)


def _account_codes(ids: set[int]) -> dict[int, str]:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT id, code FROM ledger_account WHERE id = ANY (%s)", [sorted(ids)])
        return dict(cursor.fetchall())
