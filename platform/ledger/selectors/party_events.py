"""What an event of a party and no single order moves: computed when it is booked, and again when it is verified."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ledger.choices import EntryKind
from ledger.splits.accounts import GUARANTEES, REVENUE, payable
from ledger.splits.payouts import advance, pool
from ledger.splits.reading import Reader
from ledger.splits.sale import Detail
from ledger.splits.state import State

FORMAT = "party-event/1"


class PartyEffect(NamedTuple):
    """Movements and the steps that led to them."""

    details: Sequence[Detail]
    trace: Mapping[str, Any]


def party_effect(*, kind: str, event: Mapping[str, Any]) -> PartyEffect:
    """Compute an event of kind advance, guarantee, pool or adjustment; EventError names a value that is wrong."""
    return _EFFECTS[kind](Reader(event))


def _advance(event: Reader) -> PartyEffect:
    result = advance(State(rules=()), event)
    return PartyEffect(result.details, result.trace)


def _pool(event: Reader) -> PartyEffect:
    result = pool(State(rules=()), event)
    return PartyEffect(result.details, result.trace)


def _guarantee(event: Reader) -> PartyEffect:
    account, currency = payable(event.party("party")), event.currency("currency")
    top_up = max(0, event.integer("guarantee") - event.integer("earned", least=None))
    details = [Detail(GUARANTEES, currency, -top_up, "", ""), Detail(account, currency, top_up, "", "")]
    return PartyEffect(details, {"format": FORMAT, "event": "period_close", **event.raw, "amount": top_up})


def _adjustment(event: Reader) -> PartyEffect:
    account, currency = payable(event.party("party")), event.currency("currency")
    amount = event.integer("amount", least=None)
    details = [Detail(account, currency, amount, "", ""), Detail(REVENUE, currency, -amount, "", "")]
    trace = {"format": FORMAT, "event": "adjustment", "account": account, "currency": currency, "amount": amount}
    return PartyEffect(details, trace)


_EFFECTS: dict[str, Callable[[Reader], PartyEffect]] = {
    EntryKind.ADVANCE: _advance,
    EntryKind.GUARANTEE: _guarantee,
    EntryKind.POOL: _pool,
    EntryKind.ADJUSTMENT: _adjustment,
}
