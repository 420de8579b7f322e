"""Figures as the desk writes them."""

from ledger.admin.words import amount as money

__all__ = ["count", "money", "percent"]


def percent(ppm: int) -> str:
    """A credit in percent with all of its digits."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d}%"


def count(ppm: int) -> str:
    """Millionths of one as a number with all of its digits."""
    return f"{ppm // 10**6:,}.{ppm % 10**6:06d}"
