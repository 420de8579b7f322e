"""Orders of several lines: what belongs to the order is divided exactly among them."""

from typing import Any

import pytest

from ledger.splits.facts import parse_sale
from ledger.splits.problems import EventError
from ledger.splits.sale import sale_lines
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, net, rule, settle, split


def lines(*prices: int, **more: Any) -> list[dict[str, Any]]:
    return [{"id": f"l{i}", "list_price": price, **more} for i, price in enumerate(prices)]


def sale(**facts: Any) -> Any:
    return parse_sale({"currency": "USD", **facts})


def test_order_discounts_go_over_list_prices_and_the_fee_over_what_is_paid() -> None:
    # Discount 10 over 1:1:1 -> 4, 3, 3. Paid 96, 97, 97; fee 5 over them: 1.66, 1.67, 1.67 -> 1, 2, 2.
    parsed = sale(lines=lines(100, 100, 100), discounts=[{"amount": 10, "borne_by": "pool"}], processor_fee=5)
    assert [line.payable for line in parsed.lines] == [96, 97, 97]
    assert [line.fee for line in parsed.lines] == [1, 2, 2]
    assert [line.base for line in parsed.lines] == [96, 97, 97]


def test_a_lines_own_discounts_and_tax_come_before_the_orders() -> None:
    own = [
        {"id": "a", "list_price": 100, "discounts": [{"amount": 20, "borne_by": "party:x"}]},
        {"id": "b", "list_price": 100, "tax": {"mode": "exclusive", "rate_bp": 1000}},
        {"id": "c", "list_price": 200},
    ]
    parsed = sale(
        lines=own, discounts=[{"amount": 40, "borne_by": "platform:promotions"}], tax={"mode": "exclusive", "amount": 9}
    )
    # 40 over 100:100:200 -> 10, 10, 20. Nets 70, 90, 180. b taxes itself: 9. The order's 9 over 70:180 -> 2.52, 6.48.
    assert [line.net for line in parsed.lines] == [70, 90, 180]
    assert [line.tax for line in parsed.lines] == [3, 9, 6]
    assert [line.payable for line in parsed.lines] == [73, 99, 186]
    assert [line.borne for line in parsed.lines] == [(20, 10), (10,), (20,)]
    assert [line.base for line in parsed.lines] == [100, 100, 200]


def test_an_order_tax_rate_is_worked_out_on_each_line() -> None:
    parsed = sale(lines=lines(105, 105), tax={"mode": "exclusive", "rate_bp": 1000})
    assert [line.tax for line in parsed.lines] == [11, 11]


def test_the_settlement_is_divided_over_what_is_paid_and_each_line_has_its_own_rate() -> None:
    # 1000 JPY + 500 JPY -> 1004 cents: 669.33, 334.67 -> 669, 335.
    parsed = sale(
        currency="JPY",
        lines=lines(1000, 500),
        settlement={"currency": "USD", "amount": 1004},
        tax={"mode": "inclusive", "rate_bp": 1000},
    )
    assert [line.settled for line in parsed.lines] == [669, 335]
    # Tax 91 x 669/1000 = 60.88; 45 x 335/500 = 30.15.
    assert [line.settled_tax for line in parsed.lines] == [61, 30]


def test_a_free_line_in_another_currency_is_converted_at_the_orders_rate() -> None:
    free = {"id": "f", "list_price": 300, "discounts": [{"amount": 300, "borne_by": "platform:promotions"}]}
    parsed = sale(currency="JPY", lines=[*lines(1000), free], settlement={"currency": "USD", "amount": 670})
    assert [(line.settled, line.borne) for line in parsed.lines] == [(670, ()), (0, (201,))]
    assert net(sale_lines(rule(), parsed))["party:alice"] == 469 + 141


def test_where_list_prices_would_take_a_line_below_zero_the_discount_goes_over_what_is_still_due() -> None:
    own = [
        {"id": "a", "list_price": 100, "discounts": [{"amount": 90, "borne_by": "pool"}]},
        {"id": "b", "list_price": 100},
    ]
    # Over list prices a would bear 22 of 44 but only 10 are due: over 10:100 -> 4, 40.
    parsed = sale(lines=own, discounts=[{"amount": 44, "borne_by": "pool"}])
    assert [line.net for line in parsed.lines] == [6, 60]
    assert [(a.what, a.weights) for a in parsed.allocations] == [("discount", (10, 100))]


def test_several_order_discounts_never_take_more_from_a_line_than_it_costs() -> None:
    discounts = [{"amount": 1, "borne_by": "pool"}, {"amount": 2, "borne_by": "party:x"}]
    parsed = sale(lines=lines(1, 1, 1), discounts=discounts)
    assert [line.net for line in parsed.lines] == [0, 0, 0]
    assert sum(line.base for line in parsed.lines) == 2


def test_where_nothing_is_paid_the_first_line_that_can_takes_the_fee_and_the_tax() -> None:
    parsed = sale(
        lines=[{"id": "a", "list_price": 0, "tax": {"mode": "none"}}, *lines(0, 0)],
        tax={"mode": "exclusive", "amount": 3},
    )
    assert [line.tax for line in parsed.lines] == [0, 2, 1]
    parsed = sale(lines=lines(0, 0), processor_fee=7)
    assert [line.fee for line in parsed.lines] == [7, 0]


def test_each_line_can_have_its_own_rule_and_channel() -> None:
    commission = {"take": "percent", "account": "channel", "bp": 1000}
    first, second = rule(commission, ALICE_REST), rule(PLATFORM_30, split(bob=1))
    own = [
        {"id": "a", "list_price": 100},
        {"id": "b", "list_price": 100, "channel": "mine"},
        {"id": "c", "list_price": 50},
    ]
    own[2]["channels"] = [{"party": "x", "ppm": 400_000}]
    result = sale_lines([first, first, second], {"currency": "USD", "channel": "shop", "lines": own})
    assert [[(s.account, s.amount) for s in line.shares] for line in result.lines] == [
        [("party:shop", 10), ("party:alice", 90)],
        [("party:mine", 10), ("party:alice", 90)],
        [("platform:revenue", 15), ("party:bob", 35)],
    ]
    assert [detail.line for detail in result.details] == ["a", "a", "a", "b", "b", "b", "c", "c", "c"]
    assert len(result.shares) == 6
    with pytest.raises(ValueError, match="zip"):
        sale_lines([first], {"currency": "USD", "lines": own})


def test_lines_inherit_the_orders_fields_for_conditions_unless_they_have_their_own() -> None:
    variants = [
        {"when": {"kind": "own"}, "steps": [split(alice=1)]},
        {"when": {}, "steps": [split(revenue=1)]},
    ]
    own = [{"id": "a", "list_price": 10}, {"id": "b", "list_price": 20, "kind": "other"}]
    result = settle(rule(variants=variants), kind="own", lines=own)
    assert net(result) == {"processor:clearing": -30, "party:alice": 10, "platform:revenue": 20}


@pytest.mark.parametrize(
    ("facts", "code", "path"),
    [
        ({"lines": []}, "empty", "lines"),
        ({"lines": [3]}, "not_object", "lines[0]"),
        ({"lines": [{"list_price": 1}]}, "missing", "lines[0].id"),
        ({"lines": [{"id": "a"}]}, "missing", "lines[0].list_price"),
        ({"lines": [*lines(1), *lines(2)]}, "duplicate", "lines[1].id"),
        ({"lines": lines(1), "discounts": [{"amount": 2, "borne_by": "pool"}]}, "discounts_exceed_price", "discounts"),
        (
            {"lines": [{"id": "a", "list_price": 1, "discounts": [{"amount": 2, "borne_by": "pool"}]}]},
            "discounts_exceed_price",
            "lines[0].discounts",
        ),
        ({"lines": lines(9, tax={"mode": "none"}), "tax": {"mode": "exclusive", "amount": 1}}, "conflict", "tax"),
        ({"lines": lines(1, channel="a b")}, "not_a_party", "lines[0].channel"),
        ({"lines": lines(5), "settlement": {"amount": 1}}, "missing", "settlement.currency"),
    ],
)
def test_impossible_lines_are_refused_with_their_field(facts: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(EventError) as caught:
        sale(**facts)
    assert (caught.value.code, caught.value.path) == (code, path)


def test_a_refund_of_one_line_touches_only_that_line() -> None:
    desk = Desk()
    desk.sale(lines=lines(100, 200))
    assert desk.post("refund", line="l1", amount=100) == {
        "processor:clearing": 100,
        "platform:revenue": -30,
        "party:alice": -70,
    }
    assert desk.reject("refund", order="o1", line="l1", amount=101) == "exceeds_refundable"
    assert desk.reject("refund", order="o1", line="nope", amount=1) == "unknown_line"
    assert desk.post("void", line="l0") == {"processor:clearing": 100, "platform:revenue": -30, "party:alice": -70}
    assert desk.reject("void", order="o1", line="l0") == "exceeds_refundable"
    assert desk.post("void")["processor:clearing"] == 100
    assert desk.balances() == {}


def test_a_refund_of_the_order_goes_over_what_was_paid_with_earlier_refunds_as_history() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(lines=lines(100, 100))
    desk.post("refund", line="l0", amount=60)
    # T = 80: quotas 40, 40; the first line has 60 already, so all 20 go to the second.
    result = desk.apply("refund", order="o1", amount=20)
    assert [(line["line"], line["amount"]) for line in result.trace["lines"]] == [("l1", 20)]
    # T = 161: 80.5 each -> the first line is 20.5 behind, the second 60.5: 81 = 21 + 60 by the earlier line.
    result = desk.apply("refund", order="o1", amount=81)
    assert [(line["line"], line["amount"]) for line in result.trace["lines"]] == [("l0", 21), ("l1", 60)]
    desk.post("refund", amount=39)
    assert desk.balances() == {}


def test_a_free_line_is_given_back_by_a_void_only_and_once() -> None:
    free = {"id": "f", "list_price": 50, "discounts": [{"amount": 50, "borne_by": "platform:promotions"}]}
    desk = Desk(rule(split(alice=1)))
    desk.sale(lines=[*lines(100), free])
    desk.post("refund", amount=100)
    assert desk.balances() == {"party:alice": 50, "platform:promotions": -50}
    assert desk.post("void") == {"party:alice": -50, "platform:promotions": 50}
    assert desk.reject("void", order="o1") == "exceeds_refundable"
    assert desk.post("refund_reversal", refund_index=1) == {"party:alice": 50, "platform:promotions": -50}
    assert desk.post("void") == {"party:alice": -50, "platform:promotions": 50}


def test_lines_choose_their_rule_by_id_and_without_one_the_order_is_refused() -> None:
    desk = Desk(rule(id="r1"), rule(split(bob=1), id="r2"))
    assert desk.sale(
        lines=[{"id": "a", "list_price": 10, "rule": "r1"}, {"id": "b", "list_price": 10, "rule": "r2"}]
    ) == {
        "processor:clearing": -20,
        "platform:revenue": 3,
        "party:alice": 7,
        "party:bob": 10,
    }
    assert desk.sale(5, order="o2", rule="r2") == {"processor:clearing": -5, "party:bob": 5}
    event = {"order": "o3", "placed_at": "2026-03-01T12:00:00Z", "currency": "USD", "list_price": 5, "rule": "r3"}
    assert desk.reject("sale", **event) == "no_rule"


def test_a_dispute_over_an_order_of_several_lines_is_won_back_exactly() -> None:
    desk = Desk()
    desk.sale(lines=lines(33, 34, 35))
    before = desk.balances()
    desk.post("dispute_opened", amount=50, fee=15)
    desk.post("dispute_won", fee_returned=15)
    assert desk.balances() == before
    desk.post("dispute_opened", amount=34, line="l1")
    assert desk.post("dispute_lost") == {}
    desk.post("void")
    assert desk.balances() == {}


def test_an_order_level_amount_of_nothing_is_nothing_on_every_line() -> None:
    nothing = sale(
        lines=lines(100, 50),
        discounts=[{"amount": 0, "borne_by": "pool"}],
        tax={"mode": "exclusive", "amount": 0},
        processor_fee=0,
    )
    assert [(line.payable, line.tax, line.fee) for line in nothing.lines] == [(100, 0, 0), (50, 0, 0)]
    assert not nothing.allocations
