"""Path tables from files: csv, csv.gz and Parquet.

Columns: `path` (channels joined by ` > `), `total_conversions`, and where present `total_conversion_value` and
`total_null`; other columns are left alone. A separator is a `>` with a blank or the path's edge on either side, so
`a>b` is one channel. Rows are counted as a person counts them: the line in a CSV file (its header is row 1), the record
in a Parquet file (its first is row 1). Every refusal is one PathFileError naming file, row and column.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.errors import PathFileError
from analytics.attribution.paths import LARGEST, Floats, Offsets, PathTable, read_only
from analytics.attribution.records import broken_column, last_place
from analytics.attribution.tokens import BLANK_PATH, FINE, Bytes, encode, plain_quotes

PATH, CONVERSIONS, VALUE, NULLS = "path", "total_conversions", "total_conversion_value", "total_null"
REQUIRED = (PATH, CONVERSIONS)
NUMBERS = (CONVERSIONS, VALUE, NULLS)
EXTENSIONS = (".csv", ".csv.gz", ".parquet")

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The wanted columns of a file as arrays, and the row a person sees for each record (None: counted from 1)."""

    data: Bytes
    offsets: Offsets
    numbers: dict[str, Floats]
    rows: Sequence[int] | None = None


def read_paths(file: Path) -> PathTable:
    """Read the path table in `file`; channels are coded in order of first appearance.

    Raises PathFileError (one line) on a missing or unreadable file, a wrong extension, a missing or repeated column, a
    row with the wrong number of fields, an empty path or path element, and a count or value that is no finite number,
    too large, or (counts) negative.
    """
    name = file.name.lower()
    if not name.endswith(EXTENSIONS):
        raise PathFileError(file, f"the name must end in one of {', '.join(EXTENSIONS)}")
    if name.endswith(".parquet"):
        _open_check(file)
        return _encoded(file, _parquet(file))
    raw = file_bytes(file)
    fast = _csv_fast(raw)
    if fast is not None:
        with suppress(PathFileError):  # the careful reader knows the row
            return _encoded(file, fast)
    return _encoded(file, _csv_careful(file, raw))


def _encoded(file: Path, columns: _Columns) -> PathTable:
    if len(columns.offsets) == 1:
        raise PathFileError(file, "the table has no rows")
    codes, starts, spans, fault, row, element = encode(columns.data, columns.offsets)
    if fault != FINE:
        problem = "the path is empty" if fault == BLANK_PATH else f"element {element + 1} of the path is empty"
        raise PathFileError(file, problem, row=columns.rows[row] if columns.rows else row + 1, column=PATH)
    return PathTable(
        channels=tuple(columns.data[first:last].tobytes().decode() for first, last in spans.tolist()),
        codes=codes,
        starts=starts,
        conversions=columns.numbers[CONVERSIONS],
        nulls=columns.numbers.get(NULLS, np.zeros(len(starts) - 1)),
        values=columns.numbers.get(VALUE),
    )


def _open_check(file: Path) -> None:
    try:
        with file.open("rb"):
            pass
    except OSError as error:
        raise PathFileError(file, f"cannot be read: {(error.strerror or str(error)).lower()}") from None


def file_bytes(file: Path) -> bytes:
    """Return the content of `file`, unpacked where its name ends in .gz; PathFileError where it cannot be read."""
    _open_check(file)
    if not file.name.lower().endswith(".gz"):
        return file.read_bytes()
    try:
        with gzip.open(file) as stream:
            return stream.read()
    except (OSError, EOFError, zlib.error):
        raise PathFileError(file, "is not a complete gzip file") from None


def _problem_of(column: str, number: float) -> str | None:
    """Say what is wrong with a count or value, or None."""
    if not math.isfinite(number):
        return "is not a finite number"
    if column != VALUE and number < 0:
        return "must not be negative"
    return "is too large" if abs(number) > LARGEST else None


def _fine(column: str, numbers: Floats) -> NDArray[np.bool_]:
    """Say for each count or value whether nothing is wrong with it."""
    least = -LARGEST if column == VALUE else 0.0
    return (numbers >= least) & (numbers <= LARGEST)


def _header(file: Path, names: Sequence[str]) -> list[str]:
    """Check the column names of `file`; return the wanted ones."""
    for name in (PATH, *NUMBERS):
        if names.count(name) > 1:
            raise PathFileError(file, f"column {name} appears {names.count(name)} times", row=1)
    for name in REQUIRED:
        if name not in names:
            raise PathFileError(file, f"column {name} is missing (found: {', '.join(names) or 'nothing'})", row=1)
    return [name for name in (PATH, *NUMBERS) if name in names]


# --- CSV


def _csv_fast(raw: bytes) -> _Columns | None:
    """Read CSV text by Arrow; None where anything is unusual, which the careful reader then explains."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    quoted = b'"' in raw
    if quoted and not plain_quotes(read_only(np.frombuffer(raw, np.uint8))):
        return None
    head = raw[: raw.find(b"\n")].decode("utf-8-sig", "replace").strip("\r")
    try:
        names = next(csv.reader([head])) if quoted else head.split(",")
    except (csv.Error, StopIteration):
        return None
    wanted = [name for name in (PATH, *NUMBERS) if name in names]
    if not set(REQUIRED) <= set(wanted) or any(names.count(name) > 1 for name in wanted):
        return None
    types = {name: pa.large_string() if name == PATH else pa.float64() for name in wanted}
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(raw),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(quote_char='"' if quoted else False, double_quote=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[], strings_can_be_null=False
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None
    numbers = {name: _floats(table[name]) for name in wanted if name != PATH}
    if not all(_fine(name, column).all() for name, column in numbers.items()):
        return None
    data, offsets = _text(table[PATH])
    return _Columns(data, offsets, numbers)


def csv_records(file: Path, raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield (row, fields) of CSV text, the head first; blank lines are counted but are no records.

    PathFileError on a malformed record, and on one with more or fewer fields than the head.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row, column = last_place(raw[: error.start].decode("utf-8-sig"))
        raise PathFileError(file, "is not UTF-8 text", row=row, column=column) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    row = 1
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            column = broken_column(text, row=row, names=names)
            raise PathFileError(file, f"malformed CSV: {error}", row=row, column=column) from None
        if fields is None:
            return
        if fields:
            names = names or [name.strip() for name in fields]
            if len(fields) != len(names):
                column = names[min(len(fields), len(names) - 1)]
                problem = f"{len(fields)} fields where the header has {len(names)}"
                raise PathFileError(file, problem, row=row, column=column)
            yield row, fields
        row = reader.line_num + 1


def _csv_careful(file: Path, raw: bytes) -> _Columns:
    """Read CSV text field by field: the definition of what is accepted, and the place where faults get their line."""
    records = csv_records(file, raw)
    _, names = next(records, (1, []))
    names = [name.strip() for name in names]
    wanted = [(name, names.index(name)) for name in _header(file, names)]
    rows: list[int] = []
    paths: list[bytes] = []
    numbers: dict[str, list[float]] = {name: [] for name, _ in wanted if name != PATH}
    for row, fields in records:
        rows.append(row)
        for name, place in wanted:
            if name == PATH:
                paths.append(fields[place].encode())
            else:
                numbers[name].append(_number(file, fields[place], row=row, column=name))
    offsets = np.concatenate(([0], np.cumsum([len(path) for path in paths], dtype=np.int64)))
    data = np.frombuffer(b"".join(paths), np.uint8)
    return _Columns(data, offsets, {name: np.array(column) for name, column in numbers.items()}, rows)


def _number(file: Path, text: str, *, row: int, column: str) -> float:
    stripped = text.strip()
    if not stripped:
        raise PathFileError(file, "is empty", row=row, column=column)
    shown = repr(stripped[:40])
    if _NUMBER.fullmatch(stripped) is None:
        raise PathFileError(file, f"{shown} is not a number", row=row, column=column)
    number = float(stripped)
    problem = _problem_of(column, number)
    if problem is not None:
        raise PathFileError(file, f"{shown} {problem}", row=row, column=column)
    return number


# --- Parquet


def _parquet(file: Path) -> _Columns:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file, pre_buffer=False) as source:
            wanted = _header(file, source.schema_arrow.names)
            table = source.read(columns=wanted, use_threads=False)
    except (pa.ArrowException, OSError):
        raise PathFileError(file, "is not a complete Parquet file") from None
    numbers = {}
    for name in wanted:
        column = table[name]
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if not (textual if name == PATH else numeric):
            raise PathFileError(file, f"holds {kind}, not {'text' if name == PATH else 'numbers'}", column=name)
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy())) + 1
            raise PathFileError(file, "the path is empty" if name == PATH else "is empty", row=row, column=name)
        if name != PATH:
            numbers[name] = _parquet_numbers(file, name, column)
    data, offsets = _text(table[PATH])
    return _Columns(data, offsets, numbers)


def _parquet_numbers(file: Path, name: str, column: Any) -> Floats:
    numbers = _floats(column)
    fine = _fine(name, numbers)
    if not fine.all():
        row = int(np.argmin(fine))
        raise PathFileError(file, f"{numbers[row]:g} {_problem_of(name, numbers[row])}", row=row + 1, column=name)
    return numbers


# --- Arrow columns to arrays


def _floats(column: Any) -> Floats:
    import pyarrow as pa

    numbers: Floats = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def _text(column: Any) -> tuple[Bytes, Offsets]:
    """Return the UTF-8 bytes of a text column and where each entry begins, without copying what lies together."""
    import pyarrow as pa

    texts, begins = [np.zeros(0, np.uint8)], [np.zeros(1, np.int64)]
    for chunk in column.chunks:
        whole = chunk.cast(pa.large_string())
        if len(whole):
            _, offsets, data = whole.buffers()
            begin = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
            texts.append(np.frombuffer(data or b"", np.uint8)[begin[0] : begin[-1]])
            begins.append(begin[1:] + (begins[-1][-1] - begin[0]))
    text = texts[1] if len(texts) == 2 else np.concatenate(texts)
    return text, np.concatenate(begins)
