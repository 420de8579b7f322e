"""Recording: an event happens with its business or not at all, and once."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import Error, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.choices import EventName
from events.models import Delivery, OutboxEvent
from events.services import (
    EventData,
    NewEvent,
    SignUp,
    event_record,
    events_record,
    handles,
    purge,
    registry,
    sign_ups_record,
)


def note(events: list[EventData]) -> None:
    """A handler that wants to know."""


def book(events: list[EventData]) -> None:
    """Another one."""


@pytest.fixture(autouse=True)
def _two_handlers() -> Iterator[None]:
    with registry.only():
        handles("order.paid", "order.voided", queue="money")(book)
        handles("order.paid")(note)
        yield


def test_an_event_brings_a_delivery_for_each_handler_of_its_name(db: None) -> None:
    event_record(name="order.paid", key="A-1", payload={"order_id": 1, "code": "A-1"})
    event_record(name="order.voided", key="A-1", payload={"order_id": 1, "code": "A-1"})
    event_record(name="course.published", key="7", payload={})
    rows = Delivery.objects.order_by("event__name", "handler").values_list("event__name", "handler", "queue", "state")
    assert list(rows) == [
        ("order.paid", "tests.book", "money", "due"),
        ("order.paid", "tests.note", "default", "due"),
        ("order.voided", "tests.book", "money", "due"),
    ]
    assert OutboxEvent.objects.count() == 3


def test_the_same_name_and_key_happen_once(db: None) -> None:
    new = NewEvent(name="order.paid", key="A-1", payload={"code": "A-1"})
    assert events_record(events=[new]) == 1
    assert events_record(events=[new, NewEvent(name="order.paid", key="A-2")]) == 1
    assert events_record(events=[NewEvent(name="order.paid", key="A-3"), NewEvent(name="order.paid", key="A-3")]) == 1
    assert OutboxEvent.objects.count() == 3
    assert Delivery.objects.count() == 6


def test_what_is_recorded_is_what_was_said(db: None) -> None:
    instant = datetime(2026, 3, 1, 12, tzinfo=UTC)
    event_record(name="order.paid", key="数据-1", payload={"标题": "《数据》", "n": [1, None]}, occurred_at=instant)
    event_record(name="order.paid", key="A-2", payload={})
    first, second = OutboxEvent.objects.order_by("pk")
    assert (first.key, first.payload, first.occurred_at) == ("数据-1", {"标题": "《数据》", "n": [1, None]}, instant)
    assert abs((second.occurred_at - timezone.now()).total_seconds()) < 60


def test_a_business_that_is_rolled_back_tells_nothing(db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        event_record(name="order.paid", key="A-1", payload={})
        raise ZeroDivisionError
    assert not OutboxEvent.objects.exists()
    assert not Delivery.objects.exists()


def test_a_name_outside_the_vocabulary_is_refused(db: None) -> None:
    with pytest.raises(ValueError, match=r"order\.payed"):
        event_record(name="order.payed", key="A-1", payload={})
    with pytest.raises(ValueError, match=r"order\.payed"):
        handles("order.payed")
    with pytest.raises(ValueError, match="moneyy"):
        handles("order.paid", queue="moneyy")


def test_a_batch_is_one_statement_however_long(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        events_record(events=[NewEvent(name="order.paid", key=str(number)) for number in range(1000)])
    statements = [query["sql"] for query in queries if "INSERT" in query["sql"]]
    assert len(statements) == 1
    assert Delivery.objects.count() == 2000
    keys = OutboxEvent.objects.order_by("pk").values_list("key", flat=True)
    assert list(keys) == [str(number) for number in range(1000)], "in the order in which they were given"


def test_no_events_are_no_query(db: None) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert events_record(events=[]) == 0
    assert len(queries) == 0


def test_a_sign_up_names_the_person_and_the_visitor(db: None) -> None:
    assert sign_ups_record(sign_ups=[SignUp(user_id=5, visitor_key="v-5"), SignUp(user_id=6)]) == 2
    assert sign_ups_record(sign_ups=[SignUp(user_id=5, visitor_key="later")]) == 0
    events = OutboxEvent.objects.order_by("key").values_list("name", "key", "payload")
    assert list(events) == [
        (EventName.USER_SIGNED_UP, "5", {"user_id": 5, "visitor_key": "v-5"}),
        (EventName.USER_SIGNED_UP, "6", {"user_id": 6, "visitor_key": ""}),
    ]


@pytest.mark.parametrize("statement", ["UPDATE {} SET name = 'x'", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("alias", ["default", "owner"])
def test_an_event_is_never_changed_or_removed(committed_db: str, alias: str, statement: str) -> None:
    from django.db import connections

    event_record(name="order.paid", key="A-1", payload={})
    with connections[alias].cursor() as cursor, pytest.raises(Error, match=r"permission denied|never changed"):
        cursor.execute(statement.format("events_outboxevent"))
    assert OutboxEvent.objects.count() == 1


def test_aged_events_go_and_their_keys_stay(db: None) -> None:
    now = timezone.now()
    with time_machine.travel(now - timedelta(days=91), tick=False):
        events_record(events=[NewEvent(name="order.paid", key=key) for key in ("told", "parked", "due")])
        event_record(name="course.published", key="nobody listens", payload={})
    with time_machine.travel(now - timedelta(days=89), tick=False):
        event_record(name="order.paid", key="young", payload={})
    Delivery.objects.exclude(event__key="due").update(state="done")
    Delivery.objects.filter(event__key="parked", handler="tests.note").update(state="parked")
    assert purge(now=now, chunk=1) == 2
    assert set(OutboxEvent.objects.values_list("key", flat=True)) == {"parked", "due", "young"}
    assert Delivery.objects.count() == 6
    event_record(name="order.paid", key="told", payload={})
    assert not OutboxEvent.objects.filter(key="told").exists(), "what was told once is not told again"
    assert purge(now=now) == 0


def test_a_week_of_events_is_kept_whatever_is_asked(db: None) -> None:
    with pytest.raises(Error, match="last seven days"):
        purge(now=timezone.now() + timedelta(days=84))


def test_two_handlers_of_one_label_are_refused(db: None) -> None:
    def note(events: list[EventData]) -> None:
        """Same app, same name, other function."""

    with pytest.raises(ValueError, match=r"two handlers are called tests\.note"):
        handles("order.paid")(note)


def test_the_page_of_events_has_each_name_and_no_other() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "events.md"
    rows = re.findall(r"^\| `([a-z_.]+)` \|", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(rows) == sorted(EventName.values)
