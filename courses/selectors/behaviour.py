"""Reads of behaviour: what acts are worth, a person's own history."""

from collections.abc import Mapping
from uuid import UUID

from courses.choices import EventKind
from courses.models import BehaviourEvent
from courses.selectors.catalogue import Reader

WEIGHTS: Mapping[str, float] = {
    EventKind.VIEW: 1.0,
    EventKind.DWELL: 1.0,
    EventKind.CART: 2.0,
    EventKind.FAVOURITE: 3.0,
    EventKind.LESSON: 1.0,
    EventKind.PROGRESS: 1.0,
    EventKind.COMPLETE: 4.0,
    EventKind.COMMENT: 1.0,
    EventKind.PURCHASE: 5.0,
}
"""How much an act says for a course. A rating says (stars - 2): three is mild praise, one counts against."""


def seen_courses(*, user: Reader, visitor_key: UUID | None, limit: int = 50) -> list[int]:
    """Return the courses that a person, or an anonymous browser, dealt with last; the latest first, each once."""
    acts = BehaviourEvent.objects.filter(course__isnull=False)
    if user is not None and user.is_authenticated:
        acts = acts.filter(user=user)
    elif visitor_key is not None:
        acts = acts.filter(visitor_key=visitor_key)
    else:
        return []
    recent = acts.order_by("-occurred_at", "-pk").values_list("course_id", flat=True)[: limit * 10]
    return [pk for pk in dict.fromkeys(recent) if pk is not None][:limit]
