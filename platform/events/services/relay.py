"""Taking due deliveries to their handlers."""

import gc
import json
import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.audit import acting_on_all_rows
from accounts.columns import numbers
from accounts.savepoints import one_savepoint
from accounts.statements import Statement, fetch
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

FEW = 100
"""Up to so many deliveries, planning a statement costs more than a plan that is not made for their number."""

POLL = 0.05
"""Seconds between two looks at what another relay has begun, for who waits for it."""

REASON_LENGTH = 2000

DIED = gettext_noop("The process that ran the handler died before the handler was done.")


_DUE = """
    SELECT id, attempts, begun_at, due_at FROM events_delivery
    WHERE handler = %(handler)s AND state = 'due' AND due_at <= %(now)s
        AND (begun_at IS NULL OR begun_at <= %(left)s)
    ORDER BY due_at, id LIMIT %(size)s FOR UPDATE
"""
"""Due deliveries of a handler that no living relay is at, oldest first, locked."""

_BEGIN = f"""
    WITH due AS MATERIALIZED ({_DUE} {{skip}}), begun AS (
        UPDATE events_delivery d SET begun_at = %(now)s
        WHERE d.id = ANY (ARRAY(SELECT id FROM due))
            AND NOT EXISTS (SELECT FROM due WHERE attempts > 0 OR begun_at IS NOT NULL)
        RETURNING d.id
    )
    SELECT (SELECT count(*) FROM due), ARRAY(SELECT id FROM begun)
"""  # noqa: S608 - only a constant is put in

_BEGIN_FREE = Statement("deliveries_begin", _BEGIN.format(skip="SKIP LOCKED"))


_TAKE = Statement(
    "deliveries_take",
    """
    SELECT d.id, e.id, e.name, e.key, e.payload, e.occurred_at
    FROM events_delivery d JOIN events_outboxevent e ON e.id = d.event_id
    WHERE d.id = ANY (%s::bigint[]) AND d.state = 'due' AND d.begun_at = %s
    ORDER BY d.due_at, d.id FOR UPDATE OF d
    """,
)

_DONE = Statement(
    "deliveries_done",
    """
    UPDATE events_delivery SET state = 'done', done_at = %s, begun_at = NULL, reason = '' WHERE id = ANY (%s::bigint[])
    """,
)

_CHECK = Statement("check", "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED", plan=False)


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

    Two transactions a batch: one says durably that it is begun (the one that marks the batch before, where there is
    one); one locks the rows with FOR UPDATE SKIP LOCKED, runs the handler in a savepoint and marks them. Killed
    anywhere, it leaves the rows due, and whoever comes `GRACE` later counts that as a failure. With `block` it waits
    for rows that another relay is at.
    `batch` overrides the size that handlers ask for, save those that want one event at a time.
    """
    result = RelayResult()
    chosen = handlers(queue=queue)
    due = _due_labels(chosen)
    for handler in chosen:
        begun = _NOTHING
        while handler.label in due:
            asked = handler.batch if handler.batch == 1 else batch or handler.batch
            left = limit - result.tried
            if left <= 0:
                return result + RelayResult(more=True)
            step, begun = _relay_batch(handler, begun, asked=asked, left=left, block=block)
            result += step
            if step.tried < min(asked, left):
                due = _due_labels(chosen)  # again: what was handled may have been news for the next
            if not step.tried:
                if not block:
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


def _due_labels(chosen: Collection[Handler]) -> set[str]:
    """Which of the handlers have something due, whoever may be at it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT label FROM unnest(%s::text[]) AS label WHERE EXISTS ("
            "SELECT FROM events_delivery WHERE handler = label AND state = 'due' AND due_at <= %s)",
            [[handler.label for handler in chosen], timezone.now()],
        )
        return {label for (label,) in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _Begun:
    """Deliveries that this relay has said to begin, by the instant at which it said so."""

    ids: tuple[int, ...] = ()
    at: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.ids)


_NOTHING = _Begun()


def _relay_batch(handler: Handler, begun: _Begun, *, asked: int, left: int, block: bool) -> tuple[RelayResult, _Begun]:
    """Run the handler on what is begun for it already, or else on what is begun now; `left` may be tried in all.

    The transaction that marks the rows begins the next batch of those that nobody holds: one wait for the disk makes
    both durable. Returns what is begun so.
    """
    result = RelayResult()
    if not begun:
        begun, result = _begin(handler, min(asked, left), block=block)
    if not begun:
        return result, _NOTHING
    following = min(asked, left - result.tried - len(begun.ids))
    few = len(begun.ids) <= FEW
    with acting_on_all_rows(plan_once=few, task="events.relay", handler=handler.label):
        taken = _take(begun)
        if not taken:
            return result, _NOTHING
        fault = _succeeds(handler, taken)
        if fault is None:
            return result + RelayResult(done=len(taken)), _mark_done(taken, handler, following)
        failed = _mark_failed(_row(taken[0]), fault) if len(taken) == 1 else _each_singly(handler, taken)
        return result + failed, _NOTHING


class _Taken(NamedTuple):
    """A delivery that this relay holds locked, and its event."""

    id: int
    event: EventData


def _begin(handler: Handler, size: int, *, block: bool) -> tuple[_Begun, RelayResult]:
    """Say durably which due deliveries are begun now, oldest first; count those that a dead process had begun.

    Others' locked rows are skipped or waited for.
    """
    now = timezone.now()
    asked = _due_at(now, handler, size)
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN.format(skip="" if block else "SKIP LOCKED"), asked)
        found, ids = cursor.fetchone()
    return _begin_troubled(asked, block=block) if found and not ids else (_Begun(tuple(ids), now), RelayResult())


def _due_at(now: datetime, handler: Handler, size: int) -> dict[str, Any]:
    return {"handler": handler.label, "now": now, "left": now - GRACE, "size": size}


@transaction.atomic
def _begin_troubled(asked: dict[str, Any], *, block: bool) -> tuple[_Begun, RelayResult]:
    """Begin where a dead process had begun some, or some failed before.

    What failed before is begun alone: if it kills the process, it takes no other delivery's attempt with it.
    """
    due = list(Delivery.objects.raw(_DUE + ("" if block else "SKIP LOCKED"), asked))
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
    Delivery.objects.filter(pk__among=begun.ids).update(begun_at=now)
    return begun, result


def _take(begun: _Begun) -> list[_Taken]:
    """Lock what was begun; what somebody else took or called back meanwhile is left out.

    It waits for who holds a row: most often another relay that saw it free, and keeps it locked until its own commit.
    """
    return [
        _Taken(pk, EventData(event, name, key, json.loads(payload), at))
        for pk, event, name, key, payload, at in fetch((_TAKE, [numbers(begun.ids), begun.at]))
    ]


def _succeeds(handler: Handler, taken: list[_Taken]) -> Exception | None:
    """Run the handler in a savepoint; what it raised, or None."""
    try:
        with one_savepoint(), _collector_paused():
            handler.function([delivery.event for delivery in taken])
            # Deferred checks (an entry's sum) speak inside the savepoint, not at commit for the whole batch.
            fetch((_CHECK, ()))
    except Exception as fault:
        if connection.needs_rollback:  # the connection itself is lost: nothing can be marked, the rows stay due
            raise
        log.warning("%s failed on %d event(s)", handler.label, len(taken), exc_info=fault)
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


def _each_singly(handler: Handler, taken: list[_Taken]) -> RelayResult:
    result = RelayResult()
    for delivery in taken:
        fault = _succeeds(handler, [delivery])
        if fault is None:
            _mark_done([delivery], handler)
        result += RelayResult(done=1) if fault is None else _mark_failed(_row(delivery), fault)
    return result


def _row(taken: _Taken) -> Delivery:
    return Delivery.objects.get(pk=taken.id)


def _mark_done(taken: list[_Taken], handler: Handler, following: int = 0) -> _Begun:
    """Mark rows that are held locked, and begin others in the same message.

    What a dead process had begun, or what failed before, is left to `_begin`; so is all that others hold.
    """
    now = timezone.now()
    done = (_DONE, [now, numbers(delivery.id for delivery in taken)])
    if following <= 0:
        fetch(done)
        return _NOTHING
    [(_found, ids)] = fetch(done, (_BEGIN_FREE, _due_at(now, handler, following)))
    return _Begun(tuple(ids), now)


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
