"""Thousands of histories: the engine against the second engine, and against what must always hold."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.splits.books import Books
from ledger.splits.parse import parse_rule
from ledger.splits.state import Order, State
from tests.examples import examples
from tests.ledger.splits.desk import Desk
from tests.ledger.splits.histories import PARTIES, History, brought, histories, rules, sales, small
from tests.ledger.splits.model import Model


def held_by_details(order: Order, account: str, days: int) -> int:
    """What movements of the sale say of themselves that they are not available so many days after the order."""
    return sum(
        d.amount for d in order.sale.details if d.account == account and d.hold_days is not None and d.hold_days > days
    )


def must_hold(state: State) -> None:
    """What no history may break: nothing over-reversed, nothing lost, nobody recouped beyond the advance."""
    for order in state.orders.values():
        for line in order.lines:
            facts = line.result.facts
            assert 0 <= line.refunded <= facts.payable
            assert 0 <= line.gross <= facts.settled
            for back, share in zip(line.reversed, line.result.shares, strict=True):
                assert 0 <= back <= share.amount
                assert share.amount > 0
            for back, borne in zip(line.given_back, facts.borne, strict=True):
                assert 0 <= back <= borne
            assert sum(share.amount for share in line.result.shares) == facts.settled + sum(facts.borne)
            assert sum(line.reversed) == line.gross + sum(line.given_back)
            if facts.payable and line.refunded == facts.payable:
                assert line.reversed == [share.amount for share in line.result.shares]
                assert line.given_back == list(facts.borne)
        for account in {f"party:{party}" for party in PARTIES}:
            for days in (0, 6, 7):
                at = order.placed_at + timedelta(days=days)
                assert order.held(account, at) == held_by_details(order, account, days)
    for currency in ("USD", "EUR", "KWD", "JPY"):
        assert sum(amount for (_, c), amount in state.balances.items() if c == currency) == 0
    for (account, _), amount in state.balances.items():
        assert amount <= 0 or not account.endswith(":advance")
        assert amount >= 0 or not account.endswith(":reserve")


@settings(max_examples=examples(150))
@given(histories())
def test_every_history_posts_what_the_second_engine_posts(case: History) -> None:
    versions, events = case
    books, model = Books([parse_rule(raw) for raw in versions]), Model(versions)
    for event in events:
        result, expected = books.apply(event), model.apply(event)
        if isinstance(expected, str):
            assert result.rejected == expected
        else:
            assert not result.rejected
            assert {(p.account, p.currency): p.amount for p in result.postings} == expected
        must_hold(books.state)
    assert {(p.account, p.currency): p.amount for p in books.balances()} == {
        k: v for k, v in model.balance.items() if v
    }


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), st.lists(st.integers(1, 30), max_size=12))
def test_a_sale_refunded_piece_by_piece_ends_at_nothing(
    sale: dict[str, Any], raw: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    books.apply({**sale, "order": "o1"})
    lines = books.state.orders["o1"].lines
    for piece in pieces:
        before = [list(line.reversed) for line in lines]
        books.apply({"type": "refund", "order": "o1", "amount": piece})
        for line, had in zip(lines, before, strict=True):
            assert all(now >= then for now, then in zip(line.reversed, had, strict=True))
            weights = [share.amount for share in line.result.shares]
            for now, weight in zip(line.reversed, weights, strict=True):
                assert abs(now * sum(weights) - sum(line.reversed) * weight) < sum(weights)
    books.apply({"type": "void", "order": "o1"})
    fees = sale.get("processor_fee", 0)
    kept = {"processor:clearing", "platform:processor_fees", "platform:revenue", "party:alice"}
    left = {posting.account: posting.amount for posting in books.balances()}
    assert set(left) <= kept
    assert left.get("processor:clearing", 0) == fees


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), st.lists(st.integers(1, 40), max_size=4))
def test_correcting_to_the_same_rule_posts_nothing(
    sale: dict[str, Any], raw: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    books.apply({**sale, "order": "o1"})
    for piece in pieces:
        books.apply({"type": "refund", "order": "o1", "amount": piece})
    assert books.apply({"type": "correct_rule", "orders": ["o1"], "rule": raw}).postings == ()


@st.composite
def orders_of_two(draw: st.DrawFn) -> dict[str, Any]:
    """An order of two lines, each with its own channels and price."""
    lines = [{"id": name, "list_price": draw(small), **draw(brought())} for name in ("a", "b")]
    return {"order": "o1", "lines": lines, "processor_fee": draw(st.integers(0, 9)), "meter_before": draw(small)}


@settings(max_examples=examples(50))
@given(orders_of_two(), rules(), rules(version=2), st.lists(st.integers(1, 30), max_size=3))
def test_line_by_line_comes_to_the_same_as_all_at_once(
    order: dict[str, Any], raw: dict[str, Any], other: dict[str, Any], pieces: list[int]
) -> None:
    whole, parts = Desk(parse_rule(raw)), Desk(parse_rule(raw))
    for desk in (whole, parts):
        desk.sale(**order)
        for piece in pieces:
            desk.apply("refund", order="o1", amount=piece)
    whole.post("correct_rule", orders=["o1"], rule=other)
    whole.post("release_reserve")
    for line in ("b", "a"):
        parts.post("correct_rule", orders=["o1"], line=line, rule=other)
        parts.post("release_reserve", line=line)
    assert parts.balances() == whole.balances()
    must_hold(parts.books.state)


@settings(max_examples=examples(50))
@given(sales(), rules(start="2026-01-01T00:00:00Z"), rules(version=2), st.lists(st.integers(1, 30), max_size=2))
def test_what_is_booked_on_hold_is_what_the_corrected_sale_holds(
    sale: dict[str, Any], raw: dict[str, Any], other: dict[str, Any], pieces: list[int]
) -> None:
    books = Books([parse_rule(raw)])
    events = [{**sale, "order": "o1"}, *({"type": "refund", "order": "o1", "amount": piece} for piece in pieces)]
    booked = [books.apply(event) for event in [*events, {"type": "correct_rule", "orders": ["o1"], "rule": other}]]
    held: dict[tuple[str, int | None], int] = {}
    for detail in (detail for result in booked for detail in result.details if detail.hold_days):
        key = detail.account, detail.hold_days
        held[key] = held.get(key, 0) + detail.amount
    now = books.state.orders["o1"].sale.details
    accounts = {detail.account for detail in now if detail.hold_days}
    assert {key: amount for key, amount in held.items() if amount} == {
        (account, other["hold_days"]): amount
        for account in accounts
        if (amount := sum(d.amount for d in now if d.account == account and d.hold_days))
    }
