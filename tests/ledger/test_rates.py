"""Rates: the last known day counts, in either direction, in integers."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import BadRateError, NoRateError
from ledger.models import FxRate
from ledger.selectors import convert, converted_at, rate_on, rate_table
from ledger.selectors.rates import RateTable
from ledger.services import NewRate, rate_set, rates_record
from tests.examples import examples

pytestmark = pytest.mark.usefixtures("everything")

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)


def enter(rate: str, day: date = MAY, base: str = "USD", quote: str = "CNY") -> FxRate:
    return rate_set(day=day, base=base, quote=quote, rate=rate, source="bank")


def test_the_last_known_day_is_used_and_told() -> None:
    enter("7.10")
    enter("7.20", JUNE)
    done = convert(amount_minor=1_000, base="USD", quote="CNY", day=date(2026, 5, 31))
    assert done.minor == 7_100
    assert done.rate is not None
    assert (done.rate.day, done.rate.rate, done.rate.source) == (MAY, "7.1", "bank")
    assert convert(amount_minor=1_000, base="USD", quote="CNY", day=JUNE).minor == 7_200
    with pytest.raises(NoRateError, match="USD and CNY is known for 2026-04-30"):
        convert(amount_minor=1, base="USD", quote="CNY", day=date(2026, 4, 30))
    with pytest.raises(NoRateError, match="EUR"):
        convert(amount_minor=1, base="EUR", quote="CNY", day=JUNE)


def test_a_rate_serves_the_other_direction_too() -> None:
    enter("36.6", base="USD", quote="UAH")
    done = convert(amount_minor=3_660, base="UAH", quote="USD", day=JUNE)
    assert done.minor == 100
    assert done.rate is not None
    assert done.rate.rate == "1/36.6"
    assert rate_on(base="UAH", quote="UAH", day=MAY).rate == "1"


@pytest.mark.parametrize(
    ("amount", "base", "quote", "rate", "minor"),
    [
        (100, "JPY", "USD", "0.0065", 65),
        (1, "JPY", "USD", "0.005", 1),
        (-1, "JPY", "USD", "0.005", -1),
        (1, "JPY", "USD", "0.0049", 0),
        (65, "USD", "JPY", "155", 101),
        (1_234, "KWD", "JPY", "500", 617),
        (1_000, "CNY", "CNY", "", 1_000),
    ],
)
def test_decimals_differ_by_currency_and_halves_go_away_from_zero(
    amount: int, base: str, quote: str, rate: str, minor: int
) -> None:
    if rate:
        enter(rate, base=base, quote=quote)
    assert convert(amount_minor=amount, base=base, quote=quote, day=MAY).minor == minor


@given(
    amount=st.integers(-(10**15), 10**15),
    rate=st.decimals("0.0000000001", "999999", places=10).filter(lambda rate: rate > 0),
    pair=st.sampled_from([("USD", "CNY"), ("JPY", "KWD"), ("KWD", "JPY")]),
    inverse=st.booleans(),
)
@settings(max_examples=examples(200))
def test_conversion_is_the_exact_fraction_rounded_once(
    amount: int, rate: Decimal, pair: tuple[str, str], inverse: bool
) -> None:
    base, quote = pair
    row = (quote, base, MAY, rate, "x") if inverse else (base, quote, MAY, rate, "x")
    used = RateTable(quote, [row]).rate(base, MAY)
    digits = {"USD": 2, "CNY": 2, "JPY": 0, "KWD": 3}
    exact = Fraction(amount) * (1 / Fraction(rate) if inverse else Fraction(rate))
    exact *= Fraction(10) ** (digits[quote] - digits[base])
    minor = converted_at(amount_minor=amount, base=base, quote=quote, rate=used)
    assert abs(minor - exact) <= Fraction(1, 2)
    if abs(minor - exact) == Fraction(1, 2):
        assert abs(minor) > abs(exact)


def test_a_correction_is_a_second_row_and_the_last_one_counts() -> None:
    first = enter("7.1")
    assert enter("7.10").pk == first.pk
    second = enter("7.2")
    assert second.pk != first.pk
    assert convert(amount_minor=100, base="USD", quote="CNY", day=MAY).minor == 720
    assert enter("7.1").pk not in {first.pk, second.pk}
    assert convert(amount_minor=100, base="USD", quote="CNY", day=MAY).minor == 710
    assert FxRate.objects.count() == 3


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"rate": "0"}, "0 is no rate"),
        ({"rate": "-7"}, "-7 is no rate"),
        ({"rate": "NaN"}, "NaN is no rate"),
        ({"rate": "seven"}, "seven is no rate"),
        ({"rate": "0.00000000001"}, "10 decimals"),
        ({"rate": "10000000000"}, "is no rate"),
        ({"rate": 7.1}, "no exact decimal"),
        ({"base": "XXX"}, "'XXX' is no currency"),
        ({"quote": "USD"}, "between two currencies"),
        ({"source": " "}, "where the rate comes from"),
    ],
)
def test_what_cannot_be_a_rate_is_refused_and_nothing_is_written(facts: dict[str, object], says: str) -> None:
    bad = {"day": MAY, "base": "USD", "quote": "CNY", "rate": "7.1", "source": "bank"} | facts
    with pytest.raises(BadRateError, match=says):
        rates_record(rates=[NewRate(JUNE, "EUR", "CNY", "7.7", "bank"), NewRate(**bad)])  # type: ignore[arg-type]
    assert not FxRate.objects.exists()


def test_a_table_reads_many_currencies_at_once() -> None:
    rates_record(
        rates=[
            NewRate(MAY, "USD", "CNY", "7.1", "bank"),
            NewRate(MAY, "CNY", "JPY", "20", "bank"),
            NewRate(MAY, "EUR", "USD", "1.1", "bank"),
        ]
    )
    table = rate_table(quote="CNY")
    assert table.convert(100, "USD", JUNE).minor == 710
    assert table.convert(2_000, "JPY", JUNE).minor == 10_000
    with pytest.raises(NoRateError):
        table.convert(1, "EUR", JUNE)
