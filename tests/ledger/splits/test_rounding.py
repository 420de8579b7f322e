"""A rounding says which way it fell, and fractions are told exactly."""

from fractions import Fraction

import pytest

from ledger.splits.rounding import fraction, rounded


@pytest.mark.parametrize(
    ("n", "d", "got", "why"),
    [(6, 3, 2, "exact"), (7, 3, 2, "down"), (8, 3, 3, "up"), (5, 2, 3, "half_up"), (7, 3, 4, "history")],
)
def test_a_rounding_says_which_way_it_fell(n: int, d: int, got: int, why: str) -> None:
    told = rounded(n, d, got)
    assert (told["why"], told["floor"], told["amount"], Fraction(told["exact"])) == (why, n // d, got, Fraction(n, d))


def test_fractions_are_in_lowest_terms_with_their_denominator() -> None:
    assert (fraction(10, 4), fraction(6, 3), fraction(0, 7)) == ("5/2", "2/1", "0/1")
