"""Touches from CSV files, and path tables to CSV or Parquet files.

Touch files (csv, csv.gz): `customer_id`, `time` (ISO 8601; UTC where it names no zone), `channel`, `conversion` (0 or
1), `conversion_value` (a number as in path tables; may be empty where `conversion` is 0). Other columns are left alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from analytics.attribution.errors import PathFileError
from analytics.attribution.journeys import CustomerTouch, Paths
from analytics.attribution.reading import (
    CONVERSIONS,
    EXTENSIONS,
    NULLS,
    PATH,
    VALUE,
    csv_records,
    file_bytes,
    number_in,
)

COLUMNS = ("customer_id", "time", "channel", "conversion", "conversion_value")

EARLIEST_YEAR = 1900
"""Times before it are mistakes, and would leave no room for a look-back."""

_ARROW = re.compile(r"(^|\s)>(\s|$)")


def read_touches(file: Path) -> list[CustomerTouch]:
    """Read the touches in `file`, in its order. Raises PathFileError (one line) as `read_paths` does."""
    if not file.name.lower().endswith((".csv", ".csv.gz")):
        raise PathFileError(file, "the name must end in .csv or .csv.gz")
    records = csv_records(file, file_bytes(file))
    _, names = next(records, (1, []))
    names = [name.strip() for name in names]
    for name in COLUMNS:
        if names.count(name) != 1:
            problem = f"appears {names.count(name)} times" if name in names else "is missing"
            raise PathFileError(file, f"column {name} {problem}", row=1)
    places = [names.index(name) for name in COLUMNS]
    touches = []
    for row, fields in records:
        touches.append(_touch(file, row, [fields[place].strip() for place in places]))
    return touches


def _touch(file: Path, row: int, fields: list[str]) -> CustomerTouch:
    customer, time, channel, conversion, value = fields
    for column, text in zip(COLUMNS[:3], fields, strict=False):
        if not text:
            raise PathFileError(file, "is empty", row=row, column=column)
    if _ARROW.search(channel):
        raise PathFileError(file, f"{channel!r} contains the separator of paths", row=row, column="channel")
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        raise PathFileError(file, f"{time!r} is not an ISO 8601 time", row=row, column="time") from None
    if at.year < EARLIEST_YEAR:
        raise PathFileError(file, f"{time!r} lies before {EARLIEST_YEAR}", row=row, column="time")
    if conversion not in {"0", "1"}:
        raise PathFileError(file, f"{conversion!r} is neither 0 nor 1", row=row, column="conversion")
    known = bool(value or conversion == "1") and number_in(file, value, row=row, column="conversion_value") != 0
    return CustomerTouch(
        customer=customer,
        at=at.replace(tzinfo=UTC) if at.tzinfo is None else at,
        channel=channel,
        converted=conversion == "1",
        value=Decimal(value) if known else Decimal(0),
    )


def path_file(paths: Paths, *, name: str) -> bytes:
    """Return `paths` as the content of a file called `name` (csv, csv.gz or Parquet), in byte order of the path text.

    The same paths give the same bytes. Raises PathFileError on another extension.
    """
    rows = sorted((" > ".join(path).encode(), counts) for path, counts in paths.items())
    columns = {
        PATH: [text.decode() for text, _ in rows],
        CONVERSIONS: [counts.conversions for _, counts in rows],
        VALUE: [float(counts.value) for _, counts in rows],
        NULLS: [counts.nulls for _, counts in rows],
    }
    if name.lower().endswith(".parquet"):
        import pyarrow as pa
        from pyarrow import parquet

        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(columns), sink, compression="zstd")
        return bytes(sink.getvalue())
    if not name.lower().endswith(EXTENSIONS):
        raise PathFileError(name, f"the name must end in one of {', '.join(EXTENSIONS)}")
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    content = stream.getvalue().encode()
    return gzip.compress(content, mtime=0) if name.lower().endswith(".gz") else content
