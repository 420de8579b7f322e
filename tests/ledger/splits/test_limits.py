"""What a line may not give: shares of a buyer's own parties, and more than a channel's owner may still take."""

from typing import Any

import pytest

from ledger.splits.facts import parse_sale
from ledger.splits.problems import EventError
from ledger.splits.sale import Refused, SaleResult
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, net, raw_rule, rule, settle, shares, split

TENTH = {"take": "percent", "account": "channel", "bp": 1000, "of": "base"}
BROUGHT = {"channels": [{"party": "a", "ppm": 600_000}, {"party": "b", "ppm": 300_000}, {"ppm": 100_000}]}


def steps(result: SaleResult, code: str) -> list[dict[str, Any]]:
    return [step for line in result.trace()["lines"] for step in line["steps"] if step["code"] == code]


def test_a_limit_caps_what_a_channels_owner_takes_and_the_excess_stays() -> None:
    # 100 offered: a 60, b 30, nobody 10. a may take 25, so 55 leave and 945 go on: platform 283.5 -> 284, alice 661.
    result = settle(rule(TENTH, PLATFORM_30, ALICE_REST), 1000, **BROUGHT, limits=[{"party": "a", "left": 25}])
    assert shares(result) == [("party:a", 25), ("party:b", 30), ("platform:revenue", 284), ("party:alice", 661)]
    [taken, _, _] = result.lines[0].taken
    assert (taken.parts, taken.capped, taken.after) == ((60, 30, 10, 0), (35, 0, 0, 0), 945)
    [step, _] = steps(result, "percent")
    assert [row.get("capped") for row in step["channels"]] == [35, None, None]
    assert (step["amount"], step["took"], step["after"]) == (100, 55, 945)
    assert sum(net(result).values()) == 0


def test_a_limit_that_is_far_away_changes_nothing() -> None:
    result = settle(rule(TENTH, ALICE_REST), 1000, **BROUGHT, limits=[{"party": "a", "left": 60}])
    assert shares(result)[0] == ("party:a", 60)
    assert result.lines[0].taken[0].capped == ()
    assert "capped" not in steps(result, "percent")[0]["channels"][0]


def test_a_limit_of_nothing_leaves_all_of_it_to_the_others() -> None:
    result = settle(rule(TENTH, ALICE_REST), 1000, channel="a", limits=[{"party": "a", "left": 0}])
    assert shares(result) == [("party:alice", 1000)]
    assert result.lines[0].taken[0].capped == (100, 0)


def test_a_limit_holds_over_all_steps_and_credits_of_a_line() -> None:
    twice = {"channels": [{"party": "a", "ppm": 500_000}, {"party": "a", "ppm": 500_000}]}
    bonus = {"take": "fixed", "account": "channel", "amount": 30}
    result = settle(rule(bonus, TENTH, ALICE_REST), 1000, **twice, limits=[{"party": "a", "left": 70}])
    assert shares(result) == [("party:a", 15), ("party:a", 15), ("party:a", 40), ("party:alice", 930)]
    assert [taken.capped for taken in result.lines[0].taken] == [(), (10, 50, 0), ()]


def test_a_limit_concerns_channels_alone() -> None:
    result = settle(rule(TENTH, split(a=1)), 1000, channel="a", limits=[{"party": "a", "left": 1}])
    assert shares(result) == [("party:a", 1), ("party:a", 999)]


def test_each_line_has_its_own_limits() -> None:
    lines = [
        {"id": "x", "list_price": 1000, "channel": "a", "limits": [{"party": "a", "left": 10}]},
        {"id": "y", "list_price": 1000, "channel": "a"},
    ]
    result = settle(rule(TENTH, ALICE_REST), lines=lines)
    assert shares(result) == [("party:a", 10), ("party:alice", 990), ("party:a", 100), ("party:alice", 900)]


def test_refused_parties_shares_go_to_the_platform_under_their_own_clause() -> None:
    result = settle(
        rule(TENTH, PLATFORM_30, split(alice=1, bob=1), reserve_bp=1000), 1000, channel="a", refused=["alice", "a"]
    )
    assert [tuple(share) for share in result.shares] == [
        ("platform:revenue", 100, "steps[0]"),
        ("platform:revenue", 270, "steps[1]"),
        ("platform:revenue", 283, "steps[2].parties[0]"),
        ("platform:revenue", 32, "reserve_bp"),
        ("party:bob", 283, "steps[2].parties[1]"),
        ("party:bob:reserve", 32, "reserve_bp"),
    ]
    assert result.lines[0].refused == (
        Refused("party:a", 100, "steps[0]"),
        Refused("party:alice", 283, "steps[2].parties[0]"),
        Refused("party:alice:reserve", 32, "reserve_bp"),
    )
    assert steps(result, "refused")[1] == {
        "code": "refused",
        "clause": "steps[2].parties[0]",
        "from": "party:alice",
        "account": "platform:revenue",
        "took": 283,
    }


def test_who_is_refused_but_shares_nothing_leaves_no_trace() -> None:
    result = settle(rule(), 100, refused=["bob"])
    assert result.lines[0].refused == ()
    assert steps(result, "refused") == []


def test_what_is_refused_pays_back_no_advance_and_is_not_held() -> None:
    desk = Desk(rule(split(alice=1, bob=1), hold_days=7))
    desk.post("advance", party="alice", currency="USD", amount=100, recoup_bp=10_000)
    result = desk.apply(
        "sale", order="o1", placed_at="2026-03-01T12:00:00Z", currency="USD", list_price=100, refused=["alice"]
    )
    assert net(result) == {"processor:clearing": -100, "platform:revenue": 50, "party:bob": 50}
    assert [(d.account, d.hold_days) for d in result.details] == [
        ("processor:clearing", None),
        ("platform:revenue", None),
        ("party:bob", 7),
    ]


def test_an_orders_refused_parties_are_those_of_its_lines_unless_a_line_says_otherwise() -> None:
    lines = [{"id": "x", "list_price": 100}, {"id": "y", "list_price": 100, "refused": []}]
    result = settle(rule(split(alice=1)), lines=lines, refused=["alice"])
    assert shares(result) == [("platform:revenue", 100), ("party:alice", 100)]


def test_refused_and_limited_parties_stay_so_when_the_rule_is_corrected() -> None:
    desk = Desk(rule(TENTH, ALICE_REST))
    desk.sale(1000, channel="a", limits=[{"party": "a", "left": 25}], refused=["bob"])
    other = raw_rule({**TENTH, "bp": 2000}, split(alice=1, bob=1), version=2)
    # a stays at 25; the rest, 975, is halved and bob's half is the platform's.
    assert desk.post("correct_rule", orders=["o1"], rule=other) == {"party:alice": -487, "platform:revenue": 487}


def test_held_shares_and_their_recoupments_say_for_how_long() -> None:
    desk = Desk(rule(PLATFORM_30, split(alice=1, bob=1), hold_days=14, reserve_bp=1000))
    desk.post("advance", party="alice", currency="USD", amount=50, recoup_bp=5000)
    result = desk.apply(
        "sale",
        order="o1",
        placed_at="2026-03-01T12:00:00Z",
        currency="USD",
        list_price=1000,
        discounts=[{"amount": 10, "borne_by": "party:bob"}],
        processor_fee=30,
    )
    assert [(d.account, d.amount, d.hold_days) for d in result.details] == [
        ("processor:clearing", -960, None),
        ("platform:processor_fees", -30, None),
        ("party:bob", -10, None),
        ("platform:revenue", 300, None),
        ("party:alice", 315, 14),
        ("party:alice:reserve", 35, None),
        ("party:bob", 315, 14),
        ("party:bob:reserve", 35, None),
        ("party:alice", -50, 14),
        ("party:alice:advance", 50, None),
    ]
    assert {d.hold_days for d in desk.apply("refund", order="o1", amount=100).details} == {None}


def test_a_correction_moves_what_is_held_from_one_hold_to_the_other() -> None:
    desk = Desk(rule(ALICE_REST, hold_days=7))
    desk.sale(100)
    result = desk.apply("correct_rule", orders=["o1"], rule=raw_rule(PLATFORM_30, ALICE_REST, version=2, hold_days=30))
    assert [(d.account, d.amount, d.clause, d.hold_days) for d in result.details] == [
        ("party:alice", -100, "steps[0].parties[0]", 7),
        ("platform:revenue", 30, "steps[0]", None),
        ("party:alice", 70, "steps[1].parties[0]", 30),
    ]


@pytest.mark.parametrize(
    ("facts", "code", "path"),
    [
        ({"limits": {"party": "a"}}, "not_list", "limits"),
        ({"limits": [{"party": "a"}]}, "missing", "limits[0].left"),
        ({"limits": [{"party": "a", "left": -1}]}, "too_small", "limits[0].left"),
        ({"limits": [{"party": "a:b", "left": 1}]}, "not_a_party", "limits[0].party"),
        ({"limits": [{"party": "a", "left": 1}, {"party": "a", "left": 2}]}, "duplicate", "limits[1].party"),
        ({"refused": "alice"}, "not_list", "refused"),
        ({"refused": [1]}, "not_a_party", "refused[0]"),
        ({"refused": ["party:alice"]}, "not_a_party", "refused[0]"),
        ({"limits": [], "lines": [{"id": "x", "list_price": 1}]}, "conflict", "limits"),
    ],
)
def test_a_malformed_limit_names_its_field(facts: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_sale({"currency": "USD", "list_price": 100, **facts})
    assert (caught.value.code, caught.value.path) == (code, path)
