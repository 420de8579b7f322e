"""Figures as the desk writes them."""

from decimal import Decimal

from ledger.money import decimal_from_minor


def money(minor: int | None, currency: str) -> str:
    """An amount with its currency's code and grouped digits; a dash where there is none."""
    if minor is None or not currency:
        return "–"
    return f"{Decimal(decimal_from_minor(minor, currency)):,} {currency}"


def percent(ppm: int) -> str:
    """A credit in percent with all of its digits."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d}%"


def count(ppm: int) -> str:
    """Millionths of one as a number with all of its digits."""
    return f"{ppm // 10**6:,}.{ppm % 10**6:06d}"
