"""Suggestions at request time: who is shown what, why, and with which chance."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.models import User
from accounts.services import party_create
from analytics.handlers import touch_by_suggestions
from analytics.models import Touchpoint
from analytics.selectors import Arrived, first_arrival
from courses.choices import EventKind, Level
from courses.models import Course, Prerequisite, Topic
from courses.services import behaviour_record, enrolment_give, enrolments_withdraw
from events.models import OutboxEvent
from events.services import EventData
from recommender.choices import Refusal, Slot, Source
from recommender.errors import PolicyRefusedError
from recommender.models import Impression, ServedList
from recommender.selectors import shelf
from recommender.services import (
    Suggestions,
    click_record,
    course_dismiss,
    dismissal_undo,
    personal_set,
    places_of,
    policy_write,
    suggest,
    taste_set,
)
from recommender.services.training_data import behaviour_read
from tests.cast import Cast
from tests.factories import evidence
from tests.partners import desk
from tests.recommender import shelves

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everything")]


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(shelf, "FEW_SHOWS", 0)  # new is who is young, or most lists of a test were drawn by lot
    shelf._shelf.cache_clear()
    yield
    shelf._shelf.cache_clear()


def shown(user: User | None, limit: int = 4, **asked: Any) -> Suggestions:
    """A list at the learner's home."""
    return suggest(user=user, visitor_key=asked.pop("visitor_key", None), slot=Slot.HOME, limit=limit, **asked)


def test_what_somebody_just_looked_at_decides_the_next_list(cast: Cast) -> None:
    ids = shelves.courses()
    run = shelves.live(ids)
    shelves.looked(cast.lee, *ids[:2])
    before = shown(cast.lee, 2)
    assert {*places_of(before.choices)} == {ids[2], ids[3]}
    assert before.run == run.pk
    shelves.looked(cast.lee, *ids[4:7])
    assert places_of(shown(cast.lee, 1).choices) == [ids[7]]


def test_every_place_is_kept_and_its_parts_add_up_to_its_score(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    shelves.looked(cast.lee, *ids[:2])
    found = shown(cast.lee)
    served = ServedList.objects.latest("pk")
    places = list(served.impressions.order_by("position"))
    assert [place.course_id for place in places] == places_of(found.choices)
    assert (served.user, served.slot, served.run_id) == (cast.lee, Slot.HOME, found.run)
    for place in places:
        parts = [amount for _course, amount in place.reason["parts"]]
        told = sum(parts) + place.reason["rest"] + sum(place.reason["features"].values())
        assert told == pytest.approx(place.score, abs=1e-5)
        assert 0 < place.propensity <= 1
    assert {course for course, _amount in places[0].reason["parts"]} == {*ids[:2]}


def test_a_list_is_the_same_again_until_something_happens_and_kept_each_time(cast: Cast) -> None:
    ids = shelves.courses(days=1)
    shelves.live(ids)
    shelves.looked(cast.lee, ids[0])
    first, again = shown(cast.lee), shown(cast.lee)
    assert (first.choices, first.key) == (again.choices, again.key)
    assert first.code != again.code
    assert ServedList.objects.count() == 2
    shelves.looked(cast.lee, ids[5])
    assert shown(cast.lee).key != first.key


def test_what_is_owned_given_back_or_waved_away_is_not_suggested(cast: Cast) -> None:
    ids = shelves.courses(6)
    shelves.live(ids)
    enrolment_give(user=cast.lee, course_id=ids[0])
    enrolments_withdraw(ids=[enrolment_give(user=cast.lee, course_id=ids[1]).pk])
    course_dismiss(user=cast.lee, course_id=ids[2])
    course_dismiss(user=cast.lee, course_id=ids[3], kind=Refusal.LESS)
    assert {*places_of(shown(cast.lee, 6).choices)} == {ids[4], ids[5]}
    assert dismissal_undo(user=cast.lee, course_id=ids[2])
    assert not dismissal_undo(user=cast.lee, course_id=ids[2])
    assert ids[2] in places_of(shown(cast.lee, 6).choices)


def test_less_like_this_counts_against_the_whole_topic(cast: Cast) -> None:
    art, law = shelves.courses(4, topic="art"), shelves.courses(4, topic="law")
    shelves.looked(cast.lee, *art[:2], law[0])
    assert Course.objects.get(pk=places_of(shown(cast.lee, 1).choices)[0]).topic.code == "art"
    course_dismiss(user=cast.lee, course_id=art[0], kind=Refusal.LESS)
    found = shown(cast.lee, 1).choices[0]
    assert Course.objects.get(pk=found.course).topic.code == "law"


def test_nobody_has_more_than_two_places(cast: Cast) -> None:
    makers = [party_create(code=f"m{n}", kind="creator", name=f"M {n}").pk for n in range(2)]
    ids = shelves.courses(8, makers=[(makers[number // 5],) for number in range(8)])
    found = places_of(shown(cast.lee, 8).choices)
    assert sorted(ids.index(pk) // 5 for pk in found) == [0, 0, 1, 1]


def test_a_stranger_sees_what_many_learn_and_then_what_they_chose(cast: Cast) -> None:
    art, law = shelves.courses(3, topic="art"), shelves.courses(3, topic="law")
    enrolment_give(user=cast.bob, course_id=law[1])
    assert places_of(shown(None, 1).choices) == [law[1]]
    assert shown(None, 1).choices[0].source == Source.POPULAR
    taste_set(user=cast.lee, topic_ids=[Topic.objects.get(code="art").pk, 10**9])
    assert {*places_of(shown(cast.lee, 3).choices)} == {*art}
    assert shown(cast.lee, 3).choices[0].source == Source.TOPIC


def test_a_browser_has_a_history_of_its_own(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    key = uuid4()
    behaviour_record(kind=EventKind.VIEW, visitor_key=key, course_id=ids[5])
    found = shown(None, 3, visitor_key=key)
    assert {*places_of(found.choices)} == {ids[4], ids[6], ids[7]}
    assert ServedList.objects.latest("pk").visitor_key == key


def test_beside_a_course_its_neighbours_stand(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    found = suggest(user=cast.lee, visitor_key=None, slot=Slot.COURSE, course=Course.objects.get(pk=ids[6]), limit=3)
    assert {*places_of(found.choices)} == {ids[4], ids[5], ids[7]}


def test_who_wants_nothing_personal_gets_popularity_and_is_not_learned_from(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    shelves.looked(cast.lee, *ids[:3])
    shelves.looked(cast.bob, ids[0])
    enrolment_give(user=cast.carol, course_id=ids[6])
    enrolment_give(user=cast.lee, course_id=ids[1])
    personal_set(user=cast.lee, wanted=False)
    found = shown(cast.lee)
    assert (found.personal, found.run, found.choices[0].course) == (False, None, ids[6])
    assert ids[1] not in places_of(found.choices)
    assert ServedList.objects.latest("pk").user is None
    read = behaviour_read()
    assert (read.data.n_users, read.left_out["nothing personal"]) == (1, 3)
    personal_set(user=cast.lee, wanted=True)
    assert shown(cast.lee).personal
    assert behaviour_read().data.n_users == 2


def test_new_courses_have_places_of_their_own(cast: Cast) -> None:
    known, new = shelves.courses(14), shelves.courses(3, topic="new", days=1)
    for pk in known:
        enrolment_give(user=cast.bob, course_id=pk)
        enrolment_give(user=cast.carol, course_id=pk)
    found = shown(cast.lee, 10)
    assert [choice.source == Source.EXPLORE for choice in found.choices] == [False] * 9 + [True]
    assert found.choices[9].course in new
    assert found.choices[9].propensity < 1


def test_a_level_too_hard_counts_against_a_course(cast: Cast) -> None:
    owned = shelves.courses(1, topic="own")[0]
    hard, easy = shelves.courses(1, topic="hard", level=Level.ADVANCED), shelves.courses(1, topic="easy")
    enrolment_give(user=cast.lee, course_id=owned)
    order = places_of(shown(cast.lee, 2).choices)
    assert order.index(easy[0]) < order.index(hard[0])


def test_what_asks_for_more_waits_and_what_builds_on_the_owned_comes_first(cast: Cast) -> None:
    ids = shelves.courses(4)
    Prerequisite.objects.bulk_create(
        [Prerequisite(course_id=ids[1], requires_id=ids[0]), Prerequisite(course_id=ids[2], requires_id=ids[3])]
    )
    enrolment_give(user=cast.lee, course_id=ids[0])
    assert places_of(shown(cast.lee).choices) == [ids[1], ids[3]]


@pytest.mark.parametrize("broken", ["lost", "altered", "none"])
def test_without_a_model_file_that_can_be_trusted_popularity_answers(cast: Cast, settings: Any, broken: str) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    file = Path(settings.DATA_DIR) / "models" / "live"
    if broken == "lost":
        file.unlink()
    elif broken == "altered":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    shelves.looked(cast.lee, ids[0])
    found = shown(cast.lee)
    assert len(found.choices) == 4
    assert (found.run is None) == (broken != "none")


def test_odd_catalogues_and_histories_are_answered(cast: Cast) -> None:
    assert shown(cast.lee).choices == ()
    assert shown(cast.lee).code is None
    alone = shelves.courses(1)
    shelves.live([*alone, 10**9])  # the model knows a course that nobody sells
    assert places_of(shown(cast.lee).choices) == alone
    assert places_of(shown(None, visitor_key=uuid4()).choices) == alone
    shelves.looked(cast.lee, alone[0])
    shown(cast.lee)
    enrolment_give(user=cast.lee, course_id=alone[0])
    assert shown(cast.lee).choices == ()


def test_a_click_is_kept_once_and_told_to_the_outbox(cast: Cast) -> None:
    shelves.courses(2)
    found, key = shown(cast.lee), uuid4()
    assert found.code
    assert click_record(code=uuid4(), position=1, visitor_key=key) is None
    assert click_record(code=found.code, position=9, visitor_key=key) is None
    for _ in range(2):
        course = click_record(code=found.code, position=1, visitor_key=key)
        assert course is not None
        assert course.pk == found.choices[0].course
    assert Impression.objects.exclude(clicked_at=None).get().position == 1
    event = OutboxEvent.objects.get(name="suggestion.opened")
    assert event.payload["visitor_key"] == str(key)
    assert (event.payload["slot"], event.payload["course_id"]) == ("home", found.choices[0].course)
    data = EventData(id=event.pk, name=event.name, key=event.key, payload=event.payload, occurred_at=event.occurred_at)
    for _ in range(2):
        touch_by_suggestions([data])
    touch = Touchpoint.objects.get()
    assert (touch.channel.kind, touch.visitor.key, touch.landing) == ("recommendation", key, event.payload["path"])


def test_the_newest_policy_serves_and_is_named_beside_the_list(cast: Cast) -> None:
    art, law = shelves.courses(2, topic="art"), shelves.courses(2, topic="law")
    shelves.looked(cast.lee, art[0])
    with pytest.raises(PolicyRefusedError, match="unknown setting 'fame'"):
        policy_write(values={"fame": 2}, note="", by=cast.olga)
    policy = policy_write(values={"topic": -9, "cold": 0, "creator": -9}, note="the other way round", by=cast.olga)
    found = shown(cast.lee)
    assert {*places_of(found.choices)[:2]} == {*law}
    assert ServedList.objects.latest("pk").policy == policy
    margin = policy_write(values={"margin": 1}, note="a try", by=cast.olga)
    assert shown(cast.lee, policy=margin).choices


def test_how_a_stranger_first_came_decides_until_more_is_known(cast: Cast) -> None:
    art, law = shelves.courses(6, topic="art"), shelves.courses(6, topic="law")
    came = Arrived(landing="/courses/law-2/", bought=((art[4], 9), (art[1], 2)))
    first = places_of(shown(None, 8, visitor_key=uuid4(), arrived=lambda: came).choices)
    assert {*first} >= {art[4], *law[:5]}
    assert shown(None, 8, visitor_key=uuid4(), arrived=lambda: None).choices
    shelves.looked(cast.lee, *art[:5])
    shown(cast.lee, arrived=lambda: pytest.fail("they are known by now"))


def test_the_first_touch_says_where_somebody_landed_and_what_its_channel_sold(cast: Cast) -> None:
    now = timezone.now()
    channel = desk.channel("banners").pk
    buyer, key = evidence.visitor(now, cast.lee), evidence.visitor(now)
    evidence.touches(buyer, (channel, now - timedelta(days=2)))
    evidence.touches(key, (channel, now - timedelta(days=1)))
    assert first_arrival(visitor_key=uuid4(), user_id=None) is None
    found = first_arrival(visitor_key=key, user_id=None)
    assert found is not None
    assert found.bought == ()
    assert first_arrival(visitor_key=None, user_id=cast.lee.pk) == found
