"""What cards and reasons say of courses, in the reader's language: one statement, so a new price counts at once."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from accounts.statements import Statement, fetch

_TOLD = Statement(
    "courses_told",
    """
    SELECT c.id, c.title, c.title_zh, c.price_minor, c.currency, t.name, t.name_zh,
        c.state = 'published' AND coalesce(b.state, '') <> 'reversed',
        ARRAY(
            SELECT CASE WHEN %(zh)s::bool AND p.name_zh <> '' THEN p.name_zh ELSE p.name END
            FROM courses_coursecreator m JOIN accounts_party p ON p.id = m.party_id
            WHERE m.course_id = c.id ORDER BY m.position, m.id
        ),
        r.mean, r.count, (SELECT count(*) FROM courses_enrolment e WHERE e.course_id = c.id AND e.withdrawn_at IS NULL)
    FROM courses_course c JOIN courses_topic t ON t.id = c.topic_id
    LEFT JOIN accounts_importbatch b ON b.id = c.import_batch_id
    CROSS JOIN LATERAL (
        SELECT avg(stars)::float8 AS mean, count(*) AS count FROM courses_rating WHERE course_id = c.id
    ) r
    WHERE c.id = ANY(%(ids)s::bigint[])
    """,
)


@dataclass(frozen=True, slots=True)
class CourseTold:
    """Words and figures of a course; `rating` is the mean of `ratings` stars, None without any; `by` its creators."""

    title: str
    minor: int
    currency: str
    topic: str
    on_sale: bool
    by: str
    rating: float | None
    ratings: int
    learners: int


def courses_told(*, ids: Collection[int]) -> dict[int, CourseTold]:
    """These courses, those that are not on sale as well; one statement."""
    chinese = (get_language() or "").startswith("zh")
    found = {}
    for pk, title, title_zh, minor, currency, topic, topic_zh, on_sale, by, *figures in fetch(
        (_TOLD, {"zh": chinese, "ids": list(ids)})
    ):
        title, topic = (title_zh or title, topic_zh or topic) if chinese else (title, topic)  # noqa: PLW2901 - by language
        found[pk] = CourseTold(title, minor, currency, topic, on_sale, _(", ").join(by), *figures)
    return found
