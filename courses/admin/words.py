"""Figures as the desk writes them."""

from decimal import Decimal

from ledger.money import decimal_from_minor


def money(minor: int, currency: str) -> str:
    """An amount with grouped digits and its currency's code."""
    return f"{Decimal(decimal_from_minor(minor, currency)):,} {currency}"
