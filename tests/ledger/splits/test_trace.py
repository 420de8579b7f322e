"""Every step of a settlement can be told again, exactly, without a word of prose."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ledger.splits.parse import parse_rule
from ledger.splits.rounding import apportioned
from ledger.splits.sale import Advance, SaleResult, sale_lines
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, rule, settle, split


def steps(result: SaleResult) -> list[dict[str, Any]]:
    [line] = result.trace()["lines"]
    return list(line["steps"])


def of(code: str, result: SaleResult) -> dict[str, Any]:
    return next(step for step in steps(result) if step["code"] == code)


def plain(value: Any) -> bool:
    """Texts and whole numbers in objects and lists, nothing else."""
    if isinstance(value, dict):
        return all(type(key) is str and plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(plain(item) for item in value)
    return type(value) in (str, int)


RICH = {
    "currency": "JPY",
    "list_price": 20_000,
    "tax": {"mode": "inclusive", "rate_bp": 600},
    "discounts": [{"amount": 1000, "borne_by": "pool"}, {"amount": 500, "borne_by": "platform:promotions"}],
    "settlement": {"currency": "USD", "amount": 12_345},
    "processor_fee": 300,
    "channels": [{"party": "a", "ppm": 336_246}, {"party": None, "ppm": 300_000}],
    "meter_before": 5000,
}
TIERS = [{"upto": 10_000, "bp": 500}, {"upto": None, "bp": 400}]
RICH_RULE = rule(
    {"take": "fixed", "account": "platform:revenue", "amount": 25},
    {"take": "processor_fee"},
    {"take": "percent", "account": "channel", "bp": 2000, "of": "base"},
    {"take": "tiered", "account": "platform:revenue", "mode": "marginal", "tiers": TIERS},
    split(alice=2, bob=1),
    reserve_bp=1000,
)


def test_a_rich_sale_tells_every_step_in_order() -> None:
    result = sale_lines(RICH_RULE, RICH, advances={"party:alice": Advance(10, 5000)})
    trace = result.trace()
    assert plain(trace)
    assert json.loads(json.dumps(trace)) == trace
    assert (trace["format"], trace["event"], trace["currency"], trace["settled_currency"]) == (
        "split-trace/1",
        "sale",
        "JPY",
        "USD",
    )
    assert [(step["code"], step["clause"]) for step in steps(result)] == [
        ("list_price", "sale.list_price"),
        ("discount", "sale.discounts[0]"),
        ("discount", "sale.discounts[1]"),
        ("tax", "sale.tax"),
        ("paid", "sale"),
        ("settlement", "sale.settlement"),
        ("base", "sale"),
        ("fixed", "steps[0]"),
        ("processor_fee", "steps[1]"),
        ("percent", "steps[2]"),
        ("tiered", "steps[3]"),
        ("split", "steps[4]"),
        ("reserve", "reserve_bp"),
        ("reserve", "reserve_bp"),
        ("recoup", "steps[4].parties[0]"),
    ]


def test_steps_chain_from_the_base_to_nothing() -> None:
    result = sale_lines(RICH_RULE, RICH)
    told = [step for step in steps(result) if "before" in step]
    assert told[0]["before"] == of("base", result)["amount"] == result.lines[0].facts.base
    for step, following in itertools.pairwise(told):
        assert step["after"] == step["before"] - step["took"] == following["before"]
    assert told[-1]["after"] == 0


def test_the_price_is_told_from_list_price_to_base() -> None:
    result = sale_lines(RICH_RULE, RICH)
    # 18500 x 600/10600 = 1047.17; settled 12345/18500: tax 1047 -> 698.66, discount 500 -> 333.65.
    tax = of("tax", result)
    assert (tax["on"], tax["bp"], tax["exact"], tax["floor"], tax["amount"], tax["why"]) == (
        18_500,
        600,
        "55500/53",
        1047,
        1047,
        "down",
    )
    assert of("paid", result)["amount"] == 18_500
    settlement = of("settlement", result)
    assert (settlement["paid"], settlement["amount"], settlement["currency"]) == (18_500, 12_345, "USD")
    assert [(row["what"], row["account"], row["on"], row["amount"], row["why"]) for row in settlement["rows"]] == [
        ("tax", "tax:payable", 1047, 699, "up"),
        ("discount", "platform:promotions", 500, 334, "up"),
    ]
    base = of("base", result)
    assert (base["settled"], base["tax"], base["borne"], base["amount"]) == (12_345, 699, 334, 11_980)


def test_a_tax_on_top_by_rate_and_a_stated_tax_are_told_as_what_they_are() -> None:
    on_top = of("tax", settle(rule(), 105, tax={"mode": "exclusive", "rate_bp": 1000}))
    assert (on_top["mode"], on_top["exact"], on_top["amount"], on_top["why"]) == ("exclusive", "21/2", 11, "half_up")
    stated = of("tax", settle(rule(), 105, tax={"mode": "exclusive", "amount": 7}))
    assert stated["amount"] == 7
    assert "bp" not in stated
    assert "exact" not in stated


def test_a_percent_says_of_what_and_how_it_was_rounded() -> None:
    step = of("percent", settle(rule(), 101))
    assert step == {
        "code": "percent",
        "clause": "steps[0]",
        "account": "platform:revenue",
        "of": "remaining",
        "on": 101,
        "bp": 3000,
        "exact": "303/10",
        "floor": 30,
        "amount": 30,
        "why": "down",
        "took": 30,
        "before": 101,
        "after": 71,
    }


def test_a_capped_step_says_so() -> None:
    fixed = {"take": "fixed", "account": "platform:revenue", "amount": 50}
    step = of("fixed", settle(rule(fixed, ALICE_REST), 30))
    assert (step["amount"], step["took"], step["cap"]) == (50, 30, "remaining")
    assert "cap" not in of("fixed", settle(rule(fixed, ALICE_REST), 50))


def test_a_split_says_who_got_the_odd_unit_and_why() -> None:
    rows = of("split", settle(rule(split(alice=8000, chen=1500, ines=500, none=0)), 9019))["rows"]
    # The picture's case: 7215.2, 1352.85, 450.95; two units over, to the largest left-overs.
    assert [(r["account"], r["exact"], r["floor"], r["odd"], r["amount"], r["left"], r["why"]) for r in rows] == [
        ("party:alice", "36076/5", 7215, 0, 7215, "1/5", "smaller_left"),
        ("party:chen", "27057/20", 1352, 1, 1353, "17/20", "largest_left"),
        ("party:ines", "9019/20", 450, 1, 451, "19/20", "largest_left"),
        ("party:none", "0/1", 0, 0, 0, "0/1", "zero_weight"),
    ]
    assert [row["clause"] for row in rows] == [f"steps[0].parties[{i}]" for i in range(4)]


def test_a_tie_is_told_as_won_and_lost_by_position() -> None:
    rows = apportioned(100, [1, 1, 1])
    assert [row["why"] for row in rows] == ["tie_earlier", "tie_later", "tie_later"]
    rows = apportioned(2, [3, 5, 5])
    # 0.46, 0.77, 0.77: both fives win, nobody ties with a loser.
    assert [row["why"] for row in rows] == ["smaller_left", "largest_left", "largest_left"]
    assert [row["why"] for row in apportioned(4, [2, 2])] == ["exact", "exact"]


def test_history_is_part_of_the_telling() -> None:
    rows = apportioned(1, [6, 6, 2], [4, 4, 2])
    # T = 11: quotas 66/14, 66/14, 22/14; the third is ahead of its quota.
    assert [(r["exact"], r["already"], r["amount"], r["why"]) for r in rows] == [
        ("33/7", 4, 1, "tie_earlier"),
        ("33/7", 4, 0, "tie_later"),
        ("11/7", 2, 0, "ahead"),
    ]
    assert [row["why"] for row in apportioned(0, [1, 0])] == ["ahead", "zero_weight"]
    assert apportioned(0, []) == []


def test_channels_say_which_part_stays_in_the_pool() -> None:
    step = of("percent", sale_lines(RICH_RULE, RICH))
    # 20 % of 11980 = 2396 over 336246 : 300000 : 363754 ppm = 805.64, 718.8, 871.55.
    assert [(row["account"], row["stays"], row["weight"], row["amount"]) for row in step["channels"]] == [
        ("party:a", 0, 336_246, 806),
        ("", 1, 300_000, 719),
        ("", 1, 363_754, 871),
    ]
    assert (step["amount"], step["took"]) == (2396, 806)


def test_credit_that_is_whole_shows_no_empty_row_and_no_channel_is_told_as_skipped() -> None:
    commission = {"take": "percent", "account": "channel", "bp": 1000}
    told = of("percent", settle(rule(commission, ALICE_REST), 100, channel="a"))
    assert [row["account"] for row in told["channels"]] == ["party:a"]
    skipped = of("percent", settle(rule(commission, ALICE_REST), 100))
    assert (skipped["skipped"], skipped["took"], skipped["amount"]) == ("no_channel", 0, 10)


def test_tiers_are_told_part_by_part() -> None:
    step = of("tiered", sale_lines(RICH_RULE, RICH))
    # Left at this step: 11980 - 25 - 300 - 806 = 10849, laid from 5000: 5000 at 5 %, 5849 at 4 % = 483.96.
    assert (step["mode"], step["meter_before"], step["on"]) == ("marginal", 5000, 10_849)
    assert step["rows"] == [{"on": 5000, "bp": 500, "exact": "250/1"}, {"on": 5849, "bp": 400, "exact": "5849/25"}]
    assert (step["exact"], step["amount"], step["why"], step["took"]) == ("12099/25", 484, "up", 484)
    cliff = {"take": "tiered", "account": "platform:revenue", "mode": "cliff", "tiers": TIERS}
    step = of("tiered", settle(rule(cliff, ALICE_REST), 99, meter_before=10_000))
    assert (step["mode"], step["bp"], step["exact"], step["amount"]) == ("cliff", 400, "99/25", 4)


def test_reserves_and_recoupments_say_what_they_are_of() -> None:
    result = sale_lines(
        rule(reserve_bp=1000), {"currency": "USD", "list_price": 1005}, advances={"party:alice": Advance(9, 5000)}
    )
    # Platform 301.5 -> 302; alice 703, of which 70.3 kept; 633 payable, half of it asked, 9 open.
    reserve = of("reserve", result)
    assert (reserve["from"], reserve["account"], reserve["on"], reserve["bp"], reserve["exact"], reserve["amount"]) == (
        "party:alice",
        "party:alice:reserve",
        703,
        1000,
        "703/10",
        70,
    )
    recoup = of("recoup", result)
    assert (
        recoup["from"],
        recoup["account"],
        recoup["on"],
        recoup["bp"],
        recoup["amount"],
        recoup["took"],
        recoup["cap"],
    ) == (
        "party:alice",
        "party:alice:advance",
        633,
        5000,
        317,
        9,
        "outstanding",
    )
    whole = sale_lines(rule(), {"currency": "USD", "list_price": 10}, advances={"party:alice": Advance(99, 5000)})
    assert "cap" not in of("recoup", whole)


def test_no_reserve_is_told_where_none_is_kept() -> None:
    kept = settle(rule(split(alice=1, revenue=1, bob=0), reserve_bp=1000), 100)
    assert [step["from"] for step in steps(kept) if step["code"] == "reserve"] == ["party:alice"]


def test_a_sale_in_one_currency_has_no_settlement_step_unless_the_amount_differs() -> None:
    assert "settlement" not in [step["code"] for step in steps(settle(rule(), 100))]
    same = settle(rule(), 100, settlement={"currency": "USD", "amount": 99})
    assert of("settlement", same)["amount"] == 99
    assert of("settlement", same)["rows"] == []


def test_order_level_amounts_tell_how_they_were_divided() -> None:
    result = settle(
        rule(),
        lines=[
            {"id": "a", "list_price": 100},
            {"id": "b", "list_price": 200, "discounts": [{"amount": 200, "borne_by": "platform:promotions"}]},
        ],
        discounts=[{"amount": 10, "borne_by": "pool"}],
        tax={"mode": "exclusive", "amount": 5},
        processor_fee=3,
        settlement={"currency": "EUR", "amount": 50},
    )
    trace = result.trace()
    assert plain(trace)
    assert [(a["what"], a["clause"], a["amount"]) for a in trace["allocations"]] == [
        ("discount", "sale.discounts[0]", 10),
        ("tax", "sale.tax", 5),
        ("processor_fee", "sale.processor_fee", 3),
        ("settlement", "sale.settlement", 50),
    ]
    assert [(row["line"], row["amount"]) for row in trace["allocations"][0]["rows"]] == [("a", 10), ("b", 0)]
    assert [line["line"] for line in trace["lines"]] == ["a", "b"]
    free = next(step for step in trace["lines"][1]["steps"] if step["code"] == "settlement")
    # 200 at the order's rate 50/95 = 105.26.
    assert [(row["on"], row["exact"], row["amount"]) for row in free["rows"]] == [(200, "2000/19", 105)]


def test_the_rule_version_and_variant_are_named() -> None:
    variants = [{"when": {"k": 1}, "steps": [ALICE_REST]}, {"when": {}, "steps": [PLATFORM_30, ALICE_REST]}]
    [line] = settle(rule(variants=variants, version=4), 10).trace()["lines"]
    assert (line["rule"], line["version"], line["clause"]) == ("r", 4, "variants[1]")
    assert [step["clause"] for step in line["steps"][-2:]] == ["variants[1].steps[0]", "variants[1].steps[1]"]


def test_a_refund_tells_quotas_history_and_who_is_charged() -> None:
    desk = Desk(rule(refund_policy={"platform_revenue": "owner"}))
    desk.sale(1000, discounts=[{"amount": 100, "borne_by": "platform:promotions"}])
    desk.post("refund", amount=100)
    trace = dict(desk.apply("refund", order="o1", amount=33).trace)
    assert plain(trace)
    assert {k: trace[k] for k in ("event", "order", "currency", "gross", "settled", "exchange_result", "fee")} == {
        "event": "refund",
        "order": "o1",
        "currency": "USD",
        "gross": 33,
        "settled": 33,
        "exchange_result": 0,
        "fee": 0,
    }
    [line] = trace["lines"]
    assert (line["amount"], line["refunded_before"], line["paid"]) == (33, 100, 900)
    back, discount, reverse, given = line["steps"]
    assert (back["code"], back["exact"], back["before"], back["took"], back["amount"]) == (
        "settled_back",
        "133/1",
        100,
        33,
        133,
    )
    # 100 x 133/900 = 14.78 -> 15, of which 11 before.
    assert (discount["code"], discount["exact"], discount["before"], discount["took"], discount["why"]) == (
        "discount_back",
        "133/9",
        11,
        4,
        "up",
    )
    # 111 and now 37 of 1000: quotas 148 x 0.3 = 44.4 and 103.6, had 33 and 78.
    assert reverse["amount"] == 37
    assert [(r["account"], r["charged"], r["exact"], r["already"], r["amount"]) for r in reverse["rows"]] == [
        ("platform:revenue", "party:alice", "222/5", 33, 11),
        ("party:alice", "party:alice", "518/5", 78, 26),
    ]
    assert [(r["account"], r["clause"], r["amount"]) for r in given["rows"]] == [
        ("platform:promotions", "sale.discounts[0]", 4)
    ]


def test_every_event_tells_plain_data() -> None:
    desk = Desk(rule(reserve_bp=1000))
    desk.sale(1000)
    party = {"party": "alice", "currency": "USD"}
    told = [
        desk.apply("advance", **party, amount=10, recoup_bp=1),
        desk.apply("refund", order="o1", amount=10),
        desk.apply("refund_reversal", order="o1", refund_index=0),
        desk.apply("dispute_opened", order="o1", amount=10, fee=1),
        desk.apply("dispute_won", order="o1"),
        desk.apply("dispute_opened", order="o1", amount=10, fee=1),
        desk.apply("dispute_lost", order="o1"),
        desk.apply("release_reserve", order="o1"),
        desk.apply(
            "period_close", **party, guarantee=1, **{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
        ),
        desk.apply("pool", currency="USD", amount=9, creator_bp=5000, weights=[{"account": "party:bob", "weight": 1}]),
        desk.apply("payout_run", **party, at="2026-06-01T00:00:00Z", withholding_bp=1000),
        desk.apply("payout_run", **party, at="2026-06-01T00:00:00Z"),
        desk.apply("void", order="o1"),
    ]
    for result in told:
        assert not result.rejected
        assert plain(dict(result.trace))
        assert result.trace["format"] == "split-trace/1"
    assert len({result.trace["event"] for result in told}) == 11


def test_the_reference_page_shows_a_rule_that_is_accepted_and_a_trace_that_is_real() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "splits.md").read_text(encoding="utf-8")
    shown_rule, shown_trace = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    assert parse_rule(shown_rule).hold_days == 14
    lin_yue, chen_hao = ({"account": f"party:{name}", "weight": 1} for name in ("lin-yue", "chen-hao"))
    steps = [{**PLATFORM_30, "bp": 3333}, {"take": "split", "parties": [lin_yue, chen_hao]}]
    told = settle(rule(*steps, id="course-split", version=3), 10_100, currency="CNY").trace()
    assert told == shown_trace


@pytest.mark.parametrize("limits", [[], [{"party": "a", "left": 7}]])
def test_the_sums_are_those_of_the_whole_trace(limits: list[dict[str, Any]]) -> None:
    result = sale_lines(RICH_RULE, {**RICH, "limits": limits})
    sums, trace = result.sums(), result.trace()
    assert plain(sums)
    assert sums["settled_currency"] == trace["settled_currency"] == "USD"
    [line], [whole] = sums["lines"], trace["lines"]
    assert line["line"] == whole["line"]
    base, taken = line["steps"]
    assert base == {"code": "base", "amount": of("base", result)["amount"]}
    owned = [row for step in whole["steps"] for row in step.get("channels", []) if row["account"]]
    assert [(row["account"], row["amount"], row.get("capped", 0)) for row in owned] == [
        (row["account"], row["amount"], row["capped"]) for row in taken["channels"]
    ]
