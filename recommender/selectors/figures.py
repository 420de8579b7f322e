"""What suggestions did: shown, opened, bought, by course and place; for creators theirs, for marketers all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from courses.models import Course
from recommender.choices import Slot
from recommender.selectors.readers import reader_facts
from recommender.selectors.shelf import shelf_at

BOUGHT_WITHIN = timedelta(days=14)
"""A course counts as bought by a suggestion if whoever opened it ordered it so soon afterwards."""
NEW = timedelta(days=30)
LISTED = 20
"""So many courses, the most shown, stand on the page for marketers."""


@dataclass(slots=True)
class Shown:
    """How often something was shown, opened, and how many orders followed; `revenue` in minor units by currency."""

    shows: int = 0
    clicks: int = 0
    orders: int = 0
    revenue: dict[str, int] = field(default_factory=dict)

    @property
    def click_rate(self) -> float | None:
        """Opened of shown; None where nothing was shown."""
        return self.clicks / self.shows if self.shows else None

    @property
    def order_rate(self) -> float | None:
        """Ordered of opened; None where nothing was opened."""
        return self.orders / self.clicks if self.clicks else None

    def add(self, other: "Shown") -> None:
        """Count the other in."""
        self.shows += other.shows
        self.clicks += other.clicks
        self.orders += other.orders
        for currency, minor in other.revenue.items():
            self.revenue[currency] = self.revenue.get(currency, 0) + minor


@dataclass(frozen=True, slots=True)
class CourseShown:
    """A course in all places and in each, and in places that are kept for new courses."""

    course: Course
    total: Shown
    slots: dict[str, Shown]
    kept: Shown


@dataclass(frozen=True, slots=True)
class ServingFigures:
    """All suggestions of a stretch. Shares are of places shown; `gini` of places over the courses on sale, 0 to 1.

    `courses` are the `LISTED` most shown.
    """

    total: Shown
    slots: dict[str, Shown]
    kept: Shown
    tail_share: float | None
    new_share: float | None
    gini: float | None
    courses_shown: int
    courses_on_sale: int
    courses: list[CourseShown]


class _Row(NamedTuple):
    """Figures of a course in a slot, `kept`: in places for new courses; `fresh` places held a course that was new."""

    course: int
    slot: str
    kept: bool
    shown: Shown
    fresh: int


_FIGURES = """
WITH places AS (
    SELECT i.id, i.course_id, i.clicked_at, i.source, s.slot, s.user_id, s.visitor_key,
        c.published_at > s.served_at - %(new)s::interval AS fresh
    FROM recommender_servedlist s JOIN recommender_impression i ON i.served_id = s.id
    JOIN courses_course c ON c.id = i.course_id
    WHERE s.served_at >= %(since)s AND s.served_at < %(until)s
        AND (%(party)s::bigint IS NULL OR EXISTS (
            SELECT FROM courses_coursecreator m WHERE m.course_id = i.course_id AND m.party_id = %(party)s
        ))
), bought AS (
    -- An order belongs to the last opening before it, so that it counts once however often its course was opened.
    SELECT DISTINCT ON (l.id) p.id, l.payable_minor, o.currency
    FROM places p JOIN courses_orderline l ON l.course_id = p.course_id JOIN courses_order o ON o.id = l.order_id
    WHERE p.clicked_at IS NOT NULL AND o.state = 'paid'
        AND (o.buyer_id = p.user_id OR o.visitor_key = p.visitor_key)
        AND o.placed_at >= p.clicked_at AND o.placed_at < p.clicked_at + %(within)s::interval
    ORDER BY l.id, p.clicked_at DESC, p.id DESC
)
SELECT p.course_id, p.slot, p.source = 'explore', coalesce(b.currency, ''), count(DISTINCT p.id),
    count(DISTINCT p.id) FILTER (WHERE p.clicked_at IS NOT NULL), count(b.id), coalesce(sum(b.payable_minor), 0),
    count(DISTINCT p.id) FILTER (WHERE p.fresh)
FROM places p LEFT JOIN bought b ON b.id = p.id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def courses_shown(*, party_id: int, since: datetime, until: datetime) -> list[CourseShown]:
    """How a party's courses were suggested in since <= shown < until, the most shown first, those never shown too."""
    courses = Course.objects.filter(credits__party=party_id).order_by("pk").distinct().in_bulk()
    found = {pk: _empty(course) for pk, course in courses.items()}
    for pk, slot, kept, shown, _fresh in _rows(since, until, party_id):
        if pk in found:
            _count(found[pk], slot, shown, kept=kept)
    return sorted(found.values(), key=lambda row: (-row.total.shows, row.course.pk))


def serving_figures(*, since: datetime, until: datetime) -> ServingFigures:
    """All suggestions in since <= shown < until: by place, in places for new courses, and who got the places."""
    all_of_it, rows = _empty(Course()), _rows(since, until, None)
    by_course: dict[int, int] = {}
    for row in rows:
        _count(all_of_it, row.slot, row.shown, kept=row.kept)
        by_course[row.course] = by_course.get(row.course, 0) + row.shown.shows
    tail, on_sale = _tail()
    shows = all_of_it.total.shows
    return ServingFigures(
        total=all_of_it.total,
        slots=all_of_it.slots,
        kept=all_of_it.kept,
        tail_share=sum(by_course.get(pk, 0) for pk in tail) / shows if shows else None,
        new_share=sum(row.fresh for row in rows) / shows if shows else None,
        gini=_gini([by_course.get(pk, 0) for pk in on_sale]) if shows else None,
        courses_shown=len(by_course),
        courses_on_sale=len(on_sale),
        courses=_most_shown(rows, by_course),
    )


def _most_shown(rows: list[_Row], by_course: Mapping[int, int]) -> list[CourseShown]:
    most = sorted(by_course, key=lambda pk: (-by_course[pk], pk))[:LISTED]
    named = Course.objects.in_bulk(most)
    found = {pk: _empty(named[pk]) for pk in most}
    for row in rows:
        if row.course in found:
            _count(found[row.course], row.slot, row.shown, kept=row.kept)
    return list(found.values())


def _empty(course: Course) -> CourseShown:
    return CourseShown(course, Shown(), {slot: Shown() for slot in Slot.values}, Shown())


def _count(row: CourseShown, slot: str, shown: Shown, *, kept: bool) -> None:
    row.total.add(shown)
    row.slots[slot].add(shown)
    if kept:
        row.kept.add(shown)


def _rows(since: datetime, until: datetime, party_id: int | None) -> list[_Row]:
    """Course, slot, whether in a kept place, figures, and how many of the places held a course that was new then."""
    asked: dict[str, Any] = {"since": since, "until": until, "party": party_id, "new": NEW, "within": BOUGHT_WITHIN}
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, asked)
        return [
            _Row(pk, slot, kept, Shown(shows, clicks, orders, {currency: int(minor)} if currency else {}), fresh)
            for pk, slot, kept, currency, shows, clicks, orders, minor, fresh in cursor.fetchall()
        ]


def _tail() -> tuple[Sequence[int], Sequence[int]]:
    """Courses on sale that few have found, and all of them."""
    shelf = shelf_at(version=reader_facts(user=None, visitor_key=None).shelf)
    return shelf.ids[shelf.tail].tolist(), shelf.ids.tolist()


def _gini(counts: Sequence[int]) -> float | None:
    """0: every course has as many places; near 1: one has them all."""
    total, n = sum(counts), len(counts)
    if not total:
        return None
    ranked = sorted(counts)
    return sum((2 * place - n - 1) * count for place, count in enumerate(ranked, 1)) / (n * total)
