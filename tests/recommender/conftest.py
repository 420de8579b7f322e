"""Six courses, two tastes, and a data folder of the test's own."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from courses.choices import EventKind
from courses.services import NewBehaviour, NewCourse, behaviours_record, courses_create, topic_ensure

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.DEVICE = "cpu"


@pytest.fixture
def courses() -> list[int]:
    topic = topic_ensure(code="t", name="Topic")
    return courses_create(
        courses=[
            NewCourse(
                slug=f"c{n}", title=f"Course {n}", topic_id=topic, price_minor=1000, currency="CNY", published_at=START
            )
            for n in range(6)
        ]
    )


@pytest.fixture
def learners() -> list[User]:
    return [User.objects.create_user(f"l{n}@people.test") for n in range(24)]


@pytest.fixture
def behaviour(courses: list[int], learners: list[User]) -> None:
    """Two tastes: even learners look at the first three courses, odd ones at the last three."""
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.VIEW,
                user_id=learner.pk,
                course_id=courses[3 * (index % 2) + step],
                occurred_at=START + timedelta(days=index, hours=step),
            )
            for index, learner in enumerate(learners)
            for step in range(3 if index > 1 else 2)
        ]
    )
