"""What a path table file may hold, and the one line that says what is wrong with it."""

import csv
import gzip
import io
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from analytics.attribution import reading
from analytics.attribution.errors import PathFileError
from analytics.attribution.paths import PathTable, read_only
from analytics.attribution.reading import read_paths
from analytics.attribution.tokens import Encoder, plain_quotes
from tests.analytics.attribution.conftest import interpreted_form
from tests.examples import examples

HEADER = "path,total_conversions,total_conversion_value,total_null\n"


def wrote(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def wrote_parquet(folder: Path, **columns: Any) -> Path:
    parquet.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def journeys(paths: PathTable) -> list[tuple[Any, ...]]:
    return [
        tuple(paths.channels[code] for code in paths.codes[first:last])
        for first, last in zip(paths.starts, paths.starts[1:], strict=False)
    ]


def plain(paths: PathTable) -> tuple[Any, ...]:
    values = None if paths.values is None else paths.values.tolist()
    return paths.channels, journeys(paths), paths.conversions.tolist(), paths.nulls.tolist(), values


EXPECTED = (("b", "a", "c d"), [("b", "a", "b"), ("c d",)], [2.0, 0.0], [1.0, 4.0], [3.5, -1.0])
GOOD = HEADER + "b > a > b,2,3.5,1\nc d,0,-1,4\n"


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip("\n"),
        "\ufeff" + GOOD,
        GOOD.replace("c d", '"c d"'),
        GOOD.replace("\nc d", "\n\nc d"),
        GOOD.replace("2,3.5,1", " 2 ,+3.5e0,1."),
        "id," + GOOD.replace("\n", "\nx,", 2).removesuffix("x,"),
        GOOD.replace("path,", " path ,"),
        GOOD.replace("b > a > b", "  b >\ta  > b "),
    ],
)
def test_the_same_table_is_read_from_every_spelling(tmp_path: Path, content: str) -> None:
    assert plain(read_paths(wrote(tmp_path, content))) == EXPECTED


def test_a_packed_file_reads_like_a_plain_one(tmp_path: Path) -> None:
    assert plain(read_paths(wrote(tmp_path, gzip.compress(GOOD.encode()), "T.CSV.GZ"))) == EXPECTED


def test_columns_of_value_and_nulls_may_be_missing(tmp_path: Path) -> None:
    found = read_paths(wrote(tmp_path, "total_conversions,path\n3,a > b\n"))
    assert plain(found) == (("a", "b"), [("a", "b")], [3.0], [0.0], None)


def test_a_channel_may_contain_an_arrow_without_blanks_and_any_script(tmp_path: Path) -> None:
    found = read_paths(wrote(tmp_path, 'path,total_conversions\na>b > 搜索 广告 > ->x,1\n"x, ""y"" > a>b",1\n'))
    assert journeys(found) == [("a>b", "搜索 广告", "->x"), ('x, "y"', "a>b")]


def test_names_of_equal_letters_but_other_blanks_stay_apart(tmp_path: Path) -> None:
    found = read_paths(wrote(tmp_path, "path,total_conversions\na bc > ab c > abc > ab > a bc,1\n"))
    assert found.channels == ("a bc", "ab c", "abc", "ab")


def test_thousands_of_channels_find_room(tmp_path: Path) -> None:
    names = [f"channel {i}" for i in range(5000)]
    found = read_paths(wrote(tmp_path, "path,total_conversions\n" + "".join(f"{n} > {n[::-1]},1\n" for n in names)))
    assert len(found.channels) == len({*names, *(name[::-1] for name in names)})
    assert journeys(found)[4321] == ("channel 4321", "1234 lennahc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "row 1: column path is missing (found: nothing)"),
        (HEADER, "the table has no rows"),
        ("way,total_conversions\na,1\n", "row 1: column path is missing (found: way, total_conversions)"),
        ("path,total\na,1\n", "row 1: column total_conversions is missing (found: path, total)"),
        ("path,path,total_conversions\na,a,1\n", "row 1: column path appears 2 times"),
        ("path,total_conversions,total_null,total_null\na,1,1,1\n", "row 1: column total_null appears 2 times"),
        (HEADER + "a,1,1,1\n,1,1,1\n", "row 3, column path: the path is empty"),
        (HEADER + "a,1,1,1\n  ,1,1,1\n", "row 3, column path: the path is empty"),
        (HEADER + "a >  > b,1,1,1\n", "row 2, column path: element 2 of the path is empty"),
        (HEADER + "a > > b,1,1,1\n", "row 2, column path: element 2 of the path is empty"),
        (HEADER + "> b,1,1,1\n", "row 2, column path: element 1 of the path is empty"),
        (HEADER + "a > b > ,1,1,1\n", "row 2, column path: element 3 of the path is empty"),
        (HEADER + ">,1,1,1\n", "row 2, column path: element 1 of the path is empty"),
        (HEADER + '"a",1,1,1\n\n"",1,1,1\n', "row 4, column path: the path is empty"),
        (HEADER + "a,1,1,1\na,-1,1,1\n", "row 3, column total_conversions: '-1' must not be negative"),
        (HEADER + "a,1,1,-0.5\n", "row 2, column total_null: '-0.5' must not be negative"),
        (HEADER + "a,x,1,1\n", "row 2, column total_conversions: 'x' is not a number"),
        (HEADER + "a,NaN,1,1\n", "row 2, column total_conversions: 'NaN' is not a number"),
        (HEADER + "a,1,inf,1\n", "row 2, column total_conversion_value: 'inf' is not a number"),
        (HEADER + "a,1_000,1,1\n", "row 2, column total_conversions: '1_000' is not a number"),
        (HEADER + "a,1e999,1,1\n", "row 2, column total_conversions: '1e999' is not a finite number"),
        (HEADER + "a,1,-1e16,1\n", "row 2, column total_conversion_value: '-1e16' is too large"),
        (HEADER + "a,,1,1\n", "row 2, column total_conversions: is empty"),
        (HEADER + "a,1,1\n", "row 2, column total_null: 3 fields where the header has 4"),
        (HEADER + "a,1,1,1\n\nb,1,1,1,1\n", "row 4, column total_null: 5 fields where the header has 4"),
        (HEADER + 'a,1,1,1\n"b,1,1,1\n', "row 3, column path: malformed CSV: unexpected end of data"),
        (HEADER + '"a"x,1,1,1\n', "row 2, column path: malformed CSV: ',' expected after '\"'"),
        ((HEADER + "a,1,1,1\n").encode() + b"\xff,1,1,1\n", "row 3, column path: is not UTF-8 text"),
    ],
)
def test_bad_text_gets_one_line_with_row_and_column(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = wrote(tmp_path, content)
    with pytest.raises(PathFileError) as caught:
        read_paths(file)
    separator = ", " if message.startswith("row") else ": "
    assert str(caught.value) == f"{file}{separator}{message}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PathFileError, match=r"gone\.csv: cannot be read: no such file or directory"):
        read_paths(tmp_path / "gone.csv")


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_a_folder_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(PathFileError, match="cannot be read: is a directory"):
        read_paths(tmp_path / name)


def test_another_extension_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathFileError, match=r"t\.txt: the name must end in one of \.csv, \.csv\.gz, \.parquet"):
        read_paths(wrote(tmp_path, GOOD, "t.txt"))


@pytest.mark.parametrize("content", [b"plain", gzip.compress(GOOD.encode(), mtime=0)[:-12]], ids=["plain", "cut"])
def test_a_broken_gzip_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PathFileError, match="is not a complete gzip file"):
        read_paths(wrote(tmp_path, content, "t.csv.gz"))


def test_gzip_data_damaged_inside_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(GOOD.encode() * 50))
    packed[15:40] = bytes(25)
    with pytest.raises(PathFileError, match="is not a complete gzip file"):
        read_paths(wrote(tmp_path, bytes(packed), "t.csv.gz"))


NUMBERS = ["0", "1", "2.5", "-3", " 4", "1e3", "nan", "inf", "", "x", "+1", "1.", ".5", "0x1", "1e999", "9e15", "1_0"]
cells = st.sampled_from(["a", "a > b", "b > c", "", " ", "a > ", "é", "a,b", 'q"', "\n", *NUMBERS])


@given(
    rows=st.lists(st.lists(cells, min_size=1, max_size=5), max_size=4),
    quoting=st.sampled_from([None, csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    head=st.sampled_from([HEADER, HEADER.replace("path", '"path"')]),
)
@settings(max_examples=examples(300))
def test_the_fast_reader_accepts_nothing_that_the_careful_one_does_not(
    rows: list[list[str]], quoting: Any, head: str
) -> None:
    stream = io.StringIO()
    if quoting is not None:
        csv.writer(stream, lineterminator="\n", quoting=quoting).writerows(rows)
    else:
        stream.write("".join(",".join(row) + "\n" for row in rows))
    raw = (head + stream.getvalue()).encode()
    fast = reading._csv_fast(raw)
    if fast is not None and len(fast[0].paths()[1]) > 1:
        file = Path("t.csv")
        assert plain(reading._table(file, *fast)) == plain(reading._encoded(file, reading._csv_careful(file, raw)))


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ('"path","n"\n"a, b > c",1\n', True),
        ('\ufeff"path"\r\n"a"', True),
        ('path\n"a""b"\n', False),
        ('path\na"b"\n', False),
        ('path\n"a"b\n', False),
        ('path\n"a\nb"\n', False),
        ('path\n"a', False),
        ("path\na\n", True),
    ],
)
def test_quotes_are_plain_where_they_hold_whole_fields(form: str, text: str, fine: bool) -> None:
    kernel = plain_quotes if form == "compiled" else interpreted_form(plain_quotes)
    assert kernel(read_only(np.frombuffer(text.encode(), np.uint8))) is fine


def test_a_table_quoted_throughout_is_read_fast(tmp_path: Path) -> None:
    raw = b'"path","total_conversions"\n"a, x > b","2"\n'
    assert reading._csv_fast(raw) is not None
    assert journeys(read_paths(wrote(tmp_path, raw))) == [("a, x", "b")]


# --- Parquet


@pytest.mark.parametrize(
    "path",
    [
        pa.array(["b > a > b", "c d"]),
        pa.array(["b > a > b", "c d"], pa.large_string()),
        pa.array(["b > a > b", "c d"], pa.string_view()),
        pa.array(["b > a > b", "c d"]).dictionary_encode(),
        pa.chunked_array([["b > a > b"], ["c d"]]),
    ],
)
def test_parquet_reads_like_csv(tmp_path: Path, path: Any) -> None:
    file = wrote_parquet(
        tmp_path,
        extra=[1, 2],
        path=path,
        total_conversions=pa.array([2, 0], pa.int16()),
        total_conversion_value=pa.array([3.5, -1]),
        total_null=pa.array([Decimal("1.00"), Decimal("4.00")], pa.decimal128(9, 2)),
    )
    assert plain(read_paths(file)) == EXPECTED


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"way": ["a"], "total_conversions": [1]}, "row 1: column path is missing (found: way, total_conversions)"),
        ({"path": [1], "total_conversions": [1]}, "column path: holds int64, not text"),
        ({"path": ["a"], "total_conversions": ["1"]}, "column total_conversions: holds string, not numbers"),
        ({"path": ["a", None], "total_conversions": [1, 1]}, "row 2, column path: the path is empty"),
        ({"path": ["a", ""], "total_conversions": [1, 1]}, "row 2, column path: the path is empty"),
        ({"path": ["a", "b"], "total_conversions": [1, None]}, "row 2, column total_conversions: is empty"),
        (
            {"path": ["a", "b"], "total_conversions": [1, -2]},
            "row 2, column total_conversions: -2 must not be negative",
        ),
        (
            {"path": ["a", "b"], "total_conversions": [1.0, float("nan")]},
            "row 2, column total_conversions: nan is not a finite number",
        ),
    ],
)
def test_bad_parquet_gets_one_line_with_row_and_column(tmp_path: Path, columns: Any, message: str) -> None:
    file = wrote_parquet(tmp_path, **columns)
    with pytest.raises(PathFileError) as caught:
        read_paths(file)
    assert str(caught.value) == f"{file}, {message}"


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    file = wrote_parquet(tmp_path, path=pa.array([], pa.string()), total_conversions=pa.array([], pa.int64()))
    with pytest.raises(PathFileError, match="the table has no rows"):
        read_paths(file)


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PathFileError, match="is not a complete Parquet file"):
        read_paths(wrote(tmp_path, GOOD, "t.parquet"))


# --- the tokeniser as plain Python


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize(
    "text", ["b > a > b", "c d", "a>b > x", " a >\tb ", "ab > ba > a b > abc", "a > > b", "", " ", "> a", "x > y >"]
)
def test_the_tokeniser_means_the_same_interpreted(tmp_path: Path, text: str) -> None:
    words = [word.strip(" \t") for word in text.replace("\t", " ").split(" > ")]
    fine = bool(text.strip()) and all(word and not word.startswith("> ") and word[-2:] != " >" for word in words)
    file = wrote(tmp_path, f"path,total_conversions\n{text},1\n")
    if fine and words[0][0] != ">":
        assert journeys(read_paths(file)) == [tuple(words)]
    else:
        with pytest.raises(PathFileError, match=r"path.* is empty"):
            read_paths(file)


@pytest.mark.usefixtures("interpreted")
def test_the_interpreted_tokeniser_finds_room_too(tmp_path: Path) -> None:
    names = [f"c {i}" for i in range(1100)]
    found = read_paths(wrote(tmp_path, "path,total_conversions\n" + "".join(f"{name},1\n" for name in names)))
    assert found.channels == tuple(names)


def test_a_head_longer_than_any_field_may_be_is_left_to_the_careful_reader() -> None:
    assert reading._csv_fast(b'path,"' + b"x" * 140_000 + b'"\na,1\n') is None


def test_a_column_without_a_row_has_no_bytes() -> None:
    import pyarrow as pa

    data, offsets = reading._text(pa.array([], pa.string()))
    assert (data.tolist(), offsets.tolist()) == ([], [0])


def test_what_a_path_shares_with_the_one_before_is_read_as_if_it_stood_alone(interpreted: None) -> None:
    texts = [b"a", b"a > b", b"a > b > c", b"a > bc", b"a >b > c", b"a >b > c", b"b > a", b"b >\ta"]
    encoder = Encoder()
    encoder.add(np.frombuffer(b"".join(texts), np.uint8), np.cumsum([0, *map(len, texts)]))
    codes, starts = encoder.paths()
    names = [[encoder.channels()[code] for code in codes[a:b]] for a, b in pairwise(starts)]
    assert names == [["a"], ["a", "b"], ["a", "b", "c"], ["a", "bc"], ["a >b", "c"], ["a >b", "c"], ["b", "a"],
                     ["b", "a"]]  # fmt: skip
