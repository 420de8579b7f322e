"""Deriving the books anew: every entry from its stored inputs, posting by posting, in bounded memory.

What is found reads like the rows of a proof: (row, what). Reads one database alias, so that it can run as the owner and
in one snapshot; call it inside a transaction there.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from django.db import connections

from ledger.choices import EntryKind
from ledger.errors import LedgerError
from ledger.models import BookedOrder, JournalEntry, OrderEvent, Payout, SplitRule
from ledger.selectors.body import PostingBody, digest_of, posting_bodies
from ledger.selectors.orders import standing_of
from ledger.selectors.party_events import FORMAT as PARTY_FORMAT
from ledger.selectors.party_events import party_effect
from ledger.selectors.payout_events import FORMAT as PAYOUT_FORMAT
from ledger.selectors.payout_events import arrival, payout_effect
from ledger.splits.parse import parse_rule
from ledger.splits.problems import RejectedError
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.rule import Rule
from ledger.splits.state import Order
from ledger.splits.trace import SUMS_FORMAT

T = TypeVar("T")

CHUNK = 1_000

NOT_DERIVED = (ValueError, LookupError, TypeError, AttributeError, RejectedError)
"""What stored inputs can raise when somebody changed them: they may be any JSON then."""

Found = tuple[str, str]
"""A row, and what is wrong with it."""

Postings = Mapping[int, Sequence[PostingBody]]


@dataclass(slots=True)
class Derived:
    """How much was derived so far."""

    entries: int = 0
    orders: int = 0


def derive(*, using: str, derived: Derived, told: Callable[[Derived], None] = lambda _derived: None) -> Iterator[Found]:
    """Yield everything in the books that does not follow from its inputs. `told` hears after each chunk."""
    for check, rows in (
        (_sales, JournalEntry.objects.using(using).filter(kind=EntryKind.SALE)),
        (_others, JournalEntry.objects.using(using).exclude(kind=EntryKind.SALE).filter(event=None)),
    ):
        plain = rows.order_by("pk").only("pk", "kind", "source_id", "occurred_at", "inputs", "trace", "reverses_id")
        for chunk in _chunks(plain.iterator(chunk_size=CHUNK)):
            yield from check(chunk, using)
            derived.entries += len(chunk)
            told(derived)
    orders = BookedOrder.objects.using(using).select_related("sale").order_by("pk")
    for batch in _chunks(orders.iterator(chunk_size=CHUNK)):
        events = _events_of(batch, using)
        yield from _orders(batch, events, using)
        derived.orders += len(batch)
        derived.entries += sum(event.entry_id is not None for of_order in events.values() for event in of_order)
        told(derived)


def _chunks(rows: Iterable[T]) -> Iterator[list[T]]:
    walk = iter(rows)
    while chunk := list(islice(walk, CHUNK)):
        yield chunk


def _sales(entries: Sequence[JournalEntry], using: str) -> Iterator[Found]:
    stored = _postings([entry.pk for entry in entries], using)
    rules = _Rules(using)
    rules.read(digest for entry in entries for digest in entry.inputs.get("rules", ()))
    for entry in entries:
        row = f"entry {entry.pk}"
        try:
            result = settle_again(entry.inputs["sale"], rules.of(entry.inputs["rules"]), entry.inputs.get("advances"))
        except NOT_DERIVED as error:
            yield row, f"cannot be derived: {_said(error)}"
            continue
        yield from _compared(row, stored[entry.pk], posting_bodies(result.details, placed_at=entry.occurred_at))
        short = isinstance(entry.trace, dict) and entry.trace.get("format") == SUMS_FORMAT
        yield from _told(row, entry.trace, result.sums() if short else result.trace())


def _others(entries: Sequence[JournalEntry], using: str) -> Iterator[Found]:
    """Entries of parties and payouts; those of orders are derived with their order."""
    stored = _postings([entry.pk for entry in entries], using)
    payouts = {
        payout.entry_id: payout
        for payout in Payout.objects.using(using)
        .filter(entry__in=[entry.reverses_id or entry.pk for entry in entries])
        .select_related("party")
    }
    paid = _postings([pk for pk in payouts if pk not in stored], using)
    for entry in entries:
        row, payout = f"entry {entry.pk}", payouts.get(entry.reverses_id or entry.pk)
        try:
            details, trace = _effect(entry, payout, {**paid, **stored})
        except NOT_DERIVED as error:
            yield row, f"cannot be derived: {_said(error)}"
            continue
        yield from _compared(row, stored[entry.pk], details)
        yield from _told(row, entry.trace, trace)


def _effect(entry: JournalEntry, payout: Payout | None, stored: Postings) -> tuple[Sequence[PostingBody], Any]:
    form = entry.inputs.get("format")
    if form == PARTY_FORMAT:
        made = party_effect(kind=entry.kind, event=entry.inputs["event"])
        return posting_bodies(made.details, placed_at=entry.occurred_at), made.trace
    if form != PAYOUT_FORMAT or payout is None:
        raise LedgerError(f"inputs of format {form!r} are not known here")
    if entry.kind == EntryKind.PAYOUT:
        plan = payout_effect(entry.inputs)
        return posting_bodies(plan.details, placed_at=entry.occurred_at), plan.trace
    if entry.kind == EntryKind.PAYOUT_SENT:
        return posting_bodies(arrival(payout.sent_currency, payout.sent_minor), placed_at=entry.occurred_at), ()
    return [body._replace(amount=-body.amount) for body in stored[payout.entry_id]], ()


def _orders(rows: Sequence[BookedOrder], events: Mapping[int, Sequence[OrderEvent]], using: str) -> Iterator[Found]:
    stored = _postings([event.entry_id for of in events.values() for event in of if event.entry_id], using)
    sales = {row.pk: row.sale.inputs if row.sale else _unmoved(events[row.pk]) for row in rows}
    rules = _Rules(using)
    rules.read(digest for inputs in sales.values() for digest in inputs.get("rules", ()))
    for row in rows:
        try:
            yield from _order(row, sales[row.pk], [e for e in events[row.pk] if e.number], rules, stored)
        except NOT_DERIVED as error:
            yield f"order {row.source_id}", f"cannot be derived: {_said(error)}"


def _order(
    row: BookedOrder, sale: Mapping[str, Any], events: Sequence[OrderEvent], rules: "_Rules", stored: Postings
) -> Iterator[Found]:
    result = settle_again(sale["sale"], rules.of(sale["rules"]), sale.get("advances"))
    order = open_order(row.source_id, row.placed_at, result)
    for event in events:
        try:
            order, effect = apply_event(order, event.body)
        except NOT_DERIVED as error:
            yield f"event {event.pk}", f"number {event.number} of order {row.source_id} is not possible: {_said(error)}"
            return
        name = f"event {event.pk}" if event.entry_id is None else f"entry {event.entry_id}"
        yield from _compared(
            name, stored.get(event.entry_id or 0, ()), posting_bodies(effect.details, placed_at=row.placed_at)
        )
        if event.entry is not None:
            if event.entry.inputs.get("event") != event.body:
                yield name, "its inputs are not those of its event"
            if event.entry.occurred_at != event.occurred_at:
                yield name, "its instant is not that of its event"
            yield from _told(name, event.entry.trace, effect.trace)
        if event.body_hash != _event_hash(row, event):
            yield f"event {event.pk}", "hash differs"
    yield from _summed(row, order, len(events))


def _summed(row: BookedOrder, order: Order, events: int) -> Iterator[Found]:
    """What an order says of itself, against what its history makes of it."""
    facts, standing = order.sale.sale, standing_of(order)
    derived = {
        "placed_at": order.placed_at,
        "currency": facts.currency,
        "settled_currency": facts.settled_currency,
        "paid_minor": standing.paid,
        "settled_minor": sum(line.settled for line in facts.lines),
        "refunded_minor": standing.refunded,
        "reversed_minor": sum(line.gross for line in order.lines),
        "reserve_minor": standing.reserve,
        "disputed": standing.disputed,
        "events_count": events,
    }
    for field, value in derived.items():
        if getattr(row, field) != value:
            yield f"order {row.source_id}", f"{field} is {getattr(row, field)}, its history makes {value}"


def _event_hash(row: BookedOrder, event: OrderEvent) -> str:
    body = {key: value for key, value in event.body.items() if key not in {"advances", "note"}}
    return digest_of({**body, "order": [row.source_kind, row.source_id]})


def _unmoved(events: Sequence[OrderEvent]) -> Mapping[str, Any]:
    """Inputs of a sale that moved nothing: they stand in its first event."""
    return events[0].body if events and not events[0].number else {}


def _events_of(rows: Sequence[BookedOrder], using: str) -> dict[int, list[OrderEvent]]:
    found: dict[int, list[OrderEvent]] = {row.pk: [] for row in rows}
    events = OrderEvent.objects.using(using).filter(order__in=list(found)).select_related("entry")
    for event in events.order_by("order", "number"):
        found[event.order_id].append(event)
    return found


class _Rules:
    """Rules by digest, read as they are met."""

    def __init__(self, using: str) -> None:
        self.using = using
        self.known: dict[str, Rule] = {}

    def read(self, digests: Iterable[str]) -> None:
        """Read those not met before; one whose body is not what its digest says is left out."""
        missing = set(digests) - self.known.keys()
        rows = SplitRule.objects.using(self.using).filter(digest__in=missing).values_list("digest", "body")
        self.known |= {digest: parse_rule(body) for digest, body in rows if digest_of(body) == digest}

    def of(self, digests: Collection[str]) -> list[Rule]:
        """Return rules in order; LedgerError names a missing one."""
        for digest in digests:
            if digest not in self.known:
                raise LedgerError(f"the books hold no rule {digest}, or changed it")
        return [self.known[digest] for digest in digests]


def _postings(entries: Collection[int], using: str) -> dict[int, list[PostingBody]]:
    found: dict[int, list[PostingBody]] = {entry: [] for entry in entries}
    if found:
        with connections[using].cursor() as cursor:
            cursor.execute(
                """
                SELECT p.entry_id, a.code, p.currency, p.amount, p.line, p.clause, p.matures_at
                FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
                WHERE p.entry_id = ANY (%s) ORDER BY p.entry_id, p.position
                """,
                [list(found)],
            )
            for entry, *body in cursor.fetchall():
                found[entry].append(PostingBody(*body))
    return found


def _compared(row: str, stored: Sequence[PostingBody], derived: Sequence[PostingBody]) -> Iterator[Found]:
    """Name the first posting that differs, in the entry's order."""
    if list(stored) == list(derived):
        return
    for i in range(max(len(stored), len(derived))):
        now = stored[i] if i < len(stored) else None
        then = derived[i] if i < len(derived) else None
        if now != then:
            yield row, f"posting {i} is {_worded(now)}, its inputs make {_worded(then)}"
            return


def _told(row: str, stored: Any, derived: Any) -> Iterator[Found]:
    """Complain of a trace that its inputs do not tell; no hash covers it, and counters read it."""
    if stored != derived and stored != json.loads(json.dumps(derived)):
        yield row, "its trace is not what its inputs make"


def _worded(body: PostingBody | None) -> str:
    if body is None:
        return "missing"
    place = f" ({body.line} {body.clause})" if body.clause else ""
    matures = f" from {body.matures_at.isoformat()}" if body.matures_at else ""
    return f"{body.account} {body.amount} {body.currency}{place}{matures}"


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
