"""Copies what happened out of PostgreSQL into columns on disk, which readers of much data read instead."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils import timezone

from analytics.selectors.mirror import (
    COLUMNS,
    CONVERSIONS,
    FACTS,
    KEYS,
    TOUCHES,
    Mark,
    MirrorState,
    change_file,
    changes,
    day_file,
    mirror_folder,
    mirror_state,
)
from analytics.services.snapshot import Snapshot, snapshot

if TYPE_CHECKING:
    import polars as pl

LATENESS = timedelta(minutes=10)
"""What a run has seen is settled when it is older than this and every transaction of its time has ended."""

_NOW = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS xmin,
    pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS xmax,
    (SELECT count(*) FROM accounts_erasure) AS erasures,
    concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
        (SELECT timeline_id FROM pg_control_checkpoint()),
        (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS database
"""
_MONTHS = """
SELECT right(relid::regclass::text, 7) AS month FROM pg_partition_tree('analytics_touchpoint') WHERE isleaf ORDER BY 1
"""
_COUNT = "SELECT count(*) FROM analytics_touchpoint WHERE id > %d AND %s"
_TOUCHES = """
SELECT %s FROM analytics_touchpoint WHERE id > %d AND occurred_at >= '%s' AND occurred_at < '%s' AND %s AND flag = ''
"""
_ALWAYS = ("id", "visitor_id", "channel_id", "occurred_at")
_SOMETIMES = ("owner_id", "link_id", "campaign_id", "import_batch_id")
"""Columns that every touch has, and those that may be empty."""
_CONVERSIONS = "SELECT %s FROM analytics_conversion WHERE id > %d AND %s"
_SINCE = "age(xmin) <= age('%d'::xid8::xid)"
"""What was written by a transaction or later. Of two backends, each measures ages by a transaction of its own."""
_CHANGES = {
    "people": "SELECT id AS visitor_id, user_id FROM analytics_visitor WHERE user_id IS NOT NULL",
    "withdrawn": """
        SELECT id AS import_batch_id, true AS withdrawn FROM accounts_importbatch WHERE state = 'reversed'""",
    "returns": """
        SELECT c.id AS conversion_id, o.returned_minor, o.state = 'voided' AS voided
        FROM analytics_conversion c JOIN courses_order o ON o.id = c.order_id
        WHERE o.returned_minor <> 0 OR o.state = 'voided'""",
}

_EPOCH, _DAY, _Y2000 = date(1970, 1, 1), 86_400_000_000, 946_684_800_000_000
"""The first day of instants in microseconds, how long a day is, and where the database's instants begin."""

_ALL, _AGES, _FEW, _STREAMS = "true", 2**31, 500_000, 2
"""Every row; how many transactions back ages begin anew; so many rows are read at once; spans that are."""


@dataclass(frozen=True)
class Mirrored:
    """What a run brought: its number, new rows of facts, changes, and the days whose files were written anew."""

    run: int
    touches: int
    conversions: int
    changes: int
    days: int


def mirror_update() -> Mirrored:
    """Bring the mirror up to now. Safe to repeat and to be killed at any point; of two at once the second waits.

    One read-only snapshot of the database, in the scope of all rows, is copied: touches as a stream, all else through
    ADBC. Of rows that may be new only those are, which a transaction wrote that the last run could not see yet. Files
    are replaced whole, the state last, so readers see the run before until this one is finished. A mirror of another
    database (also of one that was restored from a backup) is thrown away and built anew; what was erased is taken out
    of it.
    """
    mirror_folder().mkdir(parents=True, exist_ok=True)
    with (mirror_folder() / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with snapshot() as moment:
            return _update(moment)


def _update(moment: Snapshot) -> Mirrored:
    now = moment.read(_NOW).row(0, named=True)
    state = mirror_state()
    if state is None or state.database != now["database"]:
        _clear()
        state = MirrorState(now["database"], 0, "", dict.fromkeys(FACTS, 0), [])
    unfinished = mirror_folder() / "unfinished"
    if unfinished.exists():
        _drop_after(state.run)
    unfinished.touch()
    run, seen, drafts = state.run + 1, dict(state.settled), _Drafts()
    brought, days = dict.fromkeys(FACTS, 0), 0
    for table, part in _facts(moment, drafts, _news(state, now["xmax"]), state.settled, run):
        seen[table] = max(seen[table], part.largest)
        brought[table] += part.rows
        days += part.days
    changed = sum(_keep_changes(drafts, table, moment.read(query), run) for table, query in _CHANGES.items())
    drafts.put()
    forgot = state.run and now["erasures"] != state.erasures
    if forgot:
        _forget(drafts, moment)
        drafts.put()
    if not (days or changed or forgot):
        run = state.run
    at = timezone.now()
    due = (at - LATENESS).isoformat()
    settled = [mark for mark in state.marks if mark.at <= due and mark.xid <= now["xmin"]]
    marks = [mark for mark in state.marks if mark not in settled]
    ids = settled[-1].ids if settled else state.settled
    if seen != ids:
        marks.append(Mark(seen, now["xmax"], at.isoformat()))
    kept = MirrorState(state.database, run, at.isoformat(), ids, marks, now["erasures"], now["xmin"])
    _keep_state(kept)
    unfinished.unlink()
    return Mirrored(run, brought[TOUCHES], brought[CONVERSIONS], changed, days)


def _news(state: MirrorState, last: int) -> str:
    """Which rows the run before cannot have seen."""
    known = state.seen and last - state.seen < _AGES
    return _SINCE % state.seen if known else _ALL


@dataclass(frozen=True)
class _Part:
    """Of some facts: the largest id, how many are new, and of how many days the files are written anew."""

    largest: int
    rows: int
    days: int


def _facts(
    moment: Snapshot, drafts: _Drafts, news: str, settled: dict[str, int], run: int
) -> Iterator[tuple[str, _Part]]:
    """Bring what may be new, touches a span at a time and two spans at once: no more than they lie in memory.

    The database sends to one while the other is sorted, packed and written.
    """
    names = ", ".join(COLUMNS[CONVERSIONS].split())

    def touches(span: tuple[datetime, datetime]) -> _Part:
        with _between(moment, span, news, settled[TOUCHES]) as rows:
            return _keep(drafts, TOUCHES, rows, run)

    with ThreadPoolExecutor(_STREAMS) as pool:
        parts = pool.map(touches, _spans(moment, news, settled[TOUCHES]))
        rows = moment.read(_CONVERSIONS % (names, settled[CONVERSIONS], news))
        yield CONVERSIONS, _keep(drafts, CONVERSIONS, rows, run)
        for part in parts:
            yield TOUCHES, part


def _keep(drafts: _Drafts, table: str, rows: pl.DataFrame, run: int) -> _Part:
    """Add facts to the files of their days."""
    new = [_keep_day(drafts, table, day, part, run) for day, part in _by_day(rows)]
    return _Part(int(rows["id"].to_numpy().max(initial=0)), sum(new), sum(count > 0 for count in new))


def _spans(moment: Snapshot, news: str, settled: int) -> list[tuple[datetime, datetime]]:
    """The months in which touches may be new; all of them together where few are, none where none is."""
    begins = [datetime.strptime(month, "%Y_%m").replace(tzinfo=UTC) for month in moment.read(_MONTHS)["month"]]
    spans = [(first, (first + timedelta(days=31)).replace(day=1)) for first in begins]
    if news == _ALL or not spans:
        return spans
    count = moment.read(_COUNT % (settled, news)).item()
    if count > _FEW:
        return spans
    return [(spans[0][0], spans[-1][1])] if count else []


@contextmanager
def _between(moment: Snapshot, span: tuple[datetime, datetime], news: str, settled: int) -> Iterator[pl.DataFrame]:
    """Touches of a span that may be new, without columns that all leave empty. They hold within the block."""
    import polars as pl
    import pyarrow as pa

    columns = ", ".join((*_ALWAYS, *_SOMETIMES))
    query = _TOUCHES % (columns, settled, *(end.isoformat() for end in span), news)
    with moment.pour(query, _ALWAYS, _SOMETIMES) as told:
        told["occurred_at"] += _Y2000
        found = {name: pa.array(told[name]) for name in _ALWAYS}
        found["occurred_at"] = found["occurred_at"].view(pa.timestamp("us", "UTC"))
        for name in _SOMETIMES:
            values, nulls = told[name]
            if not nulls.all():
                found[name] = pa.array(values, mask=nulls)
        yield pl.DataFrame(pa.table(found))


def _by_day(rows: pl.DataFrame) -> Iterator[tuple[date, pl.DataFrame]]:
    """The rows of each day, in order of time."""
    import numpy as np

    if not (rows["occurred_at"].is_sorted() and rows["id"].is_sorted()):
        rows = _in_order(rows)
    instants = rows["occurred_at"].to_physical().to_numpy()
    first = 0
    while first < len(instants):
        day = int(instants[first]) // _DAY
        until = int(np.searchsorted(instants, (day + 1) * _DAY))
        yield _EPOCH + timedelta(days=day), rows.slice(first, until - first)
        first = until


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows by time and id, where each of two parts is so already and ids mostly rise with them."""
    rows = rows.sort("occurred_at", maintain_order=True)
    times, ids = rows["occurred_at"].to_physical().to_numpy(), rows["id"].to_numpy()
    if bool(((times[1:] == times[:-1]) & (ids[1:] < ids[:-1])).any()):
        return rows.sort("occurred_at", "id")  # takes four times as long
    return rows


def _keep_day(drafts: _Drafts, table: str, day: date, rows: pl.DataFrame, run: int) -> int:
    """Add what a day's file does not hold yet; how many rows."""
    import polars as pl

    path = day_file(table, day)
    empty = (pl.lit(None, pl.Int64).alias(name) for name in COLUMNS[table].split() if name not in rows.columns)
    rows = rows.with_columns(*empty, run=pl.lit(run, pl.Int32)).select(*COLUMNS[table].split(), "run")
    new = len(rows)
    if path.exists():
        before = pl.read_parquet(path)
        rows = rows.join(before.select("id"), on="id", how="anti")
        new = len(rows)
        rows = _in_order(pl.concat([before, rows]))
    if new:
        drafts.write(path, rows)
    return new


def _keep_changes(drafts: _Drafts, table: str, held: pl.DataFrame, run: int) -> int:
    """Add a row for each key of which the database now holds something else than before; how many."""
    import polars as pl

    key, path = KEYS[table], change_file(table)
    if not path.exists():
        drafts.write(path, held.with_columns(run=pl.lit(run, pl.Int32)).sort(key))
        return len(held)
    known = changes(table, run=run).drop("run")
    added = held.join(known, on=held.columns, how="anti", nulls_equal=True)
    gone = known.join(held, on=key, how="anti").filter(~pl.all_horizontal(pl.exclude(key).is_null()))
    nothing = (pl.lit(None, kind).alias(name) for name, kind in known.schema.items() if name != key)
    new = pl.concat([added, gone.select(key, *nothing)])
    if len(new):
        drafts.write(path, pl.concat([pl.read_parquet(path), new.with_columns(run=pl.lit(run, pl.Int32))]))
    return len(new)


def _forget(drafts: _Drafts, moment: Snapshot) -> None:
    """Take out what was erased: browsers that are no more with their touches, and months whose touches are gone."""
    import polars as pl

    months = set(moment.read(_MONTHS)["month"])
    here = moment.read("SELECT id AS visitor_id FROM analytics_visitor")
    for path in sorted((mirror_folder() / TOUCHES).glob("*.parquet")):
        if path.stem[:7].replace("-", "_") not in months:
            path.unlink()
            continue
        rows = pl.read_parquet(path)
        held = rows.join(here, on="visitor_id", how="semi", maintain_order="left")
        if len(held) < len(rows):
            drafts.write(path, held)
    for path in sorted((mirror_folder() / CONVERSIONS).glob("*.parquet")):
        rows = pl.read_parquet(path)
        gone = ~pl.col("visitor_id").is_in(here["visitor_id"].implode())
        held = rows.with_columns(pl.when(gone).then(None).otherwise(pl.col("visitor_id")).alias("visitor_id"))
        if not held.equals(rows):
            drafts.write(path, held)
    owners = pl.read_parquet(change_file("people"))
    drafts.write(change_file("people"), owners.join(here, on="visitor_id", how="semi", maintain_order="left"))


def _drop_after(run: int) -> None:
    """Take out what a run that was killed had written: no run has said that it is there."""
    import polars as pl

    for path in mirror_folder().rglob("*.draft"):
        path.unlink()

    drafts = _Drafts()
    for path in mirror_folder().rglob("*.parquet"):
        rows = pl.read_parquet(path)
        held = rows.filter(pl.col("run") <= run)
        if len(held) < len(rows):
            drafts.write(path, held)
    drafts.put()


def _clear() -> None:
    """Begin anew; the state goes first, so that nobody reads a mirror that is half gone."""
    (mirror_folder() / "state.json").unlink(missing_ok=True)
    for table in FACTS:
        shutil.rmtree(mirror_folder() / table, ignore_errors=True)
        (mirror_folder() / table).mkdir()
    for table in KEYS:
        change_file(table).unlink(missing_ok=True)


class _Drafts:
    """Files that are to take the place of others: all at once, when all of them are on the disk."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, Path, Future[None]]] = []
        self._pool = ThreadPoolExecutor(8)  # the disk takes many at once; one after another they wait for each other

    def write(self, path: Path, rows: pl.DataFrame) -> None:
        """Write rows beside the file.

        Whole numbers as differences, packed: half of what zstd makes of them, in a third of its time.
        """
        import polars as pl
        from pyarrow import parquet

        draft = path.with_suffix(".draft")
        numbers = [name for name, kind in rows.schema.items() if kind.is_integer() or kind.is_temporal()]
        parquet.write_table(
            rows.to_arrow(compat_level=pl.CompatLevel.oldest()),
            draft,
            compression="none",
            use_dictionary=[name for name, kind in rows.schema.items() if kind == pl.String],
            column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
            write_statistics=False,
        )
        self._waiting.append((draft, path, self._pool.submit(_on_disk, draft)))

    def put(self) -> None:
        """Let them take the files' places; each file is then whole, also after the power fails."""
        for _draft, _path, done in self._waiting:
            done.result()
        for draft, path, _done in self._waiting:
            draft.replace(path)
        self._waiting.clear()


def _on_disk(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _keep_state(state: MirrorState) -> None:
    draft = mirror_folder() / "state.draft"
    draft.write_text(state.text(), encoding="utf-8")
    _on_disk(draft)
    draft.replace(mirror_folder() / "state.json")
