"""People, creators and courses for tests, made through the services."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from accounts.choices import PartyKind, Role
from accounts.models import Party, User
from accounts.services import role_grant
from courses.models import Course, Lesson
from courses.services import NewCourse, NewLesson, NewSection, course_create, course_publish, topic_ensure

_numbers = itertools.count(1)
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def learner(name: str = "Su Min", **extra: Any) -> User:
    """A person with an account."""
    return User.objects.create_user(f"learner{next(_numbers)}@example.test", name=name, **extra)


def creator(name: str = "Lin Yue", name_zh: str = "林悦") -> Party:
    """A party that makes courses."""
    number = next(_numbers)
    return Party.objects.create(code=f"creator-{number}", kind=PartyKind.CREATOR, name=name, name_zh=name_zh)


def course(
    title: str = "Systems Thinking",
    *,
    title_zh: str = "系统思维",
    price_minor: int = 19_900,
    currency: str = "CNY",
    creators: Sequence[Party] = (),
    lessons: int = 3,
    published: bool = True,
    **extra: Any,
) -> Course:
    """A course with one section of so many lessons, the first of them a preview."""
    number = next(_numbers)
    topic = extra.pop("topic", ("product", "Product", "产品"))
    parts = [
        NewLesson(title=f"Lesson {i}", title_zh=f"第{i}课", duration_seconds=600, body=f"Body {i}", is_preview=i == 1)
        for i in range(1, lessons + 1)
    ]
    pk = course_create(
        course=NewCourse(
            slug=extra.pop("slug", f"course-{number}"),
            title=title,
            title_zh=title_zh,
            topic_id=topic_ensure(code=topic[0], name=topic[1], name_zh=topic[2]),
            price_minor=price_minor,
            currency=currency,
            creator_ids=[party.pk for party in (creators or [creator()])],
            sections=[NewSection(title="Start", title_zh="开始", lessons=parts)] if lessons else [],
            **extra,
        )
    )
    if published:
        course_publish(course_id=pk, at=NOON)
    return Course.objects.get(pk=pk)


def lessons_of(of: Course) -> list[Lesson]:
    """Its lessons in order."""
    return list(Lesson.objects.filter(section__course=of).order_by("section__position", "position"))


def staff_member(role: str = Role.MANAGER) -> User:
    """A person with a staff role."""
    person = learner("Mei")
    role_grant(user=person, role=role)
    person.refresh_from_db()
    return person
