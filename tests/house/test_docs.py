"""The reference names everything that there is: settings, commands, tasks, events."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from events.choices import EventName
from portal import env
from portal.celery import app

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
OWN = ("portal", "accounts", "events", "ledger", "partners", "courses", "analytics", "recommender")
SOURCES = ("platform", "partners", "courses", "analytics", "recommender")


def rows(page: str) -> dict[str, str]:
    """The first cell of each table row, without its back-ticks, to the whole row."""
    text = (REFERENCE / page).read_text(encoding="utf-8")
    found = re.findall(r"^\| `([^`]+)` \|.*$", text, flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if re.match(r"^\| `[^`]+` \|", line)]
    return dict(zip(found, lines, strict=True))


@pytest.mark.parametrize("variable", env.TABLE, ids=lambda row: row.name)
def test_the_page_of_settings_says_what_the_table_says(variable: env.Variable) -> None:
    row = rows("settings.md")[variable.name]
    assert variable.meaning in row
    assert f"| {variable.kind} |" in row
    if variable.default:
        assert f"`{variable.default}`" in row
    for choice in variable.choices:
        assert choice in row


def test_the_page_of_settings_has_no_variable_that_is_gone() -> None:
    assert set(rows("settings.md")) == {row.name for row in env.TABLE}


def test_every_command_of_ours_has_its_row() -> None:
    ours = {name for name, home in get_commands().items() if str(getattr(home, "name", home)) in OWN}
    assert "migrate" in ours
    assert not ({f"manage.py {name}" for name in ours} | make_targets()) - set(rows("commands.md"))


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {f"make {name}" for name in re.findall(r"^([a-z-]+):.*## ", text, flags=re.MULTILINE)}


def test_every_task_has_its_row() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.partition(".")[0] in OWN}
    assert ours
    assert set(rows("tasks.md")) == ours


def test_whatever_beat_sends_is_a_task() -> None:
    app.loader.import_default_modules()
    assert {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_every_event_has_its_row_and_no_other_is_recorded_or_handled() -> None:
    known = set(EventName.values)
    assert "order.paid" in known
    assert set(rows("events.md")) == known
    assert set(event_names()) <= known


def event_names() -> Iterator[str]:
    """Names given to event_record, NewEvent and handles, found in the source."""
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _called(node) in {"event_record", "NewEvent", "handles"}:
                    values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
                    yield from (str(v.value) for v in values if isinstance(v, ast.Constant))


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
