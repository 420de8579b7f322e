"""The relay: each delivery reaches its handler, failures rest and are parked, nothing is lost."""

import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.audit import current
from accounts.models import Party
from accounts.scope import all_rows
from accounts.services import party_create
from events.choices import DeliveryState
from events.models import Delivery
from events.services import (
    EventData,
    NewEvent,
    deliveries_retry,
    delivery_retry,
    event_record,
    events_record,
    handles,
    registry,
    relay,
    relay_all,
    sweep,
)
from events.services.relay import GRACE, MAX_ATTEMPTS, pause_after
from partners.models import Membership

relay_module = sys.modules["events.services.relay"]
"""The package's name `relay` is the verb."""


class Desk:
    """What handlers of these tests saw, and which keys make them fail."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.poison: set[str] = set()

    def handle(self, events: list[EventData]) -> None:
        self.batches.append([event.key for event in events])
        for event in events:
            party_create(code=event.key.lower(), kind="affiliate", name=event.key)
            if event.key in self.poison:
                raise ValueError(f"cannot book {event.key}")

    @property
    def keys(self) -> list[str]:
        return [key for batch in self.batches for key in batch]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()

    def settle(events: list[EventData]) -> None:
        desk.handle(events)

    with registry.only():
        handles("order.paid", queue="money", batch=3)(settle)
        yield desk


def record(*keys: str) -> None:
    events_record(events=[NewEvent(name="order.paid", key=key) for key in keys])


def states() -> dict[str, str]:
    return dict(Delivery.objects.values_list("event__key", "state"))


def test_events_reach_the_handler_in_batches_oldest_first(db: None, desk: Desk) -> None:
    record("A", "B", "C", "D")
    record("E")
    result = relay()
    assert desk.batches == [["A", "B", "C"], ["D", "E"]]
    assert (result.done, result.retried, result.parked, result.more) == (5, 0, 0, False)
    assert set(states().values()) == {DeliveryState.DONE}
    assert relay().tried == 0, "done is done"


def test_the_transaction_that_marks_a_batch_begins_the_next_within_the_limit(db: None, desk: Desk) -> None:
    record("A", "B", "C", "D", "E")
    seen: list[set[str]] = []
    before = desk.handle

    def look(events: list[EventData]) -> None:
        seen.append(set(Delivery.objects.exclude(begun_at=None).values_list("event__key", flat=True)))
        before(events)

    desk.handle = look  # type: ignore[method-assign]
    with CaptureQueriesContext(connection) as queries:
        assert relay(limit=4).done == 4
    assert seen == [{"A", "B", "C"}, {"D"}], "E is beyond the limit, so nobody would come for it"
    begins = [query["sql"] for query in queries if "begun AS" in query["sql"]]
    assert ["state = 'done'" in sql for sql in begins] == [False, True]
    assert not Delivery.objects.exclude(begun_at=None).exists(), "nothing is left begun"


def test_what_failed_before_is_not_begun_along_with_a_mark(db: None, desk: Desk) -> None:
    record("A", "B")
    Delivery.objects.filter(event__key="B").update(attempts=1)
    assert relay(batch=1).done == 2
    assert desk.batches == [["A"], ["B"]]


def test_a_relay_keeps_to_its_queue_and_its_limit(db: None, desk: Desk) -> None:
    record("A", "B", "C", "D")
    assert relay(queue="default").tried == 0
    result = relay(queue="money", limit=2)
    assert (result.done, result.more) == (2, True)
    assert desk.keys == ["A", "B"]


def test_one_poisoned_event_does_not_hold_up_the_others(db: None, desk: Desk) -> None:
    record("A", "B", "C")
    desk.poison = {"B"}
    result = relay()
    assert (result.done, result.retried) == (2, 1)
    assert desk.batches == [["A", "B", "C"], ["A"], ["B"], ["C"]]
    assert states() == {"A": "done", "B": "due", "C": "done"}
    assert set(Party.objects.values_list("code", flat=True)) == {"a", "c"}, "what failed left nothing behind"
    delivery = Delivery.objects.get(event__key="B")
    assert (delivery.attempts, delivery.reason) == (1, "ValueError: cannot book B")
    assert delivery.due_at > timezone.now()


def test_pauses_grow_and_end_in_the_car_park_with_the_reason(db: None, desk: Desk) -> None:
    record("A")
    desk.poison = {"A"}
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for attempt in range(1, MAX_ATTEMPTS):
            assert relay().retried == 1
            assert relay().tried == 0, "it rests"
            clock.shift(pause_after(attempt) - timedelta(seconds=1))
            assert relay().tried == 0, "it still rests"
            clock.shift(timedelta(seconds=1))
        assert relay().parked == 1
        clock.shift(timedelta(days=365))
        assert relay().tried == 0, "parked until a person says otherwise"
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("parked", MAX_ATTEMPTS, "ValueError: cannot book A")
    assert len(desk.keys) == MAX_ATTEMPTS


def test_what_a_dead_process_had_begun_is_tried_again_alone_and_counted(db: None, desk: Desk) -> None:
    record("A", "B", "C")
    now = timezone.now()
    Delivery.objects.update(begun_at=now)
    with time_machine.travel(now + GRACE - timedelta(seconds=1), tick=False):
        assert relay().tried == 0, "somebody is at it"
    with time_machine.travel(now + GRACE, tick=False):
        result = relay()
    assert desk.batches == [["A"], ["B"], ["C"]], "whichever kills takes no other with it"
    assert (result.done, result.retried) == (3, 3)
    assert set(Delivery.objects.values_list("state", "attempts", "begun_at")) == {("done", 1, None)}


def test_deaths_rest_and_end_in_the_car_park_too(db: None, desk: Desk) -> None:
    record("A")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for death in range(1, MAX_ATTEMPTS):
            Delivery.objects.update(begun_at=timezone.now())
            clock.shift(GRACE)
            desk.poison = {"A"} if death == 1 else set()
            with transaction.atomic():
                relay_module._begin(registry.handlers()[0], 5, block=False)
            delivery = Delivery.objects.get()
            assert (delivery.attempts, delivery.reason) == (death, relay_module.DIED)
            assert (delivery.due_at - timezone.now()) == (pause_after(death - 1) if death > 1 else timedelta())
            clock.shift(pause_after(death))
        Delivery.objects.update(begun_at=timezone.now())
        clock.shift(GRACE)
        assert relay().parked == 1
    assert desk.keys == [], "nothing was handled here"


def test_who_is_called_back_meanwhile_does_not_handle(db: None, desk: Desk) -> None:
    record("A")
    begun, _result = relay_module._begin(registry.handlers()[0], 5, block=False)
    delivery_retry(delivery_id=Delivery.objects.get().pk)
    assert relay_module._take(begun) == []
    assert relay().done == 1


def test_pauses_are_ten_seconds_times_powers_of_four_up_to_six_hours() -> None:
    pauses = [pause_after(number).total_seconds() for number in range(1, 9)]
    assert pauses == [10, 40, 160, 640, 2560, 10240, 21600, 21600]


def test_a_person_lets_a_parked_delivery_try_again(db: None, desk: Desk) -> None:
    record("A")
    desk.poison = {"A"}
    relay()
    Delivery.objects.update(state=DeliveryState.PARKED, attempts=MAX_ATTEMPTS)
    desk.poison = set()
    delivery = Delivery.objects.get()
    assert delivery_retry(delivery_id=delivery.pk)
    assert relay().done == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason, delivery.done_at is not None) == ("done", "", True)
    assert not delivery_retry(delivery_id=delivery.pk), "done stays done"
    assert deliveries_retry(delivery_ids=[]) == 0


def test_a_resting_delivery_may_be_called_up_early(db: None, desk: Desk) -> None:
    record("A")
    desk.poison = {"A"}
    relay()
    desk.poison = set()
    delivery_retry(delivery_id=Delivery.objects.get().pk)
    assert relay().done == 1


def test_a_deferred_check_speaks_for_the_event_that_broke_it(db: None) -> None:
    """A foreign key of ours is checked at commit; one bad event must not undo the batch then."""
    seen: list[str] = []

    def enrol(events: list[EventData]) -> None:
        for event in events:
            seen.append(event.key)
            with connection.cursor() as cursor:
                party = 10**9 if event.key == "BAD" else party_create(code=event.key, kind="creator", name="X").pk
                cursor.execute(
                    "INSERT INTO accounts_seat (user_id, party_id, role, created_at) VALUES (%s, %s, 'owner', now())",
                    [event.payload["user"], party],
                )

    from accounts.services import person_create

    user = person_create(email="a@cast.test").pk
    with registry.only():
        handles("order.paid")(enrol)
        events_record(
            events=[NewEvent(name="order.paid", key=key, payload={"user": user}) for key in ("x", "BAD", "y")]
        )
        result = relay()
    assert (result.done, result.retried) == (2, 1)
    assert states() == {"x": "done", "BAD": "due", "y": "done"}
    assert "foreign key" in Delivery.objects.get(event__key="BAD").reason


def test_handlers_see_every_partys_rows_and_the_audit_trail_names_them(db: None) -> None:
    seen: list[tuple[int, dict[str, object]]] = []

    def look(events: list[EventData]) -> None:
        seen.append((Membership.objects.count(), current()))

    party = party_create(code="alice", kind="creator", name="Alice")
    with all_rows():
        Membership.objects.create(party=party)
    with registry.only():
        handles("order.paid")(look)
        record("A")
        assert Membership.objects.count() == 0
        relay()
    assert seen == [(1, {"task": "events.relay", "handler": "tests.look"})]
    assert current() == {}


def test_news_of_news_is_relayed_to_the_end(db: None) -> None:
    """A handler that records an event for another handler: import and demo wait for both."""
    done: list[str] = []

    def first(events: list[EventData]) -> None:
        for event in events:
            event_record(name="training.finished", key=event.key, payload={})

    def second(events: list[EventData]) -> None:
        done.extend(event.key for event in events)

    ticks: list[int] = []
    with registry.only():
        handles("order.paid")(first)
        handles("training.finished", queue="training")(second)
        record("A", "B", "C", "D", "E")
        result = relay_all(batch=2, progress=ticks.append)
    assert result.done == 10
    assert sorted(done) == ["A", "B", "C", "D", "E"]
    assert ticks == sorted(ticks)
    assert ticks[-1] == 10


def test_the_sweep_adds_deliveries_that_are_missing_and_only_young_ones(db: None, desk: Desk) -> None:
    with registry.only():
        record("OLD", "YOUNG")
    assert Delivery.objects.count() == 0
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False), registry.only():
        record("NEW")
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        assert sweep().added == 1
        assert sweep().added == 0
    assert states() == {"NEW": "due"}


def test_the_sweep_wakes_the_queues_that_are_late(db: None, desk: Desk, woken: list[str]) -> None:
    record("A")
    assert sweep().woken == (), "it is due since this instant"
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=False):
        assert sweep().woken == ("money",)
    assert woken == ["money"]


def test_the_sweep_parks_what_nobody_handles_after_a_while(db: None, desk: Desk) -> None:
    record("A")
    with registry.only():
        assert sweep().parked == 0, "a worker with the handler may be starting"
        with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
            assert sweep().parked == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, bool(delivery.reason)) == ("parked", True)


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Queues that were woken; the messages themselves go nowhere in tests."""
    from events.services import repair

    calls: list[str] = []

    def wake(queue: str) -> bool:
        calls.append(queue)
        return True

    monkeypatch.setattr(repair, "wake", wake)
    return calls
