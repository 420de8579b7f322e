"""Verbs of prerequisites: what a course asks for, without rings."""

from collections.abc import Collection, Mapping

from django.db import connection, transaction
from django.utils.translation import gettext as _

from courses.errors import CircularPrerequisiteError
from courses.models import Course, Prerequisite
from courses.selectors import requirements


def prerequisites_set(*, course_id: int, required_ids: Collection[int]) -> None:
    """Let a course ask for exactly these. CircularPrerequisiteError names the way on which it would meet itself."""
    prerequisites_set_all(wanted={course_id: required_ids})


@transaction.atomic
def prerequisites_set_all(*, wanted: Mapping[int, Collection[int]]) -> int:
    """Let each course ask for exactly these, all or none; how many rows were written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('courses.prerequisite'))")
    _refuse_rings(wanted)
    held = set(Prerequisite.objects.filter(course__in=wanted).values_list("course_id", "requires_id"))
    asked = {(course, required) for course, ids in wanted.items() for required in ids}
    for course, required in held - asked:
        Prerequisite.objects.filter(course=course, requires=required).delete()
    fresh = [
        (course, required)
        for course, ids in wanted.items()
        for required in dict.fromkeys(ids)
        if (course, required) not in held
    ]
    Prerequisite.objects.bulk_create(Prerequisite(course_id=course, requires_id=required) for course, required in fresh)
    return len(fresh)


def prerequisites_check(*, course_id: int, required_ids: Collection[int]) -> None:
    """Raise CircularPrerequisiteError where the course would then have to be finished before itself; write nothing."""
    _refuse_rings({course_id: required_ids})


def _refuse_rings(wanted: Mapping[int, Collection[int]]) -> None:
    asks = {**requirements(), **{course: frozenset(ids) for course, ids in wanted.items()}}
    for course in wanted:
        ring = _way_back(course, asks)
        if not ring:
            continue
        titles = {row.pk: row.local_title for row in Course.objects.filter(pk__in=ring)}
        raise CircularPrerequisiteError(
            _("“%(course)s” would have to be finished before itself: %(way)s. Take one of these steps out.")
            % {"course": titles[course], "way": " → ".join(titles[pk] for pk in ring)}
        )


def _way_back(start: int, asks: Mapping[int, Collection[int]]) -> list[int]:
    """A shortest way from a course over what is asked for back to itself; empty where there is none."""
    came_from: dict[int, int] = {}
    ahead = [start]
    for course in ahead:
        for required in sorted(asks.get(course, ())):
            if required == start:
                way = [start, course]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1] if course != start else [start, start]
            if required not in came_from:
                came_from[required] = course
                ahead.append(required)
    return []
