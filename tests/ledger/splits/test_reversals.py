"""Refunds, voids, reversed refunds and disputes take back what was given, to the unit and no further."""

from typing import Any

import pytest

from ledger.splits.problems import EventError
from tests.ledger.splits.desk import PLATFORM_30, Desk, net, raw_rule, rule, split


def test_partial_refunds_sum_to_the_sale() -> None:
    desk = Desk(rule(split(alice=500, bob=300, revenue=200)))
    desk.sale(1000)
    # Cumulative 333: 166.5, 99.9, 66.6. Two odd units: bob (.9), platform (.6). Then 333, 199.8, 133.2.
    assert desk.post("refund", amount=333) == {
        "processor:clearing": 333,
        "party:alice": -166,
        "party:bob": -100,
        "platform:revenue": -67,
    }
    assert desk.post("refund", amount=333)["party:alice"] == -167
    desk.post("refund", amount=334)
    assert desk.balances() == {}


def test_what_is_over_the_payment_or_not_positive_is_refused() -> None:
    desk = Desk()
    desk.sale(100)
    desk.post("refund", amount=60)
    for amount in (41, 0, -1):
        assert desk.reject("refund", order="o1", amount=amount) == "exceeds_refundable"
    desk.post("refund", amount=40)
    assert desk.reject("refund", order="o1", amount=1) == "exceeds_refundable"
    assert desk.reject("void", order="o1") == "exceeds_refundable"


def test_a_refund_charges_the_owner_where_the_policy_says_so() -> None:
    steps = [{"take": "percent", "account": "platform:revenue", "bp": 1000}, {"take": "processor_fee"}, split(bob=1)]
    for policy, expected in (
        ({}, {"platform:revenue": -100, "platform:processor_fees": -59, "party:bob": -841}),
        ({"platform_revenue": "owner"}, {"party:alice": -100, "platform:processor_fees": -59, "party:bob": -841}),
        ({"processor_fee": "owner"}, {"platform:revenue": -100, "party:alice": -59, "party:bob": -841}),
        ({"processor_fee": "owner", "platform_revenue": "owner"}, {"party:alice": -159, "party:bob": -841}),
        (
            {"processor_fee": "platform", "platform_revenue": "platform"},
            {"platform:revenue": -100, "platform:processor_fees": -59, "party:bob": -841},
        ),
    ):
        desk = Desk(rule(*steps, refund_policy=policy))
        desk.sale(1000, processor_fee=59)
        assert desk.post("refund", amount=1000) == {"processor:clearing": 1000, **expected}


def test_borne_discounts_are_handed_back_in_proportion() -> None:
    desk = Desk()
    discounts = [{"amount": 100, "borne_by": "platform:promotions"}, {"amount": 50, "borne_by": "party:chan"}]
    desk.sale(1000, discounts=discounts)
    # Paid 850, base 1000. Refund 425: o 425, d 75 -> 50 and 25; lines 150, 350.
    assert desk.post("refund", amount=425) == {
        "processor:clearing": 425,
        "platform:revenue": -150,
        "party:alice": -350,
        "platform:promotions": 50,
        "party:chan": 25,
    }
    desk.post("void")
    assert desk.balances() == {}


def test_tax_is_refunded_with_the_price_it_was_paid_on() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(52, tax={"mode": "exclusive", "amount": 10})
    taxes = [desk.post("refund", amount=amount).get("tax:payable", 0) for amount in (32, 9, 8, 3, 6, 4)]
    assert taxes == [-5, -2, -1, 0, -1, -1]
    assert desk.balances() == {}


def test_a_refund_in_another_currency_uses_the_sales_rate_and_books_the_difference_apart() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(1500, currency="JPY", settlement={"currency": "USD", "amount": 1003})
    # 500 x 1003/1500 = 334.33 -> 334; the processor took 341.
    assert desk.post("refund", amount=500, settlement_amount=341) == {
        "processor:clearing": 341,
        "party:alice": -334,
        "platform:fx": -7,
    }
    # 669 of 1003 are left; the processor took 660.
    assert desk.post("void", settlement_amount=660) == {
        "processor:clearing": 660,
        "party:alice": -669,
        "platform:fx": 9,
    }


def test_a_free_sale_is_voided_and_the_void_can_be_reversed() -> None:
    desk = Desk()
    desk.sale(4900, discounts=[{"amount": 4900, "borne_by": "platform:promotions"}])
    assert desk.reject("refund", order="o1", amount=1) == "exceeds_refundable"
    back = desk.post("void")
    assert back == {"platform:promotions": 4900, "platform:revenue": -1470, "party:alice": -3430}
    assert desk.reject("void", order="o1") == "exceeds_refundable"
    assert desk.post("refund_reversal", refund_index=0) == {account: -amount for account, amount in back.items()}
    assert desk.post("void") == back


def test_a_sale_that_posted_nothing_can_be_voided_to_nothing() -> None:
    desk = Desk()
    assert desk.sale(100, discounts=[{"amount": 100, "borne_by": "pool"}]) == {}
    assert desk.post("void") == {}


def test_a_refund_is_reversed_exactly_once() -> None:
    desk = Desk()
    desk.sale(1000)
    first = desk.post("refund", amount=333)
    desk.post("refund", amount=100)
    assert desk.reject("refund_reversal", order="o1", refund_index=2) == "unknown_refund"
    assert desk.post("refund_reversal", refund_index=0) == {account: -amount for account, amount in first.items()}
    assert desk.reject("refund_reversal", order="o1", refund_index=0) == "already_reversed"
    desk.post("refund", amount=900)
    assert desk.balances() == {}


def test_after_a_reversed_refund_the_last_unit_still_takes_exactly_what_is_left() -> None:
    # 2000 of 10000 borne by the platform. d by cumulative halves: 333 -> 83, 666 -> 167 (84), then the first undone.
    desk = Desk(rule(split(alice=1)))
    desk.sale(10_000, discounts=[{"amount": 2000, "borne_by": "platform:promotions"}])
    assert desk.post("refund", amount=333)["platform:promotions"] == 83
    assert desk.post("refund", amount=333)["platform:promotions"] == 84
    desk.post("refund_reversal", refund_index=0)
    assert desk.post("refund", amount=334)["platform:promotions"] == 84
    result = desk.apply("void", order="o1")
    # 84 + 84 are back, so 1832 are left, whatever the cumulative value (2000 - 167) says.
    assert net(result)["platform:promotions"] == 1832
    assert desk.balances() == {}


def test_after_a_reversed_refund_no_more_is_taken_than_is_left() -> None:
    # Settled 1 for 3 paid. Refund of 1: 0.33 -> 0; the next: 0.67 -> 1. Undo the first: 1 of 3 refunded, the one
    # settled unit already back. The next refund's cumulative difference would be 1 again; nothing is left to take.
    desk = Desk(rule(split(alice=1)))
    desk.sale(3, currency="JPY", settlement={"currency": "USD", "amount": 1})
    assert desk.post("refund", amount=1) == {}
    assert desk.post("refund", amount=1) == {"processor:clearing": 1, "party:alice": -1}
    desk.post("refund_reversal", refund_index=0)
    result = desk.apply("refund", order="o1", amount=1)
    assert net(result) == {}
    [line] = result.trace["lines"]
    assert line["steps"][0]["why"] == "up"
    assert desk.post("refund", amount=1) == {}
    assert desk.balances() == {}


def test_the_refund_that_completes_the_payment_takes_exactly_what_is_left() -> None:
    # 1 borne of 8 paid. Half: 0.5 -> 1, the other half nothing; the first undone. The cumulative step is 1 - 1 = 0.
    desk = Desk(rule(split(alice=1)))
    desk.sale(9, discounts=[{"amount": 1, "borne_by": "platform:promotions"}])
    assert desk.post("refund", amount=4)["platform:promotions"] == 1
    assert desk.post("refund", amount=4) == {"processor:clearing": 4, "party:alice": -4}
    desk.post("refund_reversal", refund_index=0)
    assert desk.post("refund", amount=4)["platform:promotions"] == 1
    assert desk.balances() == {}


def test_after_a_reversed_refund_no_bearer_gets_more_back_than_it_bore() -> None:
    # 1 borne of 5 paid. Refund of 2: 0.4 -> 0; of 1: 0.6 -> 1; the first undone. 1 -> 3 refunded would be 1 again.
    desk = Desk(rule(split(alice=1)))
    desk.sale(6, discounts=[{"amount": 1, "borne_by": "platform:promotions"}])
    desk.post("refund", amount=2)
    assert desk.post("refund", amount=1)["platform:promotions"] == 1
    desk.post("refund_reversal", refund_index=0)
    assert desk.post("refund", amount=2) == {"processor:clearing": 2, "party:alice": -2}


def test_discounts_are_handed_back_to_their_bearers_in_turn() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(
        102, discounts=[{"amount": 1, "borne_by": "platform:promotions"}, {"amount": 1, "borne_by": "party:chan"}]
    )
    assert desk.post("refund", amount=50) == {"processor:clearing": 50, "party:alice": -51, "platform:promotions": 1}
    assert desk.post("refund", amount=50) == {"processor:clearing": 50, "party:alice": -51, "party:chan": 1}


def test_a_rounding_that_history_decided_is_told_so() -> None:
    # Settled 1 for 5 paid. Refund of 2: 0.4 -> 0; of 1: 0.6 -> 1; the first undone: 1 refunded, 1 taken.
    desk = Desk(rule(split(alice=1)))
    desk.sale(5, currency="JPY", settlement={"currency": "USD", "amount": 1})
    desk.post("refund", amount=2)
    desk.post("refund", amount=1)
    desk.post("refund_reversal", refund_index=0)
    result = desk.apply("refund", order="o1", amount=1)
    told = result.trace["lines"][0]["steps"][0]
    # 2 of 5 refunded would be 0.4 -> 0; 1 was taken before and stays.
    assert (told["exact"], told["floor"], told["took"], told["amount"], told["why"]) == ("2/5", 0, 0, 1, "history")


def test_a_released_reserve_is_charged_to_the_payable() -> None:
    desk = Desk(rule(split(alice=1), reserve_bp=1000))
    desk.sale(1000)
    assert desk.post("refund", amount=100) == {
        "processor:clearing": 100,
        "party:alice": -90,
        "party:alice:reserve": -10,
    }
    assert desk.post("release_reserve") == {"party:alice": 90, "party:alice:reserve": -90}
    assert desk.reject("release_reserve", order="o1") == "already_released"
    assert desk.post("refund", amount=100) == {"processor:clearing": 100, "party:alice": -100}
    assert desk.post("refund_reversal", refund_index=1) == {"processor:clearing": -100, "party:alice": 100}


def test_releasing_where_nothing_is_kept_posts_nothing_but_counts() -> None:
    desk = Desk()
    desk.sale(1000)
    assert desk.post("release_reserve") == {}
    assert desk.reject("release_reserve", order="o1") == "already_released"


def test_a_dispute_takes_the_amount_and_its_fee_at_once_and_bars_refunds() -> None:
    desk = Desk()
    desk.sale(10_000)
    assert desk.post("dispute_opened", amount=4000, fee=1500) == {
        "processor:clearing": 5500,
        "platform:revenue": -1200,
        "party:alice": -2800,
        "platform:dispute_fees": -1500,
    }
    for kind, more in (("refund", {"amount": 1}), ("void", {}), ("dispute_opened", {"amount": 1})):
        assert desk.reject(kind, order="o1", **more) == "dispute_open"


@pytest.mark.parametrize(("returned", "fee_back"), [({}, {}), ({"fee_returned": 500}, {"platform:dispute_fees": 500})])
def test_a_won_dispute_restores_all_but_the_fee_that_is_kept(
    returned: dict[str, int], fee_back: dict[str, int]
) -> None:
    desk = Desk()
    desk.sale(10_000)
    desk.post("dispute_opened", amount=4000, fee=1500)
    assert desk.post("dispute_won", **returned) == {
        "processor:clearing": -4000 - sum(fee_back.values()),
        "platform:revenue": 1200,
        "party:alice": 2800,
        **fee_back,
    }
    assert desk.post("refund", amount=10_000)["party:alice"] == -7000


def test_a_lost_dispute_stays_reversed_and_does_not_count_as_a_refund() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("refund", amount=100)
    desk.post("dispute_opened", amount=400)
    assert desk.post("dispute_lost") == {}
    assert desk.reject("refund", order="o1", amount=501) == "exceeds_refundable"
    assert desk.reject("refund_reversal", order="o1", refund_index=1) == "unknown_refund"
    desk.post("refund", amount=500)
    assert desk.post("refund_reversal", refund_index=1)["processor:clearing"] == -500


def test_a_dispute_above_what_is_left_costs_the_platform_the_difference() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("refund", amount=400)
    assert desk.post("dispute_opened", amount=1000, fee=15) == {
        "processor:clearing": 1015,
        "platform:revenue": -180,
        "party:alice": -420,
        "platform:fx": -400,
        "platform:dispute_fees": -15,
    }
    won = desk.post("dispute_won", fee_returned=15)
    assert won["platform:fx"] == 400
    assert desk.post("refund", amount=600)["party:alice"] == -420


def test_a_dispute_of_a_fully_refunded_order_is_all_the_platforms() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("void")
    assert desk.post("dispute_opened", amount=50) == {"processor:clearing": 50, "platform:fx": -50}


def test_a_dispute_through_another_currency_uses_what_the_processor_took_or_the_sales_rate() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(1000, currency="JPY", settlement={"currency": "USD", "amount": 700})
    desk.post("refund", amount=500)
    assert desk.post("dispute_opened", amount=1000, settlement_amount=720) == {
        "processor:clearing": 720,
        "party:alice": -350,
        "platform:fx": -370,
    }
    desk.post("dispute_won")
    # 500 JPY above what is left are 350 cents at the sale's rate.
    assert desk.post("dispute_opened", amount=1000) == {
        "processor:clearing": 700,
        "party:alice": -350,
        "platform:fx": -350,
    }


def test_a_dispute_of_a_free_order_in_another_currency_needs_the_settled_amount() -> None:
    desk = Desk()
    free: dict[str, Any] = {
        "discounts": [{"amount": 10, "borne_by": "pool"}],
        "settlement": {"currency": "USD", "amount": 0},
    }
    desk.sale(10, currency="JPY", **free)
    with pytest.raises(EventError) as caught:
        desk.apply("dispute_opened", order="o1", amount=5)
    assert (caught.value.code, caught.value.path) == ("missing", "settlement_amount")
    assert desk.post("dispute_opened", amount=5, settlement_amount=4) == {"processor:clearing": 4, "platform:fx": -4}


def test_a_dispute_of_a_free_order_takes_nothing_from_anybody_else() -> None:
    desk = Desk()
    desk.sale(10, discounts=[{"amount": 10, "borne_by": "platform:promotions"}])
    assert desk.post("dispute_opened", amount=5) == {"processor:clearing": 5, "platform:fx": -5}


@pytest.mark.parametrize("kind", ["dispute_won", "dispute_lost"])
def test_only_an_open_dispute_can_end(kind: str) -> None:
    desk = Desk()
    desk.sale(10)
    assert desk.reject(kind, order="o1") == "no_open_dispute"


def test_no_more_of_a_disputes_fee_can_be_returned_than_was_taken() -> None:
    desk = Desk()
    desk.sale(10)
    desk.post("dispute_opened", amount=10, fee=5)
    with pytest.raises(EventError) as caught:
        desk.apply("dispute_won", order="o1", fee_returned=6)
    assert (caught.value.code, caught.value.path) == ("exceeds", "fee_returned")


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("refund", {"amount": 1}),
        ("void", {}),
        ("refund_reversal", {"refund_index": 0}),
        ("dispute_opened", {"amount": 1}),
        ("dispute_won", {}),
        ("dispute_lost", {}),
        ("release_reserve", {}),
    ],
)
def test_an_order_that_is_not_in_the_books_is_refused(kind: str, more: dict[str, Any]) -> None:
    assert Desk().reject(kind, order="o9", **more) == "unknown_order"


def test_a_refund_reversal_during_a_dispute_leaves_the_dispute_as_it_is() -> None:
    desk = Desk(rule(PLATFORM_30, split(alice=2, bob=1)))
    desk.sale(1000)
    before = desk.balances()
    desk.post("refund", amount=333)
    desk.post("dispute_opened", amount=500)
    desk.post("refund_reversal", refund_index=0)
    desk.post("dispute_won")
    assert desk.balances() == before


@pytest.mark.parametrize("undo", [{"kind": "refund_reversal", "refund_index": 0}, {"kind": "dispute_won"}])
def test_what_comes_back_to_a_reserve_after_its_release_is_released_again(undo: dict[str, Any]) -> None:
    desk = Desk(rule(split(alice=1), reserve_bp=1_000))
    desk.sale(1_000)
    if undo["kind"] == "dispute_won":
        desk.post("dispute_opened", amount=500)
    else:
        desk.post("refund", amount=500)
    assert desk.post("release_reserve") == {"party:alice:reserve": -50, "party:alice": 50}
    back = desk.post(undo["kind"], **{key: value for key, value in undo.items() if key != "kind"})
    assert back["party:alice:reserve"] == 50
    desk.post("correct_rule", orders=["o1"], rule=raw_rule(split(alice=1), version=2, reserve_bp=1_000))
    assert desk.post("release_reserve") == {"party:alice:reserve": -50, "party:alice": 50}
    assert desk.balances() == {"processor:clearing": -1_000, "party:alice": 1_000}
    assert desk.reject("release_reserve", order="o1") == "already_released"
