"""An order from its stored history: the sale's inputs, then every event since, one after the other."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ledger.splits.books import HANDLERS
from ledger.splits.reading import Reader, shown
from ledger.splits.rule import Rule
from ledger.splits.sale import Advance, SaleResult, sale_lines
from ledger.splits.state import LineState, Order, Result, State

ORDER_EVENTS: Final = (
    "refund",
    "refund_reversal",
    "void",
    "dispute_opened",
    "dispute_won",
    "dispute_lost",
    "release_reserve",
    "correct_rule",
)
"""What can happen to one order after its sale."""


def open_order(order_id: str, placed_at: datetime, result: SaleResult) -> Order:
    """Return an order as its sale leaves it."""
    return Order(order_id, placed_at, result, [LineState(line) for line in result.lines])


def settle_again(
    event: Mapping[str, Any], rules: Sequence[Rule], advances: Mapping[str, Sequence[int]] | None = None
) -> SaleResult:
    """Settle a stored sale under its stored rules; `advances`: (outstanding, bp) by payable, as they stood then."""
    open_then = {account: Advance(*values) for account, values in (advances or {}).items()}
    return sale_lines(rules, event, advances=open_then)


def apply_event(order: Order, event: Mapping[str, Any]) -> tuple[Order, Result]:
    """Apply one event of ORDER_EVENTS to an order; returns the order after it and what it moves.

    For `correct_rule`, `advances` holds the balances of the parties' advance accounts at that instant. RejectedError
    and EventError leave the order as it was.
    """
    reader = Reader(event)
    kind = reader.text("type")
    if kind not in ORDER_EVENTS:
        raise reader.fail("unknown_event", "type", found=shown(kind))
    balances = {(account, order.currency): int(amount) for account, amount in event.get("advances", {}).items()}
    state = State(rules=(), balances=balances, orders={order.id: order})
    told = {**event, "order": order.id}
    if kind == "correct_rule":
        told["orders"] = [order.id]
    result = HANDLERS[kind](state, Reader(told))
    return state.orders[order.id], result
