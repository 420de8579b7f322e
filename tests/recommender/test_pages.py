"""Suggestions as a browser meets them."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ImportBatch
from accounts.selectors import consents_now, refusing
from accounts.services import consent_record
from courses.models import Course, Topic
from courses.services import cart_add, enrolment_give, order_pay, order_place
from recommender.choices import Slot
from recommender.models import Dismissal, Impression, ServedList, ServingPolicy, Taste
from recommender.selectors import courses_shown, serving_figures, shelf
from recommender.services import click_record, mails_due, personal_set, policy_write, suggest, suggestions_mail
from tests.cast import Cast
from tests.recommender import shelves

pytestmark = pytest.mark.django_db
BROWSER = "Mozilla/5.0"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(shelf, "FEW_SHOWS", 0)
    shelf._shelf.cache_clear()
    yield
    shelf._shelf.cache_clear()


def _plain(page: str) -> str:
    """Words alone."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def text(response: Any) -> str:
    return str(response.content.decode())


def test_each_card_says_why_and_leads_to_its_course_by_a_click_that_counts(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    enrolment_give(user=cast.lee, course_id=ids[0])
    shelves.looked(cast.lee, ids[1], ids[0])
    client = cast.client_of(cast.lee)
    page = text(client.get("/suggestions/home/"))
    assert "Next for you" in page
    assert re.search(r"Because you (have|looked at) T [01]", page)
    served = ServedList.objects.get()
    link = f"/suggestions/open/{served.code}/1/"
    assert link in page
    first = served.impressions.get(position=1)
    for early in ({"User-Agent": "curl/8"}, {"User-Agent": BROWSER, "Sec-Purpose": "prefetch"}):
        assert client.get(link, headers=early).status_code == 302
    assert client.head(link, headers={"User-Agent": BROWSER}).status_code == 302
    first.refresh_from_db()
    assert first.clicked_at is None
    response = client.get(link, headers={"User-Agent": BROWSER})
    assert response.headers["Location"] == f"/courses/{first.course.slug}/"
    first.refresh_from_db()
    assert first.clicked_at is not None
    assert client.get(f"/suggestions/open/{uuid4()}/1/").status_code == 404


def test_a_band_shown_again_reads_the_reader_and_keeps_the_list_and_no_more(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    shelves.looked(cast.lee, *ids[:5])  # somebody known: nobody asks how they came
    client = cast.client_of(cast.lee)
    client.get("/suggestions/home/")  # leaves the browser a cookie, by which it is recognised once
    first = text(client.get("/suggestions/home/"))
    with CaptureQueriesContext(connection) as asked:
        again = text(client.get("/suggestions/home/", headers={"HX-Request": "true"}))
    bare = [re.sub(r"/(open|why)/[-0-9a-f]+/", "/", page) for page in (first, again)]
    assert bare[0] == bare[1] != ""
    assert first != again, "each time it was shown is a list of its own"
    around = re.compile(r"SELECT (set_config|coalesce)|(RELEASE )?SAVEPOINT")
    about = [row["sql"] for row in asked if not around.match(row["sql"])]
    names = ["django_session", "reader_person", "impressions_record"]
    assert [next((name for name in names if name in sql), sql) for sql in about] == names
    lists = ServedList.objects.order_by("pk")
    assert [row.user for row in lists] == [cast.lee] * 3
    told = ("position", "course", "source", "score", "propensity", "reason")
    kept = [list(row.impressions.order_by("position").values_list(*told)) for row in lists]
    assert kept[0] == kept[1] == kept[2] != []


def test_prices_titles_and_withdrawals_count_at_the_next_band(cast: Cast) -> None:
    ids = shelves.courses(3)
    client = cast.client_of(cast.lee)
    assert text(client.get("/suggestions/home/")).count("course-card") == 3
    Course.objects.filter(pk=ids[0]).update(price_minor=77_700, title="Renamed")
    page = text(client.get("/suggestions/home/"))
    assert "777" in page
    assert "Renamed" in page
    Course.objects.filter(pk=ids[1]).update(state="draft")
    assert text(client.get("/suggestions/home/")).count("course-card") == 2
    batch = ImportBatch.objects.create(source="s")
    Course.objects.filter(pk=ids[2]).update(import_batch=batch)
    assert text(client.get("/suggestions/home/")).count("course-card") == 2
    ImportBatch.objects.filter(pk=batch.pk).update(state="reversed")
    assert text(client.get("/suggestions/home/")).count("course-card") == 1


def test_the_panel_takes_the_score_apart_for_whom_it_was_shown_to_alone(cast: Cast) -> None:
    ids = shelves.courses()
    shelves.live(ids)
    shelves.looked(cast.lee, ids[1])
    code = suggest(user=cast.lee, visitor_key=None, slot=Slot.HOME).code
    url, client = f"/suggestions/why/{code}/1/", cast.client_of(cast.lee)
    page = text(client.get(url, headers={"HX-Request": "true"}))
    assert "drawer-head" in page
    assert "T 1" in page
    shown = [
        float(n.replace("−", "-")) for n in re.findall(r'<td class="n"><span class="num">([+−]?[\d.]+)</span>', page)
    ]
    assert sum(shown[:-1]) == pytest.approx(shown[-1], abs=1e-9)
    assert "<html" in text(client.get(url))
    assert cast.client_of(cast.bob).get(url).status_code == 404
    assert Client().get(url).headers["Location"].startswith("/accounts/login/")  # it may be theirs, once signed in


def test_a_course_is_waved_away_and_taken_back(cast: Cast) -> None:
    ids = shelves.courses(2)
    client = cast.client_of(cast.lee)
    htmx = {"HX-Request": "true"}
    assert "Undo" in text(client.post(f"/suggestions/dismiss/{ids[0]}/", headers=htmx))
    assert "less of its topic" in text(client.post(f"/suggestions/dismiss/{ids[0]}/", {"kind": "less"}, headers=htmx))
    assert Dismissal.objects.get().kind == "less"
    assert client.post(f"/suggestions/dismiss/{ids[0]}/", {"kind": "more"}).status_code == 400
    assert "Less like this · T" in text(client.get("/suggestions/yours/"))
    assert "suggested to you again" in text(client.post(f"/suggestions/undo/{ids[0]}/", headers=htmx))
    assert client.post(f"/suggestions/dismiss/{ids[1]}/").headers["Location"] == "/suggestions/yours/"
    assert client.post(f"/suggestions/undo/{ids[1]}/").headers["Location"] == "/suggestions/yours/"
    assert not Dismissal.objects.exists()


def test_interests_are_chosen_changed_and_skipped(cast: Cast) -> None:
    shelves.courses(2, topic="art")
    shelves.courses(2, topic="law")
    art = Topic.objects.get(code="art")
    client = cast.client_of(cast.lee)
    assert "What do you want to learn?" in text(client.get("/suggestions/interests/"))
    assert client.post("/suggestions/interests/", {"topics": [10**9]}).status_code == 200
    assert client.post("/suggestions/interests/", {"skip": "1", "next": "//evil.example/"}).headers["Location"] == (
        "/suggestions/yours/"
    )
    assert not Taste.objects.get(user=cast.lee).topics.exists()
    asked = {"topics": [art.pk], "next": "/learn/"}
    assert client.post("/suggestions/interests/", asked).headers["Location"] == "/learn/"
    client.post("/suggestions/interests/", {"skip": "1"})
    assert Taste.objects.get(user=cast.lee).topics.get() == art
    page = text(client.get("/suggestions/home/"))
    assert "On Art" in page


def test_personal_suggestions_are_switched_off_and_on(cast: Cast) -> None:
    shelves.courses(2)
    client = cast.client_of(cast.lee)
    assert client.post("/suggestions/personal/", headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert consents_now(user=cast.lee)["personalisation"] is False
    assert "What many learn now" in text(client.get("/suggestions/home/"))
    assert "Nothing that you do is used" in text(client.get("/suggestions/yours/"))
    client.post("/suggestions/personal/", {"personal": "1"})
    assert consents_now(user=cast.lee)["personalisation"] is True


def test_a_learner_who_just_joined_is_asked_once(cast: Cast) -> None:
    shelves.courses(1)
    asked = {"login": cast.lee.email, "password": "a quiet river at noon"}
    assert Client().post("/accounts/login/", asked).headers["Location"] == "/suggestions/interests/"
    assert Client().post("/accounts/login/?next=/cart/", asked).headers["Location"] == "/cart/"
    Taste.objects.create(user=cast.lee)
    assert Client().post("/accounts/login/", asked).headers["Location"] == "/"


def test_strangers_and_buyers_have_their_lists(cast: Cast) -> None:
    ids = shelves.courses(3)
    page = text(Client().get(f"/suggestions/course/{ids[0]}/"))
    assert "Personal suggestions" not in page
    assert text(cast.client_of(cast.lee).get("/suggestions/bought/")).count("course-card") == 3
    assert {*ServedList.objects.values_list("slot", flat=True)} == {Slot.COURSE, Slot.BOUGHT}
    assert Impression.objects.count() == 5
    assert Client().get("/suggestions/yours/").status_code == 302
    Course.objects.update(state="draft")
    assert Client().get(f"/suggestions/course/{ids[0]}/").status_code == 404


def test_programs_read_the_same_lists_and_say_what_was_opened(cast: Cast) -> None:
    ids = shelves.courses()
    run = shelves.live(ids)
    shelves.looked(cast.lee, *ids[:2])
    client = cast.client_of(cast.lee)
    body = client.get("/api/v1/recommendations/", {"limit": 3}).json()
    assert (body["personal"], body["model"], len(body["items"])) == (True, run.pk, 3)
    for item in body["items"]:
        parts = sum(part["amount"] for part in item["parts"])
        assert parts + item["rest"] + sum(item["features"].values()) == pytest.approx(item["score"], abs=1e-5)
    click = {"list": body["list"], "position": 2}
    assert client.post("/api/v1/recommendations/clicks/", click, content_type="application/json").status_code == 204
    assert Impression.objects.exclude(clicked_at=None).get().position == 2
    wrongs: list[tuple[dict[str, Any], int]] = [({"course": 10**9}, 404), ({"limit": 99}, 400), ({"slot": "roof"}, 400)]
    for wrong, status in wrongs:
        assert client.get("/api/v1/recommendations/", wrong).status_code == status
    gone = {"list": str(uuid4()), "position": 1}
    assert client.post("/api/v1/recommendations/clicks/", gone, content_type="application/json").status_code == 404
    beside = Client().get("/api/v1/recommendations/", {"slot": "course", "course": str(ids[5]), "limit": "2"}).json()
    assert ids[5] not in [item["course"] for item in beside["items"]]


def test_a_browser_that_declines_and_a_place_that_asks_first_need_a_yes_of_the_person(
    cast: Cast, settings: Any
) -> None:
    ids = shelves.courses(6)
    shelves.looked(cast.lee, ids[0])
    client = cast.client_of(cast.lee)
    quiet: dict[str, Any] = {"headers": {"Sec-GPC": "1"}}
    assert "Next for you" in text(client.get("/suggestions/home/"))
    assert "What many learn now" in text(client.get("/suggestions/home/", **quiet))
    assert client.get("/api/v1/recommendations/", **quiet).json()["personal"] is False
    assert "asks not to be observed" in text(client.get("/suggestions/yours/", **quiet))
    settings.CONSENT_FIRST = True
    assert "What many learn now" in text(client.get("/suggestions/home/"))
    assert cast.lee.pk in refusing(purpose="personalisation")
    personal_set(user=cast.lee, wanted=True)
    assert "Next for you" in text(client.get("/suggestions/home/", **quiet))
    assert cast.lee.pk not in refusing(purpose="personalisation")


def test_the_weekly_mail_goes_once_to_who_wants_it_and_stops_by_its_link(cast: Cast, mailoutbox: list[Any]) -> None:
    shelves.courses(3)
    assert mails_due() == []
    consent_record(user=cast.lee, purpose="mail", granted=True)
    assert mails_due() == [cast.lee.pk]
    assert [suggestions_mail(user_id=pk) for pk in (cast.lee.pk, cast.lee.pk, cast.bob.pk, 0)] == [True] + [False] * 3
    assert mails_due() == []
    (mail,) = mailoutbox
    assert mail.to == [cast.lee.email]
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    served = ServedList.objects.get()
    assert (served.slot, served.user, served.impressions.count()) == (Slot.MAIL, cast.lee, 3)
    link = f"/suggestions/open/{served.code}/1/"
    assert f"http://localhost:8000{link}" in mail.body
    assert Client().get(link).status_code == 302
    assert mail.subject.startswith("3 courses for you this week")
    why = f"/suggestions/why/{served.code}/1/"
    letter = str(mail.alternatives[0][0])
    for words in (why, "CN¥10.00", "No more suggestions by mail", "/suggestions/yours/", "Lee"):
        assert words in letter
        assert words.replace("No more suggestions by mail", "No more of these") in mail.body
    assert "<" not in mail.body
    assert Client().get(why)["Location"] == f"/accounts/login/?next={why}"  # who reads mail is not signed in
    assert Client().get(f"/suggestions/why/{uuid4()}/1/").status_code == 302  # nor is it told which lists there are
    assert cast.client_of(cast.lee).get(why).status_code == 200
    stop = mail.extra_headers["List-Unsubscribe"].strip("<>").removeprefix("http://localhost:8000")
    stranger = Client(enforce_csrf_checks=True)
    assert "Stop them" in text(stranger.get(stop))
    assert consents_now(user=cast.lee)["mail"] is True
    assert "no more suggestions by mail" in text(stranger.post(stop, {"List-Unsubscribe": "One-Click"}))
    assert consents_now(user=cast.lee)["mail"] is False
    assert stranger.post("/suggestions/mail/forged/").status_code == 404


def test_creators_and_marketers_see_what_suggestions_did(cast: Cast) -> None:
    mine = shelves.courses(1, topic="mine", makers=[(cast.alice_party.pk,)])
    shelves.courses(3, topic="new", days=1)
    assert cast.client_of(cast.alice).get("/creator/suggestions/").status_code == 200
    assert "Nothing was suggested" in text(cast.client_of(cast.marco).get("/marketing/suggestions/"))
    enrolment_give(user=cast.bob, course_id=mine[0])
    shelf._shelf.cache_clear()
    for slot in (Slot.HOME, Slot.HOME, Slot.BOUGHT):
        found = suggest(user=cast.lee, visitor_key=None, slot=slot, limit=2)
        assert found.code
        assert found.choices[0].course == mine[0]
        click_record(code=found.code, position=1, visitor_key=None)
    (row,) = courses_shown(party_id=cast.alice_party.pk, **_today())
    assert (row.total.shows, row.total.clicks, row.total.orders, row.total.click_rate) == (3, 3, 0, 1.0)
    cart_add(visitor_key=uuid4(), user=cast.lee, course_id=mine[0])
    order = order_place(user=cast.lee, visitor_key=None)
    order_pay(order_id=order.pk, provider="test", external_id="x", amount_minor=1000, currency="CNY")
    (row,) = courses_shown(party_id=cast.alice_party.pk, **_today())
    assert (row.total.orders, row.slots["home"].shows, row.slots["bought"].orders) == (1, 2, 1)
    assert courses_shown(party_id=cast.carol_party.pk, **_today()) == []
    figures = serving_figures(**_today())
    assert (figures.total.shows, figures.total.revenue) == (6, {"CNY": 1000})
    assert (figures.new_share, figures.tail_share, figures.courses_on_sale) == (0.5, 0.5, 4)
    assert figures.gini is not None
    page = text(cast.client_of(cast.alice).get("/creator/suggestions/?days=90"))
    assert "After a purchase" in page
    assert "Mine 0" in page
    assert "10.0% of the places are kept for new courses" in _plain(page)
    policy_write(values={"explore": 0.25, "per_creator": 3, "margin": 0.5}, note="more of the new", by=cast.olga)
    page = _plain(text(cast.client_of(cast.alice).get("/creator/suggestions/")))
    assert "25.0% of the places are kept for new courses, 20.0% of the others" in page
    assert "one creator has 3 at most" in page
    assert "What a course earns the platform counts too." in page
    page = text(cast.client_of(cast.marco).get("/marketing/suggestions/"))
    assert "¥10.00" in page
    assert [(row.course.pk, row.total.shows, row.total.orders) for row in figures.courses[:1]] == [(mine[0], 3, 1)]
    assert len(figures.courses) == figures.courses_shown
    assert "Mine 0 3" in _plain(page), "per course, with its places below it"
    chinese = cast.client_of(cast.marco)
    chinese.cookies["django_language"] = "zh-hans"
    assert "每门课程得到什么" in text(chinese.get("/marketing/suggestions/"))
    assert cast.client_of(cast.lee).get("/marketing/suggestions/").status_code == 403
    assert cast.client_of(cast.lee).get("/creator/suggestions/").status_code == 403


def _today() -> dict[str, datetime]:
    return {"since": timezone.now() - timedelta(days=1), "until": timezone.now() + timedelta(days=1)}


def test_the_desk_puts_figures_in_force_and_refuses_wrong_ones(cast: Cast, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    client = cast.client_of(cast.olga)
    url = "/admin/recommender/servingpolicy/add/"
    assert "unknown setting" in text(client.post(url, {"values": '{"fame": 1}', "note": "louder"}))
    assert client.post(url, {"values": '{"tail": 0.4}', "note": "more for the tail"}).status_code == 302
    policy = ServingPolicy.objects.get()
    assert (policy.values, policy.created_by) == ({"tail": 0.4}, cast.olga)
    assert client.get(f"/admin/recommender/servingpolicy/{policy.pk}/change/").status_code == 200
