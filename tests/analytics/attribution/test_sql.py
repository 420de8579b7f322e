"""The compiled builder against one SQL statement, which an engine that shares no code with it runs."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from analytics.attribution.builder import build_paths
from tests.analytics.attribution.test_builder import CHANNELS, Row, Told, log, many, told

PATHS = Path(__file__).with_name("paths.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as link:
        link.execute("SET threads = 1")
        yield link


def by_sql(
    engine: duckdb.DuckDBPyConnection, touches: list[Row], sales: list[Row], lookback: int, *, collapse: bool
) -> tuple[Told, int]:
    for table, rows in (("touches", touches), ("sales", sales)):
        names = ("id", "person", "moment", "what")
        columns = zip(*((place, *row) for place, row in enumerate(rows)), strict=True) if rows else [()] * 4
        arrays = [pa.array(column, pa.int64()) for column in columns]
        engine.register(table, pa.table(arrays, names=names))
    found = engine.execute(PATHS, {"lookback": lookback, "collapse": collapse}).fetchall()
    paths = {tuple(path): [int(number) for number in numbers] for path, *numbers in found if path}
    return paths, sum(int(conversions) for path, conversions, _value, _nulls in found if not path)


@pytest.mark.parametrize(("people", "lookback", "collapse"), [(400, 30, True), (60, 3, False)])
def test_thousands_of_touches_give_the_paths_that_sql_gives(
    engine: duckdb.DuckDBPyConnection, people: int, lookback: int, collapse: bool
) -> None:
    touches, sales = many(people)
    transform = "exposure" if collapse else "unique"
    built = build_paths(log(touches), log(sales), channels=CHANNELS, lookback=lookback, transform=transform)
    assert len(told(built)) > 100
    assert (told(built), built.untouched) == by_sql(engine, touches, sales, lookback, collapse=collapse)
