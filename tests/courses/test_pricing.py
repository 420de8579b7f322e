"""Quotes are exact: lines sum to the order in every amount."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.services.pricing import price, tax_of
from ledger.money import apportion

LISTS = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=12)
RATES = st.integers(min_value=0, max_value=10_000)


@given(lists=LISTS, share=st.integers(min_value=0, max_value=1000), rate=RATES, inclusive=st.booleans())
def test_every_amount_of_an_order_is_the_sum_of_its_lines(
    lists: list[int], share: int, rate: int, inclusive: bool
) -> None:
    discount = sum(lists) * share // 1000
    priced = price(lists=lists, discount_minor=discount, tax_bp=rate, tax_inclusive=inclusive)
    assert sum(line.list_minor for line in priced.lines) == priced.list_minor == sum(lists)
    assert sum(line.discount_minor for line in priced.lines) == priced.discount_minor == discount
    assert sum(line.tax_minor for line in priced.lines) == priced.tax_minor
    assert sum(line.payable_minor for line in priced.lines) == priced.total_minor
    assert priced.total_minor == sum(lists) - discount + (0 if inclusive else priced.tax_minor)
    for line in priced.lines:
        assert 0 <= line.discount_minor <= line.list_minor
        assert 0 <= line.tax_minor <= line.payable_minor


@given(lists=LISTS, rate=RATES, inclusive=st.booleans())
def test_no_line_is_further_than_one_unit_from_its_exact_tax(lists: list[int], rate: int, inclusive: bool) -> None:
    priced = price(lists=lists, tax_bp=rate, tax_inclusive=inclusive)
    for line in priced.lines:
        exact = Fraction(priced.tax_minor * line.list_minor, sum(lists) or 1)
        assert abs(line.tax_minor - exact) < 1


@given(lists=LISTS, data=st.data())
def test_discounts_given_per_line_are_kept_as_they_are(lists: list[int], data: st.DataObject) -> None:
    discounts = [data.draw(st.integers(min_value=0, max_value=amount)) for amount in lists]
    priced = price(lists=lists, discounts=discounts)
    assert [line.discount_minor for line in priced.lines] == discounts


def test_a_known_order_is_priced_to_the_fen() -> None:
    priced = price(lists=[19_900, 9_900, 4_900], discount_minor=5_000, tax_bp=600)
    assert [line.discount_minor for line in priced.lines] == apportion(5_000, [19_900, 9_900, 4_900])
    assert [line.discount_minor for line in priced.lines] == [2_867, 1_427, 706]
    assert priced.total_minor == 29_700
    assert priced.tax_minor == 1_681  # 29,700 * 600 / 10,600 = 1,681.13
    assert [line.tax_minor for line in priced.lines] == [964, 480, 237]


@pytest.mark.parametrize(
    ("net", "rate", "inclusive", "tax"),
    [
        (10_000, 600, True, 566),
        (10_000, 600, False, 600),
        (25, 1_000, False, 3),
        (11, 1_000, True, 1),
        (0, 600, True, 0),
    ],
)
def test_tax_is_rounded_half_up_once(net: int, rate: int, inclusive: bool, tax: int) -> None:
    assert tax_of(net, rate_bp=rate, inclusive=inclusive) == tax


@pytest.mark.parametrize(
    "given_",
    [
        {"lists": [100], "discounts": [101]},
        {"lists": [100], "discounts": [-1]},
        {"lists": [100], "tax_minor": 101},
        {"lists": [0], "tax_minor": 1, "tax_inclusive": False},
        {"lists": [100], "discount_minor": -1},
        {"lists": [-1]},
    ],
)
def test_amounts_that_cannot_be_are_refused(given_: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        price(**given_)  # type: ignore[arg-type]
