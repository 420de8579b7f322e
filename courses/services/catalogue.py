"""Verbs of the catalogue: topics, courses with their outline, publishing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from courses.choices import CourseState, CreatorRole, LessonKind, Level
from courses.errors import NotReadyError
from courses.models import Course, CourseCreator, Lesson, Section, Topic
from courses.selectors import search
from events.choices import EventName
from events.services import NewEvent, events_record
from ledger.money import exponent

_INDEX = """
UPDATE courses_course SET search = found.vector
FROM (VALUES {rows}) AS found (id, vector)
WHERE courses_course.id = found.id AND courses_course.search IS DISTINCT FROM found.vector
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLesson:
    """A lesson to make; duration in seconds, `video` the https address of an mp4 or webm file."""

    title: str
    title_zh: str = ""
    kind: str = LessonKind.VIDEO
    duration_seconds: int = 0
    video: str = ""
    body: str = ""
    body_zh: str = ""
    is_preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSection:
    """A section to make, with its lessons in order."""

    title: str
    title_zh: str = ""
    lessons: Sequence[NewLesson] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCourse:
    """A course to make. `creator_ids` are parties, the lead first; the price is in minor units of `currency`.

    With `published_at` it is on sale from then on, whatever it lacks: a course whose lessons lie elsewhere.
    """

    slug: str
    title: str
    topic_id: int
    price_minor: int
    currency: str
    creator_ids: Sequence[int] = ()
    title_zh: str = ""
    summary: str = ""
    summary_zh: str = ""
    outcomes: Sequence[str] = ()
    outcomes_zh: Sequence[str] = ()
    description: str = ""
    description_zh: str = ""
    level: str = Level.BEGINNER
    language: str = "zh-hans"
    sections: Sequence[NewSection] = ()
    published_at: datetime | None = None
    import_batch_id: int | None = None


@transaction.atomic
def topic_ensure(*, code: str, name: str, name_zh: str = "", position: int = 0) -> int:
    """Make a topic unless one of this code is there; its id."""
    topic, _made = Topic.objects.get_or_create(
        code=code, defaults={"name": name, "name_zh": name_zh, "position": position}
    )
    return topic.pk


def course_create(*, course: NewCourse) -> int:
    """Make one course with its outline and creators; its id."""
    return courses_create(courses=[course])[0]


@transaction.atomic
def courses_create(*, courses: Sequence[NewCourse]) -> list[int]:
    """Make courses with outline and creators in a constant number of queries, searchable at once; their ids in order.

    MoneyError for an unknown currency; a slug that is taken raises IntegrityError.
    """
    for new in courses:
        exponent(new.currency)
    made = Course.objects.bulk_create([_course(new) for new in courses])
    CourseCreator.objects.bulk_create(
        CourseCreator(
            course=course, party_id=party, role=CreatorRole.CO if position else CreatorRole.LEAD, position=position
        )
        for course, new in zip(made, courses, strict=True)
        for position, party in enumerate(new.creator_ids)
    )
    sections = [
        (Section(course=course, title=part.title, title_zh=part.title_zh, position=position), part)
        for course, new in zip(made, courses, strict=True)
        for position, part in enumerate(new.sections)
    ]
    Section.objects.bulk_create([section for section, _part in sections])
    Lesson.objects.bulk_create(
        _lesson(section, lesson, position) for section, part in sections for position, lesson in enumerate(part.lessons)
    )
    courses_index(ids=[course.pk for course in made])
    _tell_published([course for course in made if course.published_at])
    return [course.pk for course in made]


def course_publish(*, course_id: int, at: datetime | None = None) -> None:
    """Put a course on sale; NotReadyError says what it lacks. Publishing it again changes nothing."""
    courses_publish(ids=[course_id], at=at)


@transaction.atomic
def courses_publish(*, ids: Sequence[int], at: datetime | None = None) -> list[int]:
    """Put courses on sale, all or none, and tell `course.published`; the ids of those that were not on sale before."""
    now = at or timezone.now()
    courses = list(Course.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    complete = set(
        CourseCreator.objects.filter(course__in=ids, course__sections__lessons__isnull=False).values_list(
            "course", flat=True
        )
    )
    for course in courses:
        if course.pk not in complete:
            raise NotReadyError(
                _("“%(course)s” needs at least one creator and one lesson before it is published.")
                % {"course": course.local_title}
            )
    fresh = [course for course in courses if course.state != CourseState.PUBLISHED]
    for course in fresh:
        course.state = CourseState.PUBLISHED
        course.published_at = course.published_at or now
        course.updated_at = now
    Course.objects.bulk_update(fresh, ["state", "published_at", "updated_at"])
    courses_index(ids=ids)
    _tell_published(fresh)
    return [course.pk for course in fresh]


@transaction.atomic
def course_retire(*, course_id: int, at: datetime | None = None) -> Course:
    """Take a course off sale; those who are enrolled keep it."""
    course = Course.objects.select_for_update().get(pk=course_id)
    course.state = CourseState.RETIRED
    course.updated_at = at or timezone.now()
    course.save(update_fields=["state", "updated_at"])
    return course


@transaction.atomic
def courses_index(*, ids: Sequence[int]) -> None:
    """Bring the search vectors of these courses up to date with their texts, creators and topics; two queries."""
    names: dict[int, list[str]] = {}
    for credit in CourseCreator.objects.filter(course__in=ids).select_related("party"):
        names.setdefault(credit.course_id, []).extend([credit.party.name, credit.party.name_zh])
    rows: list[str] = []
    params: list[int | str] = []
    for course in Course.objects.filter(pk__in=ids).select_related("topic"):
        sql, values = search.vector_of(search.course_texts(course, names.get(course.pk, ())))
        rows.append(f"(%s::bigint, {sql})")
        params += [course.pk, *values]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INDEX.format(rows=", ".join(rows)), params)


def _tell_published(courses: Sequence[Course]) -> None:
    events_record(
        events=[
            NewEvent(
                name=EventName.COURSE_PUBLISHED,
                key=f"{course.slug}@{course.updated_at.isoformat()}",
                payload={"course_id": course.pk, "slug": course.slug},
                occurred_at=course.updated_at,
            )
            for course in courses
        ]
    )


def _course(new: NewCourse) -> Course:
    return Course(
        slug=new.slug,
        title=new.title,
        title_zh=new.title_zh,
        summary=new.summary,
        summary_zh=new.summary_zh,
        outcomes=list(new.outcomes),
        outcomes_zh=list(new.outcomes_zh),
        description=new.description,
        description_zh=new.description_zh,
        topic_id=new.topic_id,
        level=new.level,
        language=new.language,
        price_minor=new.price_minor,
        currency=new.currency,
        state=CourseState.PUBLISHED if new.published_at else CourseState.DRAFT,
        published_at=new.published_at,
        import_batch_id=new.import_batch_id,
    )


def _lesson(section: Section, new: NewLesson, position: int) -> Lesson:
    return Lesson(
        section=section,
        title=new.title,
        title_zh=new.title_zh,
        kind=new.kind,
        duration_seconds=new.duration_seconds,
        video=new.video,
        body=new.body,
        body_zh=new.body_zh,
        is_preview=new.is_preview,
        position=position,
    )
