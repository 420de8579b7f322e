"""The mirror as logs that the path builder takes: whole numbers in columns, in order of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from django.conf import settings

from analytics.choices import ConversionKind
from analytics.selectors.exchange import Exchange
from analytics.selectors.mirror import CONVERSIONS, TOUCHES, changes, mirrored

if TYPE_CHECKING:
    import polars as pl

    from analytics.attribution.builder import TouchLog

DAY = 86_400_000_000
"""Microseconds, the unit of the logs' times (since 1970, UTC)."""


@dataclass(frozen=True)
class MirrorLog:
    """Touches and orders as they were after a run.

    A person's code is a user's where a browser is known to be one's, else the browser's own: `first_user` plus the
    user's key, or the browser's key. `channels[code]` is a channel's key, in ascending order; values are minor units of
    one currency, what was given back taken off.
    """

    run: int
    touches: TouchLog
    conversions: TouchLog
    channels: tuple[int, ...]
    first_user: int


def mirror_log(*, run: int, currency: str) -> MirrorLog:
    """Read the mirror as it was after a run. Withdrawn imports and voided orders are left out.

    Raises MissingRateError where an order in another currency has no exchange rate on or before its day.
    """
    from analytics.attribution.builder import TouchLog

    withdrawn = changes("withdrawn", run=run).filter("withdrawn")["import_batch_id"]
    touches, orders, owners = _touches(run, withdrawn), _orders(run, withdrawn), changes("people", run=run)
    browsers = [table["visitor_id"] for table in (touches, orders, owners)]
    # polars types a largest value as anything a column may hold; these columns hold whole numbers.
    people = _people(owners, first_user=1 + max(int(ids.max() or 0) for ids in browsers))  # type: ignore[arg-type]
    channels, codes = _codes(touches["channel_id"])
    return MirrorLog(
        run=run,
        touches=TouchLog(_told(touches["visitor_id"], people), _instants(touches), codes),
        conversions=TouchLog(_buyers(orders, people), _instants(orders), _values(orders, currency)),
        channels=channels,
        first_user=len(people),
    )


def _touches(run: int, withdrawn: pl.Series) -> pl.DataFrame:
    """Touches that hold; whose they are is read as numbers of 32 bits."""
    keys = ("visitor_id", "channel_id")
    whence = () if withdrawn.is_empty() else ("import_batch_id",)
    return _held(mirrored(TOUCHES, run=run, columns=(*keys, "occurred_at", *whence), keys=keys), withdrawn)


def _held(rows: pl.DataFrame, withdrawn: pl.Series) -> pl.DataFrame:
    """Those that did not come with an import that was withdrawn."""
    import polars as pl

    if withdrawn.is_empty():
        return rows
    return rows.filter(~pl.col("import_batch_id").is_in(withdrawn.implode()).fill_null(value=False))


def _orders(run: int, withdrawn: pl.Series) -> pl.DataFrame:
    """Orders that hold, with what came back of each."""
    import polars as pl

    columns = ("id", "kind", "user_id", "visitor_id", "value_minor", "currency", "import_batch_id", "occurred_at")
    rows = mirrored(CONVERSIONS, run=run, columns=columns).filter(pl.col("kind") == ConversionKind.ORDER.value)
    returns = changes("returns", run=run).drop("run")
    rows = _held(rows, withdrawn).join(
        returns, left_on="id", right_on="conversion_id", how="left", maintain_order="left"
    )
    return rows.filter(~pl.col("voided").fill_null(value=False)).with_columns(pl.col("returned_minor").fill_null(0))


def _people(owners: pl.DataFrame, *, first_user: int) -> Any:
    """The code of each browser, by its key."""
    import numpy as np

    known = owners.drop_nulls("user_id")
    people = np.arange(first_user, dtype=np.int32)
    people[known["visitor_id"].to_numpy()] = first_user + known["user_id"].to_numpy()
    return people


def _buyers(orders: pl.DataFrame, people: Any) -> Any:
    """The code of each order's buyer; where nobody signed in, of the browser that ordered."""
    import numpy as np

    users = orders["user_id"].fill_null(-1).to_numpy()
    return np.where(users >= 0, len(people) + users, people[orders["visitor_id"].fill_null(0).to_numpy()])


def _codes(keys: pl.Series) -> tuple[tuple[int, ...], Any]:
    """The keys that occur, in order, and each key's place among them."""
    import numpy as np

    # As above: the largest of a column of whole numbers is one.
    occurs = np.zeros(1 + int(keys.max() or 0), np.bool_)  # type: ignore[arg-type]  # polars says that the largest may be anything
    for part in keys.get_chunks():
        occurs[part.to_numpy()] = True
    return tuple(np.flatnonzero(occurs).tolist()), _told(keys, np.cumsum(occurs, dtype=np.int32) - np.int32(1))


def _told(places: pl.Series, table: Any) -> Any:
    """What stands at each of these places of a table, a part at a time: no copy of all the places is made."""
    import numpy as np

    found, at = np.empty(len(places), table.dtype), 0
    for part in places.get_chunks():
        found[at : at + len(part)] = table[part.to_numpy()]
        at += len(part)
    return found


def _instants(rows: pl.DataFrame) -> Any:
    return rows["occurred_at"].to_physical().to_numpy()


def _values(orders: pl.DataFrame, currency: str) -> Any:
    """What was paid and kept of each order; each amount at its day's rate, as the channel report does."""
    values = (orders["value_minor"] - orders["returned_minor"]).to_numpy().copy()
    days = orders["occurred_at"].dt.convert_time_zone(settings.TIME_ZONE).dt.date()
    # As above: the largest of a column of days is a day.
    exchange = Exchange(currency, until=days.max() or date.max)  # type: ignore[arg-type]
    for place in (orders["currency"] != currency).arg_true():
        unit, paid, back = (orders[name][place] for name in ("currency", "value_minor", "returned_minor"))
        values[place] = exchange.convert(paid, unit, days[place]) - exchange.convert(back, unit, days[place])
    return values
