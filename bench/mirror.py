"""Ten million touches from PostgreSQL to their paths, over the columnar mirror: `make bench ARGS=mirror`.

The log of `bench.attribution` is copied into a database of its own, in the tables of the portal (foreign keys and the
second index left out while it is filled). Then, in one process: the first run of the mirror, which brings all of it;
the logs read from its files; the paths, with the sum over all of them that three engines agree on; the daily path
statistics; then a day on top (`a_day`), mirrored and restated, and compared with a count of everything. JSON lines:
wall and CPU seconds of each step, and the most memory that the process held. `TOUCHES=100000` takes the first of them.
"""

import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import numpy as np
import polars as pl

django.setup()  # before all below, which name models

from django.conf import settings  # noqa: E402 - after setup

from analytics.attribution.builder import TouchLog, build_paths  # noqa: E402 - after setup
from analytics.selectors.logs import DAY, mirror_log  # noqa: E402 - after setup
from analytics.services import mirror, mirror_update, partitions_ensure, path_statistics_update  # noqa: E402 - after setup
from bench.attribution import CHANNELS, EXPECTED, digest, touches_and_conversions  # noqa: E402 - after setup
from tests import databases  # noqa: E402 - after setup

BASE = 1_735_689_600
"""1 January 2025, UTC, in seconds."""
SCRATCH = """
SET session_replication_role = replica;
ALTER TABLE analytics_conversion DROP CONSTRAINT analytics_conversion_order;
DROP INDEX analytics_touchpoint_visitor;
ALTER TABLE analytics_touchpoint ALTER landing SET DEFAULT '', ALTER referrer_host SET DEFAULT '',
    ALTER utm SET DEFAULT '{}', ALTER click_id SET DEFAULT '', ALTER consent SET DEFAULT true,
    ALTER recorded_at SET DEFAULT now();
ALTER TABLE analytics_conversion ALTER kind SET DEFAULT 'order', ALTER currency SET DEFAULT 'CNY',
    ALTER settled_at SET DEFAULT now();
"""


NEW_TOUCHES, NEW_ORDERS, RETURNS, MERGES = 55_000, 2_200, 100, 100
"""What a day brings."""
LOOSE = """
DO $$ DECLARE r record; BEGIN
    FOR r IN SELECT conname FROM pg_constraint WHERE conrelid = 'courses_order'::regclass AND contype = 'c' LOOP
        EXECUTE format('ALTER TABLE courses_order DROP CONSTRAINT %I', r.conname);
    END LOOP;
    FOR r IN SELECT attname FROM pg_attribute
        WHERE attrelid = 'courses_order'::regclass AND attnum > 0 AND attnotnull AND attname <> 'id' LOOP
        EXECUTE format('ALTER TABLE courses_order ALTER %I DROP NOT NULL', r.attname);
    END LOOP;
    FOR r IN SELECT attname FROM pg_attribute
        WHERE attrelid = 'analytics_visitor'::regclass AND attnum > 0 AND attnotnull AND attname <> 'id' LOOP
        EXECUTE format('ALTER TABLE analytics_visitor ALTER %I DROP NOT NULL', r.attname);
    END LOOP;
END $$;
"""


@contextmanager
def filled(touches: TouchLog, conversions: TouchLog) -> Iterator[str]:
    """The name of a database that holds them; a browser's key is its person's code and one."""
    with databases.clone(on_disk=True) as name:
        instants = pl.from_epoch(pl.Series([BASE, BASE + 230 * 86_400]), time_unit="s").dt.replace_time_zone("UTC")
        months = pl.datetime_range(instants[0], instants[1], "1d", eager=True)
        partitions_ensure(instants=months.to_list())
        with closing(databases.admin(name)) as link, link.cursor() as cursor:
            cursor.execute(SCRATCH)
            copied(cursor, touches, conversions)
            cursor.execute("VACUUM ANALYZE analytics_touchpoint, analytics_conversion")
        yield name


def copied(cursor: Any, touches: TouchLog, conversions: TouchLog) -> None:
    """Both logs into their tables."""
    for table, log, value in (
        ("analytics_touchpoint", touches, "channel_id"),
        ("analytics_conversion", conversions, "value_minor"),
    ):
        for first in range(0, len(log.times), 1_000_000):
            part = slice(first, first + 1_000_000)
            rows = pl.DataFrame({
                "visitor_id": log.people[part] + 1,
                value: log.what[part] + (value == "channel_id"),
                "occurred_at": pl.from_epoch(pl.Series(log.times[part] + BASE), time_unit="s"),
            })  # fmt: skip
            text = io.BytesIO(rows.write_csv(datetime_format="%Y-%m-%d %H:%M:%S+00").encode())
            cursor.copy_expert(f"COPY {table} ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv, HEADER)", text)


def a_day(name: str, people: int) -> None:
    """A day on top: touches (one in ten late by up to a week), orders, returns of earlier orders, merges."""
    dice = np.random.Generator(np.random.PCG64(8))
    begins = 181 * 86_400
    times = begins + dice.integers(0, 86_400, NEW_TOUCHES) - (dice.random(NEW_TOUCHES) < 0.1) * 7 * 86_400
    touched, bought = dice.integers(0, people, NEW_TOUCHES), dice.integers(0, people, NEW_ORDERS)
    touches = TouchLog(touched, np.sort(times), dice.integers(0, CHANNELS, NEW_TOUCHES))
    sales = begins + np.sort(dice.integers(0, 86_400, NEW_ORDERS))
    with closing(databases.admin(name)) as link, link.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(LOOSE)
        copied(cursor, touches, TouchLog(bought, sales, dice.integers(100, 9_900, NEW_ORDERS)))
        cursor.execute(
            "WITH marked AS (UPDATE analytics_conversion SET order_id = id "
            "WHERE id %% 3000 = 7 AND id <= %s RETURNING id) "
            "INSERT INTO courses_order (id, returned_minor, state) SELECT id, 50, 'paid' FROM marked LIMIT %s",
            [3_000 * RETURNS, RETURNS],
        )
        cursor.execute(
            "INSERT INTO analytics_visitor (id, user_id) SELECT 10 * n + 1, n FROM generate_series(1, %s) AS n",
            [MERGES],
        )


def timed(step: str, work: Callable[[], Any]) -> Any:
    """What the work returns; its seconds are printed."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"bench": "mirror", "step": step, "wall_s": round(time.perf_counter() - wall, 3),
                      "cpu_s": round(time.process_time() - cpu, 3), "peak_mb": peak}), flush=True)  # fmt: skip
    return result


def paths() -> Any:
    """From the database to the path table."""
    mirrored = timed("mirror", mirror_update)
    log = timed("read", lambda: mirror_log(run=mirrored.run, currency="CNY"))
    return timed("build", lambda: build_paths(log.touches, log.conversions, channels=log.channels, lookback=30 * DAY))


def main() -> None:
    """Measure."""
    touches, conversions = touches_and_conversions()
    first = int(os.environ.get("TOUCHES", len(touches.people)))
    touches = TouchLog(touches.people[:first], touches.times[:first], touches.what[:first])
    build_paths(touches, conversions, channels=tuple(range(CHANNELS)), lookback=86_400)  # compiles
    people = 1 + int(touches.people.max())
    mirror.LATENESS = timedelta(0)  # what a run has seen is settled at the next: the day is measured, not the wait
    with tempfile.TemporaryDirectory() as folder, filled(touches, conversions) as name:
        del touches, conversions
        settings.DATA_DIR = Path(folder)
        built = timed("from database to paths", paths)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        timed("nothing new", mirror_update)
        timed("statistics, all", path_statistics_update)
        a_day(name, people)
        timed("mirror, the day", mirror_update)
        day = timed("statistics, the day", path_statistics_update)
        whole = timed("statistics, all again", lambda: path_statistics_update(anew=True))
        equal = all(
            np.array_equal(getattr(day.paths, part), getattr(whole.paths, part))
            for part in ("codes", "starts", "counts")
        )
        print(json.dumps({"bench": "mirror", "people_restated": day.people, "rows": len(day.paths.counts),
                          "restated_in_place": not day.anew, "equal_to_all_again": equal}))  # fmt: skip
    told = digest(built.paths)
    print(json.dumps({"bench": "mirror", "paths": len(built.paths.conversions), "files_mb": size // 2**20,
                      "md5": told, "as_expected": told == EXPECTED}))  # fmt: skip


if __name__ == "__main__":
    main()
