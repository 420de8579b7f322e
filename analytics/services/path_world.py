"""The journeys behind daily path statistics, as they were after a run of the mirror, told from columns on disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from analytics.selectors.exchange import Exchange
from analytics.selectors.inputs import day_start
from analytics.selectors.mirror import CONVERSIONS, TOUCHES
from analytics.selectors.path_log import NOBODY, Segment, StoreState, change_rows, latest, segments

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from analytics.attribution.builder import TouchLog
    from analytics.attribution.daily import DayPaths

    Numbers = NDArray[np.int64]

ORIGIN = date(2000, 1, 1)
"""Day number 0 of the statistics."""


@dataclass
class World:
    """The journeys as they were after a run: whose a browser is, what was withdrawn, what of orders came back.

    A person is a whole number: twice a user's and one, or twice the key of a browser that is nobody's. `before` is the
    world of an earlier run, from which this one's owners are told; without it they are from all merges.
    """

    state: StoreState
    run: int
    people: int = 0
    before: World | None = None
    tables: dict[str, Any] = field(default_factory=dict)

    def segments(self, table: str) -> Iterable[Segment]:
        """The columns of a table."""
        if table not in self.tables:
            self.tables[table] = list(segments(self.state, table))
        held: list[Segment] = self.tables[table]
        return held

    def changes(self, table: str) -> pl.DataFrame:
        """All changes until the run."""
        if table not in self.tables:
            self.tables[table] = change_rows(table, run=self.run)
        rows: pl.DataFrame = self.tables[table]
        return rows

    def changed(self, table: str, since: int) -> pl.DataFrame:
        """The changes after an earlier run."""
        import polars as pl

        return self.changes(table).filter(pl.col("run") > since)

    def owners(self) -> Numbers:
        """The person of each browser, by its key."""
        import numpy as np

        if "owners" not in self.tables and self.before is not None:
            self.tables["owners"] = self._owners_since(self.before)
        if "owners" not in self.tables:
            known = latest(self.changes("people"), "visitor_id", run=self.run).drop_nulls("user_id")
            visitors = known["visitor_id"].to_numpy()
            most = max(self.state.largest, int(visitors.max(initial=0)))
            users = known["user_id"].to_numpy()
            few = 2 * max(most, int(users.max(initial=0))) + 1 < 1 << 31
            owners = 2 * np.arange(most + 1, dtype=np.int32 if few else np.int64)
            owners[visitors] = 2 * users + 1
            self.tables["owners"] = owners
        owned: Numbers = self.tables["owners"]
        return owned

    def _owners_since(self, before: World) -> Numbers:
        """As they were before, with what changed since."""
        import numpy as np

        changed = latest(self.changed("people", before.run), "visitor_id", run=self.run)
        visitors, was = changed["visitor_id"].to_numpy(), before.owners()
        users = changed["user_id"].fill_null(NOBODY).to_numpy()
        most = max(self.state.largest, int(visitors.max(initial=0)))
        kind = was.dtype if 2 * max(most, int(users.max(initial=0))) + 1 < 1 << 31 else np.int64
        owners = np.concatenate([was.astype(kind), 2 * np.arange(len(was), most + 1, dtype=kind)])
        owners[visitors] = np.where(users == NOBODY, 2 * visitors, 2 * users + 1)
        return owners

    def owners_of(self, visitors: Numbers) -> Numbers:
        """The people of some browsers."""
        owners = self.owners()
        return owners[visitors[visitors < len(owners)]]

    def buyers(self, segment: Segment) -> Numbers:
        """The person of each order."""
        import numpy as np

        from analytics.attribution.daily import buyers_of
        from analytics.attribution.paths import read_only

        key = f"buyers {segment.run}"
        if key not in self.tables:
            users, visitors = (read_only(np.asarray(segment[name])) for name in ("user_id", "visitor_id"))
            self.tables[key] = buyers_of(users, visitors, read_only(self.owners()))
        known: Numbers = self.tables[key]
        return known

    def buyers_of_news(self, since: int) -> list[Numbers]:
        """Who ordered since, or whose order's import was withdrawn since."""
        import numpy as np

        batches = self.changed("withdrawn", since)["import_batch_id"].to_numpy()
        found = []
        for segment in self.segments(CONVERSIONS):
            if segment.run > since:
                found.append(self.buyers(segment))
            elif len(batches):
                found.append(self.buyers(segment)[np.isin(segment["import_batch_id"], batches)])
        return found

    def buyers_of_returns(self, new: World, since: int) -> list[Numbers]:
        """Whose orders gave something back since, or were voided."""
        import numpy as np

        orders = new.changed("returns", since)["conversion_id"].to_numpy()
        found = []
        for segment in self.segments(CONVERSIONS):
            rows = np.flatnonzero(np.isin(segment["id"], orders))
            found += [world.buyers(segment)[rows] for world in (self, new)]
        return found

    def counted(self, chosen: Chosen | None) -> DayPaths:
        """The journeys of these people (None: of all), by day and path."""
        import numpy as np

        from analytics.attribution.daily import count_by_day

        withdrawn = latest(self.changes("withdrawn"), "import_batch_id", run=self.run).drop_nulls("withdrawn")
        gone = withdrawn["import_batch_id"].to_numpy()
        touches = self._rows(TOUCHES, chosen, gone)
        orders = self._held(self._rows(CONVERSIONS, chosen, gone))
        everybody = np.concatenate([touches["person"], orders["person"]])
        if chosen is None:
            codes, who = _dense(everybody)
            self.people = len(codes)
        else:
            who = chosen.codes[everybody]
        keys, what = _dense(touches["channel_id"])
        split = len(touches["person"])
        return count_by_day(
            _log(who[:split], touches["occurred_at"], what),
            _log(who[split:], orders["occurred_at"], orders["kept"]),
            channels=[int(key) for key in keys],
            days=_days(),
            lookback=self.state.lookback_days * 86_400_000_000,
        )

    def _rows(self, table: str, chosen: Chosen | None, gone: Numbers) -> dict[str, Numbers]:
        """The rows of these people that hold, in order of time and id."""
        import numpy as np

        names = ["id", "occurred_at", *(["channel_id"] if table == TOUCHES else ["value_minor", "currency"])]
        parts: dict[str, list[Numbers]] = {name: [] for name in ("person", *names)}
        for segment in self.segments(table):
            if segment.run > self.run:
                continue
            own = chosen.touches[segment.run] if chosen is not None and table == TOUCHES else segment
            person = self.owners()[own["visitor_id"]] if table == TOUCHES else self.buyers(segment)
            held = np.ones(len(person), bool) if chosen is None else chosen.among(person)
            if len(gone):
                batches = segment["import_batch_id"]
                whose = chosen.rows[segment.run] if chosen is not None and table == TOUCHES else slice(None)
                held &= ~np.isin(batches[whose], gone)
            rows = slice(None) if held.all() else held
            parts["person"].append(person[rows])
            for name in names:
                parts[name].append(own[name][rows])
        joined = {name: np.concatenate(columns) for name, columns in parts.items()}
        times = joined["occurred_at"]
        if len(self.state.segments) > 1 or not bool(np.all(times[1:] >= times[:-1])):
            order = _in_order(times, joined["id"])
            joined = {name: column[order] for name, column in joined.items()}
        return joined

    def _held(self, orders: dict[str, Numbers]) -> dict[str, Numbers]:
        """Orders that were not voided, with what was paid and kept of each in the state's currency."""
        import numpy as np
        import polars as pl

        returns = latest(self.changes("returns"), "conversion_id", run=self.run)
        ids = returns["conversion_id"].to_numpy()
        back = np.zeros(len(orders["id"]), np.int64)
        voided = np.zeros(len(back), bool)
        place = np.searchsorted(ids, orders["id"])
        if len(ids):
            found = ids[np.minimum(place, len(ids) - 1)] == orders["id"]
            back[found] = returns["returned_minor"].fill_null(0).to_numpy()[place[found]]
            voided[found] = returns["voided"].fill_null(value=False).to_numpy()[place[found]]
        kept = orders["value_minor"] - back
        units = self.state.currencies
        own = units.index(self.state.currency) if self.state.currency in units else NOBODY
        foreign = np.flatnonzero((orders["currency"] != own) & ~voided)
        if len(foreign):
            instants = pl.from_epoch(pl.Series(orders["occurred_at"][foreign]), time_unit="us")
            days = instants.dt.replace_time_zone("UTC").dt.convert_time_zone(settings.TIME_ZONE).dt.date()
            exchange = Exchange(self.state.currency, until=timezone.localdate())
            for row, day in zip(foreign.tolist(), days, strict=True):
                unit = units[orders["currency"][row]]
                paid, returned = int(orders["value_minor"][row]), int(back[row])
                kept[row] = exchange.convert(paid, unit, day) - exchange.convert(returned, unit, day)
        return {name: column[~voided] for name, column in {**orders, "kept": kept}.items()}


def _in_order(times: Numbers, ids: Numbers) -> Numbers:
    """The order by time and id of what is nearly so: segments one behind the other, each in order."""
    import numpy as np

    order = np.argsort(times, kind="stable")
    told, numbers = times[order], ids[order]
    same = told[1:] == told[:-1]
    if bool(np.any(same & (numbers[1:] < numbers[:-1]))):
        return np.lexsort((ids, times))
    return order


def _dense(values: Numbers) -> tuple[Numbers, Numbers]:
    """The values that occur, in order, and each one's place among them; values are whole numbers from 0 on."""
    import numpy as np

    occurs = np.zeros(1 + int(values.max(initial=0)), bool)
    occurs[values] = True
    places = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(occurs), places[values]


class Chosen:
    """Some people of two worlds, and the touches of browsers that are theirs in either.

    `codes[person]` numbers them; `rows` and `touches` hold those rows and their columns, by segment. People are small
    whole numbers, so tables tell who is among them.
    """

    def __init__(self, people: Numbers, worlds: tuple[World, World]) -> None:
        import numpy as np

        from analytics.attribution.daily import add_owned
        from analytics.attribution.paths import read_only

        owners = [world.owners() for world in worlds]
        buyers = [world.buyers(segment) for world in worlds for segment in world.segments(CONVERSIONS)]
        most = max(int(column.max(initial=0)) for column in (*owners, *buyers))
        self._among = np.zeros(max(most, int(people.max(initial=0))) + 1, bool)
        self._among[people] = True
        chosen = np.flatnonzero(self._among)
        self.count = len(chosen)
        self.codes = np.zeros(len(self._among), np.int32)
        self.codes[chosen] = np.arange(len(chosen))
        browsers = np.zeros(max(map(len, owners)), bool)
        for own in owners:
            add_owned(browsers, read_only(own), self._among)
        self._browsers = browsers
        self.rows: dict[int, Numbers] = {}
        self.touches: dict[int, dict[str, Numbers]] = {}
        self.pick(worlds[1])

    def among(self, people: Numbers) -> NDArray[np.bool_]:
        """Whether each is one of them."""
        held: NDArray[np.bool_] = self._among[people]
        return held

    def pick(self, world: World) -> None:
        """Read their touches from the columns as they are now."""
        import numpy as np

        for segment in world.segments(TOUCHES):
            rows = self.rows[segment.run] = segment.rows_of(self._browsers)
            names = ("id", "visitor_id", "channel_id", "occurred_at")
            self.touches[segment.run] = {name: np.asarray(segment[name])[rows] for name in names}


def _log(people: Any, times: Numbers, what: Any) -> TouchLog:
    import numpy as np

    from analytics.attribution.builder import TouchLog

    return TouchLog(people.astype(np.int32), times, what)


def _days() -> Numbers:
    """The instants at which days of the portal's time zone begin, from `ORIGIN` on, in microseconds since 1970."""
    return _day_starts((timezone.localdate() - ORIGIN).days + 400, settings.TIME_ZONE)


@lru_cache(maxsize=2)
def _day_starts(count: int, _zone: str) -> Numbers:
    import numpy as np

    starts = [day_start(ORIGIN + timedelta(days=number)) for number in range(count)]
    return np.array([int(start.timestamp()) * 1_000_000 for start in starts], np.int64)
