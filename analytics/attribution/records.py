"""Where a CSV text goes wrong, as a person looks for it: by row (the first is 1) and column.

Python's reader says only that a record is malformed, at the line where it noticed: for a quote that never ends that is
the file's last.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from contextlib import suppress

_LINE_END = re.compile(r"\r\n|\r|\n")
_FIELD = re.compile(r'"(?:[^"]++|"")*+"(?=[,\r\n]|\Z)|[^",\r\n][^,\r\n]*+|(?=[,\r\n]|\Z)')


def broken_field(record: str) -> int:
    """Return the index of the field in which the quotes of `record` go wrong, or in which it ends."""
    index = at = 0
    while (field := _FIELD.match(record, at)) and record[field.end() : field.end() + 1] == ",":
        index, at = index + 1, field.end() + 1
    return index


def broken_column(text: str, *, row: int, names: Sequence[str]) -> str | None:
    """Return the column in which the malformed record goes wrong that begins at line `row` of `text`.

    None where the record goes wrong beyond the columns in `names`, or before there are any.
    """
    ends = _LINE_END.finditer(text)
    start = 0
    for _ in range(row - 1):
        start = next(ends).end()
    index = broken_field(text[start:])
    return names[index] or None if index < len(names) else None


def last_place(text: str) -> tuple[int, str | None]:
    """Return (line, column) at which `text`, the readable beginning of a damaged file, ends.

    The column is None in the head, beyond its columns, in a record of several lines, and behind malformed records.
    """
    line = 1 + sum(1 for _ in _LINE_END.finditer(text))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    names: list[str] = []
    start = 1
    with suppress(csv.Error):  # the last record may end within a quoted field
        for fields in reader:
            if reader.line_num >= line:
                break
            names = names or fields
            start = reader.line_num + 1
    return line, broken_column(text, row=line, names=names) if start == line else None
