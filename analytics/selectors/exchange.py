"""Brings amounts into a report's currency and remembers the rates it used."""

from datetime import date

from ledger.selectors import RateUsed, converted_at, rate_on


class Exchange:
    """Exchange into one currency, by the last rate known on each day."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self._rates: dict[tuple[str, date], RateUsed] = {}

    def rate(self, unit: str, day: date) -> RateUsed:
        """The rate from `unit` on a day; NoRateError where none is known on or before it."""
        key = (unit, day)
        if key not in self._rates:
            self._rates[key] = rate_on(base=unit, quote=self.currency, day=day)
        return self._rates[key]

    def convert(self, amount_minor: int, unit: str, day: date) -> int:
        """Minor units of `unit` as minor units of the report's currency, rounded half up."""
        if unit == self.currency:
            return amount_minor
        return converted_at(amount_minor=amount_minor, base=unit, quote=self.currency, rate=self.rate(unit, day))

    def used(self) -> list[dict[str, str]]:
        """The rates that were used, for the report's own page."""
        rows = {
            (unit, str(rate.rate), rate.day.isoformat(), rate.source)
            for (unit, _), rate in self._rates.items()
            if unit != self.currency
        }
        return [
            {"base": unit, "quote": self.currency, "rate": rate, "day": day, "source": source}
            for unit, rate, day, source in sorted(rows)
        ]
