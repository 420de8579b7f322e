"""Groups within a split: shares that are divided again, to the last unit, and circles that are refused."""

from typing import Any

import pytest

from ledger.splits.describe import describe
from ledger.splits.parse import MAX_GROUPS, MAX_PARTIES, check_rule, parse_rule
from ledger.splits.problems import RuleError
from ledger.splits.rule import final_parties, rule_accounts
from tests.ledger.splits.desk import PLATFORM_30, Desk, raw_rule, rule, settle, shares


def member(account: str, weight: int = 1) -> dict[str, Any]:
    return {"account": account, "weight": weight}


def to(*members: dict[str, Any]) -> dict[str, Any]:
    return {"take": "split", "parties": list(members)}


TEAM = {"team": [member("party:bob", 2), member("party:chen")]}
HALVES = to(member("party:alice"), member("group:team"))


def test_a_group_divides_what_it_gets_among_its_members() -> None:
    # 101 over 1:1 -> 51, 50; 50 over 2:1 -> 33.33, 16.67 -> 33, 17.
    result = settle(rule(HALVES, groups=TEAM), 101)
    assert shares(result) == [("party:alice", 51), ("party:bob", 33), ("party:chen", 17)]
    assert [share.clause for share in result.shares] == ["steps[0].parties[0]", "groups.team[0]", "groups.team[1]"]


def test_groups_nest_and_each_level_rounds_by_itself() -> None:
    groups = {"team": [member("group:core", 3), member("party:eve")], "core": [member("party:bob"), member("party:c")]}
    # 100 over 1:2 -> 33, 67; 67 over 3:1 -> 50, 17; 50 over 1:1.
    result = settle(rule(to(member("party:alice"), member("group:team", 2)), groups=groups), 100)
    assert shares(result) == [("party:alice", 33), ("party:bob", 25), ("party:c", 25), ("party:eve", 17)]


def test_the_reserve_is_kept_of_each_final_party() -> None:
    groups = {"team": [member("party:bob"), member("platform:revenue")]}
    result = settle(rule(HALVES, groups=groups, reserve_bp=1000), 100)
    assert shares(result) == [
        ("party:alice", 45),
        ("party:alice:reserve", 5),
        ("party:bob", 22),
        ("party:bob:reserve", 3),
        ("platform:revenue", 25),
    ]


def test_a_group_without_weight_or_money_shares_nothing() -> None:
    assert shares(settle(rule(to(member("party:alice"), member("group:team", 0)), groups=TEAM), 10)) == [
        ("party:alice", 10)
    ]
    assert settle(rule(HALVES, groups=TEAM), 0).shares == ()


def test_a_group_may_share_twice_and_its_refund_takes_all_of_it_back() -> None:
    desk = Desk(rule(to(member("group:team"), member("party:alice"), member("group:team")), groups=TEAM))
    # 34, 33, 33; 34 over 2:1 -> 22.67 and 33 -> 22.
    assert desk.sale(100)["party:bob"] == 23 + 22
    desk.post("refund", amount=33)
    desk.post("void")
    assert desk.balances() == {}


def test_who_earns_looks_into_groups() -> None:
    groups = {"team": [member("party:bob"), member("party:idle", 0), member("group:core", 0)], "core": TEAM["team"]}
    shared = rule(PLATFORM_30, HALVES, groups=groups)
    assert rule_accounts(shared) == ("platform:revenue", "party:alice", "party:bob")
    [variant] = shared.variants
    named = ["party:alice", "party:bob", "party:idle", "party:bob", "party:chen"]
    assert [party.account for party in final_parties(variant.split.parties)] == named


def test_the_trace_tells_a_group_after_the_split_and_its_inner_groups_after_it() -> None:
    groups = {"team": [member("group:core", 3), member("party:eve")], "core": [member("party:bob"), member("party:c")]}
    result = settle(rule(to(member("party:alice"), member("group:team", 2)), groups=groups, reserve_bp=1000), 100)
    [line] = result.trace()["lines"]
    told = [step for step in line["steps"] if step["code"] in {"split", "group", "reserve"}]
    assert [(step["code"], step["clause"]) for step in told] == [
        ("split", "steps[0]"),
        ("group", "steps[0].parties[1]"),
        ("group", "groups.team[0]"),
        *[("reserve", "reserve_bp")] * 4,
    ]
    split, team, core, *reserves = told
    assert [(row["account"], row["amount"]) for row in split["rows"]] == [("party:alice", 33), ("group:team", 67)]
    assert (team["account"], team["amount"]) == ("group:team", 67)
    assert [(row["clause"], row["account"], row["exact"], row["amount"], row["why"]) for row in team["rows"]] == [
        ("groups.team[0]", "group:core", "201/4", 50, "smaller_left"),
        ("groups.team[1]", "party:eve", "67/4", 17, "largest_left"),
    ]
    assert [(row["clause"], row["amount"]) for row in core["rows"]] == [("groups.core[0]", 25), ("groups.core[1]", 25)]
    assert [(step["from"], step["on"], step["amount"]) for step in reserves] == [
        ("party:alice", 33, 3),
        ("party:bob", 25, 3),
        ("party:c", 25, 3),
        ("party:eve", 17, 2),
    ]


def test_a_group_that_got_nothing_is_not_told() -> None:
    [line] = settle(rule(to(member("party:alice"), member("group:team", 0)), groups=TEAM), 10).trace()["lines"]
    assert "group" not in [step["code"] for step in line["steps"]]


def test_groups_are_described_once_after_the_waterfalls_that_use_them() -> None:
    groups = {"core": [member("party:bob"), member("party:c", 3)], "team": [member("group:core"), member("party:eve")]}
    variants = [{"when": when, "steps": [to(member("group:team"))]} for when in ({"k": 1}, {})]
    told = [clause for clause in describe(rule(variants=variants, groups=groups)) if clause["code"] != "variant"]
    assert [(clause["code"], clause["path"]) for clause in told[2:]] == [
        ("group", "groups.team"),
        ("group", "groups.core"),
    ]
    assert told[3]["params"] == {
        "name": "core",
        "parties": [
            {"path": "groups.core[0]", "account": "party:bob", "weight": 1, "share": "1/4"},
            {"path": "groups.core[1]", "account": "party:c", "weight": 3, "share": "3/4"},
        ],
    }


SHARED = {"a": [member("group:b")], "b": [member("party:bob"), member("group:c")], "c": [member("party:c")]}


@pytest.mark.parametrize(
    ("groups", "code", "path"),
    [
        ([], "not_object", "groups"),
        ({"team": "bob"}, "not_list", "groups.team"),
        ({"team": []}, "empty", "groups.team"),
        ({"team": [member("party:bob", 0)]}, "weights_all_zero", "groups.team"),
        ({"team": [member("party:bob", -1)]}, "too_small", "groups.team[0].weight"),
        ({"team": [member("bob")]}, "unknown_account", "groups.team[0].account"),
        ({"team": [member("bank:operating")]}, "account_not_payable", "groups.team[0].account"),
        ({"team": [member("channel")]}, "channel_in_split", "groups.team[0].account"),
        ({"team": [member("group:other")]}, "unknown_group", "groups.team[0].account"),
        ({"team": [member("group:team")]}, "cyclic_group", "groups.team[0].account"),
        ({**SHARED, "team": [member("group:a")], "c": [member("group:a")]}, "cyclic_group", "groups.c[0].account"),
        ({"other": [member("party:bob")]}, "unknown_group", "steps[0].parties[1].account"),
        (None, "unknown_group", "steps[0].parties[1].account"),
        ({"team": TEAM["team"], "a b": TEAM["team"]}, "not_a_group", "groups.a b"),
        ({"team": TEAM["team"], "a.b": TEAM["team"]}, "not_a_group", "groups.a.b"),
        ({"team": TEAM["team"], "": TEAM["team"]}, "not_a_group", "groups."),
        ({f"g{i}": TEAM["team"] for i in range(MAX_GROUPS + 1)}, "too_many", "groups"),
        (
            {"team": [member("group:g0")], **{f"g{i}": [member(f"group:g{i + 1}")] * 2 for i in range(40)}}
            | {"g40": TEAM["team"]},
            "too_many_parties",
            "steps[0].parties",
        ),
    ],
)
def test_a_group_that_cannot_be_paid_is_refused_with_its_clause(groups: Any, code: str, path: str) -> None:
    raw = raw_rule(HALVES, groups=groups)
    problems = check_rule(raw)
    assert (code, path) in [(problem.code, problem.path) for problem in problems]
    with pytest.raises(RuleError) as caught:
        parse_rule(raw)
    assert caught.value.problems == tuple(problems)


def test_a_circle_is_named_once_where_it_closes_with_its_whole_chain() -> None:
    circle = {**SHARED, "c": [member("group:b"), member("group:a")]}
    raw = raw_rule(to(member("party:alice"), member("group:b")), groups=circle)
    assert [problem.sentence for problem in check_rule(raw)] == [
        "groups.c[0].account makes the group b a member of itself (b > c > b), so nobody can be paid",
        "groups.c[1].account makes the group a a member of itself (a > b > c > a), so nobody can be paid",
    ]


def test_only_splits_share_among_groups() -> None:
    for raw in (raw_rule({**PLATFORM_30, "account": "group:team"}, HALVES, groups=TEAM), raw_rule(owner="group:team")):
        assert "group_outside_split" in [problem.code for problem in check_rule(raw)]


def test_a_draft_uses_all_its_groups() -> None:
    raw = raw_rule(HALVES, groups={**TEAM, "idle": TEAM["team"]})
    assert [(problem.code, problem.path) for problem in check_rule(raw)] == [("unused_group", "groups.idle")]
    assert parse_rule(raw)


def test_as_many_parties_as_a_split_may_have() -> None:
    groups = {"team": [member(f"party:p{i}") for i in range(MAX_PARTIES - 1)]}
    assert check_rule(raw_rule(HALVES, groups=groups)) == []
