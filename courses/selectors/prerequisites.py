"""Reads of what comes before what."""

from collections.abc import Collection
from dataclasses import dataclass

from courses.models import Course, Enrolment, Prerequisite
from courses.selectors.catalogue import Reader, visible_courses


@dataclass(frozen=True, slots=True)
class Needed:
    """A course that another asks for, and how the reader stands to it."""

    course: Course
    is_owned: bool
    is_finished: bool


def requirements(*, course_ids: Collection[int] | None = None) -> dict[int, frozenset[int]]:
    """What courses ask for: id -> ids. Of all courses, or of these alone; none for those that ask for nothing."""
    rows = Prerequisite.objects.all() if course_ids is None else Prerequisite.objects.filter(course__in=course_ids)
    found: dict[int, set[int]] = {}
    for course, required in rows.values_list("course_id", "requires_id"):
        found.setdefault(course, set()).add(required)
    return {course: frozenset(required) for course, required in found.items()}


def needed_before(*, course: Course, visible_to: Reader) -> list[Needed]:
    """What to know before this course, as far as the reader may see it, in the order in which the desk names it."""
    courses = list(visible_courses(visible_to).filter(leads_to__course=course).order_by("leads_to__pk"))
    held: dict[int, bool] = {}
    if courses and visible_to is not None and visible_to.is_authenticated:
        rows = Enrolment.objects.filter(user=visible_to, course__in=courses, withdrawn_at=None)
        held = {pk: at is not None for pk, at in rows.values_list("course_id", "completed_at")}
    return [Needed(one, one.pk in held, held.get(one.pk, False)) for one in courses]
