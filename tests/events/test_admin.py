"""The outbox on the operator's desk."""

from collections.abc import Iterator

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from events.models import Delivery, OutboxEvent
from events.services import EventData, NewEvent, events_record, handles, registry
from tests.cast import Cast


@pytest.fixture
def stuck(db: None) -> Iterator[Delivery]:
    """One parked delivery among many that are done."""

    def settle(events: list[EventData]) -> None:
        """Nothing."""

    with registry.only():
        handles("order.paid")(settle)
        keys = ["STUCK", *(f"k{number}" for number in range(60))]
        events_record(events=[NewEvent(name="order.paid", key=key, payload={"code": "<b>"}) for key in keys])
        Delivery.objects.update(state="done")
        delivery = Delivery.objects.get(event__key="STUCK")
        Delivery.objects.filter(pk=delivery.pk).update(state="parked", attempts=8, reason="ValueError: no such <order>")
        yield delivery


def test_what_is_parked_stands_first_with_its_reason(cast: Cast, stuck: Delivery) -> None:
    text = cast.client_of(cast.olga).get("/admin/events/delivery/").content.decode()
    body = text.partition("result_list")[2]
    assert "ValueError: no such &lt;order&gt;" in body
    assert body.index("STUCK") < body.index("order.paid k59")
    event = cast.client_of(cast.olga).get(f"/admin/events/outboxevent/{stuck.event_id}/change/").content.decode()
    assert "no such &lt;order&gt;" in event
    assert "&lt;b&gt;" in event
    listed = cast.client_of(cast.olga).get("/admin/events/outboxevent/?standing=parked").content.decode()
    assert "STUCK" in listed
    assert "k59" not in listed


def test_try_again_makes_it_due_for_operators_only(cast: Cast, stuck: Delivery) -> None:
    form = {"action": "try_again", "_selected_action": [stuck.pk]}
    cast.client_of(cast.ada).post("/admin/events/delivery/", form, follow=True)
    stuck.refresh_from_db()
    assert stuck.state == "parked"
    cast.client_of(cast.olga).post("/admin/events/delivery/", form, follow=True)
    stuck.refresh_from_db()
    assert (stuck.state, stuck.attempts) == ("due", 0)


def test_events_cannot_be_written_by_hand(cast: Cast, stuck: Delivery) -> None:
    client = cast.client_of(cast.olga)
    assert client.get("/admin/events/outboxevent/add/").status_code == 403
    assert client.post(f"/admin/events/outboxevent/{stuck.event_id}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/events/outboxevent/{stuck.event_id}/change/", {"key": "x"}).status_code == 403
    assert OutboxEvent.objects.filter(key="STUCK").exists()


def test_a_schedule_can_be_switched_off_and_nothing_else(cast: Cast) -> None:
    every = IntervalSchedule.objects.create(every=30, period="seconds")
    task = PeriodicTask.objects.create(name="events.sweep", task="events.sweep", interval=every)
    client = cast.client_of(cast.olga)
    url = f"/admin/django_celery_beat/periodictask/{task.pk}/change/"
    assert client.get(url).status_code == 200
    client.post(url, {"task": "os.system", "name": "evil"})
    task.refresh_from_db()
    assert (task.enabled, task.task, task.name) == (False, "events.sweep", "events.sweep")
