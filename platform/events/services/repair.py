"""What keeps the outbox well: the sweep every half minute, a person's "try again", the purge at night."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from accounts.audit import acting
from events.choices import DeliveryState
from events.models import Delivery
from events.services.registry import handlers
from events.services.waking import wake, wake_on_commit

log = logging.getLogger(__name__)

LATE = timedelta(seconds=5)
"""A delivery that has been due for longer was not woken for, or its worker is gone."""

LOOK_BACK = timedelta(days=1)
"""Events this young get deliveries that they lack; a handler that joins later does not replay all history."""

ORPHANED = timedelta(hours=1)
"""Deliveries of a handler that no process knows wait so long for its deployment, then they are parked."""

ORPHAN = gettext_noop("No running version of the portal has this handler.")

_MISSING = """
INSERT INTO events_delivery (event_id, handler, queue, state, attempts, due_at, reason)
SELECT event.id, wants.handler, wants.queue, 'due', 0, %(now)s, ''
FROM events_outboxevent AS event
JOIN unnest(%(names)s::text[], %(labels)s::text[], %(queues)s::text[]) AS wants (name, handler, queue)
    ON wants.name = event.name
WHERE event.recorded_at >= %(since)s
    AND NOT EXISTS (SELECT 1 FROM events_delivery AS d WHERE d.event_id = event.id AND d.handler = wants.handler)
ORDER BY event.id
ON CONFLICT (event_id, handler) DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Deliveries added because they were missing, queues woken, deliveries parked because nobody handles them."""

    added: int
    woken: tuple[str, ...]
    parked: int


def sweep() -> SweepResult:
    """Add missing deliveries, park orphaned ones, wake every queue on which one is late. May run twice at once."""
    now = timezone.now()
    with transaction.atomic():
        added = _add_missing(now)
        parked = _park_orphans(now)
    late = Delivery.objects.filter(state=DeliveryState.DUE, due_at__lt=now - LATE)
    queues = set(late.order_by().values_list("queue", flat=True).distinct())
    if added:
        queues |= {handler.queue for handler in handlers()}
    return SweepResult(added=added, woken=tuple(queue for queue in sorted(queues) if wake(queue)), parked=parked)


def _add_missing(now: datetime) -> int:
    wants = [(name, handler) for handler in handlers() for name in sorted(handler.names)]
    with connection.cursor() as cursor:
        cursor.execute(
            _MISSING,
            {
                "now": now,
                "since": now - LOOK_BACK,
                "names": [name for name, _handler in wants],
                "labels": [handler.label for _name, handler in wants],
                "queues": [handler.queue for _name, handler in wants],
            },
        )
        return int(cursor.rowcount)


def _park_orphans(now: datetime) -> int:
    known = [handler.label for handler in handlers()]
    orphans = Delivery.objects.filter(state=DeliveryState.DUE, due_at__lt=now - ORPHANED).exclude(handler__in=known)
    count = orphans.update(state=DeliveryState.PARKED, reason=ORPHAN)
    if count:
        log.error("Parked %d deliveries whose handler is unknown", count)
    return count


def purge(*, now: datetime | None = None, chunk: int = 5_000) -> int:
    """Remove events that everybody was told of more than `PORTAL_OUTBOX_DAYS` ago, with their deliveries; how many.

    What is due or parked stays, and so does every event's key: an event that is gone cannot be recorded again.
    Each chunk is a transaction of its own.
    """
    before = (now or timezone.now()) - timedelta(days=settings.OUTBOX_DAYS)
    total = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT events_purge(%s, %s)", [before, chunk])
            (count,) = cursor.fetchone()
        total += int(count)
        if count < chunk:
            return total


def delivery_retry(*, delivery_id: int, by: int | None = None) -> bool:
    """Make one parked or resting delivery due at once; false when it is done already."""
    return deliveries_retry(delivery_ids=[delivery_id], by=by) == 1


@transaction.atomic
def deliveries_retry(*, delivery_ids: Sequence[int], by: int | None = None) -> int:
    """Make parked or resting deliveries due at once with a fresh count of attempts; how many. `by` is a user's id.

    The last reason stays until the next attempt, so that nothing is hidden meanwhile.
    """
    with acting(actor=by):
        chosen = Delivery.objects.select_for_update().filter(pk__in=delivery_ids).exclude(state=DeliveryState.DONE)
        found = list(chosen.order_by("pk"))
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in found]).update(
            state=DeliveryState.DUE, attempts=0, begun_at=None, due_at=timezone.now()
        )
        wake_on_commit(sorted({delivery.queue for delivery in found}))
    return len(found)
