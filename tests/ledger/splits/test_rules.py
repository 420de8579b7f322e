"""A rule that could lose or invent money is refused when it is drafted, with the clause named."""

from datetime import UTC, datetime, timedelta
from string import Formatter
from typing import Any

import pytest

from ledger.splits.describe import describe
from ledger.splits.parse import check_rule, parse_rule
from ledger.splits.problems import SENTENCES, Problem, RuleError
from ledger.splits.rule import rule_accounts, rule_in_force
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, raw_rule, rule, split

TIERED = {
    "take": "tiered",
    "account": "platform:revenue",
    "mode": "cliff",
    "tiers": [{"upto": 5, "bp": 1}, {"upto": None, "bp": 2}],
}


def tiered(*tiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return raw_rule({**TIERED, "tiers": list(tiers), **more}, ALICE_REST)


def test_every_step_and_clause_of_a_full_rule_is_read() -> None:
    full = rule(
        {"take": "fixed", "account": "tax:withholding", "amount": 5},
        {"take": "percent", "account": "channel", "bp": 1000, "of": "base"},
        {"take": "processor_fee"},
        TIERED,
        split(alice=2, bob=0, revenue=1),
        reserve_bp=500,
        hold_days=14,
        refund_policy={"platform_revenue": "owner", "processor_fee": "platform"},
    )
    assert check_rule(raw_rule()) == []
    assert rule_accounts(full) == ("tax:withholding", "channel", "platform:revenue", "party:alice")
    assert (full.reserve_bp, full.hold_days, full.owner_bears_revenue, full.owner_bears_fee) == (500, 14, True, False)


@pytest.mark.parametrize(
    ("raw", "code", "path"),
    [
        (None, "not_object", ""),
        ([], "not_object", ""),
        (raw_rule(extra=1), "unknown_key", "extra"),
        (raw_rule(id=""), "not_text", "id"),
        (raw_rule(id=None), "missing", "id"),
        (raw_rule(version="1"), "not_integer", "version"),
        (raw_rule(version=True), "not_integer", "version"),
        (raw_rule(version=-1), "too_small", "version"),
        (raw_rule(effective_from="2026-01-01T00:00:00"), "not_instant", "effective_from"),
        (raw_rule(effective_from="yesterday"), "not_instant", "effective_from"),
        (raw_rule(effective_from=20260101), "not_instant", "effective_from"),
        (raw_rule(owner="alice"), "unknown_account", "owner"),
        (raw_rule(owner="channel"), "unknown_account", "owner"),
        (raw_rule(owner="bank:operating"), "account_not_payable", "owner"),
        (raw_rule(reserve_bp=10_001), "too_large", "reserve_bp"),
        (raw_rule(hold_days=-1), "too_small", "hold_days"),
        (raw_rule(hold_days=36_501), "too_large", "hold_days"),
        (raw_rule(refund_policy=[]), "not_object", "refund_policy"),
        (raw_rule(refund_policy={"tax": "owner"}), "unknown_key", "refund_policy.tax"),
        (raw_rule(refund_policy={"processor_fee": "nobody"}), "not_one_of", "refund_policy.processor_fee"),
        (raw_rule(steps=[]), "empty", "steps"),
        (raw_rule(steps="all"), "not_list", "steps"),
        (raw_rule(steps=None), "no_steps", "steps"),
        (raw_rule("all"), "not_object", "steps[0]"),
        (raw_rule(variants=[], steps=[ALICE_REST]), "steps_and_variants", "steps"),
        (raw_rule(variants=[]), "empty", "variants"),
        (raw_rule(variants=[{"steps": [ALICE_REST]}]), "missing", "variants[0].when"),
        (raw_rule(variants=[{"when": {}, "steps": [ALICE_REST], "then": 1}]), "unknown_key", "variants[0].then"),
        (raw_rule(variants=[{"when": {"a": 1.5}, "steps": [ALICE_REST]}]), "not_scalar", "variants[0].when.a"),
        (raw_rule(variants=[{"when": {}, "steps": [PLATFORM_30]}]), "leaves_remainder", "variants[0].steps[0]"),
        (raw_rule({"take": "gift"}, ALICE_REST), "unknown_step", "steps[0].take"),
        (raw_rule({}, ALICE_REST), "missing", "steps[0].take"),
        (raw_rule({**PLATFORM_30, "percent": 3}, ALICE_REST), "unknown_key", "steps[0].percent"),
        (raw_rule({**PLATFORM_30, "bp": 10_001}, ALICE_REST), "too_large", "steps[0].bp"),
        (raw_rule({**PLATFORM_30, "bp": -1}, ALICE_REST), "too_small", "steps[0].bp"),
        (raw_rule({**PLATFORM_30, "bp": 0.3}, ALICE_REST), "not_integer", "steps[0].bp"),
        (raw_rule({**PLATFORM_30, "of": "price"}, ALICE_REST), "not_one_of", "steps[0].of"),
        (raw_rule({**PLATFORM_30, "account": "platform:profit"}, ALICE_REST), "unknown_account", "steps[0].account"),
        (raw_rule({**PLATFORM_30, "account": "party:a b"}, ALICE_REST), "unknown_account", "steps[0].account"),
        (
            raw_rule({**PLATFORM_30, "account": "processor:clearing"}, ALICE_REST),
            "account_not_payable",
            "steps[0].account",
        ),
        (
            raw_rule({**PLATFORM_30, "account": "party:a:reserve"}, ALICE_REST),
            "account_not_payable",
            "steps[0].account",
        ),
        (raw_rule({"take": "fixed", "account": "party:a", "amount": -1}, ALICE_REST), "too_small", "steps[0].amount"),
        (raw_rule(PLATFORM_30), "leaves_remainder", "steps[0]"),
        (raw_rule(ALICE_REST, PLATFORM_30, ALICE_REST), "split_not_last", "steps[0]"),
        (raw_rule({"take": "split", "parties": []}), "empty", "steps[0].parties"),
        (raw_rule(split(alice=0, bob=0)), "weights_all_zero", "steps[0].parties"),
        (raw_rule(split(alice=-1)), "too_small", "steps[0].parties[0].weight"),
        (
            raw_rule({"take": "split", "parties": [{"account": "channel", "weight": 1}]}),
            "channel_in_split",
            "steps[0].parties[0].account",
        ),
        (
            raw_rule({"take": "split", "parties": [{"account": "party:a", "weight": 1, "bp": 1}]}),
            "unknown_key",
            "steps[0].parties[0].bp",
        ),
        (tiered(), "empty", "steps[0].tiers"),
        (tiered({"upto": 5, "bp": 1}), "tiers_not_open", "steps[0].tiers[0].upto"),
        (tiered({"bp": 1}, {"bp": 2}), "tier_open_early", "steps[0].tiers[0].upto"),
        (tiered({"upto": 5, "bp": 1}, {"upto": 5, "bp": 2}, {"bp": 3}), "tiers_out_of_order", "steps[0].tiers[1].upto"),
        (tiered({"upto": 0, "bp": 1}, {"bp": 3}), "tiers_out_of_order", "steps[0].tiers[0].upto"),
        (tiered({"bp": 10_001}), "too_large", "steps[0].tiers[0].bp"),
        (tiered({"bp": 1, "of": "base"}), "unknown_key", "steps[0].tiers[0].of"),
        (tiered({"bp": 1}, mode="step"), "not_one_of", "steps[0].mode"),
        (tiered({"bp": 1}, mode=None), "missing", "steps[0].mode"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused_with_its_clause(raw: Any, code: str, path: str) -> None:
    problems = check_rule(raw)
    assert (code, path) in [(problem.code, problem.path) for problem in problems]
    with pytest.raises(RuleError) as caught:
        parse_rule(raw)
    assert caught.value.problems == tuple(problems)
    assert str(caught.value).startswith(problems[0].path or "the whole")
    assert (caught.value.code, caught.value.path) == (problems[0].code, problems[0].path)


def test_all_problems_of_a_draft_are_reported_at_once() -> None:
    raw = raw_rule({**PLATFORM_30, "bp": 10_001}, {"take": "gift"}, split(alice=0), owner="x", reserve_bp=-1)
    assert [problem.path for problem in check_rule(raw)] == [
        "owner",
        "reserve_bp",
        "steps[0].bp",
        "steps[1].take",
        "steps[2].parties",
    ]


def test_a_problem_is_one_plain_sentence_that_begins_with_its_place() -> None:
    [problem] = check_rule(raw_rule({**PLATFORM_30, "bp": 12_000}, ALICE_REST))
    assert problem.sentence == "steps[0].bp must be at most 10000 (found 12000)"
    [problem] = check_rule(raw_rule(owner="x" * 99))
    assert problem.sentence == f"owner names no account that exists (found '{'x' * 56}...)"


def test_problems_name_where_the_rule_stands_but_clauses_do_not() -> None:
    with pytest.raises(RuleError) as caught:
        parse_rule(raw_rule(PLATFORM_30), "rules[3]")
    assert caught.value.path == "rules[3].steps[0]"
    with pytest.raises(RuleError) as caught:
        parse_rule(None, "rules[3]")
    assert caught.value.path == "rules[3]"
    assert parse_rule(raw_rule(), "rules[3]").variants[0].split.path == "steps[1]"


def test_every_sentence_can_be_filled_in() -> None:
    for code, sentence in SENTENCES.items():
        names = {name for _, name, _, _ in Formatter().parse(sentence) if name}
        worded = Problem(code, "steps[0]", dict.fromkeys(names - {"place"}, 7)).sentence
        assert worded.startswith("steps[0] ")
        assert "{" not in worded


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([{"kind": "a"}, {}], []),
        ([{"kind": "a"}], [("variants_leave_gap", "variants")]),
        ([{}, {"kind": "a"}], [("variant_unreachable", "variants[1]")]),
        ([{}, {}], [("variant_unreachable", "variants[1]")]),
        ([{"kind": "a"}, {"kind": "a"}, {}], [("variant_shadowed", "variants[1]")]),
        ([{"kind": "a"}, {"kind": "a", "brought_by": "owner"}, {}], [("variant_shadowed", "variants[1]")]),
    ],
)
def test_a_drafts_variants_must_match_every_sale_and_be_reachable(
    conditions: list[dict[str, Any]], expected: list[tuple[str, str]]
) -> None:
    raw = raw_rule(variants=[{"when": when, "steps": [ALICE_REST]} for when in conditions])
    assert [(problem.code, problem.path) for problem in check_rule(raw)] == expected
    assert parse_rule(raw).variants


def test_the_version_in_force_starts_inclusively_and_compares_instants() -> None:
    first = rule(version=1, effective_from="2026-01-01T00:00:00+08:00")
    second = rule(version=2, effective_from="2026-11-11T00:00:00+08:00")
    midnight = datetime(2026, 11, 10, 16, tzinfo=UTC)
    assert rule_in_force([second, first], midnight) is second
    assert rule_in_force([second, first], midnight - timedelta(microseconds=1)) is first
    assert rule_in_force([second, first], datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)) is None
    assert rule_in_force([], midnight) is None


def test_of_two_versions_that_start_together_the_higher_number_is_in_force() -> None:
    low, high = rule(version=2), rule(version=10)
    assert rule_in_force([high, low], datetime(2026, 5, 1, tzinfo=UTC)) is high


def test_a_rule_id_narrows_the_choice() -> None:
    mine, other = rule(id="mine"), rule(id="other", effective_from="2026-02-01T00:00:00Z")
    at = datetime(2026, 5, 1, tzinfo=UTC)
    assert rule_in_force([mine, other], at) is other
    assert rule_in_force([mine, other], at, "mine") is mine
    assert rule_in_force([mine, other], at, "third") is None


def test_a_rule_describes_itself_in_clauses() -> None:
    described = describe(
        rule(
            {"take": "fixed", "account": "platform:revenue", "amount": 50},
            {**PLATFORM_30, "of": "base"},
            {"take": "processor_fee"},
            TIERED,
            split(alice=70, bob=30),
            reserve_bp=1000,
            hold_days=7,
            refund_policy={"platform_revenue": "owner", "processor_fee": "owner"},
        )
    )
    assert [(clause["code"], clause["path"]) for clause in described] == [
        ("effective", "effective_from"),
        ("owner", "owner"),
        ("fixed", "steps[0]"),
        ("percent", "steps[1]"),
        ("processor_fee", "steps[2]"),
        ("tiered", "steps[3]"),
        ("split", "steps[4]"),
        ("reserve", "reserve_bp"),
        ("hold", "hold_days"),
        ("refund_revenue_owner", "refund_policy.platform_revenue"),
        ("refund_fee_owner", "refund_policy.processor_fee"),
    ]
    by_code = {clause["code"]: clause["params"] for clause in described}
    assert by_code["effective"] == {"start": "2026-01-01T00:00:00+00:00", "version": 1}
    assert by_code["fixed"] == {"account": "platform:revenue", "amount": 50}
    assert by_code["percent"] == {"account": "platform:revenue", "bp": 3000, "of": "base"}
    assert by_code["tiered"]["tiers"] == [{"from": 0, "upto": 5, "bp": 1}, {"from": 5, "upto": None, "bp": 2}]
    assert by_code["tiered"]["mode"] == "cliff"
    assert [(p["account"], p["share"]) for p in by_code["split"]["parties"]] == [
        ("party:alice", "7/10"),
        ("party:bob", "3/10"),
    ]
    assert by_code["reserve"] == {"bp": 1000}
    assert by_code["hold"] == {"days": 7}


def test_variants_are_described_with_their_conditions_and_who_bears_the_fee() -> None:
    marginal = {**TIERED, "mode": "marginal"}
    raw = raw_rule(
        variants=[
            {"when": {"channel_kind": "own"}, "steps": [marginal, ALICE_REST]},
            {"when": {}, "steps": [{**PLATFORM_30, "of": "remaining"}, ALICE_REST]},
        ]
    )
    first, second = (clause for clause in describe(parse_rule(raw)) if clause["code"] == "variant")
    assert first["params"] == {"when": {"channel_kind": "own"}}
    assert [clause["code"] for clause in first["clauses"]] == ["tiered", "fee_by_platform", "split"]
    assert first["clauses"][0]["params"]["mode"] == "marginal"
    assert [clause["code"] for clause in second["clauses"]] == ["percent", "fee_by_platform", "split"]
    assert second["clauses"][0]["params"]["of"] == "remaining"
    assert second["clauses"][2]["path"] == "variants[1].steps[1]"


def test_a_drafts_percentages_of_the_base_take_no_more_than_all_of_it() -> None:
    of_base = {**PLATFORM_30, "bp": 6000, "of": "base"}
    raw = raw_rule(of_base, {**of_base, "bp": 4000}, {**PLATFORM_30, "bp": 10_000}, ALICE_REST)
    assert check_rule(raw) == []
    raw = raw_rule(of_base, PLATFORM_30, of_base, of_base, ALICE_REST)
    assert [problem.sentence for problem in check_rule(raw)] == [
        "steps[2].bp takes the percentages of the whole base to 12000 bp, above 10000"
    ]
    assert parse_rule(raw)


def test_a_problem_can_be_worded_in_another_language() -> None:
    words = {
        "{place} must be at most {most} (found {found})": "{place} 不能大于 {most}（现为 {found}）",
        "{place} must be an object with named fields": "{place} 必须是带字段名的对象",
        "the whole": "整体",
    }
    [problem] = check_rule(raw_rule(reserve_bp=10_001))
    assert problem.worded(words.__getitem__) == "reserve_bp 不能大于 10000（现为 10001）"
    [problem] = check_rule(None)
    assert problem.worded(words.__getitem__) == "整体 必须是带字段名的对象"
