"""Brings amounts into a report's currency and remembers the rates it used."""

from datetime import date

from analytics.errors import MissingRateError
from ledger.errors import NoRateError
from ledger.selectors import RateUsed, rate_table


class Exchange:
    """Exchange into one currency at the last rate known on each day; the rates are read once.

    Raises MissingRateError where no rate is known for a day or before it.
    """

    def __init__(self, currency: str, *, until: date) -> None:
        self.currency = currency
        self._table = rate_table(quote=currency, until=until)
        self._used: dict[tuple[str, date], RateUsed] = {}

    def convert(self, amount_minor: int, unit: str, day: date) -> int:
        """Minor units of `unit` as minor units of the report's currency, rounded half up."""
        try:
            converted = self._table.convert(amount_minor, unit, day)
        except NoRateError as error:
            raise MissingRateError(base=unit, quote=self.currency, day=day) from error
        if converted.rate is not None:
            self._used[unit, converted.rate.day] = converted.rate
        return converted.minor

    def rate_day(self, unit: str, day: date) -> date:
        """The day whose rate counts on `day`: amounts that share it may be summed before they are converted."""
        if unit == self.currency:
            return day
        try:
            return self._table.rate(unit, day).day
        except NoRateError as error:
            raise MissingRateError(base=unit, quote=self.currency, day=day) from error

    def used(self) -> list[dict[str, str]]:
        """The rates that were used, for the report's own page."""
        return [
            {"base": unit, "quote": self.currency, "rate": rate.rate, "day": day.isoformat(), "source": rate.source}
            for (unit, day), rate in sorted(self._used.items())
        ]
