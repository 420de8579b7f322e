"""Golden cases through the real ledger: every event is booked, every constraint speaks, then all is rolled back."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.choices import PartyKind
from accounts.scope import all_rows
from accounts.services import NewParty, parties_create
from ledger.errors import (
    EventRejectedError,
    IdempotencyConflictError,
    LedgerError,
    SaleRefusedError,
    UnknownOrderError,
)
from ledger.selectors.orders import OrderKey
from ledger.selectors.rules import BookRule, book_rule
from ledger.services.orders import order_event_book
from ledger.services.parties import advance_book, guarantee_book, pool_book
from ledger.services.payouts import PayoutTerms, payout_book
from ledger.services.sales import SaleDraft, sales_book
from ledger.splits.books import HANDLERS
from ledger.splits.corrections import order_ids
from ledger.splits.facts import parse_sale
from ledger.splits.payouts import pool_takers
from ledger.splits.preview import PreviewError, amounts, kind_of, list_of, preview, read_cases
from ledger.splits.problems import RejectedError, SplitsError
from ledger.splits.reading import Reader, shown
from ledger.splits.replay import ORDER_EVENTS
from ledger.splits.rule import rule_in_force
from ledger.splits.sale import NoRuleError, Posting

SOURCE = "rehearsal"
_CODE = re.compile(SOURCE + r"-[0-9a-f]+-\d+")


def rehearse(document: object) -> dict[str, Any]:
    """Book every case of a golden-splits/1 document and roll it back; returns what `ledger.splits.preview` returns.

    PreviewError on the first thing that is wrong: in the document, told as `preview` tells it before anything is
    booked, or in what the books have no room for. Parties of a case get codes of their own, so books that are in use
    neither disturb it nor are disturbed.
    """
    preview(document)
    return {"cases": {case_id: _rehearse_case(case_id, case) for case_id, case in read_cases(document)}}


def _rehearse_case(case_id: str, case: Reader) -> dict[str, Any]:
    with transaction.atomic(), all_rows():
        stage = _Stage(case_id, case)
        try:
            told = stage.run()
        finally:
            transaction.set_rollback(True)
    return told


class _Stage:
    """One case on its way through the books."""

    def __init__(self, case_id: str, case: Reader) -> None:
        self.case_id = case_id
        self.token = secrets.token_hex(6)
        self.now = timezone.now()
        self.names: dict[str, str] = {}
        try:
            raw_rules, self.events = list_of(case, "rules"), list_of(case, "events")
        except SplitsError as error:
            raise PreviewError(f"case {case_id}: {error}") from error
        self.events = [self._renamed(event) for event in self.events]
        self.rules = [self._rule(raw, i) for i, raw in enumerate(raw_rules)]
        parties_create(
            parties=[NewParty(code=code, kind=PartyKind.CREATOR, name=name[:120]) for name, code in self.names.items()]
        )
        self.back = {code: name for name, code in self.names.items()}
        self.seen: dict[str, str] = {}
        self.idle: set[str] = set()
        self.sold: set[str] = set()
        self.last = 0

    def run(self) -> dict[str, Any]:
        results = []
        for i, event in enumerate(self.events):
            try:
                results.append(self._apply(i, event))
            except (SplitsError, LedgerError) as error:
                message = f"case {self.case_id}, event {i}{kind_of(event)}: {self._own_names(str(error))}"
                raise PreviewError(message) from error
        return {"results": results, "balances_after": amounts(self._moved(since=0))}

    def _apply(self, number: int, event: Mapping[str, Any]) -> dict[str, Any]:
        reader = Reader(event)
        event_id = reader.text("event_id", default="")
        body = json.dumps(event, sort_keys=True, default=str)
        kind = reader.text("type")
        if event_id and self.seen.get(event_id, body) != body:
            return {"rejected": "idempotency_conflict"}
        if kind not in HANDLERS:
            raise reader.fail("unknown_event", "type", found=shown(kind))
        if event_id in self.idle:  # a payout of nothing leaves nothing in the books by which they would know it again
            return {"postings": []}
        source = OrderKey(SOURCE, f"{self.token}:{_brief(event_id or str(number))}")
        try:
            with transaction.atomic():
                self._book(kind, reader, source, again=event_id in self.seen)
                with connection.cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        except (EventRejectedError, RejectedError, IdempotencyConflictError, UnknownOrderError) as error:
            return {"rejected": error.code}
        moved = amounts(self._moved(since=self.last))
        if event_id:
            self.seen[event_id] = body
            self.idle |= set() if moved else {event_id}
        return {"postings": moved}

    def _book(self, kind: str, event: Reader, source: OrderKey, *, again: bool) -> None:
        if kind == "sale":
            self._sale(event, again=again)
        elif kind == "correct_rule":
            for i, order in enumerate(order_ids(event)):
                self._order_event(order, event, OrderKey(SOURCE, f"{source.source_id[:56]}/{i}"))
        elif kind in ORDER_EVENTS:
            self._order_event(event.text("order"), event, source)
        else:
            _PARTY_EVENTS[kind](event, source, self.now)

    def _sale(self, event: Reader, *, again: bool) -> None:
        placed_at, order = event.instant("placed_at"), event.text("order")
        facts = parse_sale(event.raw)
        if order in self.sold and not again:
            raise RejectedError("duplicate_order")
        chosen = [rule_in_force([rule.rule for rule in self.rules], placed_at, line.rule) for line in facts.lines]
        books = [next((b for b in self.rules if b.rule is rule), None) for rule in chosen]
        known = [book for book in books if book is not None]
        if len(known) < len(books):
            raise RejectedError("no_rule")
        told = {key: value for key, value in event.raw.items() if key not in {"type", "order", "placed_at", "event_id"}}
        key = OrderKey(SOURCE, self._order(order))
        try:
            booked = sales_book(drafts=[SaleDraft(key=key, placed_at=placed_at, event=told, rules=known)])[0]
        except SaleRefusedError as error:
            if isinstance(error.__cause__, NoRuleError):
                raise RejectedError("no_rule") from error
            raise error.__cause__ or error from None
        except IdempotencyConflictError as error:
            raise RejectedError("duplicate_order") from error
        if not booked.created and not again:
            raise RejectedError("duplicate_order")
        self.sold.add(order)

    def _order_event(self, order: str, event: Reader, source: OrderKey) -> None:
        told = {key: value for key, value in event.raw.items() if key not in {"order", "orders", "event_id"}}
        order_event_book(key=OrderKey(SOURCE, self._order(order)), event=told, source=source, occurred_at=self.now)

    def _order(self, name: str) -> str:
        """Return an order's id in the books."""
        return f"{self.token}:order:{_brief(name)}"

    def _rule(self, raw: object, at: int) -> BookRule:
        try:
            return book_rule(body=Reader(self._renamed(raw), f"rules[{at}]").raw)
        except SplitsError as error:
            raise PreviewError(f"case {self.case_id}: rules[{at}]: {error}") from error

    def _renamed(self, value: Any, key: str = "") -> Any:
        """Give every party of a case a code of its own, and lines with long names shorter ones."""
        if isinstance(value, Mapping):
            inner = [(name, "line" if (key, name) == ("lines", "id") else name) for name in value]
            return {name: self._renamed(value[name], told) for name, told in inner}
        if isinstance(value, list | tuple):
            return [self._renamed(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("party:"):
            name, *rest = value.removeprefix("party:").split(":", 1)
            return ":".join(["party", self._code(name), *rest]) if name else value
        if key == "line":
            return _brief(value, room=32)
        return self._code(value) if key in {"party", "channel", "refused"} and value else value

    def _code(self, name: str) -> str:
        if any(mark in name for mark in ": \t\n"):
            return name
        return self.names.setdefault(name, f"rehearsal-{self.token}-{len(self.names)}")

    def _moved(self, *, since: int) -> Sequence[Posting]:
        """Sum what the case's entries moved since a posting, by account."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT a.code, p.currency, sum(p.amount), min(p.id), max(p.id)
                FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
                JOIN ledger_journalentry e ON e.id = p.entry_id
                WHERE e.source_kind = %s AND e.source_id LIKE %s AND p.id > %s
                GROUP BY a.code, p.currency ORDER BY min(p.id)
                """,
                [SOURCE, f"{self.token}:%", since],
            )
            rows = cursor.fetchall()
        self.last = max([self.last, *(row[4] for row in rows)])
        return [Posting(self._name(code), currency, int(amount)) for code, currency, amount, *_ in rows if amount]

    def _name(self, account: str) -> str:
        if not account.startswith("party:"):
            return account
        code, *rest = account.removeprefix("party:").split(":", 1)
        return ":".join(["party", self.back[code], *rest])

    def _own_names(self, message: str) -> str:
        """Return a sentence of the books with the case's own names of its parties."""
        return _CODE.sub(lambda found: self.back.get(found[0], found[0]), message)


def _brief(name: str, room: int = 40) -> str:
    """Return a name that the books' keys have room for: itself, or a hash of 32 letters."""
    return name if len(name) <= room else hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


def _advance(event: Reader, source: OrderKey, at: datetime) -> None:
    advance_book(
        party=event.party("party"),
        currency=event.currency("currency"),
        amount=event.integer("amount", least=1),
        recoup_bp=event.integer("recoup_bp"),
        source=source,
        at=at,
    )


def _guarantee(event: Reader, source: OrderKey, at: datetime) -> None:
    guarantee_book(
        party=event.party("party"),
        currency=event.currency("currency"),
        since=event.instant("from"),
        until=event.instant("to"),
        guarantee=event.integer("guarantee"),
        source=source,
        at=at,
    )


def _pool(event: Reader, source: OrderKey, at: datetime) -> None:
    pool_book(
        currency=event.currency("currency"),
        amount=event.integer("amount"),
        creator_bp=event.integer("creator_bp"),
        weights=pool_takers(event),
        source=source,
        at=at,
    )


def _payout(event: Reader, source: OrderKey, at: datetime) -> None:
    fx = event.child("fx") if event.has("fx") else None
    terms = PayoutTerms(
        minimum=event.integer("minimum", default=0),
        increment=event.integer("increment", default=1),
        withholding_bp=event.integer("withholding_bp", default=0),
        fx=(fx.currency("currency"), fx.integer("amount")) if fx else None,
    )
    payout_book(
        party=event.party("party"),
        currency=event.currency("currency"),
        cut_off=event.instant("at"),
        terms=terms,
        source=source,
        at=at,
    )


_PARTY_EVENTS: dict[str, Callable[[Reader, OrderKey, datetime], None]] = {
    "advance": _advance,
    "period_close": _guarantee,
    "pool": _pool,
    "payout_run": _payout,
}
