"""Learning paths: planned, adjusted, planned again, and as their pages show them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from courses.choices import EventKind, Level
from courses.models import Course, Enrolment, Topic
from courses.services import NewBehaviour, behaviours_record, enrolment_give, prerequisites_set
from recommender.choices import StepReason
from recommender.errors import PathRefusedError
from recommender.models import LearningPath, TrainingRun
from recommender.selectors.paths import PathPage, found_by, path_page
from recommender.services import (
    NewPath,
    path_create,
    path_delete,
    path_replan,
    step_add,
    step_leave_out,
    step_move,
    step_replace,
    step_take_back,
    training_request,
    training_run,
)
from tests.cast import Cast
from tests.factories.courses import course, learner

pytestmark = pytest.mark.django_db
TOPIC = ("boats", "Boats", "船")


@pytest.fixture
def four(settings: Any, tmp_path: Path) -> list[Course]:
    """Knots, then Sails, then Oceans; Rivers stands alone. All but Knots are about boats."""
    settings.DATA_DIR, settings.DEVICE = tmp_path, "cpu"
    made = [
        course("Knots"),
        course("Sails", level=Level.INTERMEDIATE, topic=TOPIC, price_minor=10_000),
        course("Oceans", level=Level.ADVANCED, topic=TOPIC, price_minor=20_000),
        course("Rivers", level=Level.INTERMEDIATE, topic=TOPIC, price_minor=0),
    ]
    prerequisites_set(course_id=made[1].pk, required_ids=[made[0].pk])
    prerequisites_set(course_id=made[2].pk, required_ids=[made[1].pk])
    return made


def titles(path: LearningPath) -> list[str]:
    return [step.course.title for step in path.steps.select_related("course")]


def page_of(path: LearningPath) -> PathPage:
    page = path_page(path_id=path.pk, visible_to=path.user)
    assert page is not None
    return page


def finish(user: User, one: Course) -> None:
    enrolment_give(user=user, course_id=one.pk)
    Enrolment.objects.filter(user=user, course=one).update(completed_at=timezone.now())


def test_to_a_course_the_path_brings_what_it_asks_for_with_reasons_hours_and_price(four: list[Course]) -> None:
    knots, sails, oceans, _rivers = four
    path = path_create(user=learner(), new=NewPath(course_id=oceans.pk))
    steps = [(step.course, step.reason, step.of) for step in path.steps.select_related("course", "of")]
    assert steps == [
        (knots, StepReason.REQUIRED, sails),
        (sails, StepReason.REQUIRED, oceans),
        (oceans, StepReason.GOAL, None),
    ]
    page = page_of(path)
    assert (page.seconds_left, page.price) == (3 * 1800, [(49_900, "CNY")])


def test_what_is_finished_stays_and_is_never_asked_for_again(four: list[Course]) -> None:
    knots, sails, oceans, rivers = four
    user = learner()
    path = path_create(user=user, new=NewPath(course_id=oceans.pk))
    finish(user, knots)
    enrolment_give(user=user, course_id=sails.pk)
    path_replan(user=user, path_id=path.pk)
    page = page_of(path)
    assert [(row.course.title, row.is_done, row.is_owned) for row in page.rows] == [
        ("Knots", True, True),
        ("Sails", False, True),
        ("Oceans", False, False),
    ]
    assert (page.done, page.price, page.share_bp) == (1, [(20_000, "CNY")], 3_333)
    other = path_create(user=user, new=NewPath(course_id=sails.pk))
    assert titles(other) == ["Sails"]
    for one in (sails, oceans):
        finish(user, one)
    path_replan(user=user, path_id=path.pk)
    assert titles(path) == ["Knots", "Sails", "Oceans"]
    for refused in (step_leave_out, step_add):
        with pytest.raises(PathRefusedError, match="You finished this course"):
            refused(user=user, path_id=path.pk, course_id=knots.pk)
    with pytest.raises(PathRefusedError, match="no open step"):
        step_move(user=user, path_id=path.pk, course_id=rivers.pk, by=1)


def test_a_topic_is_led_through_level_by_level_and_words_find_topics_and_courses(four: list[Course]) -> None:
    user, topic = learner(), Topic.objects.get(code="boats")
    path = path_create(user=user, new=NewPath(topic_id=topic.pk))
    assert titles(path) == ["Knots", "Sails", "Oceans"]  # the advanced one brings the others along
    thorough = path_create(user=user, new=NewPath(topic_id=topic.pk, per_level=2))
    assert set(titles(thorough)) == {"Knots", "Sails", "Oceans", "Rivers"}
    later = path_create(user=user, new=NewPath(topic_id=topic.pk, level=Level.ADVANCED))
    assert titles(later) == ["Oceans"]  # what lies below one's level is known
    assert set(found_by(words=" boats ")) == {one.pk for one in four[1:]}
    assert found_by(words="oceans nonsense") == [four[2].pk]
    assert found_by(words="  ") == []
    assert titles(path_create(user=user, new=NewPath(words="rivers"))) == ["Rivers"]
    with pytest.raises(PathRefusedError, match="Nothing is taught about “beekeeping”"):
        path_create(user=user, new=NewPath(words="beekeeping"))


def test_every_step_may_be_moved_replaced_left_out_added_and_taken_back(four: list[Course]) -> None:
    knots, sails, oceans, rivers = four
    user = learner()
    path = path_create(user=user, new=NewPath(topic_id=sails.topic_id))
    act: dict[str, Any] = {"user": user, "path_id": path.pk}
    with pytest.raises(PathRefusedError, match="“Sails” asks for “Knots” first"):
        step_move(**act, course_id=sails.pk, by=-1)
    with pytest.raises(PathRefusedError, match="“Oceans” asks for “Sails” first"):
        step_move(**act, course_id=sails.pk, by=1)
    step_move(**act, course_id=knots.pk, by=-1)
    step_add(**act, course_id=rivers.pk)
    assert titles(path) == ["Knots", "Sails", "Rivers", "Oceans"]
    step_move(**act, course_id=rivers.pk, by=1)
    assert titles(path) == ["Knots", "Sails", "Oceans", "Rivers"]
    path_replan(**act)
    assert titles(path)[-1] == "Rivers"  # an order by hand outlasts a new plan
    step_leave_out(**act, course_id=sails.pk)
    assert titles(path) == ["Oceans", "Rivers"]  # Knots was there for Sails alone
    assert [one.title for one in page_of(path).left_out] == ["Sails"]
    step_take_back(**act, course_id=sails.pk)
    assert titles(path) == ["Knots", "Sails", "Oceans", "Rivers"]
    assert [one.title for one in page_of(path).rows[1].others] == []
    step_leave_out(**act, course_id=rivers.pk)
    step_take_back(**act, course_id=rivers.pk)
    assert [one.title for one in page_of(path).addable] == ["Rivers"]
    step_replace(**act, course_id=sails.pk, by_course_id=rivers.pk)
    assert titles(path) == ["Rivers", "Oceans"]
    with pytest.raises(PathRefusedError, match="not on sale"):
        step_add(**act, course_id=0)
    with pytest.raises(PathRefusedError, match="no such path of yours"):
        path_delete(user=learner(), path_id=path.pk)
    path_delete(**act)
    goal = path_create(user=user, new=NewPath(course_id=oceans.pk))
    for refused in (step_leave_out, step_replace):
        extra = {"by_course_id": rivers.pk} if refused is step_replace else {}
        with pytest.raises(PathRefusedError, match="is the goal"):
            refused(user=user, path_id=goal.pk, course_id=oceans.pk, **extra)


def test_the_live_model_says_what_usually_comes_next(four: list[Course]) -> None:
    knots, sails, oceans, rivers = four
    start = timezone.now() - timedelta(days=30)
    seen = [
        NewBehaviour(kind=EventKind.VIEW, user_id=who, course_id=one.pk, occurred_at=start + timedelta(hours=at))
        for who, taste in [(learner().pk, pair) for pair in ((rivers, sails), (oceans, knots)) * 8]
        for at, one in enumerate(taste)
    ]
    behaviours_record(events=seen)
    run = training_run(run_id=training_request(model="ease").pk)
    user = learner()
    finish(user, rivers)
    path = path_create(user=user, new=NewPath(course_id=sails.pk, level=Level.INTERMEDIATE))
    step = path.steps.get()
    assert (path.run, step.reason, step.of) == (run, StepReason.NEXT, rivers)
    TrainingRun.objects.update(artefact_sha256="0" * 64)  # a damaged file: popularity plans
    assert path_replan(user=user, path_id=path.pk).run is None
    assert titles(path) == ["Sails"]


def test_pages_teach_plan_and_change_without_a_script(four: list[Course], cast: Cast) -> None:
    knots, sails, oceans, rivers = four
    lee, home = cast.client_of(cast.lee), reverse("paths:paths")
    empty = lee.get(home, {"course": oceans.slug}).content.decode()
    assert "Say where you want to go" in empty
    assert "Where you want to get: <strong>Oceans</strong>" in empty
    assert lee.post(home, {"level": "beginner", "per_level": "1"}).status_code == 422
    refused = lee.post(home, {"words": "beekeeping", "level": "beginner", "per_level": "1"})
    assert "Nothing is taught about" in refused.content.decode()
    made = lee.post(home, {"topic": "boats", "level": "beginner", "per_level": "1"})
    path = LearningPath.objects.get(user=cast.lee)
    url = reverse("paths:path", args=[path.pk])
    assert made.headers["Location"] == url
    page = lee.get(url).content.decode()
    assert [
        word for word in ("“Sails” asks for it", "Matches your goal “Boats”", "3 steps done") if word not in page
    ] == []
    assert "Boats" in lee.get(home).content.decode()
    step = reverse("paths:step", args=[path.pk, knots.pk])
    assert "asks for “Knots” first" in lee.post(step, {"act": "down"}, follow=True).content.decode()
    sailing = reverse("paths:step", args=[path.pk, sails.pk])
    assert "You chose it" in lee.post(sailing, {"act": "replace", "course": rivers.pk}, follow=True).content.decode()
    change = reverse("paths:change", args=[path.pk])
    back = lee.post(change, {"act": "back", "course": sails.pk}, follow=True).content.decode()
    assert "Planned again" in lee.post(change, {"act": "again"}, follow=True).content.decode()
    assert "Left out" not in back
    assert "not on sale" in lee.post(change, {"act": "add", "course": "x"}, follow=True).content.decode()
    lee.post(reverse("paths:step", args=[path.pk, rivers.pk]), {"act": "out"})
    assert "Left out" in lee.get(url).content.decode()
    assert cast.client_of(cast.bob).get(url).status_code == 404
    assert Client().get(url).status_code == 302
    assert lee.post(change, {"act": "delete"}).headers["Location"] == home
    assert not LearningPath.objects.exists()
