"""Taking back what a sale gave: how much of each share, and who is charged. Shared by refunds, voids and disputes."""

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.money import apportion, half_up
from ledger.splits.accounts import CLEARING, DISPUTE_FEES, FX_RESULT
from ledger.splits.rounding import apportioned, rounded
from ledger.splits.sale import Detail
from ledger.splits.state import LineReversal, LineState, Order


def plan(order: Order, amount: int, indices: Sequence[int], *, void: bool = False) -> tuple[LineReversal, ...]:
    """Divide a reversal of `amount` (customer's currency, tax included) among order lines, and within them.

    Over lines by what was paid for them, with what each gave back so far as history; `void` takes all that is left.
    """
    lines = [order.lines[i] for i in indices]
    if void:
        amounts = [line.left for line in lines]
    else:
        paid = [line.result.facts.payable for line in lines]
        amounts = apportion(amount, paid, [line.refunded for line in lines])
    return tuple(
        _of_line(i, line, part, void=void and line.can_void)
        for i, line, part in zip(indices, lines, amounts, strict=True)
    )


def _of_line(index: int, line: LineState, amount: int, *, void: bool) -> LineReversal:
    gross, discount = _due(line, amount, void=void)
    return share_out(
        index, line, amount, gross, apportion(discount, line.result.facts.borne, line.given_back), void=void
    )


def share_out(
    index: int, line: LineState, amount: int, gross: int, given_back: Sequence[int], *, void: bool
) -> LineReversal:
    """Charge the shares of a line with `gross` and the discounts handed back, by deficit against their quotas."""
    weights = [share.amount for share in line.result.shares]
    shares = apportion(gross + sum(given_back), weights, line.reversed)
    return LineReversal(index, amount, gross, tuple(shares), tuple(given_back), line.released, void)


def _due(line: LineState, amount: int, *, void: bool) -> tuple[int, int]:
    """Return how much of the settled amount and of the borne discounts falls on reversing `amount`.

    The difference of two cumulative half-up values; the last unit takes whatever is left, and never more than is left:
    after a reversed refund the cumulative values alone could miss by one.
    """
    facts = line.result.facts
    gross_left, discount_left = facts.settled - line.gross, sum(facts.borne) - sum(line.given_back)
    done = line.refunded + amount
    if void or (amount and done == facts.payable):
        return gross_left, discount_left
    if not amount:
        return 0, 0
    return (
        min(gross_left, _step(facts.settled, line.refunded, done, facts.payable)),
        min(discount_left, _step(sum(facts.borne), line.refunded, done, facts.payable)),
    )


def _step(whole: int, before: int, after: int, paid: int) -> int:
    return half_up(whole * after, paid) - half_up(whole * before, paid)


def details_of(order: Order, parts: Sequence[LineReversal], settled: int, fee: int) -> list[Detail]:
    """List the movements of a reversal: shares debited, bearers credited, money out, exchange result, dispute fee."""
    cur = order.currency
    found = []
    for part in parts:
        line = order.lines[part.line]
        facts = line.result.facts
        for share, amount in zip(line.result.shares, part.shares, strict=True):
            charged = line.charged(share.account, released=part.released)
            found.append(Detail(charged, cur, -amount, facts.id, share.clause))
        for discount, amount in zip(facts.named, part.given_back, strict=True):
            found.append(Detail(discount.borne_by, cur, amount, facts.id, f"sale.{discount.path}"))
    gross = sum(part.gross for part in parts)
    found.append(Detail(CLEARING, cur, settled + fee, "", ""))
    found.append(Detail(FX_RESULT, cur, gross - settled, "", ""))
    found.append(Detail(DISPUTE_FEES, cur, -fee, "", ""))
    return [detail for detail in found if detail.amount]


def opposite(details: Sequence[Detail]) -> list[Detail]:
    """Return the exact opposite of some movements."""
    return [detail._replace(amount=-detail.amount) for detail in details]


def trace_parts(order: Order, parts: Sequence[LineReversal]) -> list[dict[str, Any]]:
    """Tell, per line that is touched, what was reversed of it and how that fell. To be asked before it is counted."""
    return [
        {
            "line": order.lines[part.line].result.facts.id,
            "amount": part.amount,
            "refunded_before": order.lines[part.line].refunded,
            "paid": order.lines[part.line].result.facts.payable,
            "steps": list(_steps(order.lines[part.line], part)),
        }
        for part in parts
        if part.amount or part.void
    ]


def _steps(line: LineState, part: LineReversal) -> Iterator[dict[str, Any]]:
    facts = line.result.facts
    given_back = sum(part.given_back)
    for code, whole, before, amount in (
        ("settled_back", facts.settled, line.gross, part.gross),
        ("discount_back", sum(facts.borne), sum(line.given_back), given_back),
    ):
        if whole and facts.payable:
            done = line.refunded + part.amount
            yield {"code": code, "whole": whole, "before": before, "took": amount} | rounded(
                whole * done, facts.payable, before + amount
            )
    total = part.gross + given_back
    rows = apportioned(total, [share.amount for share in line.result.shares], line.reversed)
    yield {
        "code": "reverse",
        "amount": total,
        "rows": [
            {
                "clause": share.clause,
                "account": share.account,
                "charged": line.charged(share.account, released=part.released),
                **row,
            }
            for share, row in zip(line.result.shares, rows, strict=True)
        ],
    }
    if given_back:
        rows = apportioned(given_back, facts.borne, line.given_back)
        yield {
            "code": "give_back",
            "amount": given_back,
            "rows": [
                {"clause": f"sale.{discount.path}", "account": discount.borne_by, **row}
                for discount, row in zip(facts.named, rows, strict=True)
            ],
        }
