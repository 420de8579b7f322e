"""Verbs of learning: open, go on, finish, rate, save for later."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import EventKind
from courses.errors import BadRatingError, LessonClosedError, NotEnrolledError
from courses.models import Enrolment, Favourite, Lesson, LessonProgress, Rating
from courses.rules import may_open
from courses.selectors import enrolment_of
from courses.services.behaviour import CHUNK, NewBehaviour, behaviours_record

LONGEST_COMMENT = 2_000
CONTROLS = frozenset({"Cc", "Cf", "Co", "Cs"})
KEPT = frozenset("\n\u200c\u200d")
"""Line breaks, and the joiners that some scripts and emoji are written with."""

LONGEST_LESSON = 24 * 3600
"""Seconds counted at most where a lesson states no duration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProgress:
    """How far a learner came in a lesson; `user_id` must be enrolled in the lesson's course."""

    user_id: int
    lesson_id: int
    seconds: int = 0
    completed: bool = False
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRating:
    """Stars and perhaps a comment of an enrolled learner."""

    user_id: int
    course_id: int
    stars: int
    comment: str = ""
    at: datetime


@transaction.atomic
def enrolment_give(*, user: User, course_id: int, at: datetime | None = None) -> Enrolment:
    """Let somebody into a course without an order; a withdrawn enrolment comes back."""
    enrolment, made = Enrolment.objects.get_or_create(
        user=user, course_id=course_id, defaults={"enrolled_at": at or timezone.now()}
    )
    if not made and enrolment.withdrawn_at is not None:
        enrolment.withdrawn_at = None
        enrolment.save(update_fields=["withdrawn_at"])
    return enrolment


def enrolments_withdraw(*, ids: Sequence[int], at: datetime | None = None) -> int:
    """End enrolments by hand (given ones, mistakes); how many ended."""
    return Enrolment.objects.filter(pk__in=ids, withdrawn_at=None).update(withdrawn_at=at or timezone.now())


@transaction.atomic
def lesson_open(
    *, lesson_id: int, user: User | None, visitor_key: UUID | None = None, at: datetime | None = None
) -> LessonProgress | None:
    """Open a lesson, and remember where an enrolled learner is; None for others. LessonClosedError for strangers."""
    now = at or timezone.now()
    lesson = Lesson.objects.select_related("section__course").get(pk=lesson_id)
    course = lesson.section.course
    enrolment = enrolment_of(user=user, course=course)
    if not may_open(lesson=lesson, enrolment=enrolment, reader=user):
        raise LessonClosedError(
            _("“%(lesson)s” opens for learners of “%(course)s”.")
            % {"lesson": lesson.local_title, "course": course.local_title}
        )
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.LESSON,
                user_id=user.pk if user else None,
                visitor_key=visitor_key,
                course_id=course.pk,
                lesson_id=lesson.pk,
                occurred_at=now,
            )
        ]
    )
    if enrolment is None:
        return None
    progress, made = LessonProgress.objects.get_or_create(
        enrolment=enrolment, lesson=lesson, defaults={"updated_at": now}
    )
    if not made:
        LessonProgress.objects.filter(pk=progress.pk).update(updated_at=now)
    return progress


def progress_record(
    *, user: User, lesson_id: int, seconds: int = 0, completed: bool = False, at: datetime | None = None
) -> LessonProgress:
    """Record how far a learner came; it never goes back. Finishing the last lesson finishes the course.

    `seconds` counts from the lesson's start, at most its duration. NotEnrolledError for everybody else.
    """
    row = NewProgress(
        user_id=user.pk, lesson_id=lesson_id, seconds=seconds, completed=completed, at=at or timezone.now()
    )
    progress_record_all(progress=[row])
    return LessonProgress.objects.get(enrolment__user=user, lesson=lesson_id)


@transaction.atomic
def progress_record_all(*, progress: Sequence[NewProgress]) -> int:
    """Record progress, all or none, in a constant number of queries; how many rows. See `progress_record`."""
    lessons = {
        lesson.pk: lesson
        for lesson in Lesson.objects.filter(pk__in={row.lesson_id for row in progress})
        .select_related("section")
        .defer("body", "body_zh")
    }
    # Locked: two lessons finished at once must not each take the other for unfinished.
    enrolled = _enrolled([(row.user_id, lessons[row.lesson_id].section.course_id) for row in progress], lock=True)
    if enrolled is None:
        raise NotEnrolledError(_("Progress is kept for enrolled learners."))
    before = {
        (row.enrolment_id, row.lesson_id): row
        for row in LessonProgress.objects.filter(enrolment__in=set(enrolled.values()), lesson__in=lessons)
    }
    rows: dict[tuple[int, int], LessonProgress] = {}
    acts: list[NewBehaviour] = []
    touched: set[int] = set()
    for new in progress:
        lesson = lessons[new.lesson_id]
        course_id = lesson.section.course_id
        key = (enrolled[new.user_id, course_id], new.lesson_id)
        row = rows.setdefault(key, before.get(key) or LessonProgress(enrolment_id=key[0], lesson_id=key[1]))
        if _advance(row, new, lesson):
            touched.add(key[0])
            acts.append(
                NewBehaviour(
                    kind=EventKind.PROGRESS,
                    user_id=new.user_id,
                    course_id=course_id,
                    lesson_id=lesson.pk,
                    value=row.seconds,
                    occurred_at=new.at,
                )
            )
    LessonProgress.objects.bulk_create(
        [_without_key(row) for row in rows.values()],
        update_conflicts=True,
        unique_fields=["enrolment", "lesson"],
        update_fields=["seconds", "completed_at", "updated_at"],
        batch_size=CHUNK,
    )
    behaviours_record(events=[*acts, *_courses_finished(touched)])
    return len(progress)


def rating_give(*, user: User, course_id: int, stars: int, comment: str = "", at: datetime | None = None) -> Rating:
    """Rate a course; rating it again replaces stars and comment. Enrolled learners only (NotEnrolledError).

    The comment is plain text; control characters are dropped. BadRatingError: stars outside 1-5, comment too long.
    """
    rating = NewRating(user_id=user.pk, course_id=course_id, stars=stars, comment=comment, at=at or timezone.now())
    ratings_record(ratings=[rating])
    return Rating.objects.get(user=user, course=course_id)


@transaction.atomic
def ratings_record(*, ratings: Sequence[NewRating]) -> int:
    """Record ratings, all or none, in a constant number of queries; how many. See `rating_give`."""
    clean = [(rating, _plain(rating.comment)) for rating in ratings]
    for rating, comment in clean:
        if not 1 <= rating.stars <= 5:
            raise BadRatingError(_("Give one to five stars."))
        if len(comment) > LONGEST_COMMENT:
            raise BadRatingError(_("A comment has at most %(limit)s characters.") % {"limit": LONGEST_COMMENT})
    if _enrolled([(rating.user_id, rating.course_id) for rating in ratings]) is None:
        raise NotEnrolledError(_("Only learners of a course rate it."))
    Rating.objects.bulk_create(
        [
            Rating(
                user_id=rating.user_id,
                course_id=rating.course_id,
                stars=rating.stars,
                comment=comment,
                created_at=rating.at,
            )
            for rating, comment in clean
        ],
        update_conflicts=True,
        unique_fields=["user", "course"],
        update_fields=["stars", "comment", "created_at"],
        batch_size=CHUNK,
    )
    behaviours_record(events=[act for rating, comment in clean for act in _acts(rating, comment)])
    return len(clean)


@transaction.atomic
def ratings_hide(*, ids: Sequence[int], by: User, at: datetime | None = None) -> int:
    """Show these comments to nobody; their stars still count. How many were hidden now."""
    return Rating.objects.filter(pk__in=ids, hidden_at=None).update(hidden_at=at or timezone.now(), hidden_by=by)


@transaction.atomic
def ratings_show(*, ids: Sequence[int]) -> int:
    """Show hidden comments again; how many."""
    return Rating.objects.filter(pk__in=ids, hidden_at__isnull=False).update(hidden_at=None, hidden_by=None)


@transaction.atomic
def favourite_toggle(
    *, user: User, course_id: int, visitor_key: UUID | None = None, at: datetime | None = None
) -> bool:
    """Save a course for later, or no longer; whether it is saved now."""
    now = at or timezone.now()
    if Favourite.objects.filter(user=user, course=course_id).delete()[0]:
        return False
    Favourite.objects.bulk_create([Favourite(user=user, course_id=course_id, created_at=now)], ignore_conflicts=True)
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.FAVOURITE,
                user_id=user.pk,
                visitor_key=visitor_key,
                course_id=course_id,
                occurred_at=now,
            )
        ]
    )
    return True


def favourites_record(*, saved: Sequence[tuple[int, int, datetime]]) -> int:
    """Save (user, course, at) rows for later without behaviour (import, demo); how many were given."""
    Favourite.objects.bulk_create(
        [Favourite(user_id=user, course_id=course, created_at=at) for user, course, at in saved],
        ignore_conflicts=True,
        batch_size=CHUNK,
    )
    return len(saved)


def _enrolled(pairs: Sequence[tuple[int, int]], *, lock: bool = False) -> dict[tuple[int, int], int] | None:
    """Live enrolments by (user, course); None unless there is one for each pair."""
    rows = Enrolment.objects.filter(
        user__in={user for user, _course in pairs}, course__in={course for _user, course in pairs}, withdrawn_at=None
    ).order_by("pk")
    if lock:
        rows = rows.select_for_update()
    found = {(user, course): pk for user, course, pk in rows.values_list("user_id", "course_id", "pk")}
    return found if all(pair in found for pair in pairs) else None


def _advance(row: LessonProgress, new: NewProgress, lesson: Lesson) -> bool:
    """Bring a row forward; whether the lesson was finished by that."""
    newly = new.completed and row.completed_at is None
    row.seconds = max(row.seconds, min(new.seconds, lesson.duration_seconds or LONGEST_LESSON))
    row.updated_at = new.at
    if newly:
        row.seconds = max(row.seconds, lesson.duration_seconds)
        row.completed_at = new.at
    return newly


def _without_key(row: LessonProgress) -> LessonProgress:
    return LessonProgress(
        enrolment_id=row.enrolment_id,
        lesson_id=row.lesson_id,
        seconds=row.seconds,
        completed_at=row.completed_at,
        updated_at=row.updated_at,
    )


def _courses_finished(enrolments: Collection[int]) -> list[NewBehaviour]:
    """Finish courses whose every lesson is finished, at the instant of the last one.

    Counted table by table: freshly filled tables have no statistics, and one joined statement then takes minutes.
    """
    open_rows = list(
        Enrolment.objects.filter(pk__in=enrolments, completed_at=None).values_list("pk", "user_id", "course_id")
    )
    if not open_rows:
        return []
    lessons = Lesson.objects.filter(section__course__in={course for _pk, _user, course in open_rows})
    sizes = dict(lessons.order_by().values_list("section__course").annotate(n=Count("pk")))
    finished = LessonProgress.objects.filter(enrolment__in=[row[0] for row in open_rows], completed_at__isnull=False)
    done = {
        pk: (count, last)
        for pk, count, last in finished.order_by()
        .values_list("enrolment")
        .annotate(n=Count("pk"), last=Max("completed_at"))
    }
    rows = [
        (pk, user, course, done[pk][1])
        for pk, user, course in open_rows
        if pk in done and done[pk][0] == sizes.get(course)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE courses_enrolment AS held SET completed_at = done.at
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS done (id, at)
            WHERE held.id = done.id
            """,
            [[row[0] for row in rows], [row[3] for row in rows]],
        )
    return [
        NewBehaviour(kind=EventKind.COMPLETE, user_id=user, course_id=course, occurred_at=at)
        for _pk, user, course, at in rows
    ]


def _acts(rating: NewRating, comment: str) -> list[NewBehaviour]:
    acts = [
        NewBehaviour(
            kind=EventKind.RATING,
            user_id=rating.user_id,
            course_id=rating.course_id,
            value=rating.stars,
            occurred_at=rating.at,
        )
    ]
    if comment:
        acts.append(
            NewBehaviour(
                kind=EventKind.COMMENT, user_id=rating.user_id, course_id=rating.course_id, occurred_at=rating.at
            )
        )
    return acts


def _plain(comment: str) -> str:
    text = comment.replace("\r\n", "\n").strip()
    return "".join(letter for letter in text if letter in KEPT or unicodedata.category(letter) not in CONTROLS)
