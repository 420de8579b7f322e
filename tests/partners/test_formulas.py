"""Figures of a panel tie, whatever was sold under whatever rule: nothing here touches the database."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.money import half_up
from ledger.splits.parse import parse_rule
from ledger.splits.sale import sale_lines
from partners.selectors import exact
from partners.selectors.formulas import fee_formula, tax_formula
from partners.selectors.steps import Sight, Told, rows_of, sharings_of
from tests.partners import desk

NAMES = {code: code.title() for code in ("alice", "bob", "carol", "reef")}
weights = st.lists(st.integers(0, 97), min_size=3, max_size=3).filter(any)
lines = st.lists(
    st.tuples(st.integers(1, 200_000), st.integers(0, 40), st.integers(0, 1_000_000)), min_size=1, max_size=3
)


def told(priced: list[tuple[int, int, int]], parts: list[int], reserve: int, tax: int, fee: int) -> list[Told]:
    """Every line of a sale under a rule with a channel, a fee, the platform and three makers."""
    makers = [(f"party:{name}", weight) for name, weight in zip(("alice", "bob", "carol"), parts, strict=True)]
    rule: dict[str, Any] = {
        "id": "r",
        "version": 1,
        "owner": "party:alice",
        "effective_from": "2026-01-01T00:00:00Z",
        "reserve_bp": reserve,
        "steps": [desk.percent("channel", 1500, "base"), {"take": "processor_fee"},
                  desk.percent("platform:revenue", 3000), desk.split(*makers)],
    }  # fmt: skip
    sold: list[dict[str, Any]] = []
    for i, (price, off, ppm) in enumerate(priced):
        paid = price - price * off // 100
        channels: list[dict[str, Any]] = [{"ppm": ppm, "party": "reef"}, {"ppm": 1_000_000 - ppm}]
        sold.append(
            {
                "id": f"L{i}",
                "list_price": price,
                "discounts": [{"amount": price - paid, "borne_by": "pool"}] if off else [],
                "tax": {"mode": "inclusive", "amount": half_up(paid * tax, 100 + tax)},
                "channels": [channel for channel in channels if channel["ppm"]],
            }
        )
    result = sale_lines(parse_rule(rule), {"currency": "CNY", "processor_fee": fee, "lines": sold})
    trace = result.trace()
    return [
        Told([row for row in result.details if row.line == f"L{i}"], trace, i, "CNY") for i in range(len(result.lines))
    ]


@settings(max_examples=60, deadline=None)
@given(lines, weights, st.sampled_from([0, 1_000, 3_333]), st.integers(0, 13), st.integers(0, 999))
def test_what_leaves_and_what_is_yours_is_what_was_paid(
    priced: list[tuple[int, int, int]], parts: list[int], reserve: int, tax: int, fee: int
) -> None:
    for line in told(priced, parts, reserve, tax, fee):
        paid = next(step["amount"] for step in line.steps if step["code"] == "paid")
        for sight in (Sight("alice", names=True, sides=True), Sight("bob", names=False, sides=True),
                      Sight("reef", names=False, sides=False)):  # fmt: skip
            rows = rows_of(line, sight, NAMES, None)
            mine = sum(row.amount for row in line.details if sight.is_mine(row.account))
            assert paid - sum(row.amount for row in rows if not row.yours) == mine
        for shared in sharings_of(line, Sight("alice", names=True, sides=True), NAMES):
            assert sum(cent.floor + cent.odd for cent in shared.rows) == shared.base
            assert sum(cent.odd for cent in shared.rows) == shared.over == len(shared.won)


@settings(max_examples=40, deadline=None)
@given(st.integers(5_000, 500_000), st.integers(1, 25))
def test_a_stated_tax_is_told_by_the_rate_that_gives_it(paid: int, tax: int) -> None:
    (line,) = told([(paid, 0, 0)], [1, 0, 0], 0, tax, 0)
    rate, formula = tax_formula(line.trace, 0, "CNY")
    assert rate == f"{tax}%"
    assert formula.startswith(f"{exact.plain(paid, 'CNY')} × {tax} ÷ {100 + tax} = ")


def test_a_tax_that_no_whole_percent_gives_is_told_without_a_rate() -> None:
    (line,) = told([(19_900, 0, 0)], [1, 0, 0], 0, 6, 0)
    steps = [{**step, "amount": step["amount"] + 7} if step["code"] == "tax" else step for step in line.steps]
    assert tax_formula({"lines": [{"steps": steps}]}, 0, "CNY") == ("", "")


def test_the_fee_of_one_line_is_stated_and_of_several_divided() -> None:
    (alone,) = told([(19_900, 0, 0)], [1, 0, 0], 0, 6, 500)
    assert fee_formula(alone.trace, 0, "CNY") == ""
    first, second = told([(10_000, 0, 0), (20_000, 0, 0)], [1, 0, 0], 0, 6, 500)
    assert fee_formula(first.trace, 0, "CNY") == "5.00 × 100.00 ÷ 300.00 = 1.666666…"
    assert fee_formula(second.trace, 1, "CNY") == "5.00 × 200.00 ÷ 300.00 = 3.333333…"
