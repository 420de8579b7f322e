"""Reads one CSV file row by row and says exactly where something is wrong."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.utils import timezone

from analytics.attribution.records import broken_column, last_place
from ledger.money import MoneyError, minor_from_decimal
from portal.imports.errors import RefusedImportError, shown

MOST = 10**12
"""The largest amount in major units, and the largest count; a field of more is a fault of the file."""

ID, NAME = 100, 200
"""Longest id and longest name in characters."""

FIRST_DAY = date(1990, 1, 1)

_INTEGER = re.compile(r"[0-9]+")
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


@dataclass(frozen=True)
class Row:
    """One data row: its fields by column name, and its number as a person counts it (the head is row 1)."""

    file: str
    number: int
    fields: dict[str, str]

    def refuse(self, message: str, column: str = "") -> RefusedImportError:
        """An error that names this row."""
        return RefusedImportError(message, file=self.file, row=self.number, column=column)

    def text(self, column: str, *, required: bool = True, most: int | None = None) -> str:
        """The field as text; refused when empty and required, or longer than `most` characters."""
        value = self.fields[column].strip()
        if required and not value:
            raise self.refuse("this field is empty; fill it in.", column)
        if most is not None and len(value) > most:
            raise self.refuse(f"{shown(value)} is longer than {most} characters.", column)
        return value

    def integer(self, column: str) -> int:
        """A whole number from 0 to `MOST`."""
        value = self.text(column)
        if not _INTEGER.fullmatch(value):
            raise self.refuse(f"{shown(value)} is not a whole number of at least 0.", column)
        if len(value.lstrip("0")) > len(str(MOST)) or int(value) > MOST:
            raise self.refuse(f"{shown(value)} is more than {MOST:,}.", column)
        return int(value)

    def money(self, column: str, currency: str) -> int:
        """An amount in major units, such as 12000 or 12.50, as minor units of `currency`."""
        value = self.text(column)
        if value.startswith("-"):
            raise self.refuse(f"{shown(value)} is negative; an amount is 0 or more.", column)
        self._bound(value, MOST, column)
        try:
            return minor_from_decimal(value, currency)
        except MoneyError as error:
            raise self.refuse(f"{shown(value)} is not an amount in {currency}: {error}", column) from error

    def fraction(self, column: str, *, most: int = MOST) -> tuple[int, int]:
        """An exact decimal from 0 to `most` as (numerator, denominator): 17952006.50 -> (1795200650, 100)."""
        value = self.text(column)
        match = _DECIMAL.fullmatch(value)
        if not match:
            raise self.refuse(f"{shown(value)} is not a decimal number.", column)
        sign, whole, decimals = match.group(1), match.group(2), match.group(3) or ""
        if sign:
            raise self.refuse(f"{shown(value)} is negative; an amount is 0 or more.", column)
        self._bound(value, most, column)
        return int(whole + decimals), 10 ** len(decimals)

    def instant(self, column: str, zone: ZoneInfo) -> datetime:
        """A date and time since 1990 that is not ahead; without an offset it is read in `zone`."""
        value = self.text(column)
        try:
            moment = datetime.fromisoformat(value)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise self.refuse(f"{shown(value)} is not a date and time like 2023-10-13 10:00:03.", column) from error
        self._dated(moment.date(), value, column)
        return moment

    def day(self, column: str) -> date:
        """A calendar day since 1990 that is not ahead."""
        value = self.text(column)
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise self.refuse(f"{shown(value)} is not a day like 2023-10-01.", column) from error
        self._dated(day, value, column)
        return day

    def _bound(self, value: str, most: int, column: str) -> None:
        whole = value.partition(".")[0].lstrip("0")
        if len(value) > 40 or (whole.isascii() and whole.isdigit() and int(whole) >= most):
            raise self.refuse(f"{shown(value)} is more than {most:,}, or written with too many digits.", column)

    def _dated(self, day: date, value: str, column: str) -> None:
        if day < FIRST_DAY:
            raise self.refuse(f"{shown(value)} lies before 1990.", column)
        # The reader's clock and the file's zone may be a day apart.
        if day > (timezone.now() + timedelta(days=1)).date():
            raise self.refuse(f"{shown(value)} lies in the future.", column)


def find(folder: Path, name: str) -> Path:
    """The file `name` in `folder`, plain or with .gz behind it."""
    if Path(name).name != name:
        raise RefusedImportError("the mapping names files by their names, not by paths.", file=name)
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise RefusedImportError(
        f"there is no such file in {folder} (nor {name}.gz); put it there or correct the mapping.", file=name
    )


def rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The data rows of a file that must have `columns`. Blank lines are no rows; a row of another width is refused."""
    text = _decode(path)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] = []
    before = 0
    try:
        for record in reader:
            number, before = before + 1, reader.line_num  # a quoted field may hold several lines
            if not any(cell.strip() for cell in record):
                continue
            if not head:
                head = _checked_head(path, record, columns)
                continue
            if len(record) != len(head):
                raise _wrong_width(path, number, head, record)
            yield Row(path.name, number, dict(zip(head, record, strict=True)))
    except csv.Error as error:
        raise RefusedImportError(
            f"this row is not well-formed CSV ({error}); check its quotes.",
            file=path.name,
            row=before + 1,
            column=broken_column(text, row=before + 1, names=head) or "",
        ) from error
    if not head:
        raise RefusedImportError("the file is empty; its first line names the columns.", file=path.name)


def _decode(path: Path) -> str:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        raise RefusedImportError(f"the file cannot be read ({error}).", file=path.name) from error
    except UnicodeDecodeError as error:
        raise _damaged(path, raw[: error.start].decode("utf-8-sig"), "is not UTF-8; save the file as UTF-8") from error
    if "\0" in text:
        raise _damaged(path, text[: text.index("\0")], "holds a zero byte; the file is damaged")
    return text


def _damaged(path: Path, readable: str, problem: str) -> RefusedImportError:
    line, column = last_place(readable)
    return RefusedImportError(f"this line {problem}.", file=path.name, row=line, column=column or "")


def _checked_head(path: Path, head: list[str], columns: Sequence[str]) -> list[str]:
    for column in columns:
        if column not in head:
            raise RefusedImportError(
                f"the column is missing; the file has {', '.join(head)}.", file=path.name, row=1, column=column
            )
    if len(set(head)) != len(head):
        twice = next(name for name in head if list(head).count(name) > 1)
        raise RefusedImportError("the column stands there twice.", file=path.name, row=1, column=twice)
    return head


def _wrong_width(path: Path, number: int, head: Sequence[str], record: Sequence[str]) -> RefusedImportError:
    column = head[len(record)] if len(record) < len(head) else head[-1]
    return RefusedImportError(
        f"the row has {len(record)} fields where {len(head)} are expected.", file=path.name, row=number, column=column
    )
