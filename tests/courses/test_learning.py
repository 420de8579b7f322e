"""Lessons open for those who may; progress only moves forward; only learners rate."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.test import Client

from courses.choices import EventKind
from courses.errors import BadRatingError, LessonClosedError, NotEnrolledError
from courses.models import BehaviourEvent, Enrolment, Favourite, LessonProgress, Rating
from courses.selectors import course_page, learner_home, lesson_page
from courses.services import (
    NewProgress,
    NewRating,
    course_retire,
    enrolment_give,
    enrolments_withdraw,
    favourite_toggle,
    lesson_open,
    progress_record,
    progress_record_all,
    rating_give,
    ratings_hide,
    ratings_record,
    ratings_show,
)
from tests.factories.courses import NOON, course, learner, lessons_of, staff_member

pytestmark = pytest.mark.django_db


def test_a_preview_opens_for_everybody_and_is_remembered() -> None:
    preview = lessons_of(course())[0]
    key = uuid4()
    assert lesson_open(lesson_id=preview.pk, user=None, visitor_key=key) is None
    assert BehaviourEvent.objects.get(kind=EventKind.LESSON).visitor_key == key


@pytest.mark.parametrize("who", ["nobody", "stranger", "learner of another course", "withdrawn"])
def test_a_lesson_is_closed_to_strangers(who: str) -> None:
    one, two = course(), course()
    lesson = lessons_of(one)[1]
    reader = None if who == "nobody" else learner()
    if reader and who == "learner of another course":
        enrolment_give(user=reader, course_id=two.pk)
    if reader and who == "withdrawn":
        enrolments_withdraw(ids=[enrolment_give(user=reader, course_id=one.pk).pk])
    with pytest.raises(LessonClosedError):
        lesson_open(lesson_id=lesson.pk, user=reader, visitor_key=uuid4())
    assert not BehaviourEvent.objects.exists()
    assert not LessonProgress.objects.exists()


def test_an_enrolled_learner_and_staff_open_every_lesson() -> None:
    one, reader, staff = course(), learner(), staff_member()
    enrolment_give(user=reader, course_id=one.pk)
    for lesson in lessons_of(one):
        assert lesson_open(lesson_id=lesson.pk, user=reader) is not None
        assert lesson_open(lesson_id=lesson.pk, user=staff) is None
    assert LessonProgress.objects.count() == 3


def test_a_lessons_video_plays_on_its_page_alone(client: Client) -> None:
    one = course()
    lesson = lessons_of(one)[0]
    assert "media-src" not in client.get(f"/learn/{one.slug}/{lesson.pk}/")["Content-Security-Policy"]
    lesson.video = "https://media.example/lessons/1.mp4?token=a"
    lesson.full_clean()
    lesson.save()
    answer = client.get(f"/learn/{one.slug}/{lesson.pk}/")
    assert 'src="https://media.example/lessons/1.mp4?token=a"' in answer.content.decode()
    policy = answer["Content-Security-Policy"]
    assert re.search(r"media-src https://media\.example(;|$)", policy), policy


@pytest.mark.parametrize(
    "video",
    [
        "http://media.example/1.mp4",
        "javascript:alert(1)//.mp4",
        "https://a;script-src *.example/1.mp4",
        "https://a.example/1.exe",
    ],
)
def test_a_video_is_an_https_file_in_form_and_database(video: str) -> None:
    lesson = lessons_of(course())[0]
    lesson.video = video
    with pytest.raises(ValidationError):
        lesson.full_clean()
    with pytest.raises(IntegrityError):
        lesson.save()


def test_a_retired_course_stays_open_for_its_learners_only() -> None:
    one, reader = course(), learner()
    enrolment_give(user=reader, course_id=one.pk)
    course_retire(course_id=one.pk)
    lesson = lessons_of(one)[1]
    assert lesson_page(slug=one.slug, lesson_id=lesson.pk, visible_to=reader) is not None
    assert lesson_page(slug=one.slug, lesson_id=lesson.pk, visible_to=learner()) is None
    assert course_page(slug=one.slug, visible_to=None) is None


def test_progress_never_goes_back_and_stops_at_the_lessons_end() -> None:
    one, reader = course(), learner()
    enrolment_give(user=reader, course_id=one.pk)
    lesson = lessons_of(one)[0]
    assert progress_record(user=reader, lesson_id=lesson.pk, seconds=120, at=NOON).seconds == 120
    assert progress_record(user=reader, lesson_id=lesson.pk, seconds=60, at=NOON).seconds == 120
    assert progress_record(user=reader, lesson_id=lesson.pk, seconds=9_999, at=NOON).seconds == 600
    done = progress_record(user=reader, lesson_id=lesson.pk, completed=True, at=NOON)
    again = progress_record(user=reader, lesson_id=lesson.pk, completed=False, at=NOON + timedelta(days=1))
    assert done.completed_at == again.completed_at == NOON
    assert BehaviourEvent.objects.filter(kind=EventKind.PROGRESS).count() == 1


def test_the_last_lesson_finishes_the_course_once() -> None:
    one, reader = course(), learner()
    enrolment_give(user=reader, course_id=one.pk)
    for hours, lesson in enumerate(lessons_of(one)):
        assert Enrolment.objects.get().completed_at is None
        progress_record(user=reader, lesson_id=lesson.pk, completed=True, at=NOON + timedelta(hours=hours))
    assert Enrolment.objects.get().completed_at == NOON + timedelta(hours=2)
    progress_record(user=reader, lesson_id=lessons_of(one)[0].pk, completed=True, at=NOON + timedelta(days=3))
    assert BehaviourEvent.objects.filter(kind=EventKind.COMPLETE).count() == 1


def test_progress_is_kept_for_learners_only() -> None:
    with pytest.raises(NotEnrolledError):
        progress_record(user=learner(), lesson_id=lessons_of(course())[0].pk, seconds=1)


def test_progress_of_many_equals_progress_of_each(django_assert_num_queries: Any) -> None:
    one = course()
    lessons = lessons_of(one)
    people = [learner() for _ in range(6)]
    for person in people:
        enrolment_give(user=person, course_id=one.pk)
    rows = [
        NewProgress(user_id=person.pk, lesson_id=lesson.pk, seconds=30, completed=i % 2 == 0, at=NOON)
        for i, person in enumerate(people)
        for lesson in lessons
    ]
    with django_assert_num_queries(11):
        progress_record_all(progress=rows)
    in_bulk = list(LessonProgress.objects.order_by("enrolment", "lesson").values_list("seconds", "completed_at"))
    assert [row.completed_at for row in Enrolment.objects.order_by("pk")] == [NOON, None] * 3
    LessonProgress.objects.all().delete()
    Enrolment.objects.update(completed_at=None)
    for i, person in enumerate(people):
        for lesson in lessons:
            progress_record(user=person, lesson_id=lesson.pk, seconds=30, completed=i % 2 == 0, at=NOON)
    singly = list(LessonProgress.objects.order_by("enrolment", "lesson").values_list("seconds", "completed_at"))
    assert in_bulk == singly
    assert [row.completed_at for row in Enrolment.objects.order_by("pk")] == [NOON, None] * 3


def test_a_rating_is_given_by_learners_and_replaced_by_the_next() -> None:
    one, reader = course(), learner()
    with pytest.raises(NotEnrolledError):
        rating_give(user=reader, course_id=one.pk, stars=5)
    enrolment_give(user=reader, course_id=one.pk)
    rating_give(user=reader, course_id=one.pk, stars=5, comment="Good\r\n<b>bold</b>\x07")
    rating = rating_give(user=reader, course_id=one.pk, stars=3, comment="Less\r\n<b>bold</b>\x07\u202e")
    assert (rating.stars, rating.comment) == (3, "Less\n<b>bold</b>")
    assert Rating.objects.count() == 1


@pytest.mark.parametrize(("stars", "comment"), [(0, ""), (6, ""), (5, "x" * 2_001)])
def test_a_rating_out_of_bounds_is_refused(stars: int, comment: str) -> None:
    one, reader = course(), learner()
    enrolment_give(user=reader, course_id=one.pk)
    with pytest.raises(BadRatingError):
        rating_give(user=reader, course_id=one.pk, stars=stars, comment=comment)
    assert not Rating.objects.exists()


def test_ratings_of_one_stranger_refuse_the_whole_batch() -> None:
    one, reader = course(), learner()
    enrolment_give(user=reader, course_id=one.pk)
    rows = [NewRating(user_id=who.pk, course_id=one.pk, stars=4, at=NOON) for who in (reader, learner())]
    with pytest.raises(NotEnrolledError):
        ratings_record(ratings=rows)
    assert not Rating.objects.exists()
    assert ratings_record(ratings=rows[:1]) == 1


def test_a_hidden_comment_is_shown_to_nobody_and_its_stars_count() -> None:
    one, reader, staff = course(), learner(), staff_member()
    enrolment_give(user=reader, course_id=one.pk)
    rating = rating_give(user=reader, course_id=one.pk, stars=1, comment="An insult")
    assert ratings_hide(ids=[rating.pk], by=staff) == 1
    page = course_page(slug=one.slug, visible_to=None)
    assert page is not None
    assert page.reviews == []
    assert (page.rating, page.ratings) == (1.0, 1)
    assert ratings_show(ids=[rating.pk]) == 1


def test_a_course_is_saved_for_later_and_let_go() -> None:
    one, reader = course(), learner()
    assert favourite_toggle(user=reader, course_id=one.pk) is True
    assert favourite_toggle(user=reader, course_id=one.pk) is False
    assert not Favourite.objects.exists()
    assert BehaviourEvent.objects.filter(kind=EventKind.FAVOURITE).count() == 1


def test_a_learners_home_goes_on_where_they_were() -> None:
    reader = learner()
    first, second, done = course("First"), course("Second"), course("Done", lessons=1)
    for each in (first, second, done):
        enrolment_give(user=reader, course_id=each.pk, at=NOON)
    progress_record(user=reader, lesson_id=lessons_of(first)[0].pk, completed=True, at=NOON + timedelta(days=1))
    progress_record(user=reader, lesson_id=lessons_of(done)[0].pk, completed=True, at=NOON + timedelta(days=2))
    favourite_toggle(user=reader, course_id=course("Saved").pk)
    home = learner_home(visible_to=reader)
    assert [row.course.title for row in home.running] == ["First", "Second"]
    assert [row.course.title for row in home.finished] == ["Done"]
    (row, _) = home.running
    assert (row.finished, row.lessons, row.share_bp) == (1, 3, 3_333)
    assert row.next_lesson_id == lessons_of(first)[1].pk
    assert [card.course.title for card in home.favourites] == ["Saved"]
    assert learner_home(visible_to=learner()).running == []


def test_home_and_course_page_cost_the_same_whatever_they_show(django_assert_num_queries: Any) -> None:
    reader, one = learner(), course(lessons=40)
    for _ in range(12):
        enrolment_give(user=reader, course_id=course().pk)
        fan = learner()
        enrolment_give(user=fan, course_id=one.pk)
        rating_give(user=fan, course_id=one.pk, stars=5, comment="Fine")
        favourite_toggle(user=reader, course_id=course().pk)
    with django_assert_num_queries(7):
        learner_home(visible_to=reader)
    with django_assert_num_queries(10):
        page = course_page(slug=one.slug, visible_to=reader)
    assert page is not None
    assert (page.ratings, page.learners, page.lessons) == (12, 12, 40)
