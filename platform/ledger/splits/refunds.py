"""The events refund, void and refund_reversal."""

from typing import Any

from ledger.splits.problems import RejectedError
from ledger.splits.reading import Reader
from ledger.splits.reversals import details_of, opposite, plan, trace_parts
from ledger.splits.state import LineReversal, Order, Result, Reversal, State
from ledger.splits.trace import FORMAT


def refund(state: State, event: Reader) -> Result:
    """Pay back `amount` (customer's currency, tax included) of an order or of one `line` of it."""
    amount = event.integer("amount", least=None)
    order, indices = _refundable(state, event)
    if amount <= 0 or amount > sum(order.lines[i].left for i in indices):
        raise RejectedError("exceeds_refundable")
    return _book(state, event, order, plan(order, amount, indices))


def void(state: State, event: Reader) -> Result:
    """Take back everything that is left of an order (or line), also where nothing was paid."""
    order, indices = _refundable(state, event)
    if not any(order.lines[i].can_void for i in indices):
        raise RejectedError("exceeds_refundable")
    return _book(state, event, order, plan(order, 0, indices, void=True))


def refund_reversal(state: State, event: Reader) -> Result:
    """Undo the `refund_index`-th accepted refund of the order: the exact opposite of its postings."""
    index = event.integer("refund_index")
    order = state.order(event.text("order"))
    if index >= len(order.refunds):
        raise RejectedError("unknown_refund")
    refunded = order.refunds[index]
    if not refunded.live:
        raise RejectedError("already_reversed")
    order.undo(refunded)
    trace = {"format": FORMAT, "event": "refund_reversal", "order": order.id, "refund_index": index}
    return state.book(opposite(refunded.details), trace)


def _refundable(state: State, event: Reader) -> tuple[Order, list[int]]:
    order = state.order(event.text("order"))
    indices = order.line_indices(event.text("line", default=""))
    if order.dispute:
        raise RejectedError("dispute_open")
    return order, list(indices)


def _book(state: State, event: Reader, order: Order, parts: tuple[LineReversal, ...]) -> Result:
    gross = sum(part.gross for part in parts)
    settled = event.integer("settlement_amount", default=gross)
    trace = reversal_trace(event.text("type"), order, parts, settled, 0)
    details = details_of(order, parts, settled, 0)
    order.count(Reversal(parts, settled, 0, tuple(details)))
    return state.book(details, trace)


def reversal_trace(event: str, order: Order, parts: tuple[LineReversal, ...], settled: int, fee: int) -> dict[str, Any]:
    """Tell what a reversal takes back, before it is counted."""
    gross = sum(part.gross for part in parts)
    return {
        "format": FORMAT,
        "event": event,
        "order": order.id,
        "currency": order.currency,
        "gross": gross,
        "settled": settled,
        "exchange_result": gross - settled,
        "fee": fee,
        "lines": trace_parts(order, parts),
    }
