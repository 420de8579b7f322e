"""The shipped example of an import, edited and counted."""

import csv
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ImportBatch, ImportedRow, Party, User
from accounts.scope import all_rows
from analytics.models import Campaign, Conversion, Credit, Spend, Touchpoint, Visitor
from courses.models import Course, Order
from ledger.models import FxRate, JournalEntry
from ledger.selectors import trial_balance
from partners.models import Agreement

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE, MAPPING = ROOT / "examples/imports/paid_courses", ROOT / "examples/imports/paid_courses.toml"
WRITTEN = (
    Agreement, Campaign, Conversion, Course, Credit, FxRate, ImportBatch, ImportedRow, JournalEntry, Order, Party,
    Spend, Touchpoint, User, Visitor,
)  # fmt: skip
"""Every table that an import writes."""


def imported(folder: Path = EXAMPLE, *options: str, mapping: Path = MAPPING) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("import_business", str(folder), "--mapping", str(mapping), *options, stdout=out)
    return out.getvalue()


def table(name: str) -> list[dict[str, str]]:
    """The rows of a file of the example."""
    with (EXAMPLE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def counts() -> dict[str, int]:
    """Rows in every table that an import writes."""
    with all_rows():
        return {model.__name__: model._default_manager.count() for model in WRITTEN}


def balances(currency: str = "UAH") -> dict[str, int]:
    """Account -> balance."""
    with all_rows():
        rows = trial_balance(visible_to=None)
    return {row.code: row.amount for row in rows if row.currency == currency and row.amount}


def copied(tmp_path: Path) -> Path:
    """The example in a folder of its own."""
    folder = tmp_path / "files"
    shutil.copytree(EXAMPLE, folder)
    return folder


def edited(tmp_path: Path, name: str, edit: Callable[[str], str]) -> Path:
    """The example with one file changed."""
    folder = copied(tmp_path)
    path = folder / name
    text = path.read_text(encoding="utf-8")
    changed = edit(text)
    assert changed != text, "the edit must change the file"
    path.write_text(changed, encoding="utf-8")
    return folder


def replaced(before: str, after: str) -> Callable[[str], str]:
    """Replace the first occurrence."""
    return lambda text: text.replace(before, after, 1)


def refused(call: Callable[[], Any], words: str) -> None:
    """The call fails with one line, and nothing is written. A CommandError ends the program with exit code 1."""
    before = counts()
    with pytest.raises(CommandError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.returncode == 1
    assert counts() == before
