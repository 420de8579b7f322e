"""Ten million touches from PostgreSQL to their paths, over the columnar mirror: `make bench ARGS=mirror`.

The log of `bench.attribution` is copied into a database of its own, in the tables of the portal (foreign keys and the
second index left out while it is filled). Then, in one process: the first run of the mirror, which brings all of it;
the logs read from its files; the paths, with the sum over all of them that three engines agree on. JSON lines: wall and
CPU seconds of each step, and the most memory that the process held. `TOUCHES=100000` takes the first of them only.
"""

import io
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import django
import polars as pl

django.setup()  # before all below, which name models

from django.conf import settings  # noqa: E402

from analytics.attribution.builder import TouchLog, build_paths  # noqa: E402
from analytics.selectors.logs import DAY, mirror_log  # noqa: E402
from analytics.services import mirror_update, partitions_ensure  # noqa: E402
from bench.attribution import CHANNELS, EXPECTED, digest, touches_and_conversions  # noqa: E402
from tests import databases  # noqa: E402

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


@contextmanager
def filled(touches: TouchLog, conversions: TouchLog) -> Iterator[None]:
    """A database that holds them; a browser's key is its person's code and one."""
    with databases.clone() as name:
        instants = pl.from_epoch(pl.Series([BASE, BASE + 230 * 86_400]), time_unit="s").dt.replace_time_zone("UTC")
        months = pl.datetime_range(instants[0], instants[1], "1d", eager=True)
        partitions_ensure(instants=months.to_list())
        with closing(databases.admin(name)) as link, link.cursor() as cursor:
            cursor.execute(SCRATCH)
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
                    cursor.copy_expert(
                        f"COPY {table} ({', '.join(rows.columns)}) FROM STDIN (FORMAT csv, HEADER)", text
                    )
            cursor.execute("VACUUM ANALYZE analytics_touchpoint, analytics_conversion")
        yield


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
    with tempfile.TemporaryDirectory() as folder, filled(touches, conversions):
        del touches, conversions
        settings.DATA_DIR = Path(folder)
        built = timed("from database to paths", paths)
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
        timed("nothing new", mirror_update)
    told = digest(built.paths)
    print(json.dumps({"bench": "mirror", "paths": len(built.paths.conversions), "files_mb": size // 2**20,
                      "md5": told, "as_expected": told == EXPECTED}))  # fmt: skip


if __name__ == "__main__":
    main()
