"""Taking due deliveries to their handlers."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import acting
from accounts.scope import all_rows
from events.choices import DeliveryState
from events.models import Delivery
from events.services.registry import EventData, Handler, handlers

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""After so many failures a delivery is parked and waits for a person."""

FIRST_PAUSE = timedelta(seconds=10)
"""Pause before the second attempt; each further one is four times as long, up to `LONGEST_PAUSE`."""

LONGEST_PAUSE = timedelta(hours=6)

REASON_LENGTH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayResult:
    """What became of the deliveries that were tried; `more` says that the limit was reached first."""

    done: int = 0
    retried: int = 0
    parked: int = 0
    more: bool = False

    def __add__(self, other: "RelayResult") -> "RelayResult":
        return RelayResult(
            done=self.done + other.done,
            retried=self.retried + other.retried,
            parked=self.parked + other.parked,
            more=self.more or other.more,
        )

    @property
    def tried(self) -> int:
        """All of them."""
        return self.done + self.retried + self.parked


def relay(*, queue: str | None = None, limit: int = 1000, batch: int | None = None, block: bool = False) -> RelayResult:
    """Run handlers on due deliveries, oldest first, until `limit` were tried or none is due.

    Each batch is one transaction: rows claimed with FOR UPDATE SKIP LOCKED, the handler in a savepoint, the marks.
    Killed anywhere, it leaves the rows due. With `block` it waits for rows that another relay holds.
    `batch` overrides the size that handlers ask for.
    """
    result = RelayResult()
    for handler in handlers(queue=queue):
        while True:
            size = min(batch or handler.batch, limit - result.tried)
            if size <= 0:
                return result + RelayResult(more=True)
            step = _relay_batch(handler, size, block=block)
            result += step
            if not step.tried and not (block and _is_due(handler)):
                break
    return result


def relay_all(*, batch: int | None = 500, progress: Callable[[int], None] | None = None) -> RelayResult:
    """Run all that is due on every queue to the end, also what other relays are at (imports, demo, tests).

    Handlers may record events for other handlers; those are run too. `progress` gets the number tried so far.
    """
    result = RelayResult()
    while True:
        step = relay(batch=batch, limit=batch or 1000, block=True)
        result += RelayResult(done=step.done, retried=step.retried, parked=step.parked)
        if progress and step.tried:
            progress(result.tried)
        if not step.tried:
            return result


def _is_due(handler: Handler) -> bool:
    return Delivery.objects.filter(handler=handler.label, state=DeliveryState.DUE, due_at__lte=timezone.now()).exists()


def _relay_batch(handler: Handler, size: int, *, block: bool) -> RelayResult:
    with transaction.atomic(), all_rows(), acting(task="events.relay", handler=handler.label):
        deliveries = _claim(handler, size, block=block)
        if not deliveries:
            return RelayResult()
        fault = _succeeds(handler, deliveries)
        if fault is None:
            return _mark_done(deliveries)
        return _mark_failed(deliveries[0], fault) if len(deliveries) == 1 else _each_singly(handler, deliveries)


def _claim(handler: Handler, size: int, *, block: bool) -> list[Delivery]:
    """Lock up to `size` due deliveries of the handler, oldest first; others' locked rows are skipped or waited for."""
    due = Delivery.objects.filter(handler=handler.label, state=DeliveryState.DUE, due_at__lte=timezone.now())
    return list(
        due.select_related("event")
        .select_for_update(of=("self",), skip_locked=not block)
        .order_by("due_at", "id")[:size]
    )


def _succeeds(handler: Handler, deliveries: list[Delivery]) -> Exception | None:
    """Run the handler in a savepoint; what it raised, or None."""
    try:
        with transaction.atomic(), all_rows():
            handler.function([_data(delivery) for delivery in deliveries])
            with connection.cursor() as cursor:
                # Deferred checks (an entry's sum) speak inside the savepoint, not at commit for the whole batch.
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    except Exception as fault:
        if connection.needs_rollback:  # the connection itself is lost: nothing can be marked, the rows stay due
            raise
        log.warning("%s failed on %d event(s)", handler.label, len(deliveries), exc_info=fault)
        return fault
    return None


def _data(delivery: Delivery) -> EventData:
    event = delivery.event
    return EventData(id=event.pk, name=event.name, key=event.key, payload=event.payload, occurred_at=event.occurred_at)


def _each_singly(handler: Handler, deliveries: list[Delivery]) -> RelayResult:
    result = RelayResult()
    for delivery in deliveries:
        fault = _succeeds(handler, [delivery])
        result += _mark_done([delivery]) if fault is None else _mark_failed(delivery, fault)
    return result


def _mark_done(deliveries: list[Delivery]) -> RelayResult:
    count = Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        state=DeliveryState.DONE, done_at=timezone.now(), reason=""
    )
    return RelayResult(done=count)


def _mark_failed(delivery: Delivery, fault: Exception) -> RelayResult:
    delivery.attempts += 1
    delivery.reason = f"{type(fault).__name__}: {fault}"[:REASON_LENGTH]
    parked = delivery.attempts >= MAX_ATTEMPTS
    if parked:
        delivery.state = DeliveryState.PARKED
        log.error("Parked %s after %d attempts: %s", delivery, delivery.attempts, delivery.reason)
    else:
        delivery.due_at = timezone.now() + pause_after(delivery.attempts)
    delivery.save(update_fields=["attempts", "reason", "state", "due_at"])
    return RelayResult(parked=1) if parked else RelayResult(retried=1)


def pause_after(attempts: int) -> timedelta:
    """How long a delivery rests after its n-th failure: 10 s, 40 s, 160 s ... at most six hours."""
    return min(FIRST_PAUSE * int(4 ** (attempts - 1)), LONGEST_PAUSE)
