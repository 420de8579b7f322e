"""The events that pay parties or settle with them: advance, release_reserve, period_close, pool and payout_run."""

from typing import Any, NamedTuple

from ledger.money import BP, apportion, pct
from ledger.splits.accounts import (
    BANK,
    DEFERRED,
    FX_POSITION,
    GUARANTEES,
    IN_TRANSIT,
    REVENUE,
    WITHHOLDING,
    payable,
)
from ledger.splits.accounts import advance as advance_account
from ledger.splits.problems import RejectedError
from ledger.splits.reading import Reader
from ledger.splits.rounding import apportioned, percented
from ledger.splits.sale import Detail
from ledger.splits.state import Result, State, owner_of
from ledger.splits.trace import FORMAT


def advance(state: State, event: Reader) -> Result:
    """Pay a party in advance; its later shares pay that back at `recoup_bp`, which is then the rate for all of it."""
    account, currency = payable(event.party("party")), event.currency("currency")
    amount, bp = event.integer("amount", least=1), event.integer("recoup_bp", most=BP)
    state.recoup_bp[account, currency] = bp
    details = [
        Detail(BANK, currency, amount, "", ""),
        Detail(advance_account(account), currency, -amount, "", ""),
    ]
    return state.book(details, _trace("advance", account=account, currency=currency, amount=amount, bp=bp))


def release_reserve(state: State, event: Reader) -> Result:
    """Move what is left of the reserve of an order (or of one `line`) to the payables it was kept from.

    Once, and again only what came back to it since.
    """
    order = state.order(event.text("order"))
    lines = [order.lines[i] for i in order.line_indices(event.text("line", default=""))]
    due = [line for line in lines if not line.released or line.returned]
    if not due:
        raise RejectedError("already_released")
    details: list[Detail] = []
    for line in due:
        for account, amount in line.reserved.items():
            line_id = line.result.facts.id
            details.append(Detail(account, order.currency, -amount, line_id, "reserve_bp"))
            details.append(Detail(owner_of(account), order.currency, amount, line_id, "reserve_bp"))
        line.released, line.returned = True, {}
    return state.book(details, _trace("release_reserve", order=order.id))


def period_close(state: State, event: Reader) -> Result:
    """Top a party up to its guarantee for the orders placed in [from, to), in one currency."""
    account, currency = payable(event.party("party")), event.currency("currency")
    start, end, guarantee = event.instant("from"), event.instant("to"), event.integer("guarantee")
    if end < start:
        raise event.fail("before", "to", other="from")
    counted = [o for o in state.orders.values() if o.currency == currency and start <= o.placed_at < end]
    earned = sum(order.earned(account) for order in counted)
    top_up = max(0, guarantee - earned)
    details = [Detail(GUARANTEES, currency, -top_up, "", ""), Detail(account, currency, top_up, "", "")]
    told = _trace("period_close", account=account, currency=currency, orders=len(counted))
    return state.book(details, {**told, "earned": earned, "guarantee": guarantee, "amount": top_up})


def pool(state: State, event: Reader) -> Result:
    """Share the creators' part of a subscription's revenue by weight; the platform keeps the rest."""
    currency, amount = event.currency("currency"), event.integer("amount")
    bp = event.integer("creator_bp", most=BP)
    takers = pool_takers(event)
    weights = [weight for _account, weight in takers]
    shared = pct(amount, bp) if any(weights) else 0
    parts = apportion(shared, weights)
    details = [Detail(DEFERRED, currency, -amount, "", ""), Detail(REVENUE, currency, amount - shared, "", "")]
    details += [Detail(account, currency, part, "", "") for (account, _weight), part in zip(takers, parts, strict=True)]
    told = _trace("pool", currency=currency, on=amount, bp=bp)
    told |= percented(amount, bp, shared) if any(weights) else {"amount": 0, "why": "no_weight"}
    rows = [
        {"account": account, **row} for (account, _w), row in zip(takers, apportioned(shared, weights), strict=True)
    ]
    return state.book(details, {**told, "rows": rows})


def pool_takers(event: Reader) -> list[tuple[str, int]]:
    """Read among whom a pool is shared, account and weight. Nobody is an empty list; a list must be there."""
    if not event.has("weights"):
        raise event.fail("missing", "weights")
    return [(item.account("account"), item.integer("weight")) for item in event.items("weights")]


def payout_run(state: State, event: Reader) -> Result:
    """Pay a party what is available at `at`: its balance less what orders still on hold credited to it."""
    account, currency, at = payable(event.party("party")), event.currency("currency"), event.instant("at")
    balance = state.balance(account, currency)
    held = sum(order.held(account, at) for order in state.orders.values() if order.currency == currency)
    plan = payout_details(event, Available(account, currency, balance, held))
    return state.book(plan.details, plan.trace)


class Available(NamedTuple):
    """A payable's balance, and what of it orders on hold credited to it, in minor units."""

    account: str
    currency: str
    balance: int
    held: int


class PayoutPlan(NamedTuple):
    """What a payout takes from the payable, what of that is tax withheld, and its movements and steps."""

    pay: int
    withheld: int
    details: list[Detail]
    trace: dict[str, Any]


def payout_details(event: Reader, available_now: Available) -> PayoutPlan:
    """Say what a payout of a party pays: what is available, down to `increment`, if it reaches `minimum`.

    `most`, where it is given, is what was approved; no more than that is paid.
    """
    account, currency, balance, held = available_now
    minimum, increment = event.integer("minimum", default=0), event.integer("increment", default=1, least=1)
    withholding_bp = event.integer("withholding_bp", default=0, most=BP)
    fx = event.child("fx") if event.has("fx") else None
    to_currency, to_amount = (fx.currency("currency"), fx.integer("amount")) if fx else (currency, 0)
    available = balance - held
    if event.has("most"):
        available = min(available, event.integer("most"))
    told = _trace("payout_run", account=account, currency=currency, balance=balance, held=held)
    told |= {"available": available, "minimum": minimum, "increment": increment}
    pay = available // increment * increment if available > 0 and available >= minimum else 0
    if not pay:
        return PayoutPlan(0, 0, [], {**told, "amount": 0})
    withheld = pct(pay, withholding_bp)
    details = [Detail(account, currency, -pay, "", ""), Detail(WITHHOLDING, currency, withheld, "", "")]
    if fx:
        details += [
            Detail(FX_POSITION, currency, pay - withheld, "", ""),
            Detail(FX_POSITION, to_currency, -to_amount, "", ""),
            Detail(IN_TRANSIT, to_currency, to_amount, "", ""),
        ]
    else:
        details.append(Detail(IN_TRANSIT, currency, pay - withheld, "", ""))
    told["withheld"] = {"on": pay, "bp": withholding_bp, **percented(pay, withholding_bp, withheld)}
    return PayoutPlan(pay, withheld, details, {**told, "amount": pay})


def _trace(event: str, **params: str | int) -> dict[str, Any]:
    return {"format": FORMAT, "event": event, **params}
