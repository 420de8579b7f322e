"""Statements: what a month held for a party, as it was issued or as it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import Party, User
from accounts.scope import all_rows
from ledger.selectors import (
    ACCOUNTS,
    Movement,
    parties_seen,
    party_held,
    party_months,
    party_movements,
    party_openings,
)
from ledger.selectors.arrivals import Hold
from ledger.selectors.payouts import hold_of
from partners.models import EarningDecision, Statement, StatementMonth
from partners.selectors import merkle

FORMAT = "tributary-statement/1"

SECTIONS = (
    "sales", "recouped", "discounts", "refunds", "refunds_back", "disputes", "disputes_won", "corrections", "released",
    "guarantees", "pools", "adjustments", "payouts_back", "payouts",
)  # fmt: skip
"""Parts of a statement's payable, in the order of the page; reserve and advance stand beside it."""

_BY_KIND = {
    "refund": "refunds", "void": "refunds", "refund_reversal": "refunds_back", "dispute": "disputes",
    "dispute_won": "disputes_won", "dispute_lost": "disputes", "correction": "corrections", "release": "released",
    "guarantee": "guarantees", "pool": "pools", "adjustment": "adjustments", "payout": "payouts",
    "payout_failed": "payouts_back",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MonthlyStatement:
    """A statement to be shown: head and lines as plain data. `issued` None: a draft, which still changes."""

    head: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    party: Party
    month: date
    currency: str
    issued: Statement | None = None

    @property
    def opening(self) -> int:
        """Of the payable, in minor units."""
        return int(self.head["opening"]["payable"])

    @property
    def closing(self) -> int:
        """Of the payable, in minor units."""
        return int(self.head["closing"]["payable"])

    def sums(self) -> list[tuple[str, int, int]]:
        """The payable by section: (section, lines, minor units), in the order of the page; empty sections left out."""
        found: dict[str, list[int]] = {}
        for line in self.lines:
            if line["account"] == "payable":
                row = found.setdefault(line["section"], [0, 0])
                row[0] += 1
                row[1] += line["amount"]
        return [(section, *found[section]) for section in SECTIONS if section in found]  # type: ignore[misc]

    def maturing(self) -> tuple[int, int]:
        """What of the closing balance is not free at the month's end, and what became free within it.

        Shares of earlier months are in both.
        """
        until = month_after(self.month)
        return party_held(
            party=self.party.pk,
            currency=self.currency,
            since=_instant(self.month),
            until=_instant(until),
            before=until,
        )

    def hold(self, *, visible_to: User | None) -> Hold | None:
        """What held payouts back at the month's end, or does so now in a month that has not ended."""
        end = _instant(month_after(self.month))
        return hold_of(party=self.party.pk, visible_to=visible_to, at=min(end, timezone.now()))


def month_after(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def statement_of(*, party: Party, month: date, currency: str, visible_to: User | None) -> MonthlyStatement | None:
    """The issued statement of a month, else how it stands now; None where the reader may not see the party."""
    seen = parties_seen(visible_to)
    if seen is not None and party.pk not in seen:
        return None
    issued = Statement.objects.select_related("of").filter(party=party, month=month, currency=currency).first()
    if issued is not None:
        return MonthlyStatement(issued.body["head"], issued.body["lines"], party, month, currency, issued)
    # Entries name every party of an order; only the own postings leave this module.
    with all_rows():
        drafted = statements_drafted(month=month, parties=[party.pk], currency=currency)
    body = drafted.get((party.pk, currency)) or _body(party.code, month, currency, dict.fromkeys(ACCOUNTS, 0), [], {})
    return MonthlyStatement(body["head"], body["lines"], party, month, currency)


def statements_drafted(
    *, month: date, parties: Sequence[int] | None = None, currency: str = ""
) -> dict[tuple[int, str], dict[str, Any]]:
    """Head and lines of every statement that a month makes, by (party, currency), in the order of party codes.

    A party that moved nothing in it but has something open gets one too. Call it where all rows are visible.
    """
    until = month_after(month)
    moved: dict[tuple[int, str], list[Movement]] = {}
    for row in party_movements(since=month, until=until, parties=parties, currency=currency):
        moved.setdefault((row.party_id, row.currency), []).append(row)
    openings = party_openings(before=month, parties=parties, currency=currency)
    keys = [*moved, *(key for key, sums in openings.items() if any(sums.values()) and key not in moved)]
    codes = dict(Party.objects.filter(pk__in={party for party, _ in keys}).values_list("pk", "code"))
    titles = _titles(moved)
    return {
        key: _body(
            codes[key[0]],
            month,
            key[1],
            openings.get(key, dict.fromkeys(ACCOUNTS, 0)),
            moved.get(key, []),
            titles,
        )
        for key in sorted(keys, key=lambda key: (codes[key[0]], key[1]))
    }


def statement_leaves(body: Mapping[str, Any]) -> list[str]:
    """The leaves of a statement's tree: its head, then every line."""
    return [merkle.leaf(body["head"]), *(merkle.leaf(line) for line in body["lines"])]


def month_leaves(numbers: Sequence[tuple[str, str]], *, seal: int, digest: str, previous: str) -> list[str]:
    """The leaves of a month's tree: (number, root) of every statement, then the seal and the month before."""
    issued = [merkle.leaf({"number": number, "root": root}) for number, root in numbers]
    return [*issued, merkle.leaf({"seal": seal, "digest": digest, "previous": previous})]


def statement_proven(statement: Statement) -> dict[str, Any]:
    """A statement as a file that a partner can check alone: every line with its proof, and the month's."""
    with all_rows():  # the roots of the other parties' statements, nothing else of theirs
        numbers = list(Statement.objects.filter(of=statement.of_id).order_by("place").values_list("number", "root"))
    of = statement.of
    leaves = month_leaves(numbers, seal=of.seal_number, digest=of.seal_digest, previous=of.previous)
    return {
        "format": FORMAT,
        "head": statement.body["head"],
        "lines": statement.body["lines"],
        "root": statement.root,
        "proofs": merkle.proofs(statement_leaves(statement.body)),
        "month": {
            "month": f"{of.month:%Y-%m}",
            "root": of.root,
            "leaf": {"number": statement.number, "root": statement.root},
            "proof": merkle.proofs(leaves)[statement.place],
            "seal": {"seal": of.seal_number, "digest": of.seal_digest, "previous": of.previous},
            "seal_proof": merkle.proofs(leaves)[-1],
        },
    }


@dataclass(frozen=True, slots=True)
class MonthRow:
    """A month of a party in one currency: payable in minor units, postings; `issued` None while it may still move."""

    month: date
    currency: str
    opening: int
    closing: int
    lines: int
    issued: Statement | None


def statement_months(*, party: Party, visible_to: User | None) -> list[MonthRow]:
    """Every month since a party's first posting in each of its currencies, the newest first."""
    seen = parties_seen(visible_to)
    if seen is not None and party.pk not in seen:
        return []
    moved = party_months(party=party.pk)
    issued = {(row.month, row.currency): row for row in statements_visible(party=party).defer("body")}
    rows: list[MonthRow] = []
    for currency in sorted({currency for _month, currency in moved}):
        month, balance = min(month for month, of in moved if of == currency), 0
        while month <= timezone.localdate():
            amount, lines = moved.get((month, currency), (0, 0))
            rows.append(MonthRow(month, currency, balance, balance + amount, lines, issued.get((month, currency))))
            month, balance = month_after(month), balance + amount
    return sorted(rows, key=lambda row: (-row.month.toordinal(), row.currency))


def statements_visible(*, party: Party) -> QuerySet[Statement]:
    """Issued statements of a party, as row-level security shows them."""
    return Statement.objects.filter(party=party).select_related("of").order_by("-month", "currency")


def month_before(month: date) -> StatementMonth | None:
    """The last issued month before one."""
    return StatementMonth.objects.filter(month__lt=month).order_by("-month").first()


def section_of(movement: Movement) -> str:
    """Which part of a statement a posting belongs to."""
    if movement.account != "payable":
        return movement.account
    if movement.kind != "sale":
        return _BY_KIND.get(movement.kind, "adjustments")
    if movement.clause.startswith("sale.discounts"):
        return "discounts"
    return "sales" if movement.amount > 0 else "recouped"


def local_title(line: Mapping[str, Any]) -> str:
    """What a line is about, in the reader's language."""
    chinese = (get_language() or "").startswith("zh")
    return str((chinese and line["title_zh"]) or line["title"])


def _body(
    code: str,
    month: date,
    currency: str,
    opening: Mapping[str, int],
    moved: Sequence[Movement],
    titles: Mapping[tuple[str, str], tuple[str, str]],
) -> dict[str, Any]:
    lines = [_line(row, *titles.get((row.order, row.line), ("", ""))) for row in moved]
    closing = dict(opening)
    for row in moved:
        closing[row.account] += row.amount
    head = {
        "format": FORMAT,
        "number": f"{month:%Y-%m}-{code}-{currency}",
        "party": code,
        "currency": currency,
        "month": f"{month:%Y-%m}",
        "opening": {account: opening[account] for account in ACCOUNTS},
        "closing": closing,
        "lines": len(lines),
    }
    return {"head": head, "lines": lines}


def _line(row: Movement, title: str, title_zh: str) -> dict[str, Any]:
    return {
        "posting": row.posting_id,
        "entry": row.entry_id,
        "booked_on": row.booked_on.isoformat(),
        "occurred_at": row.occurred_at.astimezone(UTC).isoformat(),
        "section": section_of(row),
        "account": row.account,
        "order": row.order,
        "line": row.line,
        "clause": row.clause,
        "title": title,
        "title_zh": title_zh,
        "note": row.note,
        "amount": int(row.amount),
        "available_from": row.matures_at.astimezone(UTC).isoformat() if row.matures_at else None,
    }


def _titles(moved: Mapping[tuple[int, str], Sequence[Movement]]) -> dict[tuple[str, str], tuple[str, str]]:
    """What each order line is called, by (order, line)."""
    orders = {row.order for rows in moved.values() for row in rows if row.order}
    rows = EarningDecision.objects.filter(order_code__in=orders).values_list(
        "order_code", "source_id", "item_title", "item_title_zh"
    )
    return {(order, line): (title, title_zh) for order, line, title, title_zh in rows}


def _instant(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), timezone.get_default_timezone())


def day_of(text: str) -> date:
    """The day of an instant in a statement's line, by the calendar of the house."""
    return timezone.localtime(datetime.fromisoformat(text)).date()
