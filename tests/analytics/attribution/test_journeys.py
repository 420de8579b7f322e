"""From touches to paths, and the files on both ends."""

import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.errors import PathFileError
from analytics.attribution.journeys import CustomerTouch, PathCounts, journeys
from analytics.attribution.reading import read_paths
from analytics.attribution.touch_files import path_file, read_touches

START = datetime(2025, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)
HEADER = "customer_id,time,channel,conversion,conversion_value\n"


def touch(customer: str, day: float, channel: str, value: str | None = None) -> CustomerTouch:
    return CustomerTouch(
        customer, START + timedelta(days=day), channel, value is not None, Decimal(0 if value is None else value)
    )


def test_a_conversion_closes_a_journey_and_the_rest_is_a_null_journey() -> None:
    touches = [touch("u", 3, "c"), touch("u", 0, "a"), touch("v", 1, "b"), touch("u", 2, "b", "9.90")]
    assert journeys(touches, lookback=MONTH) == {
        ("a", "b"): PathCounts(1, Decimal("9.90"), 0),
        ("c",): PathCounts(0, Decimal(0), 1),
        ("b",): PathCounts(0, Decimal(0), 1),
    }


def test_the_lookback_counts_from_the_end_of_each_journey_and_includes_its_edge() -> None:
    touches = [
        touch("u", 0, "a"),
        touch("u", 1, "b"),
        touch("u", 31, "c", "1"),
        touch("v", 0, "a"),
        touch("v", 30.1, "b"),
    ]
    assert set(journeys(touches, lookback=MONTH)) == {("b", "c"), ("b",)}


def test_touches_of_one_instant_keep_the_order_of_the_file() -> None:
    touches = [touch("u", 0, "b"), touch("u", 0, "a", "2"), touch("u", 0, "c")]
    assert set(journeys(touches, lookback=MONTH)) == {("b", "a"), ("c",)}


def test_repeats_are_kept_or_collapsed_after_the_lookback() -> None:
    touches = [touch("u", day, channel) for day, channel in enumerate("abbaab")]
    assert set(journeys(touches, lookback=timedelta(days=4))) == {tuple("bbaab")}
    assert set(journeys(touches, lookback=timedelta(days=4), collapse=True)) == {tuple("bab")}


def test_touches_that_follow_one_another_are_one_visit_told_by_the_first() -> None:
    touches = [touch("u", day, channel) for day, channel in ((0, "a"), (0.5, "b"), (1, "c"), (3, "b"))]
    touches.append(touch("u", 3.5, "a", "2"))
    assert set(journeys(touches, lookback=MONTH, session=timedelta(hours=12))) == {("a", "b")}
    assert set(journeys(touches, lookback=timedelta(days=3), session=timedelta(hours=12))) == {("b", "b")}


@given(
    st.lists(
        st.tuples(st.sampled_from("uvw"), st.integers(0, 90), st.sampled_from("abc"), st.sampled_from([None, "1.10"])),
        max_size=30,
    )
)
@settings(deadline=None)
def test_every_conversion_and_its_value_is_counted_once(rows: list[tuple[str, int, str, str | None]]) -> None:
    found = journeys([touch(*row) for row in rows], lookback=MONTH).values()
    converted = [row for row in rows if row[3]]
    assert sum(counts.conversions for counts in found) == len(converted)
    assert sum(counts.value for counts in found) == Decimal("1.10") * len(converted)
    assert sum(counts.nulls for counts in found) <= len({row[0] for row in rows})


@pytest.mark.parametrize("days", [7, 30])
def test_real_touches_give_the_reference_path_table(shared_data: Path, days: int) -> None:
    folder = shared_data / "data/attribution"
    found = journeys(read_touches(folder / "touchpoints_july2018.csv.gz"), lookback=timedelta(days=days))
    expected = gzip.decompress((folder / f"touchpoints_july2018.paths_{days}d.csv.gz").read_bytes())
    assert path_file(found, name="paths.csv") == expected


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.parquet"])
def test_what_is_built_can_be_read_again(tmp_path: Path, name: str) -> None:
    touches = [touch("u", 0, "a, b"), touch("u", 1, 'say "hi"', "2.50"), touch("u", 2, "搜索")]
    (tmp_path / name).write_bytes(path_file(journeys(touches, lookback=MONTH), name=name))
    found = read_paths(tmp_path / name)
    assert found.channels == ("a, b", 'say "hi"', "搜索")
    assert found.conversions.tolist() == [1, 0]
    assert found.values is not None
    assert found.values.tolist() == [2.5, 0]
    assert found.nulls.tolist() == [0, 1]


def test_the_same_paths_give_the_same_bytes_whatever_their_order() -> None:
    paths = journeys([touch("u", 0, "a", "1"), touch("v", 0, "b")], lookback=MONTH)
    turned = dict(reversed(paths.items()))
    for name in ("p.csv", "p.csv.gz", "p.parquet"):
        assert path_file(paths, name=name) == path_file(turned, name=name)


def test_another_extension_is_refused() -> None:
    with pytest.raises(PathFileError, match=r"p\.xlsx: the name must end in one of"):
        path_file({}, name="p.xlsx")


def test_touches_are_read_from_any_order_of_columns(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "channel,extra,time,customer_id,conversion_value,conversion\n"
        "a b,1,2025-03-01T00:00:00Z,u,,0\n"
        "c,2,2025-03-02T08:30:00+08:00,u,12.50,1\n"
        "d,2,2025-03-03,u,1.2345678901234567e-3,1\n"
    )
    assert read_touches(file) == [
        CustomerTouch("u", START, "a b"),
        CustomerTouch("u", START + timedelta(days=1, minutes=30), "c", True, Decimal("12.50")),
        CustomerTouch("u", START + timedelta(days=2), "d", True, Decimal("0.0012345678901234567")),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "row 1: column customer_id is missing"),
        (HEADER.replace("channel", "source"), "row 1: column channel is missing"),
        (HEADER.replace("conversion_value", "time"), "row 1: column time appears 2 times"),
        (HEADER + "u,2025-03-01,a,0\n", "row 2, column conversion_value: 4 fields where the header has 5"),
        (HEADER + " ,2025-03-01,a,0,\n", "row 2, column customer_id: is empty"),
        (HEADER + "\nu,2025-03-01,,0,\n", "row 3, column channel: is empty"),
        (HEADER + "u,2025-03-01,a > b,0,\n", "row 2, column channel: 'a > b' contains the separator of paths"),
        (HEADER + "u,1.3.2025,a,0,\n", "row 2, column time: '1.3.2025' is not an ISO 8601 time"),
        (HEADER + "u,0001-01-01,a,0,\n", "row 2, column time: '0001-01-01' lies before 1900"),
        (HEADER + "u,2025-03-01,a,yes,1\n", "row 2, column conversion: 'yes' is neither 0 nor 1"),
        (HEADER + "u,2025-03-01,a,1,\n", "row 2, column conversion_value: is empty"),
        (HEADER + "u,2025-03-01,a,0,nan\n", "row 2, column conversion_value: 'nan' is not a number"),
        (HEADER + "u,2025-03-01,a,1,1e16\n", "row 2, column conversion_value: '1e16' is too large"),
    ],
)
def test_bad_touches_get_one_line_with_row_and_column(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(content)
    with pytest.raises(PathFileError) as caught:
        read_touches(file)
    assert str(caught.value) == f"{file}, {message}"


def test_touches_come_from_csv_alone(tmp_path: Path) -> None:
    with pytest.raises(PathFileError, match=r"t\.parquet: the name must end in \.csv or \.csv\.gz"):
        read_touches(tmp_path / "t.parquet")
