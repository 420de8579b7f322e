"""A corrected rule posts only what differs, and later events stand on the corrected shares."""

from typing import Any

import pytest

from ledger.splits.problems import RuleError, SplitsError
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, net, raw_rule, rule, split

TWENTY = raw_rule({**PLATFORM_30, "bp": 2000}, ALICE_REST, version=2)


def corrected(desk: Desk, raw: dict[str, Any], *orders: str) -> dict[str, int]:
    return desk.post("correct_rule", orders=list(orders or ("o1",)), rule=raw)


def test_only_the_difference_is_posted_and_later_refunds_use_the_new_shares() -> None:
    desk = Desk()
    desk.sale(9999)
    assert corrected(desk, TWENTY) == {"platform:revenue": -1000, "party:alice": 1000}
    assert corrected(desk, TWENTY) == {}
    assert desk.post("refund", amount=9999)["party:alice"] == -7999
    assert desk.balances() == {}


def test_live_refunds_are_recomputed_and_undone_ones_are_not() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("refund", amount=500)
    desk.post("refund", amount=100)
    desk.post("refund_reversal", refund_index=0)
    # 900 remain: 270 became 180.
    assert corrected(desk, TWENTY) == {"platform:revenue": -90, "party:alice": 90}
    # The exact opposite of a refund is that of the refund as corrected.
    assert desk.post("refund_reversal", refund_index=1) == {
        "processor:clearing": -100,
        "platform:revenue": 20,
        "party:alice": 80,
    }
    assert desk.reject("refund_reversal", order="o1", refund_index=0) == "already_reversed"
    desk.post("void")
    assert desk.balances() == {}


def test_disputes_stay_open_lost_or_won_under_the_new_rule() -> None:
    desk = Desk()
    for order in ("open", "lost", "won"):
        desk.sale(1000, order=order)
        desk.post("dispute_opened", order=order, amount=1000, fee=15)
    desk.post("dispute_lost", order="lost")
    desk.post("dispute_won", order="won")
    assert corrected(desk, TWENTY, "open", "lost", "won") == {"platform:revenue": -100, "party:alice": 100}
    assert desk.reject("refund", order="open", amount=1) == "dispute_open"
    assert desk.post("dispute_won", order="open", fee_returned=15)["party:alice"] == 800
    assert desk.reject("refund", order="lost", amount=1) == "exceeds_refundable"


def test_what_customers_paid_and_the_processor_moved_never_changes() -> None:
    desk = Desk()
    desk.sale(
        1500,
        currency="JPY",
        settlement={"currency": "USD", "amount": 1003},
        discounts=[{"amount": 100, "borne_by": "platform:promotions"}],
        processor_fee=30,
    )
    desk.post("refund", amount=1, settlement_amount=5)
    desk.post("refund", amount=1)
    desk.post("refund", amount=500, settlement_amount=341)
    desk.post("refund_reversal", refund_index=0)
    before = desk.balances()
    posted = corrected(desk, raw_rule({"take": "processor_fee"}, {**PLATFORM_30, "bp": 1000}, split(alice=1, bob=2)))
    assert not set(posted) & {"processor:clearing", "platform:fx", "platform:promotions"}
    assert posted["platform:processor_fees"] > 0
    assert sum(desk.balances().values()) == sum(before.values()) == 0


def test_the_new_rules_refund_policy_and_owner_hold_for_old_refunds() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("refund", amount=1000)
    keeps = raw_rule(version=2, owner="party:bob", refund_policy={"platform_revenue": "owner"})
    assert corrected(desk, keeps) == {"platform:revenue": 300, "party:bob": -300}


def test_a_changed_reserve_moves_between_reserve_and_payable() -> None:
    desk = Desk(rule(split(alice=1)))
    desk.sale(1000)
    desk.post("refund", amount=500)
    assert corrected(desk, raw_rule(split(alice=1), reserve_bp=1000)) == {"party:alice": -50, "party:alice:reserve": 50}
    assert desk.post("release_reserve") == {"party:alice": 50, "party:alice:reserve": -50}


def test_a_released_reserve_stays_released() -> None:
    desk = Desk(rule(split(alice=1), reserve_bp=1000))
    desk.sale(1000)
    desk.post("refund", amount=100)
    desk.post("release_reserve")
    desk.post("refund", amount=100)
    # Now 20 % reserve and a tenth for bob: alice keeps 720 of 800, all payable; bob gets 80.
    assert corrected(desk, raw_rule(split(alice=9, bob=1), reserve_bp=2000)) == {"party:alice": -80, "party:bob": 80}
    assert desk.reject("release_reserve", order="o1") == "already_released"
    desk.post("void")
    assert desk.balances() == {}


def test_a_refund_after_the_release_is_undone_on_the_payable_even_once_corrected() -> None:
    desk = Desk(rule(split(alice=1), reserve_bp=1000))
    desk.sale(1000)
    desk.post("release_reserve")
    desk.post("refund", amount=100)
    assert corrected(desk, raw_rule(split(alice=1), reserve_bp=2000)) == {}
    assert desk.post("refund_reversal", refund_index=0) == {"processor:clearing": -100, "party:alice": 100}


def test_recoupment_is_recomputed_but_never_beyond_the_advance() -> None:
    desk = Desk()
    desk.post("advance", party="alice", currency="USD", amount=1000, recoup_bp=5000)
    desk.sale(1000)
    # alice 700 -> 350 pay back; under 20 %: 800 -> 400.
    assert corrected(desk, TWENTY) == {"platform:revenue": -100, "party:alice": 50, "party:alice:advance": 50}
    desk.sale(10_000, order="o2")
    assert desk.balances().get("party:alice:advance") is None
    # All is paid back; a larger share now can recoup no more than this order did: 400 of 1000.
    assert corrected(desk, raw_rule(split(alice=1), version=3)) == {"platform:revenue": -200, "party:alice": 200}
    # A smaller share gives some of it back to be recouped later.
    assert corrected(desk, raw_rule({**PLATFORM_30, "bp": 5000}, ALICE_REST, version=4)) == {
        "platform:revenue": 500,
        "party:alice": -350,
        "party:alice:advance": -150,
    }


def test_an_advance_opened_after_the_sale_takes_nothing_from_it() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("advance", party="alice", currency="USD", amount=1000, recoup_bp=5000)
    assert corrected(desk, TWENTY) == {"platform:revenue": -100, "party:alice": 100}


def test_a_later_advance_is_not_recouped_from_an_earlier_sale() -> None:
    desk = Desk()
    desk.post("advance", party="alice", currency="USD", amount=100, recoup_bp=10_000)
    desk.sale(1000)
    desk.post("advance", party="alice", currency="USD", amount=500, recoup_bp=10_000)
    assert corrected(desk, TWENTY) == {"platform:revenue": -100, "party:alice": 100}


def test_what_one_corrected_order_recoups_is_gone_for_the_next() -> None:
    desk = Desk()
    desk.post("advance", party="alice", currency="USD", amount=1000, recoup_bp=10_000)
    desk.sale(700)
    desk.sale(700, order="o2")
    # 490 each are paid back, 20 are open: the first takes them, the second stays at 490.
    assert corrected(desk, raw_rule(split(alice=1)), "o1", "o2") == {
        "platform:revenue": -420,
        "party:alice": 400,
        "party:alice:advance": 20,
    }


def test_two_orders_corrected_together_share_one_advance() -> None:
    desk = Desk()
    desk.post("advance", party="alice", currency="USD", amount=800, recoup_bp=10_000)
    desk.sale(1000)
    desk.sale(1000, order="o2")
    # 700 + 100 paid back. Under 20 % the first recoups 700 (its own and nothing free), as 100 are the second's.
    assert corrected(desk, TWENTY, "o1", "o2") == {"platform:revenue": -200, "party:alice": 200}
    assert "party:alice:advance" not in desk.balances()


def test_the_corrected_hold_and_credits_decide_payouts() -> None:
    desk = Desk()
    desk.sale(1000)
    corrected(desk, {**TWENTY, "hold_days": 7})
    run = {"party": "alice", "currency": "USD"}
    assert desk.post("payout_run", **run, at="2026-03-02T00:00:00Z") == {}
    assert desk.post("payout_run", **run, at="2026-03-08T12:00:00Z")["party:alice"] == -800


def test_every_line_of_an_order_is_corrected() -> None:
    desk = Desk()
    desk.sale(lines=[{"id": "a", "list_price": 100}, {"id": "b", "list_price": 50}])
    desk.post("refund", line="b", amount=50)
    assert corrected(desk, TWENTY) == {"platform:revenue": -10, "party:alice": 10}


def test_movements_name_line_and_clause_of_what_changed() -> None:
    desk = Desk()
    desk.sale(1000)
    result = desk.apply("correct_rule", orders=["o1"], rule=raw_rule(split(alice=1)))
    assert net(result) == {"platform:revenue": -300, "party:alice": 300}
    assert [(d.account, d.amount, d.clause) for d in result.details] == [
        ("platform:revenue", -300, "steps[0]"),
        ("party:alice", -700, "steps[1].parties[0]"),
        ("party:alice", 1000, "steps[0].parties[0]"),
    ]
    assert result.trace["orders"][0]["order"] == "o1"


def test_a_correction_is_all_or_nothing() -> None:
    desk = Desk()
    desk.sale(1000)
    picky = raw_rule(variants=[{"when": {"kind": "a"}, "steps": [ALICE_REST]}])
    assert desk.reject("correct_rule", orders=["o1"], rule=picky) == "no_rule"
    assert desk.reject("correct_rule", orders=["o1", "o9"], rule=TWENTY) == "unknown_order"
    assert desk.post("refund", amount=1000)["party:alice"] == -700


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        ({"orders": [], "rule": TWENTY}, "empty", "orders"),
        ({"orders": ["o1", "o1"], "rule": TWENTY}, "duplicate", "orders[1]"),
        ({"orders": [1], "rule": TWENTY}, "not_text", "orders[0]"),
        ({"orders": [""], "rule": TWENTY}, "not_text", "orders[0]"),
        ({"orders": ["o1"]}, "missing", "rule"),
        ({"orders": ["o1"], "rule": raw_rule(PLATFORM_30)}, "leaves_remainder", "rule.steps[0]"),
    ],
)
def test_a_malformed_correction_names_what_is_wrong(event: dict[str, Any], code: str, path: str) -> None:
    desk = Desk()
    desk.sale(1000)
    before = desk.balances()
    with pytest.raises(SplitsError) as caught:
        desk.apply("correct_rule", **event)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert isinstance(caught.value, RuleError) == (path == "rule.steps[0]")
    assert desk.balances() == before


def test_one_line_of_an_order_is_corrected_and_the_others_keep_their_rule() -> None:
    desk = Desk()
    desk.sale(lines=[{"id": "a", "list_price": 100}, {"id": "b", "list_price": 50}])
    assert desk.post("correct_rule", orders=["o1"], line="b", rule=TWENTY) == {"platform:revenue": -5, "party:alice": 5}
    assert desk.post("correct_rule", orders=["o1"], line="b", rule=TWENTY) == {}
    assert desk.post("refund", line="a", amount=100)["party:alice"] == -70
    assert desk.post("refund", line="b", amount=50)["party:alice"] == -40
    assert desk.reject("correct_rule", orders=["o1"], line="c", rule=TWENTY) == "unknown_line"
