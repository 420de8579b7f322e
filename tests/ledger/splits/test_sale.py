"""One sale under one rule, worked out by hand."""

from typing import Any

import pytest

from ledger.splits.facts import parse_sale
from ledger.splits.problems import EventError
from ledger.splits.sale import Advance, Detail, NoRuleError, Share, sale_lines
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, net, raw_rule, rule, settle, shares, split


def channel_step(bp: int = 1000, of: str = "remaining") -> dict[str, Any]:
    return {"take": "percent", "account": "channel", "bp": bp, "of": of}


def test_percent_of_what_remains_then_the_rest_by_weight() -> None:
    # 30 % of 9999 = 2999.7 -> 3000; 6999 in thirds.
    result = settle(rule(PLATFORM_30, split(alice=1, bob=1, carol=1)), 9999)
    assert result.shares == (
        Share("platform:revenue", 3000, "steps[0]"),
        Share("party:alice", 2333, "steps[1].parties[0]"),
        Share("party:bob", 2333, "steps[1].parties[1]"),
        Share("party:carol", 2333, "steps[1].parties[2]"),
    )
    assert net(result)["processor:clearing"] == -9999


def test_percent_of_base_looks_at_the_base_however_much_is_left() -> None:
    # Base 1000: 50 % remaining -> 500; 40 % of base -> 400; 20 % of base = 200, but 100 are left.
    steps = [
        {"take": "percent", "account": "party:a", "bp": 5000},
        {"take": "percent", "account": "party:b", "bp": 4000, "of": "base"},
        {"take": "percent", "account": "party:c", "bp": 2000, "of": "base"},
        split(d=1),
    ]
    assert shares(settle(rule(*steps), 1000)) == [("party:a", 500), ("party:b", 400), ("party:c", 100)]


def test_fixed_amounts_and_the_processor_fee_are_capped_at_what_remains() -> None:
    steps = [{"take": "fixed", "account": "party:a", "amount": 70}, {"take": "processor_fee"}, split(b=1)]
    result = settle(rule(*steps), 100, processor_fee=50)
    assert shares(result) == [("party:a", 70), ("platform:processor_fees", 30)]
    # The fee of 50 left the processor; the pool could give 30 for it.
    assert net(result) == {"processor:clearing": -50, "platform:processor_fees": -20, "party:a": 70}


def test_without_a_fee_step_the_platform_bears_the_processors_fee() -> None:
    result = settle(rule(), 1000, processor_fee=59)
    assert net(result) == {
        "processor:clearing": -941,
        "platform:processor_fees": -59,
        "platform:revenue": 300,
        "party:alice": 700,
    }


@pytest.mark.parametrize(
    ("mode", "meter", "expected"),
    [
        ("cliff", 99, 30),
        ("cliff", 100, 20),
        ("cliff", 299, 20),
        ("cliff", 300, 10),
        # 50 at 30 % + 50 at 20 % = 25.
        ("marginal", 50, 25),
        # 99: 1 at 30 % + 99 at 20 % = 20.1 -> 20.
        ("marginal", 99, 20),
        # 5 at 20 % + 95 at 10 % = 10.5 -> 11.
        ("marginal", 295, 11),
        ("marginal", 1000, 10),
    ],
)
def test_tiers_take_by_the_sellers_volume(mode: str, meter: int, expected: int) -> None:
    tiers = [{"upto": 100, "bp": 3000}, {"upto": 300, "bp": 2000}, {"upto": None, "bp": 1000}]
    steps = [{"take": "tiered", "account": "platform:revenue", "mode": mode, "tiers": tiers}, ALICE_REST]
    assert shares(settle(rule(*steps), 100, meter_before=meter)) == [
        ("platform:revenue", expected),
        ("party:alice", 100 - expected),
    ]


def test_a_marginal_sale_can_span_every_tier_and_a_new_seller_starts_at_the_bottom() -> None:
    tiers = [{"upto": 100, "bp": 3000}, {"upto": 300, "bp": 2000}, {"upto": None, "bp": 1000}]
    steps = [{"take": "tiered", "account": "platform:revenue", "mode": "marginal", "tiers": tiers}, ALICE_REST]
    # 100 at 30 % + 200 at 20 % + 200 at 10 % = 90.
    assert shares(settle(rule(*steps), 500))[0] == ("platform:revenue", 90)
    assert shares(settle(rule(*steps), 0)) == []


def test_a_marginal_sale_is_rounded_once_over_the_exact_sum() -> None:
    # 495 at 30 % = 148.5 and 506 at 15 % = 75.9: 224.4, not 149 + 76.
    tiers = [{"upto": 100_000, "bp": 3000}, {"upto": None, "bp": 1500}]
    steps = [{"take": "tiered", "account": "platform:revenue", "mode": "marginal", "tiers": tiers}, ALICE_REST]
    assert shares(settle(rule(*steps), 1001, meter_before=99_505))[0] == ("platform:revenue", 224)


def test_a_cliff_of_half_a_unit_goes_to_the_taker() -> None:
    steps = [{"take": "tiered", "account": "platform:revenue", "mode": "cliff", "tiers": [{"bp": 5000}]}, ALICE_REST]
    assert shares(settle(rule(*steps), 1)) == [("platform:revenue", 1)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"channel_kind": "own"}, 97),
        ({"channel_kind": "own", "country": "CN"}, 97),
        ({"channel_kind": "OWN"}, 37),
        ({}, 37),
        ({"level": 1}, 80),
        ({"level": True}, 37),
        ({"level": "1"}, 37),
        ({"channel_kind": "own", "level": 1}, 97),
        ({"country": "CN", "trial": None}, 50),
        ({"country": "CN", "trial": "yes"}, 37),
    ],
)
def test_the_first_variant_whose_every_condition_equals_the_sales_field_decides(
    facts: dict[str, Any], expected: int
) -> None:
    def variant(alice: int, **when: Any) -> dict[str, Any]:
        return {"when": when, "steps": [split(alice=alice, revenue=100 - alice)]}

    variants = [
        variant(97, channel_kind="own"),
        variant(80, level=1),
        variant(50, country="CN", trial=None),
        variant(37),
    ]
    result = settle(rule(variants=variants), 100, **facts)
    assert dict(shares(result))["party:alice"] == expected


def test_a_sale_that_no_variant_is_for_has_no_rule() -> None:
    with pytest.raises(NoRuleError):
        settle(rule(variants=[{"when": {"kind": "a"}, "steps": [ALICE_REST]}]), 100)


def test_tax_on_top_is_paid_by_the_customer_and_nobodys_revenue() -> None:
    # Net 4000, 8.25 % = 330; the creators share 4000.
    result = settle(
        rule(), 5000, tax={"mode": "exclusive", "rate_bp": 825}, discounts=[{"amount": 1000, "borne_by": "pool"}]
    )
    assert net(result) == {
        "processor:clearing": -4330,
        "tax:payable": 330,
        "platform:revenue": 1200,
        "party:alice": 2800,
    }
    assert result.shares[0] == Share("tax:payable", 330, "sale.tax")


@pytest.mark.parametrize(
    ("tax", "due", "paid"),
    [
        ({"mode": "none"}, 0, 105),
        ({"mode": "none", "rate_bp": 2000}, 0, 105),
        ({"mode": "exclusive", "amount": 7}, 7, 112),
        ({"mode": "exclusive", "amount": 7, "rate_bp": 9000}, 7, 112),
        ({"mode": "exclusive", "rate_bp": 1000}, 11, 116),  # 10.5 -> 11
        ({"mode": "inclusive", "rate_bp": 500}, 5, 105),
        ({"mode": "inclusive", "rate_bp": 1000}, 10, 105),  # 105 x 1000/11000 = 9.545
        ({"mode": "inclusive", "amount": 105}, 105, 105),
    ],
)
def test_tax_by_rate_or_amount_on_top_or_inside(tax: dict[str, Any], due: int, paid: int) -> None:
    result = settle(rule(), 105, tax=tax)
    assert net(result)["processor:clearing"] == -paid
    assert sum(share.amount for share in result.shares if share.account == "tax:payable") == due
    assert sum(share.amount for share in result.shares) == paid


def test_a_discount_borne_by_the_pool_shrinks_the_base() -> None:
    assert net(settle(rule(), 1000, discounts=[{"amount": 100, "borne_by": "pool"}])) == {
        "processor:clearing": -900,
        "platform:revenue": 270,
        "party:alice": 630,
    }


def test_a_discount_borne_by_others_leaves_the_base_and_is_charged_to_them() -> None:
    discounts = [
        {"amount": 100, "borne_by": "platform:promotions"},
        {"amount": 50, "borne_by": "party:chan"},
        {"amount": 200, "borne_by": "pool"},
        {"amount": 30, "borne_by": "party:chan"},
    ]
    assert net(settle(rule(), 1000, discounts=discounts)) == {
        "processor:clearing": -620,
        "platform:promotions": -100,
        "party:chan": -80,
        "platform:revenue": 240,
        "party:alice": 560,
    }


def test_the_settlement_currency_carries_all_postings() -> None:
    # 1500 JPY paid of 2000 (300 borne by the platform, 200 by the pool), 136 of it tax; settled as 1003 USD cents.
    # Tax 136 x 1003/1500 = 90.94 -> 91; discount 300 x 1003/1500 = 200.6 -> 201; base 1003 - 91 + 201 = 1113.
    result = settle(
        rule(),
        2000,
        currency="JPY",
        settlement={"currency": "USD", "amount": 1003},
        processor_fee=59,
        tax={"mode": "inclusive", "rate_bp": 1000},
        discounts=[{"amount": 300, "borne_by": "platform:promotions"}, {"amount": 200, "borne_by": "pool"}],
    )
    assert net(result) == {
        "processor:clearing": -944,
        "platform:processor_fees": -59,
        "platform:promotions": -201,
        "tax:payable": 91,
        "platform:revenue": 334,
        "party:alice": 779,
    }
    assert {posting.currency for posting in result.postings} == {"USD"}


def test_a_free_order_settles_to_nothing_or_cannot_be_converted() -> None:
    settlement = {"currency": "USD", "amount": 0}
    free = {"currency": "JPY", "discounts": [{"amount": 100, "borne_by": "pool"}], "settlement": settlement}
    assert settle(rule(), 100, **free).postings == ()
    for settled, bearer in ((1, "pool"), (0, "platform:promotions")):
        with pytest.raises(EventError) as caught:
            settle(
                rule(),
                100,
                currency="JPY",
                discounts=[{"amount": 100, "borne_by": bearer}],
                settlement={"currency": "USD", "amount": settled},
            )
        assert (caught.value.code, caught.value.path) == ("nothing_paid", "settlement.amount")


def test_a_reserve_is_kept_from_each_partys_split_amount_only() -> None:
    # bob's 100 by percent is not split; of 900: alice 600 -> 60, platform 300 -> nothing.
    steps = [{"take": "percent", "account": "party:bob", "bp": 1000}, split(alice=2, revenue=1)]
    result = settle(rule(*steps, reserve_bp=1000), 1000)
    assert result.shares == (
        Share("party:bob", 100, "steps[0]"),
        Share("party:alice", 540, "steps[1].parties[0]"),
        Share("party:alice:reserve", 60, "reserve_bp"),
        Share("platform:revenue", 300, "steps[1].parties[1]"),
    )


def test_a_full_reserve_leaves_no_payable_line_and_half_a_unit_goes_to_the_reserve() -> None:
    assert shares(settle(rule(reserve_bp=10_000), 1000))[1:] == [("party:alice:reserve", 700)]
    assert shares(settle(rule(ALICE_REST, reserve_bp=5000), 5)) == [("party:alice", 2), ("party:alice:reserve", 3)]
    assert shares(settle(rule(ALICE_REST, reserve_bp=100), 5)) == [("party:alice", 5)]


def test_an_open_advance_is_recouped_from_every_payable_line_until_it_is_used_up() -> None:
    steps = [{"take": "percent", "account": "party:alice", "bp": 3000}, split(alice=1, bob=1)]
    advances = {"party:alice": Advance(200, 5000), "party:bob": Advance(0, 5000), "party:carol": Advance(9, 1)}
    result = sale_lines(rule(*steps), {"currency": "USD", "list_price": 1000}, advances=advances)
    # alice: 300 -> 150; 350 -> 175, but 50 are left.
    assert net(result) == {
        "processor:clearing": -1000,
        "party:alice": 450,
        "party:alice:advance": 200,
        "party:bob": 350,
    }
    assert [(back.share, back.wanted, back.amount) for back in result.lines[0].recouped] == [
        (0, 150, 150),
        (1, 175, 50),
    ]
    assert result.lines[0].credits("party:alice") == 450
    assert result.lines[0].credits("party:bob") == 350


def test_every_movement_names_its_order_line_and_clause() -> None:
    result = sale_lines(
        rule(),
        {
            "currency": "USD",
            "list_price": 1000,
            "processor_fee": 40,
            "discounts": [{"amount": 10, "borne_by": "pool"}, {"amount": 90, "borne_by": "platform:promotions"}],
        },
        advances={"party:alice": Advance(1000, 1000)},
    )
    # Paid 900, base 990: platform 297, alice 693, of which 69 pay back.
    assert result.details == (
        Detail("processor:clearing", "USD", -860, "", "sale"),
        Detail("platform:processor_fees", "USD", -40, "", "sale.processor_fee"),
        Detail("platform:promotions", "USD", -90, "", "sale.discounts[1]"),
        Detail("platform:revenue", "USD", 297, "", "steps[0]"),
        Detail("party:alice", "USD", 693, "", "steps[1].parties[0]", 0),
        Detail("party:alice", "USD", -69, "", "steps[1].parties[0]", 0),
        Detail("party:alice:advance", "USD", 69, "", "steps[1].parties[0]"),
    )


def test_a_channel_step_pays_whoever_brought_the_buyer_and_is_skipped_without() -> None:
    bound = rule(channel_step(), PLATFORM_30, ALICE_REST)
    assert shares(settle(bound, 1000, channel="chan"))[0] == ("party:chan", 100)
    assert shares(settle(bound, 1000)) == [("platform:revenue", 300), ("party:alice", 700)]
    assert shares(settle(bound, 1000, channel=None)) == [("platform:revenue", 300), ("party:alice", 700)]


def test_several_channels_share_by_credit_and_unowned_credit_stays_in_the_pool() -> None:
    # 20 % of 154.37 = 30.874 -> 3087; 33.6246 % and 49.03 % of it are 1037.99 and 1513.56, 17.3454 % stay (535.45).
    channels = [
        {"party": None, "ppm": 173_454},
        {"party": "lantern", "ppm": 336_246},
        {"party": "weekly", "ppm": 490_300},
    ]
    result = settle(rule(channel_step(2000), PLATFORM_30, ALICE_REST), 15_437, channels=channels)
    # Left: 15437 - 1038 - 1514 = 12885; 30 % = 3865.5 -> 3866.
    assert shares(result) == [
        ("party:lantern", 1038),
        ("party:weekly", 1514),
        ("platform:revenue", 3866),
        ("party:alice", 9019),
    ]
    assert result.shares[0].clause == "steps[0]"


def test_what_is_missing_to_a_million_is_nobodys_and_ties_go_to_the_earlier_channel() -> None:
    bound = rule(channel_step(10_000), ALICE_REST)
    half = {"party": "a", "ppm": 500_000}
    # One unit, two halves: the owned one comes first.
    assert shares(settle(bound, 1, channels=[half])) == [("party:a", 1)]
    assert shares(settle(bound, 1, channels=[{"party": None, "ppm": 500_000}, half])) == [("party:alice", 1)]
    assert shares(settle(bound, 10, channels=[])) == [("party:alice", 10)]
    assert shares(settle(bound, 10, channels=[{"party": None, "ppm": 1_000_000}])) == [("party:alice", 10)]


def test_a_fixed_sum_can_go_to_the_channels_too() -> None:
    steps = [{"take": "fixed", "account": "channel", "amount": 100}, ALICE_REST]
    channels = [{"party": "a", "ppm": 250_000}, {"party": "b", "ppm": 750_000}]
    assert shares(settle(rule(*steps), 60, channels=channels)) == [("party:a", 15), ("party:b", 45)]


@pytest.mark.parametrize(
    ("facts", "code", "path"),
    [
        ({"currency": "XXX"}, "unknown_currency", "currency"),
        ({"currency": None}, "missing", "currency"),
        ({"currency": 7}, "not_text", "currency"),
        ({"list_price": -1}, "too_small", "list_price"),
        ({"list_price": 1.0}, "not_integer", "list_price"),
        ({"list_price": None}, "missing", "list_price"),
        ({"processor_fee": -1}, "too_small", "processor_fee"),
        ({"discounts": {}}, "not_list", "discounts"),
        ({"discounts": [5]}, "not_object", "discounts[0]"),
        ({"discounts": [{"amount": 1}]}, "missing", "discounts[0].borne_by"),
        ({"discounts": [{"amount": 1, "borne_by": "me"}]}, "unknown_account", "discounts[0].borne_by"),
        ({"discounts": [{"amount": 60, "borne_by": "pool"}] * 2}, "discounts_exceed_price", "discounts"),
        ({"tax": {"mode": "vat"}}, "not_one_of", "tax.mode"),
        ({"tax": {"mode": "exclusive"}}, "missing", "tax.rate_bp"),
        ({"tax": {"mode": "inclusive", "amount": 101}}, "tax_exceeds_price", "tax"),
        ({"tax": {}}, "missing", "tax.mode"),
        ({"channel": "a:b"}, "not_a_party", "channel"),
        ({"channel": "a", "channels": [{"party": "b", "ppm": 1}]}, "conflict", "channel"),
        ({"channels": [{"party": "b", "ppm": 600_000}] * 2}, "credits_exceed_all", "channels"),
        ({"channels": [{"party": "b"}]}, "missing", "channels[0].ppm"),
        ({"settlement": {"currency": "USD"}}, "missing", "settlement.amount"),
        ({"settlement": {"currency": "XYZ", "amount": 1}}, "unknown_currency", "settlement.currency"),
        ({"meter_before": -5}, "too_small", "meter_before"),
    ],
)
def test_impossible_facts_are_refused_with_their_field(facts: dict[str, Any], code: str, path: str) -> None:
    with pytest.raises(EventError) as caught:
        parse_sale({"currency": "USD", "list_price": 100, **facts})
    assert (caught.value.code, caught.value.path) == (code, path)
    assert caught.value.problems[0].sentence.startswith(path)


def test_a_sale_can_be_read_once_and_settled_under_several_rules() -> None:
    sale = parse_sale({"currency": "USD", "list_price": 100})
    assert shares(sale_lines(rule(), sale)) == [("platform:revenue", 30), ("party:alice", 70)]
    assert shares(sale_lines(rule(ALICE_REST), sale)) == [("party:alice", 100)]
    assert raw_rule()["steps"] == [PLATFORM_30, ALICE_REST]


def test_a_side_has_a_part_where_a_step_that_ran_would_give_it_one_however_little_was_left() -> None:
    fixed = {"take": "fixed", "account": "platform:promotions", "amount": 2000}
    steps = channel_step(), {"take": "processor_fee"}, split(alice=1, bob=0)
    taken = settle(rule(fixed, *steps), 1000, channel="reef", processor_fee=30).lines[0]
    asked = ["party:alice", "channel", "platform:promotions", "platform:processor_fees", "party:bob", "party:carol"]
    assert taken.credits("party:alice") == 0, "all of it was taken before"
    assert [name for name in asked if taken.has_part(name)] == asked[:4]
    nothing = {**fixed, "amount": 0}, channel_step(0), *steps[1:]
    assert [name for name in asked if settle(rule(*nothing), 1000, channel="reef").lines[0].has_part(name)] == asked[:1]


@pytest.mark.parametrize("mode", ["marginal", "cliff"])
def test_a_tier_of_nothing_gives_no_part_until_the_volume_is_reached(mode: str) -> None:
    step = {
        "take": "tiered", "account": "platform:revenue", "mode": mode,
        "tiers": [{"upto": 5000, "bp": 0}, {"upto": None, "bp": 1000}],
    }  # fmt: skip
    for meter, has in ((0, False), (5000, True)):
        assert settle(rule(step, ALICE_REST), 1000, meter_before=meter).lines[0].has_part("platform:revenue") is has
