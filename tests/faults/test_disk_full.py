"""The disk is full: under the database, and where a command writes its result (F12)."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from tests.faults.talker import talking

pytestmark = pytest.mark.long
ROOT = Path(__file__).resolve().parents[2]
BOOKINGS, BEFORE, RECOVERED = 120, 40, 60
"""How many are booked, after how many of them the disk is full; seconds until booking goes on when there is room."""


@pytest.fixture
def small() -> Iterator[Path]:
    """A file system of 700 MB in memory."""
    place = Path(tempfile.mkdtemp(prefix="full-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(place)], check=False)
    if mounted.returncode:
        place.rmdir()
        pytest.skip("a disk of a size takes root, who may mount one")
    place.chmod(0o777)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
    place.rmdir()


def fill(place: Path) -> Path:
    """Leave no room."""
    filler = place / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(2**16)):
            pass
    return filler


def switch_log(place: Path) -> None:
    """Let the server ask for a new file of its log, as it does every 16 MB."""
    [pid] = place.rglob("postmaster.pid")
    sockets = pid.read_text().splitlines()[4]
    with contextlib.suppress(psycopg2.Error):
        link = psycopg2.connect(host=sockets, port=5432, user="postgres", dbname="postgres")
        link.autocommit = True
        for _ in range(20):
            link.cursor().execute("SELECT pg_logical_emit_message(false, 'full', 'x'), pg_switch_wal()")


def test_bookings_are_refused_while_the_disk_is_full_and_go_on_when_there_is_room(small: Path) -> None:
    with talking("-m", "tests.faults.booker", str(BOOKINGS), "4000", PORTAL_DATA_DIR=str(small / "data")) as booker:
        _, said = booker.hear_after(time.monotonic(), 300, f"booked {BEFORE}")
        filler = fill(small)
        switch_log(small)
        said += booker.hear_after(time.monotonic(), 120, "refused")[1] + booker.hear(5)
        filler.unlink()
        took, heard = booker.hear_after(time.monotonic(), 120, "booked")
        said += heard
        assert took < RECOVERED
        said += booker.hear_after(0, 120, "sound")[1]
    refused = [line for line in said if line.startswith("refused")]
    assert refused
    assert [line for line in said if line not in refused] == [
        "ready", *(f"booked {number}" for number in range(BOOKINGS)), "sound"
    ]  # fmt: skip


def test_a_result_that_finds_no_room_is_not_there_at_all(small: Path) -> None:
    table = small / "touches.csv"
    rows = "".join(f"{n},2026-01-01 00:00:{n % 60:02},c{n % 97},{n % 2},{n % 2}\n" for n in range(200_000))
    table.write_text("customer_id,time,channel,conversion,conversion_value\n" + rows)
    fill(small)
    out = small / "paths.csv"
    done = subprocess.run(
        [sys.executable, "manage.py", "build_paths", str(table), "--lookback-days", "30", "--out", str(out)],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    assert {path.name for path in small.iterdir()} == {"touches.csv", "filler"}
