"""The books as a pure state machine: events go in one by one, net postings or a rejection come out."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ledger.splits.corrections import correct_rule
from ledger.splits.disputes import dispute_lost, dispute_opened, dispute_won
from ledger.splits.facts import parse_sale
from ledger.splits.payouts import advance, payout_run, period_close, pool, release_reserve
from ledger.splits.problems import RejectedError
from ledger.splits.reading import Reader, shown
from ledger.splits.refunds import refund, refund_reversal, void
from ledger.splits.rule import Rule, rule_in_force
from ledger.splits.sale import NoRuleError, Posting, sale_lines
from ledger.splits.state import LineState, Order, Result, State

Handler = Callable[[State, Reader], Result]


def sale(state: State, event: Reader) -> Result:
    """Settle an order under the rule versions in force at `placed_at`, one per line, chosen once and for good."""
    order_id, placed_at = event.text("order"), event.instant("placed_at")
    facts = parse_sale(event.raw)
    if order_id in state.orders:
        raise RejectedError("duplicate_order")
    rules = [rule_in_force(state.rules, placed_at, line.rule) for line in facts.lines]
    chosen = [rule for rule in rules if rule]
    if len(chosen) < len(rules):
        raise RejectedError("no_rule")
    try:
        result = sale_lines(chosen, facts, advances=state.open_advances(facts.settled_currency))
    except NoRuleError:
        raise RejectedError("no_rule") from None
    state.orders[order_id] = Order(order_id, placed_at, result, [LineState(line) for line in result.lines])
    return state.book(result.details, result.trace())


HANDLERS: Mapping[str, Handler] = {
    "sale": sale,
    "refund": refund,
    "refund_reversal": refund_reversal,
    "void": void,
    "dispute_opened": dispute_opened,
    "dispute_won": dispute_won,
    "dispute_lost": dispute_lost,
    "advance": advance,
    "release_reserve": release_reserve,
    "period_close": period_close,
    "pool": pool,
    "payout_run": payout_run,
    "correct_rule": correct_rule,
}


class Books:
    """Empty books under some rule versions. `apply` changes them; nothing else does."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.state = State(rules=tuple(rules))
        self._seen: dict[str, str] = {}

    def apply(self, event: Mapping[str, Any]) -> Result:
        """Apply one event. A rejected one changes nothing, and one that is malformed (EventError) neither.

        An `event_id` that was accepted before has no effect again; with another body it is rejected.
        """
        reader = Reader(event)
        event_id = reader.text("event_id", default="")
        body = json.dumps(event, sort_keys=True, default=str) if event_id else ""
        if event_id in self._seen:
            return Result(repeated=True) if self._seen[event_id] == body else Result(rejected="idempotency_conflict")
        kind = reader.text("type")
        if kind not in HANDLERS:
            raise reader.fail("unknown_event", "type", found=shown(kind))
        try:
            result = HANDLERS[kind](self.state, reader)
        except RejectedError as error:
            return Result(rejected=error.code)
        if event_id:
            self._seen[event_id] = body
        return result

    def balances(self) -> list[Posting]:
        """Return every non-zero balance, in order of account and currency."""
        return [
            Posting(account, currency, amount)
            for (account, currency), amount in sorted(self.state.balances.items())
            if amount
        ]
