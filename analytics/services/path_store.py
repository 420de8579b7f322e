"""Keeps daily path statistics beside the mirror: a day's news restate the journeys of the people concerned alone."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from analytics.selectors.exchange import Exchange
from analytics.selectors.inputs import day_start
from analytics.selectors.mirror import CONVERSIONS, TOUCHES, MirrorState, mirror_state
from analytics.selectors.path_log import (
    NOBODY,
    Segment,
    StoreState,
    change_rows,
    columns_of,
    files_now,
    latest,
    news,
    segments,
    statistics_kept,
    store_folder,
    store_state,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from analytics.attribution.builder import TouchLog
    from analytics.attribution.daily import DayPaths

    Numbers = NDArray[np.int64]

LOOKBACK_DAYS = 30
ORIGIN = date(2000, 1, 1)
"""Day number 0 of the statistics."""

MOST_SEGMENTS = 40
"""When there are more, all are laid together again."""


@dataclass(frozen=True)
class Restated:
    """What a run of the store did: up to which run of the mirror, whether anew, and how many people it restated."""

    run: int
    anew: bool
    people: int
    paths: DayPaths


def path_statistics_update(*, anew: bool = False) -> Restated | None:
    """Bring the daily path statistics up to the mirror's last run. Safe to repeat and to be killed at any point.

    Only people with a late or new touch or order, a merge, a withdrawal or a return since are told again: minus their
    journeys as they were, plus as they are (an erasure begins the mirror anew, and so this). The result is the same,
    byte for byte, as with `anew`, which counts everything. None before the first run of the mirror. Raises
    MissingRateError where an order in another currency has no exchange rate on or before its day.
    """
    mirror = mirror_state()
    if mirror is None or not mirror.run:
        return None
    store_folder().mkdir(parents=True, exist_ok=True)
    with (store_folder() / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = store_state()
        if anew or state is None or not _goes_on(state, mirror):
            return _whole(mirror)
        if state.run == mirror.run:
            return Restated(state.run, anew=False, people=0, paths=statistics_kept(state.run))
        return _some(state, mirror)


def _goes_on(state: StoreState, mirror: MirrorState) -> bool:
    return (
        state.database == mirror.database
        and state.run <= mirror.run
        and len(state.segments) <= MOST_SEGMENTS
        and (state.currency, state.lookback_days, state.time_zone) == _terms()
    )


def _terms() -> tuple[str, int, str]:
    return settings.CURRENCY, LOOKBACK_DAYS, settings.TIME_ZONE


def _whole(mirror: MirrorState) -> Restated:
    currency, lookback, zone = _terms()
    shutil.rmtree(store_folder() / "new", ignore_errors=True)
    for path in store_folder().glob("*.np[yz]"):
        path.unlink()
    (store_folder() / "state.json").unlink(missing_ok=True)
    files = files_now()
    state = StoreState(mirror.database, mirror.run, currency, lookback, zone, [mirror.run], files=files)
    _keep_segment(state, sorted(files), after=0)
    world = _World(state, mirror.run)
    paths = world.counted(None)
    _keep(state, paths)
    return Restated(mirror.run, anew=True, people=world.people, paths=paths)


def _some(state: StoreState, mirror: MirrorState) -> Restated:
    import numpy as np

    from analytics.attribution.daily import restated

    before = statistics_kept(state.run)
    files = files_now()
    changed = sorted(name for name, written in files.items() if state.files.get(name) != written)
    old = _World(state, state.run)
    after = StoreState(**{**vars(state), "run": mirror.run, "segments": [*state.segments, mirror.run], "files": files})
    _keep_segment(after, changed, after=state.run)
    new = _World(after, mirror.run)
    touched = _touched(state.run, new)
    people = old.owners_of(touched) | new.owners_of(touched) | new.buyers_of_news(state.run)
    people |= old.buyers_of_returns(new, state.run)
    chosen = np.fromiter(people, np.int64)
    rows = _rows_of_touches(after, chosen, (old.owners(), new.owners()))
    paths = restated(before, old=old.counted(chosen, rows), new=new.counted(chosen, rows))
    _keep(after, paths)
    (store_folder() / f"paths-{state.run}.npz").unlink(missing_ok=True)
    return Restated(mirror.run, anew=False, people=len(people), paths=paths)


def _rows_of_touches(state: StoreState, chosen: Numbers, owners: tuple[Numbers, Numbers]) -> dict[int, Numbers]:
    """By segment, the touches of browsers that are, or were, one of these people's."""
    import numpy as np

    from analytics.attribution.daily import rows_of

    seen = np.zeros(max(len(own) for own in owners), bool)
    for own in owners:
        seen[: len(own)] |= _among(own, chosen)
    return {segment.run: rows_of(np.asarray(segment["visitor_id"]), seen) for segment in segments(state, TOUCHES)}


def _touched(since: int, new: _World) -> set[int]:
    """Browsers with a new touch, another owner, or a touch or order of an import that was withdrawn (or is back)."""
    import numpy as np

    found: set[int] = set(new.changed("people", since)["visitor_id"].to_list())
    batches = new.changed("withdrawn", since)["import_batch_id"].to_numpy()
    for segment in new.segments(TOUCHES):
        if segment.run > since:
            found.update(np.unique(segment["visitor_id"]).tolist())
        elif len(batches):
            rows = np.isin(segment["import_batch_id"], batches)
            found.update(np.unique(segment["visitor_id"][rows]).tolist())
    return found


def _keep_segment(state: StoreState, names: Iterable[str], *, after: int) -> None:
    import numpy as np

    for table in (TOUCHES, CONVERSIONS):
        rows = news(table, list(names), after=after, run=state.run)
        state.largest = max(state.largest, int(rows["visitor_id"].fill_null(0).to_numpy().max(initial=0)))
        for name, column in columns_of(rows, table, state.currencies).items():
            np.save(store_folder() / f"{table}-{state.run}-{name}.npy", column)


def _keep(state: StoreState, paths: DayPaths) -> None:
    """The statistics, then the state, which says that they are there."""
    import numpy as np

    with (store_folder() / f"paths-{state.run}.npz").open("wb") as out:
        np.savez(out, codes=paths.codes, starts=paths.starts, counts=paths.counts)
    draft = store_folder() / "state.draft"
    draft.write_text(state.text(), encoding="utf-8")
    draft.replace(store_folder() / "state.json")


@dataclass
class _World:
    """The journeys as they were after a run: whose a browser is, what was withdrawn, what of orders came back.

    A person is a whole number: twice a user's and one, or twice the key of a browser that is nobody's.
    """

    state: StoreState
    run: int
    people: int = 0
    tables: dict[str, Any] = field(default_factory=dict)

    def segments(self, table: str) -> Iterable[Segment]:
        return segments(self.state, table)

    def changes(self, table: str) -> pl.DataFrame:
        if table not in self.tables:
            self.tables[table] = change_rows(table, run=self.run)
        rows: pl.DataFrame = self.tables[table]
        return rows

    def changed(self, table: str, since: int) -> pl.DataFrame:
        import polars as pl

        return self.changes(table).filter(pl.col("run") > since)

    def owners(self) -> Numbers:
        """The person of each browser, by its key."""
        import numpy as np

        if "owners" not in self.tables:
            known = latest(self.changes("people"), "visitor_id", run=self.run).drop_nulls("user_id")
            visitors = known["visitor_id"].to_numpy()
            most = max(self.state.largest, int(visitors.max(initial=0)))
            owners = 2 * np.arange(most + 1, dtype=np.int64)
            owners[visitors] = 2 * known["user_id"].to_numpy() + 1
            self.tables["owners"] = owners
        owned: Numbers = self.tables["owners"]
        return owned

    def owners_of(self, visitors: Iterable[int]) -> set[int]:
        import numpy as np

        owners = self.owners()
        keys = np.fromiter(visitors, np.int64)
        return set(owners[keys[keys < len(owners)]].tolist())

    def buyers(self, segment: Segment) -> Numbers:
        """The person of each order."""
        import numpy as np

        key = f"buyers {segment.run}"
        if key not in self.tables:
            users, visitors = segment["user_id"], segment["visitor_id"]
            owners = self.owners()[np.maximum(visitors, 0)]
            self.tables[key] = np.where(users != NOBODY, 2 * users.astype(np.int64) + 1, owners)
        known: Numbers = self.tables[key]
        return known

    def buyers_of_news(self, since: int) -> set[int]:
        """Who ordered since, or whose order's import was withdrawn since."""
        import numpy as np

        batches = self.changed("withdrawn", since)["import_batch_id"].to_numpy()
        found: set[int] = set()
        for segment in self.segments(CONVERSIONS):
            buyers = self.buyers(segment)
            mine = buyers if segment.run > since else buyers[np.isin(segment["import_batch_id"], batches)]
            found.update(mine.tolist())
        return {int(person) for person in found}

    def buyers_of_returns(self, new: _World, since: int) -> set[int]:
        """Whose orders gave something back since, or were voided."""
        import numpy as np

        orders = new.changed("returns", since)["conversion_id"].to_numpy()
        found: set[int] = set()
        for segment in self.segments(CONVERSIONS):
            rows = np.isin(segment["id"], orders)
            for world in (self, new):
                found.update(world.buyers(segment)[rows].tolist())
        return found

    def counted(self, chosen: Numbers | None, rows: dict[int, Numbers] | None = None) -> DayPaths:
        """The journeys of these people (None: of all), by day and path; theirs are among these `rows` of touches."""
        import numpy as np

        from analytics.attribution.daily import count_by_day

        withdrawn = latest(self.changes("withdrawn"), "import_batch_id", run=self.run).drop_nulls("withdrawn")
        gone = withdrawn["import_batch_id"].to_numpy()
        touches = self._rows(TOUCHES, chosen, gone, rows or {})
        orders = self._rows(CONVERSIONS, chosen, gone, {})
        orders = self._held(orders)
        codes, who = _dense(np.concatenate([touches["person"], orders["person"]]))
        self.people = len(codes)
        keys, what = _dense(touches["channel_id"])
        split = len(touches["person"])
        return count_by_day(
            _log(who[:split], touches["occurred_at"], what),
            _log(who[split:], orders["occurred_at"], orders["kept"]),
            channels=[int(key) for key in keys],
            days=_days(),
            lookback=self.state.lookback_days * 86_400_000_000,
        )

    def _rows(self, table: str, chosen: Numbers | None, gone: Numbers, among: dict[int, Numbers]) -> dict[str, Numbers]:
        """The rows of these people that hold, in order of time and id."""
        import numpy as np

        names = ["id", "occurred_at", *(["channel_id"] if table == TOUCHES else ["value_minor", "currency"])]
        parts: dict[str, list[Numbers]] = {name: [] for name in ("person", *names)}
        for segment in self.segments(table):
            if segment.run > self.run:
                continue
            rows = among.get(segment.run)
            if rows is None:
                rows = np.arange(len(segment["id"]))
            person = self.owners()[segment["visitor_id"][rows]] if table == TOUCHES else self.buyers(segment)[rows]
            held = np.ones(len(person), bool) if chosen is None else _among(person, chosen)
            if len(gone):
                held &= ~np.isin(segment["import_batch_id"][rows], gone)
            rows = rows[held]
            parts["person"].append(person[held])
            for name in names:
                parts[name].append(segment[name][rows])
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


def _among(person: Numbers, chosen: Numbers) -> NDArray[np.bool_]:
    """Whether each is among those chosen: by a table, since people are small whole numbers."""
    import numpy as np

    most = int(max(person.max(initial=0), chosen.max(initial=0)))
    table = np.zeros(most + 1, bool)
    table[chosen] = True
    return table[person]


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
