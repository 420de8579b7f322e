"""PostgreSQL is stopped at once, again and again, in the middle of bookings: nothing acknowledged is lost (F7)."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.talker import talking

BOOKINGS, STOPS, PATIENCE = 20_000, 10, 600
"""How many are booked, how often the server is stopped meanwhile, for how many seconds the booker may say nothing."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that any user may enter; pytest's own is closed by every pytest that starts."""
    made = Path(tempfile.mkdtemp(prefix="stopped-", dir="/tmp"))
    made.chmod(0o777)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.long
def test_no_acknowledged_booking_is_lost_and_none_is_doubled(home: Path) -> None:
    said: list[str] = []
    with talking("-m", "tests.faults.booker", str(BOOKINGS), PORTAL_DATA_DIR=str(home / "data")) as booker:
        while said[-1:] != ["sound"]:
            line = booker.lines.get(timeout=PATIENCE)[1]
            if line.startswith("refused"):
                continue
            said.append(line)
            if len(said) % (BOOKINGS // STOPS) == BOOKINGS // STOPS // 2:
                (place,) = home.rglob("postmaster.pid")
                os.kill(int(place.read_text().split()[0]), signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
    assert said == ["ready", *(f"booked {number}" for number in range(BOOKINGS)), "sound"]
