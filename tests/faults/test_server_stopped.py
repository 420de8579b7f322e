"""PostgreSQL is stopped at once, again and again, in the middle of bookings: nothing acknowledged is lost (F7)."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOKINGS, STOPS = 20_000, 10

BOOKER = """
import django
from unittest import mock
django.setup()
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.state import ProjectState
from accounts.scope import all_rows
from ledger.models import JournalEntry
from tests.databases import _find_one
from tests.ledger import stage

with mock.patch.object(ProjectState, "_find_reload_model", _find_one):
    call_command("migrate", verbosity=0, interactive=False)
with all_rows():
    stage.parties()
print("ready", flush=True)
for number in range({bookings}):
    while True:
        try:
            with all_rows():
                stage.sell(f"O-{{number}}", 1_000 + number)
            break
        except Error:
            connection.close()
    print("booked", number, flush=True)
with all_rows():
    assert JournalEntry.objects.count() == {bookings}, JournalEntry.objects.count()
    found = stage.violations("I1", "I2", "I8", "derivation")
    assert not found, found
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
print("sound", flush=True)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that any user may enter; pytest's own is closed by every pytest that starts."""
    made = Path(tempfile.mkdtemp(prefix="stopped-", dir="/tmp"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def booker(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that books on servers of its own, as a portal has them."""
    environment = {
        **os.environ,
        "PORTAL_DATA_DIR": str(home / "data"),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "DJANGO_SETTINGS_MODULE": "portal.settings",
    }
    command = [sys.executable, "-c", BOOKER.format(bookings=BOOKINGS)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


@pytest.mark.long
def test_no_acknowledged_booking_is_lost_and_none_is_doubled(booker: "subprocess.Popen[str]", home: Path) -> None:
    assert booker.stdout is not None
    said: list[str] = []
    for line in booker.stdout:
        said.append(line.strip())
        if len(said) % (BOOKINGS // STOPS) == BOOKINGS // STOPS // 2:
            (place,) = home.rglob("postmaster.pid")
            os.kill(int(place.read_text().split()[0]), signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    assert said == ["ready", *(f"booked {number}" for number in range(BOOKINGS)), "sound"]
