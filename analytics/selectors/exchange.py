"""Brings amounts into a report's currency and remembers the rates it used."""

from datetime import date

from ledger.selectors import RateUsed, rate_table


class Exchange:
    """Exchange into one currency at the last rate known on each day; the rates are read once.

    Raises NoRateError (of the ledger) where no rate is known for a day or before it.
    """

    def __init__(self, currency: str, *, until: date) -> None:
        self.currency = currency
        self._table = rate_table(quote=currency, until=until)
        self._used: dict[tuple[str, date], RateUsed] = {}

    def convert(self, amount_minor: int, unit: str, day: date) -> int:
        """Minor units of `unit` as minor units of the report's currency, rounded half up."""
        converted = self._table.convert(amount_minor, unit, day)
        if converted.rate is not None:
            self._used[unit, converted.rate.day] = converted.rate
        return converted.minor

    def rate_day(self, unit: str, day: date) -> date:
        """The day whose rate counts on `day`: amounts that share it may be summed before they are converted."""
        return day if unit == self.currency else self._table.rate(unit, day).day

    def used(self) -> list[dict[str, str]]:
        """The rates that were used, for the report's own page."""
        return [
            {"base": unit, "quote": self.currency, "rate": rate.rate, "day": day.isoformat(), "source": rate.source}
            for (unit, day), rate in sorted(self._used.items())
        ]
