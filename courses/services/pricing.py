"""What a set of courses costs, exact to the minor unit. Pure: no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.money import BP, apportion, half_up


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line in minor units: list price, its part of discount and tax, and what the learner pays for it."""

    list_minor: int
    discount_minor: int
    tax_minor: int
    payable_minor: int


@dataclass(frozen=True, slots=True)
class Priced:
    """An order's amounts in minor units. Every amount is the sum of its lines."""

    lines: tuple[PricedLine, ...]
    list_minor: int
    discount_minor: int
    tax_minor: int
    tax_inclusive: bool
    total_minor: int


def tax_of(net: int, *, rate_bp: int, inclusive: bool) -> int:
    """Return the tax on `net` minor units at `rate_bp`, an exact half rounded up.

    Inside the price: half_up(net * rate / (10,000 + rate)); on top of it: half_up(net * rate / 10,000).
    """
    return half_up(net * rate_bp, BP + rate_bp if inclusive else BP)


def price(
    *,
    lists: Sequence[int],
    discounts: Sequence[int] | None = None,
    discount_minor: int = 0,
    tax_minor: int | None = None,
    tax_bp: int = 0,
    tax_inclusive: bool = True,
) -> Priced:
    """Price lines with these list prices.

    The discount is given per line, or as one amount that is apportioned over the list prices. The tax is given as one
    amount, or computed once over the whole order at `tax_bp`; it is apportioned over what is left of each line. Ties go
    to the earlier line. ValueError: a discount above its line, or a tax where nothing is paid.
    """
    off = list(discounts) if discounts is not None else apportion(discount_minor, lists)
    nets = [whole - part for whole, part in zip(lists, off, strict=True)]
    if any(net < 0 for net in nets) or any(part < 0 for part in off):
        raise ValueError("a discount is negative or exceeds the list price")
    net = sum(nets)
    tax = tax_of(net, rate_bp=tax_bp, inclusive=tax_inclusive) if tax_minor is None else tax_minor
    if tax_inclusive and tax > net:
        raise ValueError("the tax inside the price exceeds the price")
    taxes = apportion(tax, nets)
    lines = tuple(
        PricedLine(whole, part, share, left if tax_inclusive else left + share)
        for whole, part, share, left in zip(lists, off, taxes, nets, strict=True)
    )
    return Priced(
        lines, sum(lists), sum(off), tax, tax_inclusive, total_minor=sum(line.payable_minor for line in lines)
    )
