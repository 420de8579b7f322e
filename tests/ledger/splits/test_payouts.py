"""Advances, guarantees, pools, reserves and payouts."""

from typing import Any

import pytest

from ledger.splits.problems import EventError
from tests.ledger.splits.desk import PLATFORM_30, Desk, net, rule, split

ALICE = {"party": "alice", "currency": "USD"}
MARCH = {"from": "2026-03-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}
LATE = "2027-01-01T00:00:00Z"


def sole(**more: Any) -> Desk:
    return Desk(rule(split(alice=1), **more))


def test_an_advance_is_paid_out_and_recouped_from_later_shares() -> None:
    desk = Desk()
    assert desk.post("advance", **ALICE, amount=5000, recoup_bp=5000) == {
        "bank:operating": 5000,
        "party:alice:advance": -5000,
    }
    assert desk.sale(4001)["party:alice:advance"] == 1401
    assert desk.sale(12_000, order="o2")["party:alice:advance"] == 3599
    assert "party:alice:advance" not in desk.sale(100, order="o3")


def test_recoupment_is_not_undone_by_a_refund() -> None:
    desk = sole()
    desk.post("advance", **ALICE, amount=50, recoup_bp=10_000)
    assert desk.sale(100) == {"processor:clearing": -100, "party:alice": 50, "party:alice:advance": 50}
    assert desk.post("refund", amount=100) == {"processor:clearing": 100, "party:alice": -100}


def test_a_second_advance_adds_to_what_is_open_and_sets_the_rate() -> None:
    desk = sole()
    desk.post("advance", **ALICE, amount=100, recoup_bp=1000)
    desk.post("advance", **ALICE, amount=100, recoup_bp=5000)
    assert desk.sale(300)["party:alice:advance"] == 150
    assert desk.sale(300, order="o2")["party:alice:advance"] == 50


def test_an_advance_is_recouped_in_its_own_currency_only() -> None:
    desk = sole()
    desk.post("advance", party="alice", currency="EUR", amount=100, recoup_bp=5000)
    assert desk.sale(100) == {"processor:clearing": -100, "party:alice": 100}
    assert desk.sale(100, order="o2", currency="EUR")["party:alice:advance"] == 50


def test_each_currencys_advance_has_its_own_rate() -> None:
    desk = sole()
    desk.post("advance", **ALICE, amount=100, recoup_bp=5000)
    desk.post("advance", party="alice", currency="EUR", amount=100, recoup_bp=1000)
    assert desk.sale(100)["party:alice:advance"] == 50
    assert desk.sale(100, order="o2", currency="EUR")["party:alice:advance"] == 10


def test_a_guarantee_tops_up_what_the_periods_orders_earned() -> None:
    desk = Desk(rule(PLATFORM_30, split(alice=1), reserve_bp=1000))
    desk.sale(100, order="before", placed_at="2026-02-28T23:59:59Z")
    desk.sale(100, order="first", placed_at="2026-03-01T00:00:00Z")
    desk.sale(50, order="last", placed_at="2026-04-01T07:59:59+08:00")
    desk.sale(100, order="after", placed_at="2026-04-01T00:00:00Z")
    desk.sale(100, order="euro", currency="EUR")
    desk.post("refund", order="first", amount=20)
    desk.post("dispute_opened", order="last", amount=10)
    # Earned: 70 + 35 less 14 and 7, reserve included.
    result = desk.apply("period_close", **ALICE, **MARCH, guarantee=100)
    assert (result.trace["earned"], result.trace["orders"]) == (84, 2)
    assert net(result) == {"platform:guarantees": -16, "party:alice": 16}
    assert desk.post("period_close", **ALICE, **MARCH, guarantee=84) == {}
    assert desk.post("period_close", **ALICE, **MARCH, guarantee=83) == {}, "what was earned beyond it stays earned"
    assert desk.post("period_close", party="bob", currency="USD", **MARCH, guarantee=5)["party:bob"] == 5


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(EventError) as caught:
        Desk().apply("period_close", **ALICE, guarantee=1, **{"from": MARCH["to"], "to": MARCH["from"]})
    assert (caught.value.code, caught.value.path) == ("before", "to")
    assert str(caught.value) == "to is before from"


def test_a_pool_is_shared_by_weight_and_the_platform_keeps_the_rest() -> None:
    def weights(**by_party: int) -> list[dict[str, Any]]:
        return [{"account": f"party:{party}", "weight": weight} for party, weight in by_party.items()]

    desk = Desk()
    # 15 % of 99999 = 14999.85 -> 15000 over 7:11:13.
    assert desk.post(
        "pool", currency="USD", amount=99_999, creator_bp=1500, weights=weights(alice=7, bob=11, carol=13, dave=0)
    ) == {
        "subscription:deferred": -99_999,
        "platform:revenue": 84_999,
        "party:alice": 3387,
        "party:bob": 5323,
        "party:carol": 6290,
    }
    result = desk.apply("pool", currency="USD", amount=777, creator_bp=1500, weights=weights(alice=0))
    assert net(result) == {"subscription:deferred": -777, "platform:revenue": 777}
    assert result.trace["why"] == "no_weight"
    assert desk.post("pool", currency="USD", amount=5, creator_bp=10_000, weights=[]) == {
        "subscription:deferred": -5,
        "platform:revenue": 5,
    }
    assert desk.post("pool", currency="USD", amount=0, creator_bp=10_000, weights=weights(alice=1)) == {}


def test_credits_can_be_paid_out_exactly_when_the_hold_ends() -> None:
    desk = sole(hold_days=7)
    desk.sale(1000)
    assert desk.post("payout_run", **ALICE, at="2026-03-08T11:59:59Z") == {}
    assert desk.post("payout_run", **ALICE, at="2026-03-08T20:00:00+08:00") == {
        "party:alice": -1000,
        "payouts:in_transit": 1000,
    }
    assert desk.post("payout_run", **ALICE, at=LATE) == {}


def test_what_is_held_is_what_was_posted_after_recoupment() -> None:
    desk = sole(hold_days=7)
    desk.post("advance", **ALICE, amount=400, recoup_bp=10_000)
    desk.sale(1000)
    desk.post("period_close", **ALICE, **MARCH, guarantee=1050)
    # Balance 600 + 50; held 600.
    assert desk.post("payout_run", **ALICE, at="2026-03-02T00:00:00Z") == {"party:alice": -50, "payouts:in_transit": 50}


def test_a_refund_during_the_hold_comes_off_what_is_available() -> None:
    desk = sole(hold_days=7)
    desk.post("pool", currency="USD", amount=300, creator_bp=10_000, weights=[{"account": "party:alice", "weight": 1}])
    desk.sale(1000)
    desk.post("refund", amount=100)
    assert desk.post("payout_run", **ALICE, at="2026-03-02T00:00:00Z")["party:alice"] == -200


def test_holds_of_other_currencies_and_reserves_are_not_counted() -> None:
    desk = sole(hold_days=7, reserve_bp=1000)
    desk.sale(1000, order="old", placed_at="2026-02-01T00:00:00Z")
    desk.sale(500, order="euro", currency="EUR")
    assert desk.post("payout_run", **ALICE, at="2026-03-02T00:00:00Z")["party:alice"] == -900


def test_a_negative_balance_is_carried_until_later_credits_fill_it() -> None:
    desk = sole()
    desk.sale(1000)
    desk.post("payout_run", **ALICE, at=LATE)
    desk.post("refund", amount=1000)
    assert desk.post("payout_run", **ALICE, at=LATE) == {}
    desk.sale(1300, order="o2")
    assert desk.post("payout_run", **ALICE, at=LATE)["party:alice"] == -300


@pytest.mark.parametrize(
    ("terms", "paid", "withheld"),
    [
        ({}, 1234, 0),
        ({"minimum": 1234}, 1234, 0),
        ({"minimum": 1235}, 0, 0),
        ({"increment": 100}, 1200, 0),
        ({"increment": 2000}, 0, 0),
        ({"minimum": 1201, "increment": 100}, 1200, 0),
        ({"withholding_bp": 1000}, 1234, 123),  # 123.4
        ({"withholding_bp": 10_000}, 1234, 1234),
        ({"increment": 100, "withholding_bp": 1250}, 1200, 150),
    ],
)
def test_payout_terms(terms: dict[str, int], paid: int, withheld: int) -> None:
    desk = sole()
    desk.sale(1234)
    posted = desk.post("payout_run", **ALICE, at=LATE, **terms)
    expected = {"party:alice": -paid, "tax:withholding": withheld, "payouts:in_transit": paid - withheld}
    assert posted == {account: amount for account, amount in expected.items() if amount}


def test_a_payout_in_another_currency_leaves_each_currency_at_zero() -> None:
    desk = sole()
    desk.sale(1000)
    fx = {"currency": "KWD", "amount": 277}
    result = desk.apply("payout_run", **ALICE, at=LATE, withholding_bp=1000, fx=fx)
    assert {(p.account, p.currency): p.amount for p in result.postings} == {
        ("party:alice", "USD"): -1000,
        ("tax:withholding", "USD"): 100,
        ("fx:position", "USD"): 900,
        ("fx:position", "KWD"): -277,
        ("payouts:in_transit", "KWD"): 277,
    }
    assert desk.post("payout_run", **ALICE, at=LATE, fx=fx) == {}


def test_a_reserve_is_released_to_each_party_by_order() -> None:
    desk = Desk(rule(split(alice=2, bob=1), reserve_bp=1000))
    desk.sale(lines=[{"id": "a", "list_price": 300}, {"id": "b", "list_price": 30}])
    desk.post("refund", line="b", amount=30)
    result = desk.apply("release_reserve", order="o1")
    assert net(result) == {
        "party:alice": 20,
        "party:alice:reserve": -20,
        "party:bob": 10,
        "party:bob:reserve": -10,
    }
    assert {detail.line for detail in result.details} == {"a"}


@pytest.mark.parametrize(
    ("kind", "event", "code", "path"),
    [
        ("advance", {**ALICE, "amount": 0, "recoup_bp": 1}, "too_small", "amount"),
        ("advance", {**ALICE, "amount": 1, "recoup_bp": 10_001}, "too_large", "recoup_bp"),
        ("advance", {"party": "party:alice", "currency": "USD", "amount": 1, "recoup_bp": 1}, "not_a_party", "party"),
        ("payout_run", {**ALICE, "at": "2026-03-01"}, "not_instant", "at"),
        ("payout_run", {**ALICE, "at": LATE, "increment": 0}, "too_small", "increment"),
        ("payout_run", {**ALICE, "at": LATE, "withholding_bp": 10_001}, "too_large", "withholding_bp"),
        ("payout_run", {**ALICE, "at": LATE, "fx": {"currency": "KWD"}}, "missing", "fx.amount"),
        ("period_close", {**ALICE, **MARCH, "guarantee": -1}, "too_small", "guarantee"),
        (
            "pool",
            {"currency": "USD", "amount": 1, "creator_bp": 1, "weights": [{"account": "bob", "weight": 1}]},
            "unknown_account",
            "weights[0].account",
        ),
        ("pool", {"currency": "USD", "amount": 1, "creator_bp": 10_001}, "too_large", "creator_bp"),
    ],
)
def test_malformed_settlements_with_parties_change_nothing(
    kind: str, event: dict[str, Any], code: str, path: str
) -> None:
    desk = sole()
    with pytest.raises(EventError) as caught:
        desk.apply(kind, **event)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert desk.balances() == {}
    assert not desk.books.state.recoup_bp


def test_one_lines_reserve_is_released_and_then_the_rest() -> None:
    desk = Desk(rule(split(alice=1), reserve_bp=1000))
    desk.sale(lines=[{"id": "a", "list_price": 100}, {"id": "b", "list_price": 50}])
    assert desk.post("release_reserve", line="b") == {"party:alice:reserve": -5, "party:alice": 5}
    assert desk.reject("release_reserve", order="o1", line="b") == "already_released"
    assert desk.post("release_reserve") == {"party:alice:reserve": -10, "party:alice": 10}
    for line in ({}, {"line": "a"}):
        assert desk.reject("release_reserve", order="o1", **line) == "already_released"
    assert desk.reject("release_reserve", order="o1", line="c") == "unknown_line"


def test_no_more_is_paid_than_was_approved() -> None:
    desk = sole()
    desk.sale(1000)
    assert desk.post("payout_run", **ALICE, at=LATE, most=600)["party:alice"] == -600
    assert desk.post("payout_run", **ALICE, at=LATE, most=600)["party:alice"] == -400
