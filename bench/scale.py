"""The scale path on recipe R2 (10 M touches): `make bench ARGS=scale`.

The paths of job P1 as one Ibis expression, part by part: on DuckDB, and on ClickHouse within the process (chdb) if it
is installed (`pip install chdb`, 180 MB). JSON lines: wall and CPU seconds of each engine, and whether the sum over all
paths is the one that the compiled builder and PostgreSQL give. `TOUCHES=100000` takes the first of them only, `PARTS=8`
says into how many parts people are cut.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from analytics.attribution.builder import TouchLog, build_paths
from analytics.attribution.partitioned import Rows, paths_by_parts
from bench.attribution import CHANNELS, EXPECTED, digest, touches_and_conversions

LOOKBACK = 30 * 86_400
Engine = Callable[[str], Rows]


def files(folder: Path, touches: TouchLog, sales: TouchLog) -> None:
    """Both tables as Parquet."""
    for name, log in (("touches", touches), ("sales", sales)):
        rows = pl.DataFrame({"person": log.people, "moment": log.times, "what": log.what}).cast(pl.Int64)
        rows.with_row_index("id").cast({"id": pl.Int64}).write_parquet(folder / f"{name}.parquet")


def on_duckdb(folder: Path) -> Engine:
    """DuckDB over the files."""
    import duckdb

    link = duckdb.connect()
    for name in ("touches", "sales"):
        link.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
    return lambda sql: link.execute(sql).fetchall()


def clickhouse(folder: Path) -> Engine:
    """ClickHouse inside the process, over the files."""
    import chdb

    def run(sql: str) -> Rows:
        for name in ("touches", "sales"):
            sql = sql.replace(f'FROM "{name}"', f"FROM file('{folder / name}.parquet', Parquet)")
        told = str(chdb.query(sql, "JSONCompactEachRow"))
        return [tuple(json.loads(line)) for line in told.splitlines()]

    return run


def summed(paths: dict[str, list[int]]) -> str:
    """The sum over all paths, as `bench.attribution.digest` tells it."""
    rows = []
    for path, (conversions, minor, nulls) in paths.items():
        if path:
            told = f"{minor // 100}.{minor % 100:02}" if minor else "0"
            rows.append((path, f"{path}:{conversions}:{told}:{nulls}"))
    return hashlib.md5(",".join(text for _path, text in sorted(rows)).encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Measure."""
    touches, sales = touches_and_conversions()
    first, parts = int(os.environ.get("TOUCHES", len(touches.people))), int(os.environ.get("PARTS", "4"))
    touches = TouchLog(touches.people[:first], touches.times[:first], touches.what[:first])
    wanted = digest(build_paths(touches, sales, channels=tuple(range(CHANNELS)), lookback=LOOKBACK).paths)
    engines: list[tuple[str, Callable[[Path], Engine]]] = [("duckdb", on_duckdb)]
    if find_spec("chdb"):
        engines.append(("clickhouse", clickhouse))
    with tempfile.TemporaryDirectory() as name:
        files(Path(name), touches, sales)
        for dialect, engine in engines:
            wall, cpu = time.perf_counter(), time.process_time()
            paths = paths_by_parts(engine(Path(name)), dialect=dialect, lookback=LOOKBACK, parts=parts)
            told = summed(paths)
            print(json.dumps({
                "bench": "scale", "engine": dialect, "touches": first, "parts": parts,
                "wall_s": round(time.perf_counter() - wall, 2), "cpu_s": round(time.process_time() - cpu, 2),
                "paths": len(paths), "md5": told, "as_the_builder": told == wanted, "as_expected": told == EXPECTED,
            }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
