"""Recording events in the business transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from events.choices import EventName
from events.services.registry import handlers
from events.services.waking import wake_on_commit

_RECORD = """
WITH given AS (
    SELECT *, events_key_digest(name, key) AS digest
    FROM unnest(%(names)s::text[], %(keys)s::text[], %(payloads)s::jsonb[], %(instants)s::timestamptz[])
        WITH ORDINALITY AS given (name, key, payload, occurred_at, position)
), unheard AS (
    INSERT INTO events_eventkey (digest)
    SELECT digest FROM given GROUP BY digest ORDER BY digest
    ON CONFLICT DO NOTHING
    RETURNING digest
), fresh AS (
    INSERT INTO events_outboxevent (name, key, payload, occurred_at, recorded_at)
    SELECT name, key, payload, occurred_at, %(now)s
    FROM given JOIN unheard USING (digest)
    ORDER BY position
    ON CONFLICT (name, key) DO NOTHING
    RETURNING id, name
), wanted AS (
    INSERT INTO events_delivery (event_id, handler, queue, state, attempts, due_at, reason)
    SELECT fresh.id, handler, queue, 'due', 0, %(now)s, ''
    FROM fresh
    JOIN unnest(%(for_names)s::text[], %(labels)s::text[], %(queues)s::text[]) AS wants (name, handler, queue)
        ON wants.name = fresh.name
    ORDER BY fresh.id
    RETURNING queue
)
SELECT (SELECT count(*) FROM fresh), ARRAY(SELECT DISTINCT queue::text FROM wanted)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to record. `key` is unique within its name; `payload` is plain JSON."""

    name: str
    key: str
    payload: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """A person who joined, and the cookie key of the visitor that they had been."""

    user_id: int
    visitor_key: str = ""
    occurred_at: datetime | None = None


def event_record(*, name: str, key: str, payload: dict[str, Any], occurred_at: datetime | None = None) -> None:
    """Record one event; recording the same name and key again does nothing."""
    events_record(events=[NewEvent(name=name, key=key, payload=payload, occurred_at=occurred_at)])


def events_record(*, events: Sequence[NewEvent]) -> int:
    """Record events and one delivery per registered handler, in one statement; how many were new.

    Runs in the caller's transaction: the news is told if and only if the business happened.
    Raises ValueError for a name outside `EventName`.
    """
    if not events:
        return 0
    now = timezone.now()
    wants = [(name, handler) for handler in handlers() for name in sorted(handler.names)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _RECORD,
            {
                "now": now,
                "names": [str(EventName(event.name)) for event in events],
                "keys": [event.key for event in events],
                "payloads": [json.dumps(event.payload) for event in events],
                "instants": [event.occurred_at or now for event in events],
                "for_names": [name for name, _ in wants],
                "labels": [handler.label for _, handler in wants],
                "queues": [handler.queue for _, handler in wants],
            },
        )
        count, queues = cursor.fetchone()
        wake_on_commit(queues)
    return int(count)


def sign_ups_record(*, sign_ups: Sequence[SignUp]) -> int:
    """Record `user.signed_up` for each; how many were new."""
    return events_record(
        events=[
            NewEvent(
                name=EventName.USER_SIGNED_UP,
                key=str(sign_up.user_id),
                payload={"user_id": sign_up.user_id, "visitor_key": sign_up.visitor_key},
                occurred_at=sign_up.occurred_at,
            )
            for sign_up in sign_ups
        ]
    )
