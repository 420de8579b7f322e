"""Touches that programs report at /api/v1/touches/."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client

from accounts.scope import all_rows
from accounts.services import seat_give
from analytics import api
from analytics.models import ChannelRule, Touchpoint, TouchReceipt
from analytics.services import channel_rule_write, salted_key, visitor_merge
from ledger.models import JournalEntry
from partners.services import NewLink, links_create
from tests.cast import Cast
from tests.factories import evidence
from tests.partners import desk

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = "k" * 32


@pytest.fixture(autouse=True)
def _noon(settings: Any) -> Any:
    settings.TOUCH_KEYS = [KEY, "o" * 32]
    with time_machine.travel(NOON, tick=False):
        yield


def tell(key: str = KEY, **facts: Any) -> Any:
    told = {
        "external_id": "t-1",
        "visitor": str(uuid4()),
        "occurred_at": (NOON - timedelta(days=1)).isoformat(),
        **facts,
    }
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Client().post("/api/v1/touches/", told, content_type="application/json", headers=headers)


def test_a_touch_told_again_is_the_same_and_another_under_its_id_is_refused(db: None) -> None:
    with all_rows():
        reef = desk.party("reef")
        way = evidence.channel("reef", owner_id=reef.pk)
        links_create(links=[NewLink(channel_id=way, code="reef-1", utm_source="reef", campaign="may")])
    token = str(uuid4())
    told: dict[str, Any] = {"visitor": token, "link": "reef-1", "sub_ids": {"sub1": "hall 7"}}
    assert [tell(**told).status_code for _ in range(3)] == [201, 200, 200]
    assert tell(**told, consent=False).status_code == 409
    assert tell(key="o" * 32, **told).status_code == 201
    touch, _other = Touchpoint.objects.order_by("pk").select_related("visitor")
    assert touch.visitor.key == salted_key(UUID(token))
    assert (touch.channel_id, touch.owner_id, touch.occurred_at) == (way, reef.pk, NOON - timedelta(days=1))
    assert (touch.utm, touch.sub_ids) == ({"utm_source": "reef", "utm_campaign": "may"}, {"sub1": "hall 7"})
    assert not JournalEntry.objects.exists()


def test_a_landing_page_is_read_by_the_rules_and_a_channel_by_its_code(db: None) -> None:
    with all_rows():
        fair = evidence.channel("fair", kind="event")
    page = "http://testserver/courses/a/?utm_source=news&utm_medium=email&sub2=b"
    assert tell(external_id="a", landing=page, referrer="https://mail.example/").status_code == 201
    assert tell(external_id="b", channel="fair", utm={"utm_content": "stand"}).status_code == 201
    rows = Touchpoint.objects.order_by("pk").values_list("channel__kind", "landing", "utm", "sub_ids")
    assert list(rows) == [
        ("email", "/courses/a/", {"utm_source": "news", "utm_medium": "email"}, {"sub2": "b"}),
        ("event", "", {"utm_content": "stand"}, {}),
    ]
    assert Touchpoint.objects.filter(channel=fair).count() == 1


def test_what_a_partys_own_people_open_and_the_same_link_at_once_are_flagged_as_at_go(cast: Cast) -> None:
    with all_rows():
        reef = desk.party("reef")
        way = evidence.channel("reef", owner_id=reef.pk)
        links_create(links=[NewLink(channel_id=way, code="reef-1")])
        token, other = uuid4(), uuid4()
        visitor_merge(user_id=cast.lee.pk, visitor_key=salted_key(token), at=NOON)
        seat_give(user=cast.lee, party=reef)
        channel_rule_write(rule=ChannelRule(channel_id=way, referrer="reef.example"))
    ways: list[dict[str, Any]] = [
        {"link": "reef-1"},
        {"channel": "reef"},
        {"landing": "/", "referrer": "https://reef.example/"},
    ]
    for n, how in enumerate(ways):
        assert tell(external_id=f"a{n}", visitor=str(token), **how).status_code == 201
    for n, minute in enumerate((0, 0, 1)):
        at = (NOON - timedelta(minutes=5 - minute)).isoformat()
        assert tell(external_id=f"b{n}", visitor=str(other), link="reef-1", occurred_at=at).status_code == 201
    rows = Touchpoint.objects.order_by("pk").values_list("owner_id", "flag")
    assert list(rows) == [(reef.pk, flag) for flag in ("self", "self", "self", "", "repeat", "")]


def test_who_did_not_agree_is_told_by_nothing(db: None) -> None:
    token = str(uuid4())
    for n in range(2):
        page = "http://testserver/?gclid=abc"
        assert tell(external_id=str(n), visitor=token, landing=page, consent=False).status_code == 201
    touches = Touchpoint.objects.select_related("visitor", "channel")
    assert {(touch.click_id, touch.consent, touch.channel.kind) for touch in touches} == {("", False, "paid_search")}
    assert len({touch.visitor.key for touch in touches} - {salted_key(UUID(token))}) == 2


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, 400),
        ({"link": "a", "channel": "b"}, 400),
        ({"channel": "nowhere"}, 409),
        ({"link": "nowhere"}, 409),
        ({"landing": "/", "visitor": "me"}, 400),
        ({"landing": "http://[::1/"}, 400),
        ({"landing": "/", "sub_ids": {"sub1": "a\0"}}, 400),
        ({"landing": "/", "sub_ids": {"sub6": "x"}}, 400),
        ({"landing": "/", "sub_ids": {"sub1": "x" * 65}}, 400),
        ({"landing": "/", "utm": {"gclid": "x"}}, 400),
        ({"landing": "/", "occurred_at": "2024-01-01T00:00:00Z"}, 409),
        ({"landing": "/", "occurred_at": "2026-03-02T12:06:00Z"}, 409),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(db: None, facts: dict[str, Any], status: int) -> None:
    assert tell(**facts).status_code == status
    assert not Touchpoint.objects.exists()
    assert not TouchReceipt.objects.exists()


@pytest.mark.parametrize("key", ["", "wrong", KEY[:-1]])
def test_without_a_known_key_nothing_is_taken(db: None, key: str) -> None:
    answer = tell(key=key, landing="/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert not Touchpoint.objects.exists()


def test_each_key_has_a_pace(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.ByKey, "rate", "2/min")
    assert [tell(external_id=str(n), landing="/").status_code for n in range(3)] == [201, 201, 429]
    assert tell(key="o" * 32, landing="/").status_code == 201


def test_the_schema_tells_of_it(client: Client) -> None:
    schema = client.get("/api/v1/schema/").content.decode()
    assert "/api/v1/touches/" in schema
    assert "programKey" in schema
    assert "external_id" in schema
