"""The event correct_rule: what would the order have paid under another rule? Only the difference is posted."""

from collections.abc import Sequence
from typing import Any

from ledger.splits.accounts import advance
from ledger.splits.parse import parse_rule
from ledger.splits.problems import RejectedError
from ledger.splits.reading import Reader
from ledger.splits.reversals import details_of, opposite, share_out
from ledger.splits.rule import Rule
from ledger.splits.sale import Advance, Detail, NoRuleError, sale_lines
from ledger.splits.state import LineState, Order, Result, Reversal, State, is_reserve, owner_of
from ledger.splits.trace import FORMAT, trace_sale


def correct_rule(state: State, event: Reader) -> Result:
    """Recompute each order (or one `line` of it) and its live reversals under `rule`; later events use the new shares.

    What the customer paid and the processor moved is fact and stays; only who bears and gets it changes.
    """
    rule = parse_rule(event.child("rule").raw, event.at("rule"))
    line = event.text("line", default="")
    orders = [state.order(order_id) for order_id in order_ids(event)]
    details: list[Detail] = []
    corrected: list[Order] = []
    for order in orders:
        indices = order.line_indices(line)
        rules = [rule if i in indices else old.result.rule for i, old in enumerate(order.lines)]
        new = _recomputed(order, rules, _advances_for(state, order, details))
        details += opposite(_effect(order))
        details += _effect(new)
        corrected.append(new)
    for order in corrected:
        state.orders[order.id] = order
    trace: dict[str, Any] = {"format": FORMAT, "event": "correct_rule", "rule": rule.id, "version": rule.version}
    trace["orders"] = [{"order": order.id, "sale": trace_sale(order.sale)} for order in corrected]
    return state.book(_netted(details), trace)


def order_ids(event: Reader) -> list[str]:
    """Return the orders that a correction is about, each once."""
    found = []
    for i, order_id in enumerate(event.values("orders")):
        if not isinstance(order_id, str) or not order_id:
            raise event.fail("not_text", f"orders[{i}]")
        if order_id in found:
            raise event.fail("duplicate", f"orders[{i}]", found=order_id)
        found.append(order_id)
    if not found:
        raise event.fail("empty", "orders")
    return found


def _advances_for(state: State, order: Order, pending: Sequence[Detail]) -> dict[str, Advance]:
    """Return the advances that the recomputed sale may recoup from: those open at its time, as far as not used since.

    What this order itself recouped is free again; what later orders recouped is gone.
    """
    found = {}
    for payable, then in order.sale.advances.items():
        account = advance(payable)
        moved = _on(account, order.currency, pending)
        mine = _on(account, order.currency, order.sale.details)
        free = mine - state.balance(account, order.currency) - moved
        found[payable] = Advance(min(then.outstanding, max(0, free)), then.recoup_bp)
    return found


def _on(account: str, currency: str, details: Sequence[Detail]) -> int:
    return sum(detail.amount for detail in details if (detail.account, detail.currency) == (account, currency))


def _recomputed(order: Order, rules: Sequence[Rule], advances: dict[str, Advance]) -> Order:
    try:
        sale = sale_lines(rules, order.sale.sale, advances=advances)
    except NoRuleError:
        raise RejectedError("no_rule") from None
    new = Order(order.id, order.placed_at, sale, [LineState(result) for result in sale.lines])
    for line, old in zip(new.lines, order.lines, strict=True):
        line.released, line.returned = old.released, dict(old.returned)
    for reversal in order.reversals:
        again = _again(new, reversal) if reversal.live else reversal
        if reversal.live:
            new.count(again)
        else:
            new.reversals.append(again)
        if reversal is order.dispute:
            new.dispute = again
    return new


def _again(order: Order, reversal: Reversal) -> Reversal:
    """Share a reversal out anew; what it took in sum, and from whom it was handed back, stays as it was."""
    parts = tuple(
        share_out(part.line, order.lines[part.line], part.amount, part.gross, part.given_back, void=part.void)._replace(
            released=part.released
        )
        for part in reversal.parts
    )
    details = tuple(details_of(order, parts, reversal.settled, reversal.fee))
    return Reversal(parts, reversal.settled, reversal.fee, details, is_dispute=reversal.is_dispute)


def _effect(order: Order) -> list[Detail]:
    """Return what an order's sale and live reversals come to; a released reserve counts as its party's payable."""
    found = [*order.sale.details]
    for reversal in order.reversals:
        if reversal.live:
            found += reversal.details
    released = {line.result.facts.id for line in order.lines if line.released}
    return [
        detail._replace(account=owner_of(detail.account))
        if detail.line in released and is_reserve(detail.account)
        else detail
        for detail in found
    ]


def _netted(details: Sequence[Detail]) -> list[Detail]:
    """Sum the old and new movements per account, order line, clause and hold, so that only differences are booked."""
    sums: dict[tuple[str, str, str, str, int | None], int] = {}
    for account, currency, amount, line, clause, hold in details:
        key = account, currency, line, clause, hold
        sums[key] = sums.get(key, 0) + amount
    return [
        Detail(account, currency, amount, line, clause, hold)
        for (account, currency, line, clause, hold), amount in sums.items()
    ]
