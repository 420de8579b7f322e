"""Tables as CSV, as spreadsheets take them: exact figures, and no cell that they would compute."""

import csv
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction

from django.http import HttpResponse

from ledger.money import half_up
from ledger.selectors.files import csv_cell

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def csv_answer(name: str, rows: Iterable[Sequence[str]]) -> HttpResponse:
    """A file of this name with these rows."""
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
    response.write("\ufeff")  # spreadsheets take the text for UTF-8 by this mark
    writer = csv.writer(response)
    for row in rows:
        writer.writerow([_safe(cell) for cell in row])
    return response


def _safe(cell: str) -> str:
    """A cell that a spreadsheet would take for a formula is quoted; a figure below zero is none."""
    return cell if _NUMBER.fullmatch(cell) else csv_cell(cell)


def millionths(ppm: int) -> str:
    """Millionths of one as a decimal."""
    return f"{ppm // 10**6}.{ppm % 10**6:06d}"


def ten_thousandths(value: Fraction) -> str:
    """A ratio with four decimals, rounded half up."""
    scaled = half_up(value.numerator * 10_000, value.denominator)
    return f"{scaled // 10_000}.{scaled % 10_000:04d}"
