"""The job as an Ibis expression, in parts, on DuckDB (and ClickHouse where chdb is installed), as the builder says."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics.attribution.builder import build_paths
from analytics.attribution.errors import AttributionError
from analytics.attribution.partitioned import Rows, paths_by_parts, paths_expression
from tests.analytics.attribution.test_builder import CHANNELS, Row, log, many

LOOKBACK = 30
Engine = Callable[[str], Rows]


def as_files(folder: Path, touches: list[Row], sales: list[Row]) -> None:
    """Both tables as Parquet, as an engine finds them."""
    for name, rows in (("touches", touches), ("sales", sales)):
        columns = zip(*((place, *row) for place, row in enumerate(rows)), strict=True)
        arrays = [pa.array(column, pa.int64()) for column in columns]
        pq.write_table(pa.table(arrays, names=["id", "person", "moment", "what"]), folder / f"{name}.parquet")


def on_duckdb(folder: Path) -> Engine:
    link = duckdb.connect()
    for name in ("touches", "sales"):
        link.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
    return lambda sql: link.execute(sql).fetchall()


def on_clickhouse(folder: Path) -> Engine:
    from bench.scale import clickhouse

    return clickhouse(folder)


def built(touches: list[Row], sales: list[Row]) -> dict[str, list[int]]:
    """What the compiled builder says, in the same words."""
    found = build_paths(log(touches), log(sales), channels=CHANNELS, lookback=LOOKBACK)
    table, told = found.paths, {}
    for row, (first, until) in enumerate(zip(table.starts[:-1], table.starts[1:], strict=True)):
        path = ">".join(str(code) for code in table.codes[first:until].tolist())
        values = [table.conversions, table.values, table.nulls]
        told[path] = [int(column[row]) for column in values if column is not None]
    if found.untouched:
        told[""] = [found.untouched, found.untouched_minor, 0]
    return told


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    "engine",
    [
        on_duckdb,
        pytest.param(
            on_clickhouse, marks=pytest.mark.skipif(find_spec("chdb") is None, reason="chdb is not installed")
        ),
    ],
)
def test_each_engine_gives_the_paths_of_the_builder_whole_or_in_parts(
    tmp_path: Path, engine: Callable[[Path], Engine], parts: int
) -> None:
    touches, sales = many(300)
    as_files(tmp_path, touches, sales)
    dialect = "duckdb" if engine is on_duckdb else "clickhouse"
    told = paths_by_parts(engine(tmp_path), dialect=dialect, lookback=LOOKBACK, parts=parts)
    assert len(told) > 100
    assert told == built(touches, sales)


def test_a_part_that_is_none_of_the_parts_and_a_negative_look_back_are_refused() -> None:
    with pytest.raises(AttributionError, match="part 3 is not among 3"):
        paths_expression(lookback=1, parts=3, part=3)
    with pytest.raises(AttributionError, match="negative"):
        paths_expression(lookback=-1)
