"""What is known of a reader at this instant: one statement, so that what they did a second ago counts."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from accounts.choices import ConsentPurpose
from accounts.models import User
from accounts.selectors import counts_until_said
from accounts.statements import Statement, fetch

ACTS, COURSES = 500, 50
"""So many of the latest acts are read, and so many courses of theirs count."""


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """A reader, and what serves them. Courses and topics by id; `history` the oldest first, each course once.

    `personal`: they did not switch suggestions off. `withdrawn` are courses they gave back, `hidden` those they waved
    away, `less` those of which they want less. `came` are courses with the orders of others who first came the same
    way, `landing` is the topic on which they landed. `run` and `policy` are the live ones, `canary` the run on trial,
    `shelf` changes when any course does, `trials` are the places in which an experiment runs.
    """

    personal: bool = True
    history: tuple[int, ...] = ()
    owned: tuple[int, ...] = ()
    withdrawn: tuple[int, ...] = ()
    hidden: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    topics: tuple[int, ...] = ()
    came: tuple[tuple[int, int], ...] = ()
    landing: int | None = None
    run: int | None = None
    canary: int | None = None
    policy: int | None = None
    shelf: str = ""
    trials: tuple[str, ...] = ()

    def impersonal(self) -> "ReaderFacts":
        """What may be used of somebody who wants nothing personal: which courses not to show, and no more."""
        return replace(self, history=(), less=(), topics=(), came=(), landing=None)

    @property
    def barred(self) -> frozenset[int]:
        """Courses that must not be suggested."""
        return frozenset((*self.owned, *self.withdrawn, *self.hidden, *self.less))


def _acts(whose: str) -> str:
    return f"""ARRAY(
        SELECT course_id FROM (
            SELECT course_id, max(occurred_at) AS at, max(id) AS id FROM (
                SELECT course_id, occurred_at, id FROM courses_behaviourevent
                WHERE {whose} AND course_id IS NOT NULL AND kind <> 'refund'
                ORDER BY occurred_at DESC, id DESC LIMIT {ACTS}
            ) latest GROUP BY course_id ORDER BY at DESC, id DESC LIMIT {COURSES}
        ) courses ORDER BY at, id
    )"""  # noqa: S608 - the conditions are those below


# What the audit trail last wrote of courses tells that one changed. A transaction that wrote earlier and ended later
# leaves the largest number as it was; it is found by the count of the last ones.
_SERVING = """
    (SELECT max(id) FROM recommender_trainingrun WHERE stage = 'live'),
    (SELECT max(id) FROM recommender_trainingrun WHERE stage = 'canary'),
    (SELECT max(id) FROM recommender_servingpolicy WHERE NOT is_trial),
    (
        SELECT concat_ws(' ', max(pgh_id),
            (SELECT count(*) FROM courses_courseevent
                WHERE pgh_id > (SELECT max(pgh_id) FROM courses_courseevent) - 500),
            (SELECT count(*) FROM accounts_importbatch WHERE state = 'reversed'))
        FROM courses_courseevent
    ),
    ARRAY(SELECT DISTINCT slot FROM recommender_experiment WHERE state = 'running' ORDER BY 1)
"""
_PERSON = Statement(
    "reader_person",
    f"""
    SELECT coalesce((
            SELECT granted FROM accounts_consent WHERE user_id = %(user)s::bigint AND purpose = 'personalisation'
            ORDER BY given_at DESC, id DESC LIMIT 1
        ), %(unsaid)s::boolean),
        {_acts("user_id = %(user)s::bigint")},
        ARRAY(SELECT course_id FROM courses_enrolment WHERE user_id = %(user)s AND withdrawn_at IS NULL ORDER BY 1),
        ARRAY(
            SELECT course_id FROM courses_enrolment WHERE user_id = %(user)s AND withdrawn_at IS NOT NULL ORDER BY 1
        ),
        ARRAY(SELECT course_id FROM recommender_dismissal WHERE user_id = %(user)s AND kind = 'course' ORDER BY 1),
        ARRAY(SELECT course_id FROM recommender_dismissal WHERE user_id = %(user)s AND kind = 'less' ORDER BY 1),
        ARRAY(
            SELECT o.topic_id FROM recommender_taste t JOIN recommender_taste_topics o ON o.taste_id = t.id
            WHERE t.user_id = %(user)s ORDER BY 1
        ),
        {_SERVING}
    """,  # noqa: S608 - put together from what stands above
)
_BROWSER = Statement("reader_browser", f"SELECT {_acts('visitor_key = %(visitor)s::uuid')}, {_SERVING}")
_NOBODY = Statement("reader_nobody", f"SELECT {_SERVING}")


def reader_facts(*, user: User | None, visitor_key: UUID | None, observed: bool = True) -> ReaderFacts:
    """Read what is known of a person, else of a browser, else of nobody; one statement.

    In a browser that does not let itself be `observed`, a person's own yes is needed for anything personal.
    """
    if user is not None:
        unsaid = counts_until_said(purpose=ConsentPurpose.PERSONALISATION, observed=observed)
        asked = {"user": user.pk, "unsaid": unsaid}
        said, history, owned, withdrawn, hidden, less, topics, *serving = fetch((_PERSON, asked))[0]
        facts = ReaderFacts(
            personal=said,
            history=tuple(history),
            owned=tuple(owned),
            withdrawn=tuple(withdrawn),
            hidden=tuple(hidden),
            less=tuple(less),
            topics=tuple(topics),
            **_serving(serving),
        )
        return facts if said else facts.impersonal()
    if visitor_key is not None:
        history, *serving = fetch((_BROWSER, {"visitor": str(visitor_key)}))[0]
        return ReaderFacts(history=tuple(history), **_serving(serving))
    return ReaderFacts(**_serving(fetch((_NOBODY, []))[0]))


def _serving(row: Any) -> dict[str, Any]:
    *told, trials = row
    return {**dict(zip(("run", "canary", "policy", "shelf"), told, strict=True)), "trials": tuple(trials)}
