"""Exchange rates: the last known day counts, in either direction, in integers."""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

from ledger.errors import UnknownRateError
from ledger.money import exponent, half_up

_SCALE = 10**10


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as entered: one unit of `base` buys `rate` units of `quote`."""

    base: str
    quote: str
    day: date
    rate: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in the other currency, with the rate that was used. `rate` is None where nothing was to convert."""

    minor: int
    rate: Rate | None


class RateTable:
    """The rates of some currencies to one, in memory, for converting many amounts with one query."""

    def __init__(self, quote: str, rates: Collection[Rate]) -> None:
        self.quote = quote
        self._by_base: dict[str, list[Rate]] = {}
        for rate in sorted(rates, key=lambda rate: rate.day):
            other = rate.quote if rate.base == quote else rate.base
            self._by_base.setdefault(other, []).append(rate)
        self._days = {base: [rate.day for rate in rows] for base, rows in self._by_base.items()}

    def convert(self, amount_minor: int, base: str, day: date) -> Converted:
        """Return `amount_minor` of `base` in the table's currency, at the last rate known on `day`; half up."""
        if base == self.quote:
            return Converted(amount_minor, None)
        at = bisect_right(self._days.get(base, []), day)
        if not at:
            raise UnknownRateError(f"No rate between {base} and {self.quote} is known for {day} or before.")
        rate = self._by_base[base][at - 1]
        return Converted(_converted(amount_minor, base, self.quote, rate), rate)


def rate_table(*, quote: str, bases: Collection[str] | None = None, until: date | None = None) -> RateTable:
    """Read all rates to or from `quote`, up to a day; of several rows for a day the last one entered counts."""
    others = None if bases is None else sorted(set(bases) - {quote})
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (base, quote, day) base, quote, day, rate, source FROM ledger_fxrate
            WHERE (quote = %(quote)s AND (%(any)s OR base = ANY (%(others)s))
                OR base = %(quote)s AND (%(any)s OR quote = ANY (%(others)s)))
                AND (%(until)s::date IS NULL OR day <= %(until)s)
            ORDER BY base, quote, day, id DESC
            """,
            {"quote": quote, "any": others is None, "others": others or [], "until": until},
        )
        return RateTable(quote, [Rate(*row) for row in cursor.fetchall()])


def convert(*, amount_minor: int, base: str, quote: str, day: date) -> Converted:
    """Convert one amount at the last rate known on `day`; UnknownRateError where there is none."""
    return rate_table(quote=quote, bases=[base], until=day).convert(amount_minor, base, day)


def _converted(amount: int, base: str, quote: str, rate: Rate) -> int:
    """Amount x rate, or amount / rate where the rate was entered the other way round; away from zero on a half."""
    scaled = int(rate.rate * _SCALE)
    up, down = 10 ** exponent(quote), 10 ** exponent(base)
    if rate.base == base:
        minor = half_up(abs(amount) * scaled * up, _SCALE * down)
    else:
        minor = half_up(abs(amount) * _SCALE * up, scaled * down)
    return -minor if amount < 0 else minor
