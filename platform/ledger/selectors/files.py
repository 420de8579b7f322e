"""Files that leave the house for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula; amounts and other numbers are written without it."""
    return f"'{text}" if text.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV, with the mark by which spreadsheets read Chinese right. Cells come as `csv_cell` or as numbers."""
    out = io.StringIO()
    out.write("\ufeff")
    csv.writer(out).writerows(rows)
    return out.getvalue()
