"""Recording what visitors and learners do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from courses.choices import EventKind
from courses.models import BehaviourEvent

CHUNK = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBehaviour:
    """An act to record; `value` is seconds for stays and progress, stars for ratings, else 1."""

    kind: str
    user_id: int | None = None
    visitor_key: UUID | None = None
    course_id: int | None = None
    lesson_id: int | None = None
    value: int = 1
    query: str = ""
    occurred_at: datetime | None = None
    import_batch_id: int | None = None


def behaviour_record(
    *,
    kind: str,
    user_id: int | None = None,
    visitor_key: UUID | None = None,
    course_id: int | None = None,
    lesson_id: int | None = None,
    value: int = 1,
    query: str = "",
    at: datetime | None = None,
) -> None:
    """Record one act."""
    behaviours_record(
        events=[
            NewBehaviour(
                kind=kind,
                user_id=user_id,
                visitor_key=visitor_key,
                course_id=course_id,
                lesson_id=lesson_id,
                value=value,
                query=query,
                occurred_at=at,
            )
        ]
    )


def behaviours_record(*, events: Sequence[NewBehaviour]) -> int:
    """Record acts, one statement per 5,000; how many. An act of nobody (no person, no visitor) is passed over."""
    now = timezone.now()
    rows = [
        BehaviourEvent(
            kind=EventKind(event.kind),
            user_id=event.user_id,
            visitor_key=event.visitor_key,
            course_id=event.course_id,
            lesson_id=event.lesson_id,
            value=event.value,
            query=event.query[:200],
            occurred_at=event.occurred_at or now,
            import_batch_id=event.import_batch_id,
        )
        for event in events
        if event.user_id is not None or event.visitor_key is not None
    ]
    BehaviourEvent.objects.bulk_create(rows, batch_size=CHUNK)
    return len(rows)
