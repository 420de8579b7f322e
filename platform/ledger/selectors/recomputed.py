"""An entry's movements, computed again from its stored inputs: what a reader is shown beside what was booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.choices import EntryKind
from ledger.models import JournalEntry, OrderEvent, Posting
from ledger.selectors.party_events import FORMAT as PARTY_FORMAT
from ledger.selectors.party_events import party_effect
from ledger.selectors.payout_events import arrival, payout_effect
from ledger.selectors.rules import rules_by_digest
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.sale import Detail
from ledger.splits.state import Order


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What an entry's inputs give now.

    `facts` are the plain values that it was computed from, no other party's; amounts among them are in `currency`,
    empty: that of the postings. `orders`: the order before the event and after it, where the entry is an event of an
    order. `undoes`: when what it takes back happened.
    """

    details: Sequence[Detail]
    trace: Mapping[str, Any]
    facts: Mapping[str, Any]
    orders: tuple[Order, Order] | None = None
    undoes: datetime | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class PostingFacts:
    """One posting with the entry that it stands in, for whoever explains it."""

    posting: Posting
    account: str
    entry: JournalEntry
    order: str


def posting_facts(*, posting_id: int) -> PostingFacts | None:
    """Read a posting with its entry. Call it where all rows are visible; the caller answers for who may read it."""
    found = Posting.objects.select_related("entry__reverses", "account", "party").filter(pk=posting_id).first()
    if found is None:
        return None
    entry = found.entry
    order = entry.source_id if entry.source_kind == "order" else str(entry.inputs.get("order", ""))
    return PostingFacts(found, found.account.code, entry, order)


def entry_recomputed(*, entry: JournalEntry) -> Recomputed:
    """Compute an entry's movements from its stored inputs again; none where they hold nothing to compute from.

    Call it where all rows are visible.
    """
    inputs = entry.inputs
    if entry.kind == EntryKind.SALE and "rules" in inputs:
        rules = rules_by_digest(digests=inputs["rules"])
        result = settle_again(inputs["sale"], [rules[digest] for digest in inputs["rules"]], inputs.get("advances"))
        return Recomputed(result.details, result.trace(), {})
    if inputs.get("format") == "order-event/1":
        return _order_event(entry)
    if entry.kind == EntryKind.PAYOUT and "event" in inputs:
        plan = payout_effect(inputs)
        facts = {key: plan.trace[key] for key in ("balance", "held", "available")} | {"paid": plan.pay}
        # Steps and tax are told where they took something.
        step = {"increment": plan.trace["increment"]} if plan.trace["increment"] > 1 else {}
        tax = {"withheld": plan.withheld} if plan.withheld else {}
        event = inputs["event"]
        exchange = {"exchanged": event["fx"]} if event.get("fx") else {}
        return Recomputed(plan.details, plan.trace, facts | step | tax | exchange, currency=event["currency"])
    if entry.kind in {EntryKind.PAYOUT_SENT, EntryKind.PAYOUT_FAILED}:
        return _concluded(entry)
    return _party_event(entry)


def _order_event(entry: JournalEntry) -> Recomputed:
    """Replay the order up to the event, then the event."""
    told = OrderEvent.objects.select_related("order__sale").get(entry=entry)
    sale = told.order.sale
    stored = sale.inputs if sale is not None else told.order.events.get(number=0).body
    rules = rules_by_digest(digests=stored["rules"])
    result = settle_again(stored["sale"], [rules[digest] for digest in stored["rules"]], stored.get("advances"))
    order = open_order(told.order.source_id, told.order.placed_at, result)
    before = list(told.order.events.filter(number__gt=0, number__lt=told.number).order_by("number"))
    for event in before:
        order, _result = apply_event(order, event.body)
    after, made = apply_event(order, told.body)
    facts = {key: value for key, value in told.body.items() if key in {"amount", "fee", "fee_returned", "reason"}}
    facts["placed_at"] = told.order.placed_at
    currency = order.sale.sale.currency if "amount" in facts else ""
    return Recomputed(made.details, made.trace, facts, (order, after), _undone(told, before), currency)


def _undone(told: OrderEvent, before: Sequence[OrderEvent]) -> datetime | None:
    """When the refund or the dispute was booked that an event takes back or concludes."""
    if told.kind == EntryKind.REFUND_REVERSAL:
        refunds = [event for event in before if event.kind in {EntryKind.REFUND, EntryKind.VOID}]
        index = told.body["refund_index"]
        return refunds[index].occurred_at if index < len(refunds) else None
    if told.kind in {EntryKind.DISPUTE_WON, EntryKind.DISPUTE_LOST}:
        return next((event.occurred_at for event in reversed(before) if event.kind == EntryKind.DISPUTE), None)
    return None


def _concluded(entry: JournalEntry) -> Recomputed:
    """A payout that arrived left the bank; one that came back is the opposite of its booking."""
    assert entry.reverses is not None
    rows = entry.reverses.postings.select_related("account").order_by("position")
    if entry.kind == EntryKind.PAYOUT_FAILED:
        details = [Detail(row.account.code, row.currency, -row.amount, "", "") for row in rows]
    else:
        payout = entry.reverses.payout
        details = arrival(payout.sent_currency, payout.sent_minor)
    facts = {"reason": entry.inputs.get("reason", "")}
    return Recomputed(details, {}, facts, undoes=entry.reverses.occurred_at)


def _party_event(entry: JournalEntry) -> Recomputed:
    """An advance, a guarantee, a pool or an adjustment."""
    event = entry.inputs.get("event", {})
    if entry.inputs.get("format") != PARTY_FORMAT:
        return Recomputed((), {}, {})
    made = party_effect(kind=entry.kind, event=event)
    keys = ("amount", "recoup_bp", "creator_bp", "from", "to", "guarantee", "earned", "beside", "reason")
    facts = {key: event[key] for key in keys if key in event}
    return Recomputed(made.details, made.trace, facts, currency=event["currency"])
