"""The broker forgets everything, or brings everything three times: the books come to the same (F13, F14)."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from courses.services import NewDispute, NewRefund, dispute_close, dispute_open, order_refund, orders_void
from events.models import Delivery
from events.services import relay_all, sweep
from ledger.models import JournalEntry, Posting
from partners.models import EarningDecision
from tests.factories.courses import course, learner
from tests.factories.orders import paid
from tests.ledger import stage
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def business() -> None:
    """Orders with what came of them, told to the outbox and not yet handled."""
    maker = desk.party("maker")
    made = course(creators=[maker], price_minor=10_000)
    desk.agreement(
        scope_id=str(made.pk),
        steps=[desk.percent("platform:revenue", 3000), desk.split(("party:maker", 1))],
        parties=[maker],
    )
    buyer = learner()
    orders = [paid(made, buyer=buyer, at=NOON, code=f"R{number}") for number in range(6)]
    later = NOON + timedelta(days=1)
    order_refund(order_id=orders[1].pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=later)
    order_refund(order_id=orders[2].pk, refund=NewRefund(amount_minor=10_000, reason="x"), at=later)
    lost = dispute_open(order_id=orders[3].pk, dispute=NewDispute(amount_minor=10_000, reason="x"), at=later)
    dispute_close(dispute_id=lost.pk, won=False, at=later + timedelta(days=1))
    orders_void(codes=[orders[4].code], reason="x")


def books() -> dict[str, list[Any]]:
    """What everything came to, without the numbers that rows were given."""
    postings = Posting.objects.values_list("entry__kind", "account__code", "amount", "matures_at")
    decisions = EarningDecision.objects.values_list("order_code", "party__code", "reason", "amount_minor")
    return {"postings": sorted(map(repr, postings)), "decisions": sorted(map(repr, decisions))}


def in_order() -> None:
    relay_all()


def backwards_and_again() -> None:
    """The newest first, then all of it twice more in order."""
    for number, pk in enumerate(Delivery.objects.order_by("-event_id").values_list("pk", flat=True)):
        Delivery.objects.filter(pk=pk).update(due_at=NOON + timedelta(seconds=number))
    relay_all()
    for _ in range(2):
        Delivery.objects.update(state="due", attempts=0, due_at=NOON)
        relay_all()


def after_everything_was_forgotten() -> None:
    """No worker was woken and even the deliveries are gone: the sweep finds them from the events."""
    Delivery.objects.all().delete()
    while sweep().added:
        relay_all()


def of(deliver: Callable[[], None]) -> dict[str, list[Any]]:
    point = transaction.savepoint()
    business()
    deliver()
    assert not Delivery.objects.exclude(state="done"), "nothing is left over or parked"
    assert Delivery.objects.count() > 10
    assert JournalEntry.objects.exists()
    assert not stage.violations("I1", "I2", "I5", "I6", "I7", "I8")
    found = books()
    transaction.savepoint_rollback(point)
    return found


def test_however_the_news_comes_the_books_come_to_the_same() -> None:
    expected = of(in_order)
    assert len(expected["postings"]) > 20
    for deliver in (backwards_and_again, after_everything_was_forgotten):
        assert of(deliver) == expected, deliver.__name__
