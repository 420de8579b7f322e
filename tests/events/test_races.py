"""Two relays at once, and one that is killed. Each race is first shown to be one, with the lock taken away."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from accounts.models import Party
from accounts.services import party_create
from events.models import Delivery, OutboxEvent
from events.services import EventData, Handler, NewEvent, events_record, handles, registry, relay, relay_all, sweep
from events.services.relay import DIED, RelayResult, _Begun, _Taken

pytestmark = pytest.mark.race
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def slow_handler(calls: list[str], *, inside: threading.Event, go_on: threading.Event) -> Iterator[None]:
    """A handler that says when it is inside and stays there until it may go on."""

    def settle(events: list[EventData]) -> None:
        calls.extend(event.key for event in events)
        inside.set()
        assert go_on.wait(20)

    with registry.only():
        handles("order.paid")(settle)
        yield


def in_thread(results: list[RelayResult], *, block: bool = False) -> threading.Thread:
    """A relay on a connection of its own."""

    def run() -> None:
        try:
            results.append(relay(block=block))
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def begin_without_lock(handler: Handler, size: int, *, block: bool) -> tuple[_Begun, RelayResult]:
    """What the relay would do had nobody thought of locks."""
    due = Delivery.objects.filter(handler=handler.label, state="due", due_at__lte=timezone.now())
    ids = due.order_by("due_at", "id").values_list("pk", flat=True)[:size]
    return _Begun(tuple(ids), timezone.now()), RelayResult()


def take_without_lock(begun: _Begun) -> list[_Taken]:
    due = Delivery.objects.filter(pk__in=begun.ids, state="due").select_related("event")
    told = [
        (row.pk, EventData(id=e.pk, name=e.name, key=e.key, payload=e.payload, occurred_at=e.occurred_at))
        for row in due
        for e in [row.event]
    ]
    return [_Taken(pk, event) for pk, event in told]


def two_relays(calls: list[str], *, block: bool = False) -> tuple[list[RelayResult], bool]:
    """Start a second relay while the first one's handler is at work, let both end; results, and whether it waited."""
    inside, go_on, results = threading.Event(), threading.Event(), list[RelayResult]()
    with slow_handler(calls, inside=inside, go_on=go_on):
        events_record(events=[NewEvent(name="order.paid", key="A")])
        first = in_thread(results)
        assert inside.wait(20)
        second = in_thread(results, block=block)
        second.join(1.0)
        waited = second.is_alive()
        go_on.set()
        first.join(20)
        second.join(20)
    return results, waited


def test_without_the_lock_two_relays_handle_one_event_twice(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["events.services.relay"], "_begin", begin_without_lock)
    monkeypatch.setattr(sys.modules["events.services.relay"], "_take", take_without_lock)
    calls: list[str] = []
    two_relays(calls)
    assert calls == ["A", "A"], "the race is real"


def test_with_the_lock_they_handle_it_once(committed_db: str) -> None:
    calls: list[str] = []
    results, waited = two_relays(calls)
    assert calls == ["A"]
    assert not waited, "a locked row is passed by"
    assert sorted(result.done for result in results) == [0, 1]


def test_a_relay_that_is_told_to_wait_waits_and_handles_nothing_twice(committed_db: str) -> None:
    calls: list[str] = []
    results, waited = two_relays(calls, block=True)
    assert calls == ["A"]
    assert waited
    assert sorted(result.done for result in results) == [0, 1]


def test_a_row_that_another_only_looked_at_is_waited_for(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who saw it free before it was begun locks it, finds that it is begun, and keeps the lock until its commit."""
    relay_module = sys.modules["events.services.relay"]
    take, looking, looked = relay_module._take, threading.Event(), threading.Event()

    def look() -> None:
        with transaction.atomic():
            list(Delivery.objects.select_for_update())
            looking.set()
            looked.wait(0.5)
        connections.close_all()

    def take_while_locked(begun: Any) -> Any:
        other = threading.Thread(target=look)
        other.start()
        assert looking.wait(20)
        try:
            return take(begun)
        finally:
            looked.set()
            other.join(20)

    monkeypatch.setattr(relay_module, "_take", take_while_locked)
    calls, go_on = list[str](), threading.Event()
    go_on.set()
    with slow_handler(calls, inside=threading.Event(), go_on=go_on):
        events_record(events=[NewEvent(name="order.paid", key="A")])
        assert relay().done == 1
    assert calls == ["A"]


def test_four_relays_share_a_heap_of_work(committed_db: str) -> None:
    keys: list[str] = []
    lock = threading.Lock()

    def settle(events: list[EventData]) -> None:
        with lock:
            keys.extend(event.key for event in events)

    results: list[RelayResult] = []
    with registry.only():
        handles("order.paid", batch=7)(settle)
        events_record(events=[NewEvent(name="order.paid", key=str(number)) for number in range(200)])
        threads = [in_thread(results) for _ in range(4)]
        for thread in threads:
            thread.join(60)
    assert sorted(keys, key=int) == [str(number) for number in range(200)]
    assert sum(result.done for result in results) == 200


def test_the_same_event_recorded_by_two_transactions_happens_once(committed_db: str) -> None:
    counts: list[int] = []
    ready = threading.Barrier(4)

    def run() -> None:
        try:
            ready.wait(20)
            counts.append(events_record(events=[NewEvent(name="order.paid", key="A")]))
        finally:
            connections.close_all()

    with registry.only():
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(counts) == [0, 0, 0, 1]
    assert OutboxEvent.objects.count() == 1


def test_two_sweeps_at_once_add_each_delivery_once(committed_db: str) -> None:
    with registry.only():
        events_record(events=[NewEvent(name="order.paid", key=str(number)) for number in range(50)])
    added: list[int] = []
    ready = threading.Barrier(2)

    def run() -> None:
        try:
            ready.wait(20)
            added.append(sweep().added)
        finally:
            connections.close_all()

    with registry.only():
        handles("order.paid")(lambda events: None)
        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sum(added) == 50
    assert Delivery.objects.count() == 50


VICTIM = """
import sys, time
import django
django.setup()
from django.db import connections, transaction
for alias in ("default", "owner"):
    connections.settings[alias]["NAME"] = {name!r}
from accounts.services import party_create
from events.services import handles, registry, relay

def settle(events):
    for event in events:
        party_create(code=event.key, kind="affiliate", name="half done")
    print("at work", flush=True)
    time.sleep(60)

with registry.only():
    settle.__module__ = "tests.events"
    handles("order.paid")(settle)
    relay()
"""


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is at it and holds no lock counts as dead at once."""
    monkeypatch.setattr(sys.modules["events.services.relay"], "GRACE", timedelta(milliseconds=50))


def test_kill_9_between_claim_and_commit_loses_nothing_and_leaves_no_half(committed_db: str, soon: None) -> None:
    done: list[str] = []

    def settle(events: list[EventData]) -> None:
        for event in events:
            party_create(code=event.key, kind="affiliate", name="whole")
            done.append(event.key)

    with registry.only():
        handles("order.paid")(settle)
        events_record(events=[NewEvent(name="order.paid", key=key) for key in ("a", "b", "c")])
        path = os.pathsep.join([str(ROOT), str(ROOT / "platform")])
        environment = {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        with subprocess.Popen(
            [sys.executable, "-c", VICTIM.format(name=committed_db)], env=environment, stdout=subprocess.PIPE, text=True
        ) as victim:
            assert victim.stdout is not None
            assert victim.stdout.readline() == "at work\n"
            assert relay().tried == 0, "the victim holds the rows"
            victim.send_signal(signal.SIGKILL)
            victim.wait(20)
        deadline = time.monotonic() + 20
        while not done and time.monotonic() < deadline:
            relay_all()
            time.sleep(0.05)
    assert sorted(done) == ["a", "b", "c"]
    assert set(Party.objects.values_list("code", "name")) == {("a", "whole"), ("b", "whole"), ("c", "whole")}
    assert set(Delivery.objects.values_list("state", "attempts")) == {("done", 1)}, "the death was counted"


def relay_in_a_process() -> None:
    """A relay that may be killed; this process keeps no connection that the other could share."""
    connections.close_all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the copy runs nothing of this process's threads
        pid = os.fork()
    if not pid:
        try:
            relay()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    time.sleep(0.1)


def test_an_event_that_kills_its_process_every_time_is_parked_and_takes_no_other_with_it(
    committed_db: str, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["events.services.relay"], "MAX_ATTEMPTS", 2)

    def settle(events: list[EventData]) -> None:
        if "poison" in {event.key for event in events}:
            os.kill(os.getpid(), signal.SIGKILL)

    with registry.only():
        handles("order.paid")(settle)
        events_record(events=[NewEvent(name="order.paid", key=key) for key in ("a", "poison", "z")])
        relay_in_a_process()
        assert set(Delivery.objects.values_list("state", "attempts")) == {("due", 0)}, "the whole batch died with it"
        relay_in_a_process()
        relay()
    assert dict(Delivery.objects.values_list("event__key", "state")) == {"a": "done", "poison": "parked", "z": "done"}
    parked = Delivery.objects.get(state="parked")
    assert (parked.attempts, parked.reason) == (2, DIED)
