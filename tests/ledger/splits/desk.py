"""Short ways to write down rules, sales and what they should post."""

from typing import Any

from ledger.splits.books import Books
from ledger.splits.parse import parse_rule
from ledger.splits.rule import Rule
from ledger.splits.sale import SaleResult, sale_lines
from ledger.splits.state import Result

PLATFORM_30 = {"take": "percent", "account": "platform:revenue", "bp": 3000}
ALICE_REST = {"take": "split", "parties": [{"account": "party:alice", "weight": 1}]}


def split(**weights: int) -> dict[str, Any]:
    """A split among parties; `revenue` stands for the platform."""
    accounts = {name: "platform:revenue" if name == "revenue" else f"party:{name}" for name in weights}
    return {"take": "split", "parties": [{"account": accounts[n], "weight": w} for n, w in weights.items()]}


def raw_rule(*steps: Any, **more: Any) -> dict[str, Any]:
    """A rule as plain data; without steps 30 % platform and the rest alice."""
    body = {"id": "r", "version": 1, "effective_from": "2026-01-01T00:00:00Z", "owner": "party:alice", **more}
    return body if "variants" in body else {"steps": list(steps) or [PLATFORM_30, ALICE_REST], **body}


def rule(*steps: Any, **more: Any) -> Rule:
    return parse_rule(raw_rule(*steps, **more))


def settle(split_rule: Rule, list_price: int = 0, **facts: Any) -> SaleResult:
    """Settle one sale in USD unless it says otherwise."""
    raw: dict[str, Any] = {"currency": "USD", **facts}
    if "lines" not in raw:
        raw["list_price"] = list_price
    return sale_lines(split_rule, raw)


def shares(result: SaleResult) -> list[tuple[str, int]]:
    return [(share.account, share.amount) for share in result.shares]


class Desk:
    """Books with one rule in force; every verb applies one event and returns what came of it."""

    def __init__(self, *rules: Rule) -> None:
        self.books = Books(rules or (rule(),))

    def apply(self, kind: str, /, **event: Any) -> Result:
        return self.books.apply({"type": kind, **event})

    def sale(self, list_price: int = 0, order: str = "o1", **facts: Any) -> dict[str, int]:
        event = {"order": order, "placed_at": "2026-03-01T12:00:00Z", "currency": "USD", **facts}
        if "lines" not in event:
            event["list_price"] = list_price
        return self.post("sale", **event)

    def post(self, kind: str, /, **event: Any) -> dict[str, int]:
        """Apply an event that must be accepted; its net postings by account (in the one currency at hand)."""
        event = (
            event
            if kind in {"advance", "period_close", "pool", "payout_run", "correct_rule"}
            else {"order": "o1", **event}
        )
        result = self.apply(kind, **event)
        assert not result.rejected, result.rejected
        assert not result.repeated
        return net(result)

    def reject(self, kind: str, /, **event: Any) -> str:
        """Apply an event that must be rejected and change nothing; the code."""
        before = self.books.balances()
        result = self.apply(kind, **event)
        assert self.books.balances() == before
        assert not result.postings
        assert not result.details
        assert not result.trace
        return result.rejected

    def balances(self) -> dict[str, int]:
        return {posting.account: posting.amount for posting in self.books.balances()}


def net(result: Result | SaleResult) -> dict[str, int]:
    """Postings by account; sums to zero or the test is over."""
    per_currency: dict[str, int] = {}
    for posting in result.postings:
        assert posting.amount
        per_currency[posting.currency] = per_currency.get(posting.currency, 0) + posting.amount
    assert not any(per_currency.values())
    found = {posting.account: posting.amount for posting in result.postings}
    assert len(found) == len(result.postings)
    return found
