"""Reads of behaviour: plain arrays for the recommender, a person's own history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection

from courses.choices import EventKind
from courses.models import BehaviourEvent
from courses.selectors.catalogue import Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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

RATING_MIDDLE = 2.0

_INTERACTIONS = """
SELECT b.user_id, b.course_id, extract(epoch FROM b.occurred_at)::bigint, b.kind, b.value
FROM courses_behaviourevent b
LEFT JOIN accounts_importbatch i ON i.id = b.import_batch_id
WHERE b.user_id IS NOT NULL AND b.course_id IS NOT NULL AND b.kind = ANY(%(kinds)s)
    AND (i.id IS NULL OR i.state <> 'reversed')
    AND NOT EXISTS (
        SELECT FROM accounts_consent r WHERE r.user_id = b.user_id AND r.purpose = 'personalisation' AND NOT r.granted
            AND NOT EXISTS (
                SELECT FROM accounts_consent n WHERE n.user_id = r.user_id AND n.purpose = r.purpose
                    AND (n.given_at, n.id) > (r.given_at, r.id)
            )
    )
    AND (%(since)s::timestamptz IS NULL OR b.occurred_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR b.occurred_at < %(until)s)
ORDER BY b.user_id, b.occurred_at, b.id
"""


@dataclass(frozen=True, slots=True)
class Interactions:
    """What people did with courses, ordered by user, time and id: four arrays of one length.

    `user` and `course` are primary keys (int64), `time` seconds since 1970 UTC (int64), `weight` float32.
    """

    user: "NDArray[np.int64]"
    course: "NDArray[np.int64]"
    time: "NDArray[np.int64]"
    weight: "NDArray[np.float32]"

    def __len__(self) -> int:
        return len(self.user)


def interactions(
    *, since: datetime | None = None, until: datetime | None = None, weights: Mapping[str, float] = WEIGHTS
) -> Interactions:
    """Return acts of signed-in people on courses in since <= time < until; reversed imports count nowhere.

    Who wants no personal suggestions is left out: nothing is learned from what they do. `weights` chooses the kinds and
    what each is worth; ratings are always among them.
    """
    import numpy as np

    kinds = [*weights, EventKind.RATING.value]
    with connection.cursor() as cursor:
        cursor.execute(_INTERACTIONS, {"kinds": [str(kind) for kind in kinds], "since": since, "until": until})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    worth = {str(kind): weight for kind, weight in weights.items()}
    rated = EventKind.RATING.value
    return Interactions(
        user=np.fromiter((row[0] for row in rows), np.int64, len(rows)),
        course=np.fromiter((row[1] for row in rows), np.int64, len(rows)),
        time=np.fromiter((row[2] for row in rows), np.int64, len(rows)),
        weight=np.fromiter(
            (row[4] - RATING_MIDDLE if row[3] == rated else worth[row[3]] for row in rows), np.float32, len(rows)
        ),
    )


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
