"""Money is whole minor units; dividing it loses and invents nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import (
    ACTIVE,
    EXPONENTS,
    WITHDRAWN,
    CurrencyMismatchError,
    Money,
    MoneyError,
    Portion,
    apportion,
    decimal_from_minor,
    exponent,
    half_up,
    minor_from_decimal,
    pct,
    portions,
)


def unit_by_unit(total: int, weights: list[int], already: list[int]) -> list[int]:
    """The definition itself: one unit at a time to the largest deficit, the earlier line on a tie."""
    quota_total, scale, got = total + sum(already), sum(weights), list(already)
    for _ in range(total):
        running = [i for i, weight in enumerate(weights) if weight]
        taker = max(running, key=lambda i: (quota_total * weights[i] - got[i] * scale, -i))
        got[taker] += 1
    return [now - before for now, before in zip(got, already, strict=True)]


@st.composite
def divisions(draw: st.DrawFn, *, history: bool = True) -> tuple[int, list[int], list[int]]:
    weights = draw(st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any))
    most = st.integers(0, 25) if history else st.just(0)
    already = draw(st.lists(most, min_size=len(weights), max_size=len(weights)))
    return draw(st.integers(0, 60)), weights, already


@given(divisions())
def test_apportion_with_any_history_equals_the_unit_by_unit_definition(case: tuple[int, list[int], list[int]]) -> None:
    total, weights, already = case
    given_now = apportion(total, weights, already)
    assert given_now == unit_by_unit(total, weights, already)
    assert given_now == [p.whole + p.odd for p in portions(total, weights, already)]


@given(divisions(history=False))
def test_apportion_without_history_equals_the_definition_and_the_zero_history(
    case: tuple[int, list[int], list[int]],
) -> None:
    total, weights, zeros = case
    expected = unit_by_unit(total, weights, zeros)
    assert apportion(total, weights) == expected == apportion(total, weights, zeros)
    assert [p.whole + p.odd for p in portions(total, weights)] == expected


@given(
    st.integers(0, 10**30),
    st.lists(st.integers(0, 10**20), min_size=1, max_size=8).filter(any),
)
def test_apportion_of_huge_totals_sums_and_stays_within_one_unit_of_the_quota(total: int, weights: list[int]) -> None:
    parts, scale = apportion(total, weights), sum(weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * scale - total * weight) < scale
        assert part == 0 or weight > 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6).filter(any), st.data())
def test_successive_apportionments_of_a_whole_never_exceed_a_line_and_end_exactly(
    lines: list[int], data: st.DataObject
) -> None:
    got, left = [0] * len(lines), sum(lines)
    while left:
        step = data.draw(st.integers(1, left))
        now = apportion(step, lines, got)
        assert sum(now) == step
        assert min(now) >= 0
        got = [a + b for a, b in zip(got, now, strict=True)]
        done = sum(got)
        for amount, line in zip(got, lines, strict=True):
            assert amount <= line
            assert amount * sum(lines) < done * line + sum(lines)
        left -= step
    assert got == lines


def test_apportion_of_a_large_total_against_a_lopsided_history_is_instant() -> None:
    # Line 0 is 10**15 ahead; the others get everything, evenly.
    assert apportion(10**12 + 1, [1, 1, 1], [10**15, 0, 0]) == [0, 5 * 10**11 + 1, 5 * 10**11]


def test_water_level_skips_lines_that_are_not_far_enough_behind() -> None:
    # T = 61: quotas 20.33 each; deficits -29.67, 20.33, 10.33. One unit: to the second line alone.
    assert apportion(1, [1, 1, 1], [50, 0, 10]) == [0, 1, 0] == unit_by_unit(1, [1, 1, 1], [50, 0, 10])


@pytest.mark.parametrize(
    ("total", "weights", "already", "expected"),
    [
        (1, [3333, 3333, 3334], None, [0, 0, 1]),
        (100, [1, 1, 1], None, [34, 33, 33]),
        (15, [80, 8, 12], None, [12, 1, 2]),
        (71, [5, 3, 2], None, [36, 21, 14]),
        (1, [6, 6, 2], [4, 4, 2], [1, 0, 0]),
        (3, [6, 6, 2], [5, 4, 2], [1, 2, 0]),
        (0, [0, 0], None, [0, 0]),
        (0, [], None, []),
        (0, [0, 0], [1, 0], [0, 0]),
        (2, [0, 1], [5, 0], [0, 2]),
    ],
)
def test_apportion_by_hand(total: int, weights: list[int], already: list[int] | None, expected: list[int]) -> None:
    assert apportion(total, weights, already) == expected


def test_portions_say_how_the_rounding_fell() -> None:
    # 100 among three: 33.33 each, one odd unit, left-overs of 1/3 each; the weightless line is not in the running.
    assert portions(100, [1, 1, 0, 1]) == [Portion(33, 1, 1), Portion(33, 0, 1), Portion(0, 0, -1), Portion(33, 0, 1)]
    assert portions(0, [1, 2]) == [Portion(0, 0, -1), Portion(0, 0, -1)]


@pytest.mark.parametrize(
    ("total", "weights", "already"),
    [
        (1, [0, 0], None),
        (1, [0, 0], [0, 0]),
        (1, [], None),
        (-1, [1], None),
        (1, [1, -1], None),
        (1, [1], [-1]),
        (1, [1, 1], [0]),
        (1.0, [1], None),
        (True, [1], None),
        (1, [0.5], None),
        (1, [1], [False]),
    ],
)
def test_apportion_refuses_what_cannot_be_divided(total: Any, weights: Any, already: Any) -> None:
    with pytest.raises(MoneyError):
        apportion(total, weights, already)


@given(st.integers(0, 10**12), st.integers(0, 10_000))
def test_pct_is_the_first_part_of_a_two_way_apportionment(amount: int, bp: int) -> None:
    assert pct(amount, bp) == apportion(amount, [bp, 10_000 - bp])[0]


@pytest.mark.parametrize(
    ("amount", "bp", "expected"), [(1004, 1250, 126), (2801, 5000, 1401), (101, 3000, 30), (7, 0, 0)]
)
def test_pct_gives_an_exact_half_to_the_taker(amount: int, bp: int, expected: int) -> None:
    assert pct(amount, bp) == expected


@pytest.mark.parametrize(("amount", "bp"), [(-1, 1), (1, -1), (1, 10_001), (1.0, 1), (1, 1.0), (True, 1)])
def test_pct_refuses_negative_amounts_and_shares_outside_the_whole(amount: Any, bp: Any) -> None:
    with pytest.raises(MoneyError):
        pct(amount, bp)


@pytest.mark.parametrize(("n", "d", "expected"), [(0, 3, 0), (1, 2, 1), (1, 3, 0), (5, 3, 2), (3, 2, 2), (7, 7, 1)])
def test_half_up_rounds_a_half_upwards(n: int, d: int, expected: int) -> None:
    assert half_up(n, d) == expected


@pytest.mark.parametrize(("n", "d"), [(-1, 2), (1, 0), (1, -2), (0.5, 1), (1, 2.0)])
def test_half_up_refuses_negative_numbers_and_no_denominator(n: Any, d: Any) -> None:
    with pytest.raises(MoneyError):
        half_up(n, d)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.34", "USD", 1234),
        ("12.3", "USD", 1230),
        ("12", "USD", 1200),
        ("0.05", "EUR", 5),
        ("007.10", "CNY", 710),
        ("1500", "JPY", 1500),
        ("1.004", "KWD", 1004),
        ("1.0001", "CLF", 10001),
        ("99999999999999999999.99", "USD", 9999999999999999999999),
    ],
)
def test_plain_decimals_become_minor_units_by_the_currencys_exponent(text: str, currency: str, minor: int) -> None:
    assert minor_from_decimal(text, currency) == minor
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "currency", "complaint"),
    [
        ("1,234.56", "USD", "plain decimal"),
        ("1 234", "USD", "plain decimal"),
        ("+1", "USD", "plain decimal"),
        ("1.", "USD", "plain decimal"),
        (".5", "USD", "plain decimal"),
        ("", "USD", "plain decimal"),
        ("1e3", "USD", "plain decimal"),
        ("12.34\n", "USD", "plain decimal"),
        ("١٢", "USD", "plain decimal"),
        (12.34, "USD", "plain decimal"),
        ("12.345", "USD", "3 decimals, USD has 2"),
        ("12.0", "JPY", "1 decimals, JPY has 0"),
        ("12.340", "USD", "3 decimals"),
        ("-1", "USD", "negative"),
        ("-0.00", "USD", "negative"),
        ("1", "XXX", "unknown currency 'XXX'"),
        ("1", "usd", "unknown currency 'usd'"),
        ("1", None, "unknown currency None"),
        ("1", ["USD"], "unknown currency"),
    ],
)
def test_anything_but_a_plain_decimal_of_a_known_currency_is_refused(text: Any, currency: Any, complaint: str) -> None:
    with pytest.raises(MoneyError, match=complaint):
        minor_from_decimal(text, currency)


def test_negative_decimals_are_read_where_they_are_allowed() -> None:
    assert Money.parse("-12.30", "USD", allow_negative=True) == Money(-1230, "USD")


@given(st.integers(-(10**20), 10**20), st.sampled_from(sorted(EXPONENTS)))
def test_writing_and_reading_an_amount_gives_it_back(minor: int, currency: str) -> None:
    text = decimal_from_minor(minor, currency)
    assert minor_from_decimal(text, currency, allow_negative=True) == minor
    assert len(text.partition(".")[2]) == exponent(currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(-5, "USD", "-0.05"), (1230, "USD", "12.30"), (7, "JPY", "7"), (-1004, "KWD", "-1.004"), (0, "EUR", "0.00")],
)
def test_amounts_are_written_with_all_their_decimals(minor: int, currency: str, text: str) -> None:
    assert Money(minor, currency).to_decimal_string() == text
    assert str(Money(minor, currency)) == f"{text} {currency}"


def test_every_active_currency_has_its_iso_exponent() -> None:
    by_digits = {digits: sum(1 for d in ACTIVE.values() if d == digits) for digits in (0, 2, 3, 4)}
    assert by_digits == {0: 17, 2: len(ACTIVE) - 26, 3: 7, 4: 2}
    assert {exponent(c) for c in ("JPY", "KRW", "VND", "UGX", "ISK")} == {0}
    assert {exponent(c) for c in ("CNY", "USD", "EUR", "UAH", "HUF", "TWD", "IDR")} == {2}
    assert {exponent(c) for c in ("KWD", "BHD", "TND", "OMR")} == {3}
    assert not set(ACTIVE) & set(WITHDRAWN)
    assert exponent("HRK") == 2
    for code in ("XAU", "XDR", "XTS", "XXX"):
        with pytest.raises(MoneyError):
            exponent(code)


@pytest.mark.parametrize("minor", [1.0, True, "1", None])
def test_money_takes_whole_numbers_only(minor: Any) -> None:
    with pytest.raises(MoneyError):
        Money(minor, "USD")


def test_money_of_an_unknown_currency_is_refused() -> None:
    with pytest.raises(MoneyError):
        Money(1, "ABC")


def test_money_adds_compares_and_negates_within_a_currency() -> None:
    one, two = Money(100, "USD"), Money(200, "USD")
    assert one + two == Money(300, "USD")
    assert one - two == -one
    assert one < two
    assert one <= one
    assert not one <= -one
    assert two > one
    assert not one > one
    assert two >= two
    assert not one >= two
    assert not one < one
    assert bool(one)
    assert not Money(0, "USD")
    assert Money.total([one, two, one], "USD") == Money(400, "USD")
    assert Money.total([], "JPY") == Money(0, "JPY")
    assert two.split([1, 1, 1]) == [Money(67, "USD"), Money(67, "USD"), Money(66, "USD")]
    assert {Money(1, "USD"), Money(1, "USD")} == {Money(1, "USD")}


@pytest.mark.parametrize(
    "mix",
    [
        lambda a, b: a + b,
        lambda a, b: a - b,
        lambda a, b: a < b,
        lambda a, b: a <= b,
        lambda a, b: a > b,
        lambda a, b: a >= b,
        lambda a, b: Money.total([a, b], "USD"),
    ],
)
def test_two_currencies_never_meet_in_one_sum(mix: Any) -> None:
    with pytest.raises(CurrencyMismatchError):
        mix(Money(1, "USD"), Money(1, "EUR"))


def test_money_and_a_bare_number_do_not_add_up() -> None:
    with pytest.raises(MoneyError, match="is not money"):
        Money(1, "USD") + 1  # type: ignore[operator]


def test_equal_amounts_of_two_currencies_are_not_equal() -> None:
    assert Money(1, "USD") != Money(1, "EUR")


def test_money_cannot_be_changed_in_place() -> None:
    with pytest.raises(AttributeError):
        Money(1, "USD").minor = 2  # type: ignore[misc]
