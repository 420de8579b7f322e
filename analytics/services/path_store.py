"""Keeps daily path statistics beside the mirror: a day's news restate the journeys of the people concerned alone."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.conf import settings

from analytics.selectors.mirror import CONVERSIONS, TOUCHES, MirrorState, mirror_state
from analytics.selectors.path_log import (
    Gone,
    Segment,
    StoreState,
    columns_of,
    files_now,
    gone_since,
    news,
    owners_file,
    owners_kept,
    statistics_files,
    statistics_kept,
    store_folder,
    store_state,
)
from analytics.services.path_world import Chosen, World

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from analytics.attribution.daily import DayPaths

    Numbers = NDArray[np.int64]

LOOKBACK_DAYS = 30
INDEXED = 500_000
"""Touches of one run from which on it is worth a lookup by browser; fewer are gone through in less time."""

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

    Only people with a late or new touch or order, a merge, a withdrawal, a return or an erasure since are told again:
    minus their journeys as they were, plus as they are. The result is the same, byte for byte, as with `anew`, which
    counts everything; what was erased is in no file afterwards. None before the first run of the mirror. Raises
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
        and owners_file(state.run).exists()
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
    state.erasures = mirror.erasures
    world = World(state, mirror.run)
    paths = world.counted(None)
    _keep(state, paths, world.owners())
    return Restated(mirror.run, anew=True, people=world.people, paths=paths)


def _some(state: StoreState, mirror: MirrorState) -> Restated:
    from analytics.attribution.daily import restated

    before = statistics_kept(state.run)
    files = files_now()
    changed = sorted(name for name, written in files.items() if state.files.get(name) != written)
    old = World(state, state.run, tables={"owners": owners_kept(state.run)})
    after = replace(state, run=mirror.run, segments=[*state.segments, mirror.run], files=files)
    after.erasures = mirror.erasures
    _keep_segment(after, changed, after=state.run)
    erased = gone_since(state) if mirror.erasures != state.erasures else None
    new = World(after, mirror.run, before=None if erased else old)
    chosen = Chosen(_concerned(old, new, erased), (old, new))
    taken = old.counted(chosen)
    if erased:
        (store_folder() / "state.json").unlink()  # a run that is killed from here on has the next one count anew
        erased.take_out(state)
        new = World(after, mirror.run)
        chosen.pick(new)
    paths = restated(before, old=taken, new=new.counted(chosen))
    _keep(after, paths, new.owners())
    for file in (*statistics_files(state.run), owners_file(state.run)):
        file.unlink(missing_ok=True)
    return Restated(mirror.run, anew=False, people=chosen.count, paths=paths)


def _concerned(old: World, new: World, erased: Gone | None) -> Numbers:
    """Whose journeys are other ones than after the run of `old`, as people of both worlds; some may be told twice."""
    import numpy as np

    touched = [*_touched(old.run, new), *(erased.browsers(old.state) if erased else ())]
    browsers = np.concatenate([np.zeros(0, np.int64), *touched])
    people = [*new.buyers_of_news(old.run), *old.buyers_of_returns(new, old.run)]
    if erased is not None:
        people += [old.buyers(segment)[rows] for segment, rows in erased.orders(old.state)]
        people.append(np.zeros(1, np.int64))  # whose orders are that nobody's browser is known of
    return np.concatenate([*people, old.owners_of(browsers), new.owners_of(browsers)])


def _touched(since: int, new: World) -> list[Numbers]:
    """Browsers with a new touch, another owner, or a touch or order of an import that was withdrawn (or is back)."""
    import numpy as np

    found: list[Numbers] = [new.changed("people", since)["visitor_id"].to_numpy()]
    batches = new.changed("withdrawn", since)["import_batch_id"].to_numpy()
    for segment in new.segments(TOUCHES):
        if segment.run > since:
            found.append(np.asarray(segment["visitor_id"]))
        elif len(batches):
            found.append(segment["visitor_id"][np.isin(segment["import_batch_id"], batches)])
    return found


def _keep_segment(state: StoreState, names: Iterable[str], *, after: int) -> None:
    import numpy as np

    for table in (TOUCHES, CONVERSIONS):
        rows = news(table, list(names), after=after, run=state.run)
        state.largest = max(state.largest, int(rows["visitor_id"].fill_null(0).to_numpy().max(initial=0)))
        for name, column in columns_of(rows, table, state.currencies).items():
            np.save(store_folder() / f"{table}-{state.run}-{name}.npy", column)
        if table == TOUCHES and len(rows) >= INDEXED:
            Segment(state.run, table).index(state.largest)


def _keep(state: StoreState, paths: DayPaths, owners: Numbers) -> None:
    """The statistics and whose browsers are, then the state, which says that they are there."""
    import numpy as np

    np.save(owners_file(state.run), owners)

    for file, name in zip(statistics_files(state.run), ("codes", "starts", "counts"), strict=True):
        np.save(file, getattr(paths, name))
    draft = store_folder() / "state.draft"
    draft.write_text(state.text(), encoding="utf-8")
    draft.replace(store_folder() / "state.json")
