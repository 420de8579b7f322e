"""An entry's movements, computed again from its stored inputs: what a reader is shown beside what was booked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.choices import EntryKind
from ledger.models import JournalEntry, OrderEvent, Posting
from ledger.selectors.rules import rules_by_digest
from ledger.splits.accounts import GUARANTEES, REVENUE, payable
from ledger.splits.payouts import Available, advance, payout_details, pool
from ledger.splits.reading import Reader
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.sale import Detail
from ledger.splits.state import State


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What an entry's inputs give now. `facts` are the plain values that it was computed from, no other party's."""

    details: Sequence[Detail]
    trace: Mapping[str, Any]
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PostingFacts:
    """One posting with the entry that it stands in, for whoever explains it."""

    posting: Posting
    account: str
    entry: JournalEntry
    order: str


def posting_facts(*, posting_id: int) -> PostingFacts | None:
    """Read a posting with its entry. Call it where all rows are visible; the caller answers for who may read it."""
    found = Posting.objects.select_related("entry", "account").filter(pk=posting_id).first()
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
        event = inputs["event"]
        money = Available(payable(event["party"]), event["currency"], inputs["balance"], inputs["held"])
        plan = payout_details(Reader(event), money)
        return Recomputed(plan.details, plan.trace, {"balance": inputs["balance"], "held": inputs["held"]})
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
    for before in told.order.events.filter(number__gt=0, number__lt=told.number).order_by("number"):
        order, _result = apply_event(order, before.body)
    _order, made = apply_event(order, told.body)
    facts = {key: value for key, value in told.body.items() if key in {"amount", "fee", "fee_returned", "reason"}}
    return Recomputed(made.details, made.trace, facts)


def _concluded(entry: JournalEntry) -> Recomputed:
    """A payout that arrived left the bank; one that came back is the opposite of its booking."""
    assert entry.reverses is not None
    rows = entry.reverses.postings.select_related("account").order_by("position")
    back = entry.kind == EntryKind.PAYOUT_FAILED
    details = [Detail(row.account.code, row.currency, -row.amount, "", "") for row in rows] if back else []
    return Recomputed(details, {}, {"reason": entry.inputs.get("reason", "")})


def _party_event(entry: JournalEntry) -> Recomputed:
    event = entry.inputs.get("event", {})
    if entry.kind == EntryKind.ADVANCE:
        made = advance(State(rules=()), Reader(event))
        return Recomputed(made.details, made.trace, {"amount": event["amount"], "recoup_bp": event["recoup_bp"]})
    if entry.kind == EntryKind.POOL:
        made = pool(State(rules=()), Reader(event))
        return Recomputed(made.details, made.trace, {"amount": event["amount"], "creator_bp": event["creator_bp"]})
    if entry.kind == EntryKind.GUARANTEE:
        top_up, cur = max(0, event["guarantee"] - event["earned"]), event["currency"]
        details = [Detail(GUARANTEES, cur, -top_up, "", ""), Detail(payable(event["party"]), cur, top_up, "", "")]
        return Recomputed(details, {}, {"guarantee": event["guarantee"], "earned": event["earned"]})
    if entry.kind == EntryKind.ADJUSTMENT and event:
        cur, amount = event["currency"], event["amount"]
        details = [Detail(payable(event["party"]), cur, amount, "", ""), Detail(REVENUE, cur, -amount, "", "")]
        return Recomputed(details, {}, {"reason": event["reason"]})
    return Recomputed((), {}, {})
