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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.errors import PathFileError
from analytics.attribution.paths import LARGEST, Floats, Offsets, PathTable, read_only
from analytics.attribution.records import broken_column, last_place
from analytics.attribution.tokens import BLANK_PATH, FINE, Bytes, Encoder, plain_quotes

PATH, CONVERSIONS, VALUE, NULLS = "path", "total_conversions", "total_conversion_value", "total_null"
REQUIRED = (PATH, CONVERSIONS)
NUMBERS = (CONVERSIONS, VALUE, NULLS)
EXTENSIONS = (".csv", ".csv.gz", ".parquet")

_BATCH, _BLOCK = 1 << 14, 1 << 21
"""Rows of a Parquet file, and bytes of a CSV file, that are taken at once."""

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
        return _parquet(file)
    raw = file_bytes(file)
    fast = _csv_fast(raw)
    return _table(file, *fast) if fast is not None else _encoded(file, _csv_careful(file, raw))


def _encoded(file: Path, columns: _Columns) -> PathTable:
    encoder = Encoder()
    _encode(file, encoder, columns.data, columns.offsets, rows=columns.rows)
    return _table(file, encoder, columns.numbers)


def _encode(
    file: Path, encoder: Encoder, data: Bytes, offsets: Offsets, *, rows: Sequence[int] | None, before: int = 0
) -> None:
    """Encode a batch of paths, or raise PathFileError on the first bad one."""
    fault, row, element = encoder.add(data, offsets)
    if fault != FINE:
        problem = "the path is empty" if fault == BLANK_PATH else f"element {element + 1} of the path is empty"
        raise PathFileError(file, problem, row=rows[row] if rows else before + row + 1, column=PATH)


def _table(file: Path, encoder: Encoder, numbers: dict[str, Floats]) -> PathTable:
    codes, starts = encoder.paths()
    if len(starts) == 1:
        raise PathFileError(file, "the table has no rows")
    return PathTable(
        channels=encoder.channels(),
        codes=codes,
        starts=starts,
        conversions=numbers[CONVERSIONS],
        nulls=numbers.get(NULLS, np.zeros(len(starts) - 1)),
        values=numbers.get(VALUE),
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
    if column in (CONVERSIONS, NULLS) and number < 0:
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


def _csv_fast(raw: bytes) -> tuple[Encoder, dict[str, Floats]] | None:
    """Read CSV text by Arrow; None where anything is unusual, which the careful reader then explains."""
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    quoted = b'"' in raw
    if quoted and not plain_quotes(read_only(np.frombuffer(raw, np.uint8))):
        return None
    head = raw[: raw.find(b"\n")].decode("utf-8-sig", "replace").strip("\r")
    try:
        names = next(csv.reader([head])) if quoted else head.split(",")
    except csv.Error:
        return None
    wanted = [name for name in (PATH, *NUMBERS) if name in names]
    if not set(REQUIRED) <= set(wanted) or any(names.count(name) > 1 for name in wanted):
        return None
    types = {name: pa.large_string() if name == PATH else pa.float64() for name in wanted}
    encoder = Encoder()
    parts: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in wanted if name != PATH}
    try:
        batches = arrow_csv.open_csv(
            pa.BufferReader(raw),
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(quote_char='"' if quoted else False, double_quote=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[], strings_can_be_null=False
            ),
        )
        for batch in batches:
            for name, part in parts.items():
                part.append(_floats(batch[name]))
                if not _fine(name, part[-1]).all():
                    return None
            if encoder.add(*_text(batch[PATH]))[0] != FINE:
                return None
    except (pa.ArrowInvalid, pa.ArrowKeyError):
        return None
    return encoder, {name: np.concatenate(part) for name, part in parts.items()}


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
                numbers[name].append(number_in(file, fields[place], row=row, column=name))
    offsets = np.concatenate(([0], np.cumsum([len(path) for path in paths], dtype=np.int64)))
    data = np.frombuffer(b"".join(paths), np.uint8)
    return _Columns(data, offsets, {name: np.array(column) for name, column in numbers.items()}, rows)


def number_in(file: Path, text: str, *, row: int, column: str) -> float:
    """Read a count or value. PathFileError where it is empty, no finite number, too large, or (counts) negative."""
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


def _parquet(file: Path) -> PathTable:
    """Read a Parquet file batch by batch, so that no more than a batch of its texts is held at once."""
    import pyarrow as pa
    from pyarrow import parquet

    encoder, before = Encoder(), 0
    try:
        with parquet.ParquetFile(file, pre_buffer=False) as source:
            wanted = _header(file, source.schema_arrow.names)
            rows = source.metadata.num_rows
            numbers: dict[str, Floats] = {name: np.empty(rows) for name in wanted if name != PATH}
            for name in wanted:
                _check_kind(file, name, source.schema_arrow.field(name).type)
            for batch in source.iter_batches(_BATCH, columns=wanted, use_threads=False):
                for name, column in numbers.items():
                    column[before : before + len(batch)] = _parquet_numbers(file, name, batch[name], before)
                data, offsets = _text(_without_nulls(file, PATH, batch[PATH], before))
                _encode(file, encoder, data, offsets, rows=None, before=before)
                before += len(batch)
    except (pa.ArrowException, OSError):
        raise PathFileError(file, "is not a complete Parquet file") from None
    return _table(file, encoder, numbers)


def _check_kind(file: Path, name: str, kind: Any) -> None:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (textual if name == PATH else numeric):
        raise PathFileError(file, f"holds {kind}, not {'text' if name == PATH else 'numbers'}", column=name)


def _without_nulls(file: Path, name: str, column: Any, before: int) -> Any:
    if column.null_count:
        row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False))) + 1
        problem = "the path is empty" if name == PATH else "is empty"
        raise PathFileError(file, problem, row=before + row, column=name)
    return column


def _parquet_numbers(file: Path, name: str, column: Any, before: int) -> Floats:
    numbers = _floats(_without_nulls(file, name, column, before))
    fine = _fine(name, numbers)
    if not fine.all():
        row = int(np.argmin(fine))
        problem = f"{numbers[row]:g} {_problem_of(name, numbers[row])}"
        raise PathFileError(file, problem, row=before + row + 1, column=name)
    return numbers


# --- Arrow columns to arrays


def _floats(column: Any) -> Floats:
    import pyarrow as pa

    numbers: Floats = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def _text(column: Any) -> tuple[Bytes, Offsets]:
    """Return the UTF-8 bytes of an array of texts and where each entry begins, without copying them."""
    import pyarrow as pa

    whole = column.cast(pa.large_string())
    if not len(whole):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = whole.buffers()
    begin = np.frombuffer(offsets, np.int64)[whole.offset : whole.offset + len(whole) + 1]
    return np.frombuffer(data or b"", np.uint8), begin
