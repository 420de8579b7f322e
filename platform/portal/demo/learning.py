"""Stage five of the demo: what visitors and learners did, how far they came, what they think."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from courses.choices import EventKind
from courses.models import Lesson
from courses.services import (
    NewBehaviour,
    NewProgress,
    NewRating,
    behaviours_record,
    favourites_record,
    progress_record_all,
    ratings_record,
)
from portal.demo.audience import chunks
from portal.demo.catalogue import COMMENTS, TOPICS
from portal.demo.progress import Progress
from portal.demo.simulate import Year

BROWSERS_REMEMBERED = 12_000
"""How many of the visitors who never joined leave page views; the rest came and went."""


def make_learning(
    year: Year,
    courses: Sequence[int],
    people: dict[int, int],
    keys: dict[int, UUID],
    *,
    seed: int,
    progress: Progress,
) -> None:
    """Views and stays, progress in lessons, ratings with comments, courses saved for later."""
    rng = np.random.default_rng(seed + 1)
    for part in progress.track("page views", list(chunks(_views(rng, year, courses, people, keys))), sum_of=len):
        behaviours_record(events=part)
    bought = _bought(year, courses, people)
    for steps in progress.track("lessons learned", list(chunks(_progress(rng, bought, year))), sum_of=len):
        progress_record_all(progress=steps)
    ratings = _ratings(rng, bought, year)
    for opinions in progress.track("ratings", list(chunks(ratings)), sum_of=len):
        ratings_record(ratings=opinions)
    favourites_record(saved=_favourites(rng, year, courses, people))


def _weights(year: Year) -> list[np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Chance of looking at each course, by taste."""
    tables = []
    for taste in range(len(TOPICS)):
        row = np.array([course.appeal * (7.0 if course.topic == taste else 1.0) for course in year.courses])
        tables.append(row / row.sum())
    return tables


def _views(
    rng: np.random.Generator, year: Year, courses: Sequence[int], people: dict[int, int], keys: dict[int, UUID]
) -> list[NewBehaviour]:
    tables = _weights(year)
    seen: dict[int, datetime] = {}
    for touch in year.touches:
        seen.setdefault(touch.visitor, touch.at)
    silent = [visitor for visitor in seen if visitor not in people][:BROWSERS_REMEMBERED]
    events = []
    for visitor in [*sorted(people), *silent]:
        if visitor not in seen:
            continue
        count = int(rng.geometric(0.25 if visitor in people else 0.6))
        at = seen[visitor]
        for course in rng.choice(len(courses), min(count, 12), p=tables[int(year.taste[visitor])]):
            at += timedelta(seconds=int(rng.exponential(400)) + 5)
            view = NewBehaviour(
                kind=EventKind.VIEW,
                user_id=people.get(visitor),
                visitor_key=keys.get(visitor),
                course_id=courses[int(course)],
                occurred_at=at,
            )
            events.append(view)
            if rng.random() < 0.3:
                events.append(replace(view, kind=EventKind.DWELL, value=int(rng.exponential(70)) + 3))
    return sorted(events, key=lambda event: (event.occurred_at is None, event.occurred_at))


def _bought(year: Year, courses: Sequence[int], people: dict[int, int]) -> list[tuple[int, int, datetime]]:
    """(person, course, when) of every line that was bought."""
    return [(people[order.visitor], courses[index], order.at) for order in year.orders for index in order.courses]


def _end(year: Year) -> datetime:
    return datetime(year.last_day.year, year.last_day.month, year.last_day.day, 12, tzinfo=UTC)


def _progress(rng: np.random.Generator, bought: Sequence[tuple[int, int, datetime]], year: Year) -> list[NewProgress]:
    lessons: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = Lesson.objects.order_by("section__course", "section__position", "position")
    for course, pk, seconds in rows.values_list("section__course_id", "pk", "duration_seconds"):
        lessons[course].append((pk, seconds))
    end, steps = _end(year), []
    for person, course, bought_at in bought:
        at, share = bought_at, float(rng.beta(0.8, 1.3))
        for pk, seconds in lessons[course][: int(share * len(lessons[course]))]:
            at += timedelta(seconds=int(rng.exponential(86_400)) + seconds)
            if at > end:
                break
            steps.append(NewProgress(user_id=person, lesson_id=pk, seconds=seconds, completed=True, at=at))
    steps.sort(key=lambda step: step.at)
    return steps


def _ratings(rng: np.random.Generator, bought: Sequence[tuple[int, int, datetime]], year: Year) -> list[NewRating]:
    end, ratings = _end(year), []
    for person, course, at in bought:
        when = at + timedelta(days=int(rng.integers(5, 60)))
        if rng.random() < 0.24 and when < end:
            quality = (course * 2_654_435_761 % 97) / 97
            pick = COMMENTS[min(len(COMMENTS) - 1, int(rng.beta(1.1, 2.2 + 2 * quality) * len(COMMENTS)))]
            words = pick[2] if person % 4 else pick[1]
            comment = words[person // 4 % len(words)]
            ratings.append(
                NewRating(
                    user_id=person,
                    course_id=course,
                    stars=pick[0],
                    comment=comment if rng.random() < 0.5 else "",
                    at=when,
                )
            )
    return ratings


def _favourites(
    rng: np.random.Generator, year: Year, courses: Sequence[int], people: dict[int, int]
) -> list[tuple[int, int, datetime]]:
    tables = _weights(year)
    saved = []
    for visitor, person in sorted(people.items()):
        joined = year.joined[visitor]
        if joined is not None and rng.random() < 0.15:
            course = int(rng.choice(len(courses), p=tables[int(year.taste[visitor])]))
            saved.append((person, courses[course], joined + timedelta(minutes=3)))
    return saved
