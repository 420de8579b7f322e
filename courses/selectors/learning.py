"""Reads for learners: what they own, how far they are, which lesson comes next."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Max, Q

from accounts.models import User
from accounts.rules import is_staff
from courses.models import Course, Enrolment, Favourite, Lesson, LessonProgress
from courses.selectors.catalogue import CourseCard, Reader, cards, on_sale, visible_courses
from ledger.money import BP


@dataclass(frozen=True, slots=True)
class LearningRow:
    """A course that a learner owns: lessons finished of all, and the lesson to go on with (None: no lessons)."""

    enrolment: Enrolment
    course: Course
    lessons: int
    finished: int
    next_lesson_id: int | None

    @property
    def share_bp(self) -> int:
        """Finished lessons in basis points of all."""
        return BP * self.finished // self.lessons if self.lessons else 0


@dataclass(frozen=True, slots=True)
class LearnerHome:
    """What a learner's home shows."""

    running: list[LearningRow]
    finished: list[LearningRow]
    favourites: list[CourseCard]


@dataclass(frozen=True, slots=True)
class LessonRow:
    """A lesson in the list beside the player."""

    lesson: Lesson
    is_finished: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class LessonSection:
    """A section in the list beside the player."""

    title: str
    lessons: list[LessonRow]


@dataclass(frozen=True, slots=True)
class LessonPage:
    """One lesson with its neighbours and the learner's progress."""

    course: Course
    lesson: Lesson
    enrolment: Enrolment | None
    progress: LessonProgress | None
    sections: list[LessonSection]
    previous: Lesson | None
    next: Lesson | None
    number: int
    total: int
    finished: int

    @property
    def share_bp(self) -> int:
        """Finished lessons in basis points of all."""
        return BP * self.finished // self.total if self.total else 0


def learner_home(*, visible_to: User) -> LearnerHome:
    """Return a learner's courses, the one opened last first, and favourites, in a constant number of queries."""
    enrolments = list(
        Enrolment.objects.filter(user=visible_to, withdrawn_at=None)
        .select_related("course__topic")
        .annotate(touched=Max("progress__updated_at"))
    )
    enrolments.sort(key=lambda row: row.touched or row.enrolled_at, reverse=True)
    rows = _rows(enrolments)
    saved = Favourite.objects.filter(user=visible_to, course__in=on_sale()).select_related("course__topic")
    return LearnerHome(
        running=[row for row in rows if row.enrolment.completed_at is None],
        finished=[row for row in rows if row.enrolment.completed_at is not None],
        favourites=cards([row.course for row in saved.order_by("-created_at", "-pk")]),
    )


def enrolment_of(*, user: Reader, course: Course) -> Enrolment | None:
    """The learner's live enrolment in the course."""
    if user is None or not user.is_authenticated:
        return None
    return Enrolment.objects.filter(user=user, course=course, withdrawn_at=None).first()


def lesson_page(*, slug: str, lesson_id: int, visible_to: Reader) -> LessonPage | None:
    """Return a lesson of a course that this reader may see, None otherwise. Whether it opens is `rules`' to say."""
    course = visible_courses(visible_to).filter(slug=slug).first()
    if course is None:
        return None
    lessons = list(
        Lesson.objects.filter(section__course=course)
        .select_related("section")
        .defer("body", "body_zh")
        .order_by("section__position", "section_id", "position", "pk")
    )
    place = next((i for i, lesson in enumerate(lessons) if lesson.pk == lesson_id), None)
    if place is None:
        return None
    enrolment = enrolment_of(user=visible_to, course=course)
    progress = {row.lesson_id: row for row in LessonProgress.objects.filter(enrolment=enrolment)} if enrolment else {}
    done = {pk for pk, row in progress.items() if row.completed_at is not None}
    opens = enrolment is not None or bool(visible_to and is_staff(visible_to))
    lesson = Lesson.objects.select_related("section").get(pk=lesson_id)
    return LessonPage(
        course=course,
        lesson=lesson,
        enrolment=enrolment,
        progress=progress.get(lesson_id),
        sections=_beside(lessons, done, opens),
        previous=lessons[place - 1] if place else None,
        next=lessons[place + 1] if place + 1 < len(lessons) else None,
        number=place + 1,
        total=len(lessons),
        finished=len(done),
    )


def _beside(lessons: Sequence[Lesson], done: set[int], opens: bool) -> list[LessonSection]:
    sections: dict[int, LessonSection] = {}
    for lesson in lessons:
        section = sections.setdefault(lesson.section_id, LessonSection(lesson.section.local_title, []))
        section.lessons.append(LessonRow(lesson, lesson.pk in done, opens or lesson.is_preview))
    return list(sections.values())


def _rows(enrolments: Sequence[Enrolment]) -> list[LearningRow]:
    courses = [row.course_id for row in enrolments]
    lessons: dict[int, list[int]] = {}
    ordered = Lesson.objects.filter(section__course__in=courses).order_by(
        "section__position", "section_id", "position", "pk"
    )
    for course_id, lesson_id in ordered.values_list("section__course_id", "pk"):
        lessons.setdefault(course_id, []).append(lesson_id)
    done: dict[int, set[int]] = {}
    finished = LessonProgress.objects.filter(enrolment__in=enrolments, completed_at__isnull=False)
    for enrolment_id, lesson_id in finished.values_list("enrolment_id", "lesson_id"):
        done.setdefault(enrolment_id, set()).add(lesson_id)
    rows = []
    for enrolment in enrolments:
        inside = lessons.get(enrolment.course_id, [])
        mine = done.get(enrolment.pk, set()) & set(inside)
        ahead = next((pk for pk in inside if pk not in mine), inside[0] if inside else None)
        rows.append(LearningRow(enrolment, enrolment.course, len(inside), len(mine), ahead))
    return rows


def completion_of(*, course: Course) -> tuple[int, int]:
    """Return how many learners are enrolled in the course and how many of them finished it."""
    figures = Enrolment.objects.filter(course=course, withdrawn_at=None).aggregate(
        all=Count("pk"), finished=Count("pk", filter=Q(completed_at__isnull=False))
    )
    return figures["all"], figures["finished"]
