"""Tracking links: what following one keeps, and what of it counts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.services import seat_give
from analytics.models import Touchpoint
from analytics.services import salted_key
from courses.models import Order
from ledger.models import JournalEntry
from partners.services import NewLink, link_create, links_create
from tests.analytics.browsing import BROWSER, visit
from tests.cast import Cast
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def link(cast: Cast) -> Any:
    reef = desk.party("reef")
    way = desk.channel("reef", reef)
    return link_create(code="reef-1", channel=way, owner=reef, destination="/accounts/login/?a=1", campaign="may")


def test_following_a_link_is_one_touch_of_its_owner(link: Any) -> None:
    client = Client()
    answer = visit(client, "/go/reef-1", headers={"Referer": "https://blog.example/post?private=1"})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?a=1&utm_campaign=may")
    assert "no-store" in answer["Cache-Control"]
    (touch,) = Touchpoint.objects.all()
    assert (touch.link_id, touch.owner_id, touch.channel_id) == (link.pk, link.owner_id, link.channel_id)
    assert (touch.referrer_host, touch.utm) == ("blog.example", {"utm_campaign": "may"})
    assert touch.visitor.key == salted_key(UUID(client.cookies["tv"].value))


def test_a_click_moves_no_money(link: Any) -> None:
    for _ in range(3):
        visit(Client(), "/go/reef-1")
    assert Touchpoint.objects.count() == 3
    assert not JournalEntry.objects.exists()
    assert not Order.objects.exists()


@pytest.mark.parametrize("headers", [{"User-Agent": "Twitterbot/1.0"}, {"Sec-Purpose": "prefetch"}])
def test_robots_and_prefetches_are_sent_on_and_leave_none(link: Any, headers: dict[str, str]) -> None:
    assert visit(Client(), "/go/reef-1", headers=headers).status_code == 302
    assert Client().head("/go/reef-1", headers={"User-Agent": BROWSER}).status_code == 302
    assert not Touchpoint.objects.exists()


def test_unknown_and_retired_links_are_not_found_and_nothing_may_be_posted(link: Any) -> None:
    for nowhere in ("nowhere", "reef-1/", "reef%00", "%FF", "a" * 2_000):
        assert visit(Client(), f"/go/{nowhere}").status_code == 404
    assert Client().post("/go/reef-1").status_code == 405
    type(link).objects.filter(pk=link.pk).update(is_active=False)
    assert visit(Client(), "/go/reef-1").status_code == 404
    assert not Touchpoint.objects.exists()


@pytest.mark.parametrize("away", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)"])
def test_nobody_is_sent_off_the_site(link: Any, away: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        type(link).objects.filter(pk=link.pk).update(destination=away)
    answer = visit(Client(), f"/go/reef-1?next={away}")
    assert answer["Location"] == "/accounts/login/?a=1&utm_campaign=may"


def test_nobody_is_sent_on_whose_click_is_not_kept(link: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**facts: Any) -> None:
        raise DatabaseError("disk full")

    monkeypatch.setattr("analytics.middleware.link_follow", broken)
    with pytest.raises(DatabaseError):
        visit(Client(), "/go/reef-1")


def test_the_page_behind_a_link_is_no_arrival_of_its_own(link: Any, landing: str) -> None:
    client, from_search = Client(), {"Referer": "https://www.google.com/"}
    there = visit(client, "/go/reef-1", headers=from_search)["Location"]
    visit(client, there, headers=from_search)
    assert Touchpoint.objects.get().link_id == link.pk
    visit(client, landing, headers=from_search)
    assert list(Touchpoint.objects.order_by("pk").values_list("channel__kind", flat=True)) == [
        "partner",
        "organic_search",
    ]


def test_a_links_tags_stand_behind_its_target_and_never_twice(cast: Cast) -> None:
    way = desk.channel("pier", desk.party("pier"))
    links_create(
        links=[
            NewLink(
                channel_id=way.pk,
                code="pier-1",
                destination="/courses/?UTM_Source=kept#top",
                campaign="may sale",
                utm_source="pier",
                utm_medium="affiliate",
                utm_content="footer",
            )
        ]
    )
    told = visit(Client(), "/go/pier-1?utm_source=evil")["Location"]
    assert told == "/courses/?UTM_Source=kept&utm_medium=affiliate&utm_campaign=may+sale&utm_content=footer#top"
    assert Touchpoint.objects.get().utm == {
        "utm_source": "pier",
        "utm_medium": "affiliate",
        "utm_campaign": "may sale",
        "utm_content": "footer",
    }


def test_a_partners_own_marks_are_kept_and_bounded(link: Any) -> None:
    visit(Client(), f"/go/reef-1?sub1=blog&sub2={'x' * 900}&sub6=no&secret=1&sub3=a%00b")
    assert Touchpoint.objects.get().sub_ids == {"sub1": "blog", "sub2": "x" * 64, "sub3": "ab"}


def test_the_same_link_again_within_seconds_is_kept_and_does_not_count(link: Any) -> None:
    client = Client()
    with time_machine.travel(datetime(2026, 3, 2, 12, tzinfo=UTC), tick=False) as clock:
        for _ in range(3):
            visit(client, "/go/reef-1")
        visit(Client(), "/go/reef-1")
        clock.shift(11)
        visit(client, "/go/reef-1")
    flags = Touchpoint.objects.order_by("pk").values_list("flag", flat=True)
    assert list(flags) == ["", "repeat", "repeat", "", ""]


@pytest.mark.parametrize("fetched_as", ["image", "iframe", "script", "empty"])
def test_a_link_that_was_not_opened_as_a_page_does_not_count(link: Any, fetched_as: str) -> None:
    visit(Client(), "/go/reef-1", headers={"Sec-Fetch-Dest": fetched_as})
    visit(Client(), "/go/reef-1", headers={"Sec-Fetch-Dest": "document"})
    assert list(Touchpoint.objects.order_by("pk").values_list("flag", flat=True)) == ["injected", ""]


def test_a_partner_who_follows_its_own_link_does_not_count(cast: Cast, link: Any) -> None:
    client = Client()
    visit(client, "/go/reef-1")
    client.force_login(cast.lee)
    visit(client, "/accounts/email/")
    seat_give(user=cast.lee, party=link.owner)
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False):
        visit(client, "/go/reef-1")
    assert list(Touchpoint.objects.order_by("pk").values_list("flag", flat=True)) == ["", "self"]


def test_a_month_without_a_partition_gets_one_when_somebody_comes(link: Any) -> None:
    with time_machine.travel(datetime(2031, 5, 2, 12, tzinfo=UTC), tick=False):
        assert visit(Client(), "/go/reef-1").status_code == 302
    assert Touchpoint.objects.get().occurred_at.year == 2031
