"""Entering exchange rates."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.db import transaction

from ledger.errors import BadRateError
from ledger.models import FxRate
from ledger.money import EXPONENTS

_STEP = Decimal("1e-10")
_MOST = Decimal(10) ** 10


@dataclass(frozen=True, slots=True)
class NewRate:
    """How many units of `quote` one unit of `base` buys on `day`, as an exact decimal number."""

    day: date
    base: str
    quote: str
    rate: Decimal | str
    source: str


def rate_set(
    *, day: date, base: str, quote: str, rate: Decimal | str, source: str, actor_id: int | None = None
) -> FxRate:
    """Enter one rate. The same number again changes nothing; another number for the day counts from now on."""
    return rates_record(rates=[NewRate(day, base, quote, rate, source)], actor_id=actor_id)[0]


@transaction.atomic
def rates_record(*, rates: Iterable[NewRate], actor_id: int | None = None) -> list[FxRate]:
    """Enter many rates in three queries; BadRateError names the first that cannot be one, and nothing is written."""
    drafts = [(draft, _checked(draft)) for draft in rates]
    known = _latest(draft for draft, _ in drafts)
    fresh: dict[tuple[date, str, str], FxRate] = {}
    for draft, number in drafts:
        key = (draft.day, draft.base, draft.quote)
        last = fresh.get(key) or known.get(key)
        if last is None or last.rate != number:
            fresh[key] = FxRate(
                day=draft.day, base=draft.base, quote=draft.quote, rate=number, source=draft.source, actor_id=actor_id
            )
    FxRate.objects.bulk_create(fresh.values())
    return [(fresh.get(key) or known[key]) for key in ((d.day, d.base, d.quote) for d, _ in drafts)]


def _latest(drafts: Iterable[NewRate]) -> dict[tuple[date, str, str], FxRate]:
    keys = list(drafts)
    rows = FxRate.objects.filter(
        day__in={k.day for k in keys}, base__in={k.base for k in keys}, quote__in={k.quote for k in keys}
    ).order_by("id")
    return {(row.day, row.base, row.quote): row for row in rows}


def _checked(draft: NewRate) -> Decimal:
    where = f"{draft.base}/{draft.quote} on {draft.day}"
    for currency in (draft.base, draft.quote):
        if currency not in EXPONENTS:
            raise BadRateError(f"{where}: {currency!r} is no currency.")
    if draft.base == draft.quote:
        raise BadRateError(f"{where}: a rate stands between two currencies.")
    if isinstance(draft.rate, float) or not isinstance(draft.rate, Decimal | str):
        raise BadRateError(f"{where}: {draft.rate!r} is no exact decimal number.")
    try:
        number = Decimal(draft.rate)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 < number < _MOST or number != number.quantize(_STEP):
        raise BadRateError(
            f"{where}: {draft.rate} is no rate; it must be above 0, below {_MOST:,} and have 10 decimals at most."
        )
    if not draft.source.strip():
        raise BadRateError(f"{where}: say where the rate comes from.")
    return number.quantize(_STEP)
