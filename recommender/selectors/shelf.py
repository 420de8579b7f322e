"""The catalogue as arrays: what is judged of every course at each request, read anew when a course changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from accounts.scope import all_rows
from courses.choices import Level
from courses.selectors import requirements

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEW = timedelta(days=30)
"""A course is new for so long after it was published."""
FEW_SHOWS = 20
"""A course of the tail that was shown less often is still new."""
RECENT = timedelta(days=30)
REMEMBERED = timedelta(days=90)
"""Purchases and clicks count for so long."""
HEAD = 0.2
"""The best-known share of all courses; the others are the tail."""
MINUTES = 5
"""Numbers of learners, shows and clicks may be so old."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Courses on sale: arrays of one length, by id. `index` is the place of an id.

    `topic` is the place of a course's topic in `topic_ids`, `makers` (-1: none) those of its creators in a list of all
    `makers_count` creators. `level` 0 to 2, `price` and `popular` (recent learners) as standardised logarithms, `asks`
    the ids of courses that a course (by id) builds on, `order` places by recent learners, the most first.
    """

    ids: "NDArray[np.int64]"
    index: Mapping[int, int]
    topics: Mapping[int, int]
    topic_ids: tuple[int, ...]
    topic: "NDArray[np.int64]"
    level: "NDArray[np.float64]"
    price: "NDArray[np.float64]"
    popular: "NDArray[np.float64]"
    learners: "NDArray[np.int64]"
    new: "NDArray[np.bool_]"
    tail: "NDArray[np.bool_]"
    shows: "NDArray[np.int64]"
    clicks: "NDArray[np.int64]"
    creators: tuple[tuple[int, ...], ...]
    makers: "NDArray[np.int64]"
    makers_count: int
    asks: Mapping[int, frozenset[int]]
    order: "NDArray[np.int64]"


_COURSES = """
SELECT c.id, c.topic_id, c.level, c.price_minor, c.published_at,
    ARRAY(SELECT m.party_id FROM courses_coursecreator m WHERE m.course_id = c.id ORDER BY m.position, m.id),
    coalesce(e.learners, 0), coalesce(e.recent, 0), coalesce(i.shows, 0), coalesce(i.clicks, 0)
FROM courses_course c
LEFT JOIN accounts_importbatch b ON b.id = c.import_batch_id
LEFT JOIN (
    SELECT course_id, count(*) AS learners, count(*) FILTER (WHERE enrolled_at >= %(recent)s) AS recent
    FROM courses_enrolment WHERE withdrawn_at IS NULL GROUP BY course_id
) e ON e.course_id = c.id
LEFT JOIN (
    SELECT i.course_id, count(*) AS shows, count(i.clicked_at) AS clicks FROM recommender_servedlist s
    JOIN recommender_impression i ON i.served_id = s.id WHERE s.served_at >= %(remembered)s GROUP BY i.course_id
) i ON i.course_id = c.id
WHERE c.state = 'published' AND (b.id IS NULL OR b.state <> 'reversed') ORDER BY c.id
"""


_KEPT = """
SELECT item_id, avg(kept) FROM (
    SELECT item_id, 1 - sum(amount_minor)::float8 / nullif(max(paid_minor), 0) AS kept FROM partners_earningdecision
    WHERE item_kind = 'course' AND source_kind = 'order_line' AND placed_at >= %s GROUP BY item_id, source_id
) lines WHERE kept IS NOT NULL GROUP BY item_id
"""


def shares_kept(*, shelf: Shelf) -> "NDArray[np.float64]":
    """The share of what learners paid that no party earned, by course, in the last 90 days; the mean where unknown."""
    import numpy as np

    with all_rows(), connection.cursor() as cursor:
        cursor.execute(_KEPT, [timezone.now() - REMEMBERED])
        known = {int(pk): kept for pk, kept in cursor.fetchall()}
    mean = sum(known.values()) / len(known) if known else 0.0
    return np.array([known.get(pk, mean) for pk in shelf.ids.tolist()], dtype=np.float64)


def shelf_at(*, version: str, at: datetime | None = None) -> Shelf:
    """The courses on sale, for `version` of the catalogue (`ReaderFacts.shelf`); counts are up to five minutes old."""
    now = at or timezone.now()
    return _shelf(connection.settings_dict["NAME"], version, int(now.timestamp()) // (60 * MINUTES))


@lru_cache(maxsize=2)
def _shelf(database: str, version: str, bucket: int) -> Shelf:
    del database, version
    now = datetime.fromtimestamp(bucket * 60 * MINUTES, tz=timezone.get_default_timezone())
    with connection.cursor() as cursor:
        cursor.execute(_COURSES, {"recent": now - RECENT, "remembered": now - REMEMBERED})
        rows = cursor.fetchall()
    return _arrays(rows, now)


def _arrays(rows: list[tuple[Any, ...]], now: datetime) -> Shelf:
    import numpy as np

    from recommender.engine.re_rank import standardise

    levels = {level.value: float(place) for place, level in enumerate(Level)}
    ids, topics, level, prices, published, creators, learners, recent, shows, clicks = (
        zip(*rows, strict=True) if rows else ((),) * 10
    )
    index = {pk: place for place, pk in enumerate(ids)}
    places = {topic: place for place, topic in enumerate(sorted(set(topics)))}
    people = {maker: place for place, maker in enumerate(sorted({maker for own in creators for maker in own}))}
    makers = np.full((len(rows), max((len(own) for own in creators), default=0)), -1, dtype=np.int64)
    for place, own in enumerate(creators):
        makers[place, : len(own)] = [people[maker] for maker in own]
    taken = np.array(learners, dtype=np.int64)
    popular = np.array(recent, dtype=np.float64) + taken / (1 + taken.max(initial=0))
    shown = np.array(shows, dtype=np.int64)
    rank = np.empty(len(rows), dtype=np.int64)
    rank[np.argsort(-taken, kind="stable")] = np.arange(len(rows))
    tail = (rank >= max(1, round(len(rows) * HEAD))) | (taken == 0)
    fresh = np.array([at is not None and at > now - NEW for at in published], dtype=np.bool_)
    return Shelf(
        ids=np.array(ids, dtype=np.int64),
        index=index,
        topics=places,
        topic_ids=tuple(places),
        topic=np.array([places[topic] for topic in topics], dtype=np.int64),
        level=np.array([levels[name] for name in level], dtype=np.float64),
        price=standardise(np.log1p(np.array(prices, dtype=np.float64))).values,
        popular=standardise(np.log1p(popular)).values,
        learners=taken,
        new=fresh | (tail & (shown < FEW_SHOWS)),
        tail=tail,
        shows=shown,
        clicks=np.array(clicks, dtype=np.int64),
        creators=tuple(tuple(own) for own in creators),
        makers=makers,
        makers_count=len(people),
        asks=requirements(),
        order=np.argsort(-popular, kind="stable").astype(np.int64),
    )
