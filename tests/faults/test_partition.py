"""The network to the database or the broker is cut for ten seconds, half-open too (F8).

Nothing acknowledged is lost, and everybody is at work again within half a minute, unasked.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import connections

from accounts.scope import all_rows
from ledger.models import JournalEntry
from portal import ground
from tests.faults.talker import talking
from tests.faults.wire import THERE, Wire, laid
from tests.ledger import stage

pytestmark = pytest.mark.long
DATABASE, BROKER = 15432, 16379
CUT, RECOVERED, NUMBER = 10, 30, 9
"""Seconds; and which of Valkey's databases is this test's."""

BOOKER = """
import itertools
import django
django.setup()
from django.db import Error, connection
from accounts.scope import all_rows
from tests.ledger import stage

for number in itertools.count():
    while True:
        try:
            with all_rows():
                stage.sell(f"O-{number}", 1_000 + number)
            break
        except Error:
            connection.close()
    print(number, flush=True)
"""
WAKER = """
import time
import django
django.setup()
from events.services import waking

while True:
    began = time.monotonic()
    sent = waking.wake("money")
    print(int(sent), time.monotonic() - began, flush=True)
    time.sleep(0.2)
"""


@pytest.fixture
def wire(committed_db: str) -> Iterator[Wire]:
    """A cable to this test's database and to Valkey."""
    with laid() as wire:
        wire.lead(DATABASE, f"{ground.postgres()}/.s.PGSQL.5432")
        wire.lead(BROKER, ground.valkey())
        yield wire


def far_database() -> str:
    row = settings.DATABASES["default"]
    name = connections["default"].settings_dict["NAME"]
    return f"postgresql://{row['USER']}@{THERE}:{DATABASE}/{name}"


def cut(wire: Wire, *, forgotten: bool) -> float:
    """Cut for ten seconds; `forgotten`: the far end knows none of the connections any more. When it was mended."""
    wire.cut()
    if forgotten:
        wire.forget()
    time.sleep(CUT)
    wire.mend()
    return time.monotonic()


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_was_booked_before_a_cut_is_there_and_booking_goes_on_after_it(wire: Wire, forgotten: bool) -> None:
    with all_rows():
        stage.parties()
    with talking("-c", BOOKER, DATABASE_URL=far_database(), PORTAL_SECRET_KEY="x" * 50) as booker:
        said = booker.hear_after(time.monotonic() + 2, 60)[1]
        for _ in range(2):
            mended = cut(wire, forgotten=forgotten)
            took, heard = booker.hear_after(mended, RECOVERED + 30)
            assert took < RECOVERED
            said += heard
        said += booker.hear(2)
    assert said == [str(number) for number in range(len(said))]
    assert len(said) > 10
    with all_rows():
        booked = set(JournalEntry.objects.values_list("source_id", flat=True))
        assert booked >= {f"O-{number}" for number in said}
        assert JournalEntry.objects.count() == len(booked) <= len(said) + 1
        assert not stage.violations("I1", "I2", "I8", "derivation")


@pytest.mark.parametrize("forgotten", [False, True])
def test_nobody_waits_long_for_a_broker_that_cannot_be_reached(wire: Wire, forgotten: bool) -> None:
    url = f"redis://{THERE}:{BROKER}/{NUMBER}"
    with talking("-c", WAKER, BROKER_URL=url, DATABASE_URL=far_database(), PORTAL_SECRET_KEY="x" * 50) as waker:
        waker.hear_after(time.monotonic(), 60, "1")
        mended = cut(wire, forgotten=forgotten)
        took, said = waker.hear_after(mended, RECOVERED + 30, "1")
    assert took < RECOVERED
    waits = [float(line.split()[1]) for line in said]
    assert max(waits) < 4, "whoever pays must not wait for a broker"
    assert any(line.startswith("0") for line in said), "the broker could not be reached meanwhile"


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_worker_takes_work_again_after_a_cut(wire: Wire, forgotten: bool) -> None:
    valkey = redis.Redis(unix_socket_path=ground.valkey(), db=NUMBER)
    valkey.flushdb()
    where: dict[str, Any] = {"BROKER_URL": f"redis://{THERE}:{BROKER}/{NUMBER}", "DATABASE_URL": far_database()}
    near = {**where, "BROKER_URL": f"redis+socket://{ground.valkey()}?virtual_host={NUMBER}"}
    worker = ["-m", "celery", "-A", "portal", "worker", "--queues", "money", "--pool", "solo", "--loglevel", "ERROR"]
    with (
        talking(*worker, PORTAL_SECRET_KEY="x" * 50, **where),
        talking("-c", WAKER, PORTAL_SECRET_KEY="x" * 50, **near) as waker,
    ):
        waker.hear_after(time.monotonic(), 60, "1")
        emptied(valkey, 60)
        mended = cut(wire, forgotten=forgotten)
        assert valkey.llen("money"), "nothing was waiting"
        assert emptied(valkey, RECOVERED) - mended < RECOVERED


def emptied(valkey: "redis.Redis", seconds: float) -> float:
    """Wait until no message waits; when that was."""
    until = time.monotonic() + seconds
    while valkey.llen("money"):
        assert time.monotonic() < until, f"{valkey.llen('money')} messages wait"
        time.sleep(0.05)
    return time.monotonic()
