"""Exact figures as plain text, the same in every language: what a step computed before it was rounded."""

from ledger.money import decimal_from_minor, exponent
from partners.selectors.phrases import percent

DIGITS = 4
"""How many digits after the last minor unit are written before an ellipsis."""


def plain(minor: int, currency: str) -> str:
    """Minor units as a plain decimal number: 16915 CNY is "169.15"."""
    return decimal_from_minor(minor, currency)


def exact(fraction: str, currency: str) -> str:
    """An exact number of minor units "n/d" as a decimal; an ellipsis stands where it does not end."""
    numerator, denominator = (int(part) for part in fraction.split("/"))
    digits = exponent(currency) + DIGITS
    scaled, rest = divmod(numerator * 10**DIGITS, denominator)
    text = str(scaled).rjust(digits + 1, "0")
    whole, decimals = (text[:-digits], text[-digits:]) if digits else (text, "")
    if rest:
        return f"{whole}.{decimals}…"
    decimals = decimals[: exponent(currency)] + decimals[exponent(currency) :].rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def remainder(fraction: str) -> str:
    """What was left of the smallest unit after rounding down, "n/d" below 1, to two digits: "19/20" is ".95"."""
    numerator, denominator = (int(part) for part in fraction.split("/"))
    if not numerator:
        return "0"
    hundredths, rest = divmod(numerator * 100, denominator)
    return f".{hundredths:02d}{'…' if rest else ''}"


def share(weight: int, whole: int) -> str:
    """A weight as a percentage where two decimals can say it, else as "weight/whole"."""
    bp, rest = divmod(weight * 10_000, whole)
    return f"{weight}/{whole}" if rest else percent(bp)


def credit(ppm: int) -> str:
    """Credit in ppm with four decimals: 336246 is "33.6246%"."""
    return f"{ppm // 10_000}.{ppm % 10_000:04d}%"
