"""Figures as text: money, percent, ratio, interval, date and time in the reader's language.

Rules of the face, section 5: the language never changes the currency, U+2212 is the minus sign, ranges
take an en dash without spaces, currency decimals are always full, and no float touches money. Everything
here returns plain text; the template tags add the markup.
"""

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache, wraps
from typing import ParamSpec

from babel import Locale
from babel.dates import format_date as babel_date
from babel.numbers import NumberPattern, format_compact_currency, format_compact_decimal
from django.utils import timezone
from django.utils.translation import get_language

from ledger.money import exponent

Number = int | float | Decimal | Fraction

MINUS = "\u2212"
EN_DASH = "\u2013"
ABSENT = "\u2013"

_ENGLISH = Locale.parse("en_US")
_CHINESE = Locale.parse("zh_Hans_CN")
_MONEY = re.compile(r"^(?P<sign>[\u2212+]?)(?P<before>\D*)(?P<whole>\d[\d,]*)(?P<minor>\.\d+)?(?P<after>.*)$")

_LETTERS = re.compile(r"([A-Za-z]{3})(\d)")
"""A symbol that is a bare currency code is parted from its digits: CHF 12.00."""


@dataclass(frozen=True)
class MoneyParts:
    """A formatted amount in pieces: sign, symbol before, whole units, minor units with their point, symbol after."""

    sign: str
    before: str
    whole: str
    minor: str
    after: str


def is_chinese() -> bool:
    """Say whether the reader's language is Chinese."""
    return (get_language() or "en").lower().startswith("zh")


def locale() -> Locale:
    """Return the locale that formats figures for the reader: en_US or zh_Hans_CN."""
    return _CHINESE if is_chinese() else _ENGLISH


Asked = ParamSpec("Asked")


def _kept(write: Callable[Asked, str]) -> Callable[Asked, str]:
    """Keep what was written last in each language: a report writes the same few hundred figures on every look."""

    @lru_cache(maxsize=8192, typed=True)
    def written(_chinese: bool, *asked: Asked.args, **more: Asked.kwargs) -> str:
        return write(*asked, **more)

    @wraps(write)
    def kept(*asked: Asked.args, **more: Asked.kwargs) -> str:
        return written(is_chinese(), *asked, **more)  # type: ignore[arg-type]

    return kept


def signed(text: str) -> str:
    """Replace a leading hyphen by the minus sign."""
    return text.replace("-", MINUS)


def exact(value: Number) -> Decimal:
    """Return the value as a decimal without passing through binary digits.

    A fraction is divided to 28 significant digits.
    """
    if isinstance(value, Fraction):
        return Decimal(value.numerator) / Decimal(value.denominator)
    return value if isinstance(value, Decimal) else Decimal(str(value))


def rounded(value: Number, digits: int) -> Decimal:
    """Round half up to a number of decimals."""
    return exact(value).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def _pattern(places: int, base: NumberPattern) -> NumberPattern:
    pattern: NumberPattern = NumberPattern(
        base.pattern, base.prefix, base.suffix, base.grouping, base.int_prec, (places, places), base.exp_prec, None
    )
    return pattern


@_kept
def money_text(minor: int, currency: str, *, sign: bool = False) -> str:
    """Format minor units as money with the currency's full decimals.

    ``sign`` puts a plus before amounts above zero, for changes.
    """
    places = exponent(currency)
    here = locale()
    pattern = _pattern(places, here.currency_formats["standard"])
    text = signed(pattern.apply(Decimal(minor).scaleb(-places), here, currency=currency, currency_digits=False))
    text = _LETTERS.sub("\\1\u00a0\\2", text)
    return f"+{text}" if sign and minor > 0 else text


def money_parts(minor: int, currency: str, *, sign: bool = False) -> MoneyParts:
    """Format as ``money_text`` and return the pieces, for the large roles of type."""
    match = _MONEY.match(money_text(minor, currency, sign=sign))
    if match is None:  # pragma: no cover - both locales write Latin digits
        raise ValueError(f"no digits in the amount {minor} {currency}")
    return MoneyParts(match["sign"], match["before"], match["whole"], match["minor"] or "", match["after"])


def money_plain(minor: int, currency: str) -> str:
    """Return the exact amount without symbol or grouping, for inputs and files: ``1250.00``."""
    places = exponent(currency)
    return f"{Decimal(minor).scaleb(-places):.{places}f}"


@_kept
def number_text(value: Number, *, digits: int | None = None, sign: bool = False) -> str:
    """Format a number with grouping; ``digits`` fixes the decimals (default: none for whole numbers, else two)."""
    figure = exact(value)
    places = digits if digits is not None else (0 if figure == figure.to_integral_value() else 2)
    text = signed(f"{rounded(figure, places):,.{places}f}")
    return f"+{text}" if sign and figure > 0 else text


@_kept
def compact_text(value: Number, currency: str | None = None) -> str:
    """Format large numbers briefly (1.2M, 123.5万); for axes and chips, never where money is owed.

    With a currency the value is in whole currency units, not minor units.
    """
    figure = exact(value)
    if abs(figure) < (10_000 if is_chinese() else 1000):
        return number_text(figure, digits=0) if currency is None else _whole_money(figure, currency)
    if currency is None:
        return signed(str(format_compact_decimal(figure, locale=locale(), fraction_digits=1)))
    return signed(str(format_compact_currency(figure, currency, locale=locale(), fraction_digits=1)))


def _whole_money(figure: Decimal, currency: str) -> str:
    here = locale()
    pattern = _pattern(0, here.currency_formats["standard"])
    return signed(pattern.apply(rounded(figure, 0), here, currency=currency, currency_digits=False))


def percent_text(value: Number, *, digits: int = 1, sign: bool = False) -> str:
    """Format a fraction of one as percent: 0.124 is 12.4%."""
    figure = exact(value) * 100
    return f"{number_text(figure, digits=digits, sign=sign)}%"


def bp_text(basis_points: int) -> str:
    """Format basis points as a share of money, two decimals: 1500 is 15.00%."""
    return percent_text(Decimal(basis_points).scaleb(-4), digits=2)


def ppm_text(ppm: int) -> str:
    """Format parts per million as a credit, four decimals: 336246 is 33.6246%."""
    return percent_text(Decimal(ppm).scaleb(-6), digits=4)


def interval_text(low: str, high: str) -> str:
    """Join two formatted ends of an interval."""
    return f"{low}{EN_DASH}{high}"


def local_day(value: dt.date | dt.datetime) -> dt.date:
    """Return the day of an instant in the reader's zone; a date stays itself."""
    if isinstance(value, dt.datetime):
        return (timezone.localtime(value) if timezone.is_aware(value) else value).date()
    return value


def day_text(value: dt.date | dt.datetime, style: str = "full") -> str:
    """Format a day.

    Styles: ``full`` 21 Nov 2026, ``short`` 21 Nov, ``weekday`` Sat 21 Nov, ``axis`` 21 Nov or 11/21,
    ``month`` Nov 2026. Raises ``KeyError`` for another style.
    """
    english = {"full": "d MMM y", "short": "d MMM", "weekday": "EEE d MMM", "axis": "d MMM", "month": "MMM y"}
    chinese = {"full": "y年M月d日", "short": "M月d日", "weekday": "M月d日EEE", "axis": "M/d", "month": "y年M月"}
    pattern = (chinese if is_chinese() else english)[style]
    return babel_date(local_day(value), pattern, locale=locale())


def day_range_text(first: dt.date, last: dt.date, *, prose: bool = False) -> str:
    """Format a range of days, naming month and year once: 1–21 Nov 2026, 2026年11月1日–21日.

    ``prose`` joins a Chinese range with 至 as sentences do.
    """
    first, last = local_day(first), local_day(last)
    if first == last:
        return day_text(first)
    same_year, same_month = first.year == last.year, (first.year, first.month) == (last.year, last.month)
    if is_chinese():
        end = babel_date(last, "d日" if same_month else "M月d日" if same_year else "y年M月d日", locale=_CHINESE)
        return f"{day_text(first)}{'至' if prose else EN_DASH}{end}"
    start = babel_date(first, "d" if same_month else "d MMM" if same_year else "d MMM y", locale=_ENGLISH)
    return f"{start}{EN_DASH}{day_text(last)}"


def clock_text(value: dt.datetime, *, seconds: bool = False) -> str:
    """Format the time of day, 24 hours, in the reader's zone: 14:03, or 14:03:07 for audit."""
    moment = timezone.localtime(value) if timezone.is_aware(value) else value
    return moment.strftime("%H:%M:%S" if seconds else "%H:%M")
