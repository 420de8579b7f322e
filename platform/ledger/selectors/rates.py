"""Exchange rates: the last known day counts, in either direction, in integers."""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection

from ledger.errors import NoRateError
from ledger.money import exponent, half_up

_SCALE = 10**10


@dataclass(frozen=True, slots=True)
class RateUsed:
    """A rate from one currency to another, as it was used: one unit buys `numerator / denominator` units.

    `rate` is that number as entered: "36.6", or "1/36.6" where it was entered the other way round.
    """

    day: date
    rate: str
    source: str
    numerator: int
    denominator: int


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in the other currency, with the rate that was used; None where nothing was to convert."""

    minor: int
    rate: RateUsed | None


class RateTable:
    """The rates of some currencies to one, in memory, for converting many amounts with one query."""

    def __init__(self, quote: str, rows: Collection[tuple[str, str, date, Decimal, str]]) -> None:
        self.quote = quote
        self._by_base: dict[str, list[RateUsed]] = {}
        for base, other, day, rate, source in sorted(rows, key=lambda row: row[2]):
            inverse = base == quote
            self._by_base.setdefault(other if inverse else base, []).append(_used(day, rate, source, inverse=inverse))
        self._days = {base: [rate.day for rate in found] for base, found in self._by_base.items()}

    def rate(self, base: str, day: date) -> RateUsed:
        """The last rate known on `day`; NoRateError where there is none."""
        at = bisect_right(self._days.get(base, []), day)
        if not at:
            raise NoRateError(f"No rate between {base} and {self.quote} is known for {day} or before.")
        return self._by_base[base][at - 1]

    def convert(self, amount_minor: int, base: str, day: date) -> Converted:
        """Return `amount_minor` of `base` in the table's currency, at the last rate known on `day`; half up."""
        if base == self.quote:
            return Converted(amount_minor, None)
        rate = self.rate(base, day)
        return Converted(converted_at(amount_minor=amount_minor, base=base, quote=self.quote, rate=rate), rate)


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
        return RateTable(quote, cursor.fetchall())


def rate_on(*, base: str, quote: str, day: date) -> RateUsed:
    """The last rate known on `day`; NoRateError where there is none, one to one for the same currency."""
    if base == quote:
        return RateUsed(day, "1", "", 1, 1)
    return rate_table(quote=quote, bases=[base], until=day).rate(base, day)


def converted_at(*, amount_minor: int, base: str, quote: str, rate: RateUsed) -> int:
    """Minor units of `base` as minor units of `quote` at `rate`, which goes from the one to the other; half up."""
    up, down = 10 ** exponent(quote), 10 ** exponent(base)
    minor = half_up(abs(amount_minor) * rate.numerator * up, rate.denominator * down)
    return -minor if amount_minor < 0 else minor


def convert(*, amount_minor: int, base: str, quote: str, day: date) -> Converted:
    """Convert one amount at the last rate known on `day`; NoRateError where there is none."""
    return rate_table(quote=quote, bases=[base], until=day).convert(amount_minor, base, day)


def _used(day: date, rate: Decimal, source: str, *, inverse: bool) -> RateUsed:
    text, scaled = f"{rate.normalize():f}", int(rate * _SCALE)
    if inverse:
        return RateUsed(day, f"1/{text}", source, _SCALE, scaled)
    return RateUsed(day, text, source, scaled, _SCALE)
