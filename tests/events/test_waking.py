"""Waking workers on commit, and a business that does not care whether the broker lives."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.conf import settings
from django.db import transaction

from events import tasks
from events.models import Delivery, OutboxEvent
from events.services import EventData, event_record, handles, registry, waking

ROOT = Path(__file__).resolve().parents[2]


class Post:
    """The message that would go to the broker: what was sent, or what the broker answers."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.fault: Exception | None = None

    def send_task(self, name: str, **options: Any) -> None:
        if self.fault:
            raise self.fault
        assert name == "events.relay"
        assert options["kwargs"] == {"queue": options["queue"]}
        assert options["retry"] is False
        self.sent.append(options["queue"])


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    post = Post()

    def book(events: list[EventData]) -> None:
        """Money's."""

    def note(events: list[EventData]) -> None:
        """Anyone's."""

    monkeypatch.setattr(current_app, "send_task", post.send_task)
    monkeypatch.setattr(waking, "_silent_until", 0.0)
    with registry.only():
        handles("order.paid", queue="money")(book)
        handles("order.paid")(note)
        yield post


def test_each_queue_is_woken_once_after_the_commit(committed_db: str, post: Post) -> None:
    with transaction.atomic():
        event_record(name="order.paid", key="A", payload={})
        event_record(name="order.paid", key="B", payload={})
        assert post.sent == [], "not before the commit"
    assert sorted(post.sent) == ["default", "money"]


def test_a_rollback_wakes_nobody(committed_db: str, post: Post) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        event_record(name="order.paid", key="A", payload={})
        raise ZeroDivisionError
    assert post.sent == []


def test_a_rolled_back_savepoint_does_not_silence_what_comes_after(committed_db: str, post: Post) -> None:
    with transaction.atomic():
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            event_record(name="order.paid", key="A", payload={})
            raise ZeroDivisionError
        event_record(name="order.paid", key="B", payload={})
    assert sorted(post.sent) == ["default", "money"]


def test_a_dead_broker_does_not_fail_the_business(committed_db: str, post: Post) -> None:
    post.fault = ConnectionRefusedError("no broker")
    event_record(name="order.paid", key="A", payload={})
    assert (OutboxEvent.objects.count(), Delivery.objects.filter(state="due").count()) == (1, 2)


def test_after_a_failure_the_broker_is_left_alone_for_a_while(
    committed_db: str, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.fault = ConnectionRefusedError("no broker")
    assert not waking.wake("money")
    post.fault = None
    assert not waking.wake("money")
    assert post.sent == []
    monkeypatch.setattr(waking, "_silent_until", time.monotonic() - 1)
    assert waking.wake("money")
    assert post.sent == ["money"]


def test_a_wake_reaches_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker of tests keeps messages in memory; this one is taken out again and read."""
    monkeypatch.setattr(waking, "_silent_until", 0.0)
    with current_app.connection_for_read() as link, link.SimpleQueue("training") as queue:
        queue.clear()
        assert waking.wake("training")
        message = queue.get(block=False)
        message.ack()
    assert message.headers["task"] == tasks.relay.name == "events.relay"
    assert message.payload[1] == {"queue": "training"}


def test_a_connection_that_grew_stale_is_replaced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "_silent_until", 0.0)
    assert waking.wake("training")
    used: list[object] = []

    def send_task(name: str, *, connection: object, **options: Any) -> None:
        used.append(connection)
        if len(used) == 1:
            raise ConnectionResetError("the broker was restarted")

    monkeypatch.setattr(current_app, "send_task", send_task)
    assert waking.wake("training")
    assert len(used) == 2
    assert used[0] is not used[1]


def test_a_dead_broker_costs_the_first_commit_a_second_and_the_next_nothing(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def book(events: list[EventData]) -> None:
        """Money's."""

    def nowhere(connect_timeout: float) -> Any:
        return current_app.connection(f"redis://127.0.0.1:{free_port()}/0", connect_timeout=connect_timeout)

    monkeypatch.setattr(waking, "_silent_until", 0.0)
    monkeypatch.setattr(waking, "_local", threading.local())
    monkeypatch.setattr(current_app, "connection_for_write", nowhere)
    with registry.only():
        handles("order.paid", queue="money")(book)
        started = time.monotonic()
        for key in "ABC":
            event_record(name="order.paid", key=key, payload={})
    assert time.monotonic() - started < 3
    assert waking._silent_until > time.monotonic()
    assert Delivery.objects.count() == 3


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def test_a_fresh_process_wakes_without_having_met_the_task() -> None:
    """Workers load the tasks, the web need not; a wake goes by name."""
    code = (
        "import django; django.setup()\n"
        "from celery import current_app\n"
        "from events.services import wake\n"
        "current_app.tasks.pop('events.relay', None)\n"
        "assert wake('money')\n"
    )
    path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
    environment = {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


def test_the_tasks_are_doors_to_the_services(committed_db: str, post: Post) -> None:
    event_record(name="order.paid", key="A", payload={})
    tasks.relay(queue="money")
    tasks.relay(queue="default")
    tasks.sweep()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"done"}


def test_a_relay_with_more_than_one_turn_of_work_wakes_itself(
    committed_db: str, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    from events.services import RelayResult

    monkeypatch.setattr("events.services.relay", lambda **_options: RelayResult(done=1000, more=True))
    tasks.relay(queue="money")
    assert post.sent == ["money"]


def test_beat_sweeps_every_half_minute() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["events.sweep"]
    assert entry["task"] in current_app.tasks
    assert entry["schedule"].total_seconds() == 30
