"""The events dispute_opened, dispute_won and dispute_lost."""

from collections.abc import Sequence

from ledger.money import half_up
from ledger.splits.accounts import CLEARING, DISPUTE_FEES
from ledger.splits.problems import RejectedError
from ledger.splits.reading import Reader
from ledger.splits.refunds import reversal_trace
from ledger.splits.reversals import details_of, opposite, plan
from ledger.splits.sale import Detail
from ledger.splits.state import Order, Result, Reversal, State
from ledger.splits.trace import FORMAT


def dispute_opened(state: State, event: Reader) -> Result:
    """Reverse the disputed amount, as far as it is left, and book the fee and whatever else the processor took."""
    amount, fee = event.integer("amount"), event.integer("fee", default=0)
    order = state.order(event.text("order"))
    indices = order.line_indices(event.text("line", default=""))
    if order.dispute:
        raise RejectedError("dispute_open")
    left = sum(order.lines[i].left for i in indices)
    parts = plan(order, min(amount, left), indices)
    if event.has("settlement_amount"):
        settled = event.integer("settlement_amount")
    else:
        settled = sum(part.gross for part in parts) + _above(order, event, indices, max(0, amount - left))
    trace = reversal_trace("dispute_opened", order, parts, settled, fee)
    details = details_of(order, parts, settled, fee)
    order.dispute = Reversal(parts, settled, fee, tuple(details), is_dispute=True)
    order.count(order.dispute)
    return state.book(details, trace)


def _above(order: Order, event: Reader, indices: Sequence[int], excess: int) -> int:
    """Return the part above what is left in the currency of the postings, at the sale's own rate."""
    if not excess or order.sale.sale.currency == order.currency:
        return excess
    facts = [order.lines[i].result.facts for i in indices]
    paid = sum(line.payable for line in facts)
    if not paid:
        raise event.fail("missing", "settlement_amount")
    return half_up(excess * sum(line.settled for line in facts), paid)


def dispute_won(state: State, event: Reader) -> Result:
    """Restore what the dispute took, except the part of its fee that is not in `fee_returned`."""
    returned = event.integer("fee_returned", default=0)
    order, dispute = _open(state, event)
    if returned > dispute.fee:
        raise event.fail("exceeds", "fee_returned", found=returned, most=dispute.fee)
    kept = dispute.fee - returned
    details = [
        *opposite(dispute.details),
        Detail(CLEARING, order.currency, kept, "", ""),
        Detail(DISPUTE_FEES, order.currency, -kept, "", ""),
    ]
    order.undo(dispute)
    order.dispute = None
    trace = {"format": FORMAT, "event": "dispute_won", "order": order.id, "fee_returned": returned, "fee_kept": kept}
    return state.book(details, trace)


def dispute_lost(state: State, event: Reader) -> Result:
    """Close the dispute; what it reversed stays reversed."""
    order, _dispute = _open(state, event)
    order.dispute = None
    return state.book([], {"format": FORMAT, "event": "dispute_lost", "order": order.id})


def _open(state: State, event: Reader) -> tuple[Order, Reversal]:
    order = state.order(event.text("order"))
    if not order.dispute:
        raise RejectedError("no_open_dispute")
    return order, order.dispute
