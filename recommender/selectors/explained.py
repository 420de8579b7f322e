"""One place of a list taken apart, for whom it was shown to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.models import User
from courses.models import Course, Topic
from recommender.models import Impression


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a course stood where it stood. `parts` (course, amount, whether owned) and `features` are points of `score`.

    `path` leads from a course of the reader's through the topic; `learned_at` and `model` say which model spoke.
    """

    course: Course
    position: int
    source: str
    source_words: str
    score: float
    propensity: float
    parts: tuple[tuple[Course, float, bool], ...]
    features: dict[str, float]
    path: tuple[Course | None, Topic | None]
    model: str
    run: int | None
    learned_at: datetime | None
    shown_at: datetime


def explained(*, code: UUID, position: int, user: User | None, visitor_key: UUID | None) -> Explained | None:
    """Take a place of a list apart; None unless it was shown to this person, this browser, or to nobody known."""
    place = (
        Impression.objects.select_related("served__run", "course__topic")
        .filter(served__code=code, position=position)
        .first()
    )
    if place is None or not _theirs(place, user, visitor_key):
        return None
    reason, run = place.reason, place.served.run
    told = [(pk, amount) for pk, amount in reason.get("parts", ()) if amount is not None]
    known = Course.objects.in_bulk({*(pk for pk, _amount in told), reason.get("via", 0)})
    topic = Topic.objects.filter(pk=reason["topic"]).first() if "topic" in reason else None
    return Explained(
        course=place.course,
        position=place.position,
        source=place.source,
        source_words=str(place.get_source_display()),
        score=place.score,
        propensity=place.propensity,
        parts=tuple((known[pk], amount, pk in reason.get("owned", ())) for pk, amount in told if pk in known),
        features=reason.get("features", {}),
        path=(known.get(reason.get("via", 0)), topic),
        model=run.model if run else "",
        run=run.pk if run else None,
        learned_at=run.finished_at if run else None,
        shown_at=place.served.served_at,
    )


def _theirs(place: Impression, user: User | None, visitor_key: UUID | None) -> bool:
    served = place.served
    if served.user_id is not None:
        return user is not None and user.pk == served.user_id
    return served.visitor_key is None or served.visitor_key == visitor_key
