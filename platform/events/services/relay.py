"""Taking due deliveries to their handlers."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.audit import acting
from accounts.columns import numbers
from accounts.scope import all_rows
from events.choices import DeliveryState
from events.errors import UselessRetryError
from events.models import Delivery
from events.services.registry import EventData, Handler, handlers

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8
"""After so many failures a delivery is parked and waits for a person."""

FIRST_PAUSE = timedelta(seconds=10)
"""Pause before the second attempt; each further one is four times as long, up to `LONGEST_PAUSE`."""

LONGEST_PAUSE = timedelta(hours=6)

GRACE = timedelta(seconds=10)
"""What was begun so long ago and is locked by nobody was left by a process that died at it."""

POLL = 0.05
"""Seconds between two looks at what another relay has begun, for who waits for it."""

REASON_LENGTH = 2000

DIED = gettext_noop("The process that ran the handler died before the handler was done.")


class HandlerDied(Exception):
    """The process of a handler ended before the handler did."""


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

    Each batch is two transactions: one says durably that it is begun; one locks the rows with FOR UPDATE SKIP LOCKED,
    runs the handler in a savepoint and marks them. Killed anywhere, it leaves the rows due, and whoever comes `GRACE`
    later counts that as a failure. With `block` it waits for rows that another relay is at.
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
            if not step.tried:
                if not (block and _is_due(handler)):
                    break
                time.sleep(POLL)
    return result


def relay_all(*, batch: int | None = 2_000, progress: Callable[[int], None] | None = None) -> RelayResult:
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
    begun, result = _begin(handler, size, block=block)
    if not begun:
        return result
    with transaction.atomic(), all_rows(), acting(task="events.relay", handler=handler.label):
        deliveries = _take(begun)
        if not deliveries:
            return result
        fault = _succeeds(handler, deliveries)
        if fault is None:
            return result + _mark_done(deliveries)
        return result + (
            _mark_failed(deliveries[0], fault) if len(deliveries) == 1 else _each_singly(handler, deliveries)
        )


@dataclass(frozen=True, slots=True)
class _Begun:
    """Deliveries that this relay has said to begin, by the instant at which it said so."""

    ids: tuple[int, ...] = ()
    at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.ids)


@transaction.atomic
def _begin(handler: Handler, size: int, *, block: bool) -> tuple[_Begun, RelayResult]:
    """Say durably which due deliveries are begun now, oldest first; count those that a dead process had begun.

    What failed before is begun alone: if it kills the process, it takes no other delivery's attempt with it.
    """
    due = _claim(handler, size, block=block)
    result = RelayResult()
    for delivery in due:
        if delivery.begun_at is not None:
            result += _mark_failed(delivery, HandlerDied())
    now = timezone.now()
    fresh = [delivery for delivery in due if delivery.state == DeliveryState.DUE and delivery.due_at <= now]
    if not fresh:
        return _Begun(), result
    chosen = fresh[:1] if fresh[0].attempts else [delivery for delivery in fresh if not delivery.attempts]
    begun = _Begun(tuple(delivery.pk for delivery in chosen), now)
    with connection.cursor() as cursor:
        # An array in one text; `IN` with a parameter for each row costs more than the update.
        cursor.execute(
            "UPDATE events_delivery SET begun_at = %s WHERE id = ANY (%s::bigint[])", [begun.at, numbers(begun.ids)]
        )
    return begun, result


def _claim(handler: Handler, size: int, *, block: bool) -> list[Delivery]:
    """Lock up to `size` due deliveries of the handler that no living relay is at, oldest first.

    Others' locked rows are skipped or waited for.
    """
    now = timezone.now()
    due = Delivery.objects.filter(
        Q(begun_at=None) | Q(begun_at__lte=now - GRACE), handler=handler.label, state=DeliveryState.DUE, due_at__lte=now
    )
    return list(due.select_for_update(skip_locked=not block).order_by("due_at", "id")[:size])


def _take(begun: _Begun) -> list[Delivery]:
    """Lock what was begun; what somebody else took or called back meanwhile is left out."""
    mine = Delivery.objects.filter(pk__among=begun.ids, state=DeliveryState.DUE, begun_at=begun.at)
    return list(mine.select_related("event").select_for_update(of=("self",), skip_locked=True).order_by("due_at", "id"))


def _succeeds(handler: Handler, deliveries: list[Delivery]) -> Exception | None:
    """Run the handler in a savepoint; what it raised, or None."""
    try:
        with transaction.atomic(), all_rows(), _collector_paused():
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


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Look for no cycles while a handler runs: its rows make none, and each look walks all that the process holds."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


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
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_delivery SET state = %s, done_at = %s, begun_at = NULL, reason = ''"
            " WHERE id = ANY (%s::bigint[])",
            [DeliveryState.DONE.value, timezone.now(), numbers(delivery.pk for delivery in deliveries)],
        )
        return RelayResult(done=cursor.rowcount)


def _mark_failed(delivery: Delivery, fault: Exception) -> RelayResult:
    delivery.attempts += 1
    delivery.begun_at = None
    delivery.reason = _reason(fault)[:REASON_LENGTH]
    parked = delivery.attempts >= MAX_ATTEMPTS or isinstance(fault, UselessRetryError)
    if parked:
        delivery.state = DeliveryState.PARKED
        log.error("Parked %s after %d attempts: %s", delivery, delivery.attempts, delivery.reason)
    else:
        delivery.due_at = timezone.now() + _pause(delivery.attempts, fault)
    delivery.save(update_fields=["attempts", "begun_at", "reason", "state", "due_at"])
    return RelayResult(parked=1) if parked else RelayResult(retried=1)


def _reason(fault: Exception) -> str:
    if isinstance(fault, HandlerDied):
        return DIED
    return str(fault) if isinstance(fault, UselessRetryError) else f"{type(fault).__name__}: {fault}"


def _pause(attempts: int, fault: Exception) -> timedelta:
    """A first death may have been a restart, or the fault of a neighbour in the batch: no pause for it."""
    if isinstance(fault, HandlerDied):
        return pause_after(attempts - 1) if attempts > 1 else timedelta()
    return pause_after(attempts)


def pause_after(attempts: int) -> timedelta:
    """How long a delivery rests after its n-th failure: 10 s, 40 s, 160 s ... at most six hours."""
    return min(FIRST_PAUSE * int(4 ** (attempts - 1)), LONGEST_PAUSE)
