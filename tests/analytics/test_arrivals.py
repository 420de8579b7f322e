"""How a page that somebody opens becomes a touch: the built-in rules, the middleware, the installation's rules."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import Client

from accounts.scope import all_rows
from analytics.errors import RuleRefusedError
from analytics.models import ChannelRule, Touchpoint, Visitor
from analytics.rules import KIND_RULES, ArrivalRule, ChannelMap, classify
from analytics.services import arrival_explained, channel_rule_write, salted_key
from analytics.services.arrivals import is_robot
from analytics.services.channel_rules import CACHE_KEY, own_addresses
from tests.analytics.browsing import BROWSER, visit
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course
from tests.partners import desk

SHOP = ChannelMap(rules=KIND_RULES, own=["https://shop.example/"])
SHARED = "https://shop.example/courses/a/"


@pytest.mark.parametrize(
    ("query", "referrer", "expected"),
    [
        ("", "", "direct"),
        ("", "https://shop.example/courses/", "direct"),
        ("?gclid=x&utm_source=facebook&utm_medium=social", "", "paid_search"),
        ("?fbclid=x", "https://l.facebook.com/", "paid_social"),
        ("?utm_source=google&utm_medium=cpc", "https://m.facebook.com/", "paid_search"),
        ("?UTM_SOURCE=Newsletter&utm_medium=Email", "", "email"),
        ("?utm_source=reef&utm_medium=affiliate", "", "partner"),
        ("?utm_source=unknown&utm_medium=strange", "https://www.google.com/", "organic_search"),
        ("", "https://www.google.com.ua/", "organic_search"),
        ("", "https://www.baidu.com/s?wd=x", "organic_search"),
        ("", "https://t.co/abc", "organic_social"),
        ("", "https://www.microsoft.com/", "referral"),
        ("", "https://netflix.com/", "referral"),
        ("", "https://shop.example.evil.test/", "referral"),
        ("", "https://www.youtube.com/watch", "video"),
        ("", "android-app://com.example", "referral"),
        ("", "http://[broken", "direct"),
        ("?utm_source=", "", "direct"),
    ],
)
def test_an_arrival_belongs_to_the_first_mark_that_it_bears(query: str, referrer: str, expected: str) -> None:
    assert classify(landing=SHARED + query, referrer=referrer, channels=SHOP).channel == expected


def test_an_arrival_keeps_the_marks_it_was_read_from() -> None:
    arrival = classify(
        landing=SHARED + "?gclid=abc&campaignid=77&utm_source=google&utm_medium=cpc&secret=1",
        referrer="https://WWW.Google.com/search?q=private",
        channels=SHOP,
    )
    assert arrival.utm == {"utm_source": "google", "utm_medium": "cpc"}
    assert (arrival.click_id, arrival.campaign_id, arrival.referrer_host) == ("gclid=abc", "77", "www.google.com")


def test_rules_are_met_in_their_order() -> None:
    rules = [ArrivalRule("first", utm=("x", "")), ArrivalRule("second", utm=("x", "y"))]
    found = classify(landing="/?utm_source=x&utm_medium=y", referrer="", channels=ChannelMap(rules=rules, own=[]))
    assert found.channel == "first"


def test_programs_that_look_at_links_are_told_from_people() -> None:
    programs = (
        "",
        "Googlebot/2.1",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",
        "Slackbot-LinkExpanding 1.0",
        "curl/8",
        "Go-http-client/2.0",
        "Java/17.0.2",
        "python-urllib3/2.2",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/130.0",
    )
    people = (
        BROWSER,
        "Mozilla/5.0 (Linux; Android 9; CUBOT_X20 Build/P) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/480.0]",
        "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile MicroMessenger/8.0.50",
    )
    assert [agent for agent in programs if not is_robot(agent)] == []
    assert [agent for agent in people if is_robot(agent)] == []
    assert own_addresses("http://[x/") == own_addresses("/")[:1]  # no address at all


@pytest.mark.usefixtures("everything")
class TestMiddleware:
    """What a page leaves behind."""

    def test_a_first_visit_is_one_direct_touch_and_the_next_page_is_none(self, landing: str) -> None:
        client = Client()
        visit(client, landing)
        visit(client, landing)
        visit(client, landing, headers={"Referer": "http://testserver/accounts/signup/"})
        (touch,) = Touchpoint.objects.select_related("channel", "visitor")
        assert (touch.channel.kind, touch.landing, touch.owner_id) == ("direct", landing, None)
        assert touch.visitor.key == salted_key(UUID(client.cookies["tv"].value))
        cookie = client.cookies["tv"]
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    def test_a_campaign_is_a_touch_each_time(self, landing: str) -> None:
        client = Client()
        for _ in range(2):
            visit(client, landing + "?utm_source=news&utm_medium=email&utm_campaign=may")
        assert list(Touchpoint.objects.values_list("channel__kind", "utm__utm_campaign")) == [("email", "may")] * 2
        assert Visitor.objects.count() == 1

    @pytest.mark.parametrize(
        "headers",
        [
            {"User-Agent": "Googlebot/2.1"},
            {"Sec-Purpose": "prefetch;prerender"},
            {"Purpose": "prefetch"},
            {"HX-Request": "true"},
        ],
    )
    def test_robots_prefetches_and_fragments_leave_none(self, landing: str, headers: dict[str, str]) -> None:
        visit(Client(), landing, headers=headers)
        assert not Touchpoint.objects.exists()

    @pytest.mark.parametrize("header", ["DNT", "Sec-GPC"])
    def test_who_declines_gets_no_cookie_and_cannot_be_followed(self, landing: str, header: str) -> None:
        client = Client()
        for _ in range(2):
            visit(client, landing + "?gclid=1", headers={header: "1"})
        assert "tv" not in client.cookies
        assert list(Touchpoint.objects.values_list("consent", flat=True)) == [False, False]
        assert Visitor.objects.count() == 2

    def test_who_declines_later_is_not_followed_by_the_old_cookie(self, landing: str) -> None:
        client = Client()
        visit(client, landing)
        before = salted_key(UUID(client.cookies["tv"].value))
        visit(client, landing + "?gclid=1", headers={"DNT": "1"})
        assert client.cookies["tv"].value == ""
        assert list(Touchpoint.objects.filter(visitor__key=before).values_list("channel__kind", flat=True)) == [
            "direct"
        ]

    def test_staff_pages_and_errors_record_nothing(self, cast: Cast) -> None:
        client = cast.client_of(cast.marco)
        for path in ("/marketing/?utm_source=a&utm_medium=email", "/admin/", "/no-such-page/?gclid=1", "/healthz"):
            visit(client, path)
        assert not Touchpoint.objects.exists()

    def test_a_page_does_not_fail_when_its_arrival_does(self, landing: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from analytics import middleware

        def broken(**facts: Any) -> None:
            raise DatabaseError("disk full")

        monkeypatch.setattr(middleware, "arrival_record", broken)
        assert visit(Client(), landing).status_code == 200

    def test_a_forged_cookie_is_replaced(self, landing: str) -> None:
        client = Client()
        client.cookies["tv"] = "'; DROP TABLE"
        visit(client, landing)
        assert UUID(client.cookies["tv"].value)

    def test_a_browser_is_its_persons_from_the_first_page_after_the_login(self, cast: Cast, landing: str) -> None:
        client = Client()
        visit(client, landing + "?gclid=1")
        client.force_login(cast.lee)
        visit(client, "/accounts/email/")
        assert Visitor.objects.get().user == cast.lee
        client.force_login(cast.bob)
        visit(client, "/accounts/email/")
        assert Visitor.objects.get().user == cast.lee


@pytest.mark.usefixtures("everything")
def test_the_link_of_the_journey_is_what_settlement_sees() -> None:
    from analytics.selectors import touches_before
    from tests.factories.courses import NOON

    reef = desk.party("reef")
    key = uuid4()
    evidence.touches(key, (evidence.channel("reef", owner_id=reef.pk), NOON), owner_id=reef.pk)
    course()
    (touch,) = touches_before(user_ids=[], visitor_keys=[str(key)], since=NOON, until=NOON)
    assert (touch.owner_id, touch.visitor_key, touch.user_id) == (reef.pk, str(key), None)


class TestRulesOfTheInstallation:
    """Marketers name channels by rules of their own, which come before the built-in ones."""

    def test_a_rule_names_the_channel_of_the_next_arrival(self, everything: None, client: Client) -> None:
        podcast = evidence.channel("podcast", kind="video")
        channel_rule_write(rule=ChannelRule(channel_id=podcast, utm_source=" Reef-FM "))
        client.get("/?utm_source=reef-fm&utm_medium=email", headers={"user-agent": BROWSER})
        assert Touchpoint.objects.get().channel_id == podcast

    def test_click_ids_come_first_and_lower_positions_before_higher_ones(self, everything: None) -> None:
        one, two, three = (evidence.channel(code) for code in ("one", "two", "three"))
        channel_rule_write(rule=ChannelRule(channel_id=one, utm_medium="paid", position=2))
        channel_rule_write(rule=ChannelRule(channel_id=two, utm_source="reef", position=1))
        channel_rule_write(rule=ChannelRule(channel_id=three, click_id="reefid=", position=9))
        assert explained("/?utm_source=reef&utm_medium=paid") == two
        assert explained("/?utm_source=reef&reefid=1") == three
        assert explained("/?utm_source=other&utm_medium=paid") == one

    def test_a_rule_that_does_not_count_or_is_gone_names_nothing(self, everything: None) -> None:
        rule = channel_rule_write(rule=ChannelRule(channel_id=evidence.channel("one"), referrer="News.Example"))
        assert explained("/", "https://www.news.example/a") == rule.channel_id
        rule.is_active = False
        channel_rule_write(rule=rule)
        cache.delete(CACHE_KEY)
        assert arrival_explained(landing="/", referrer="https://www.news.example/a").kind == "referral"

    @pytest.mark.parametrize(
        "marks", [{}, {"click_id": "a b"}, {"referrer": "https://x.example/"}, {"utm_source": "SAME"}]
    )
    def test_a_rule_that_cannot_be_is_refused(self, everything: None, marks: dict[str, str]) -> None:
        channel = evidence.channel("one")
        channel_rule_write(rule=ChannelRule(channel_id=channel, utm_source="same"))
        with pytest.raises(RuleRefusedError):
            channel_rule_write(rule=ChannelRule(channel_id=channel, **marks))

    def test_marketers_write_rules_at_the_desk_and_try_them(self, cast: Cast) -> None:
        with all_rows():
            channel = evidence.channel("podcast")
        marketer, form = (
            cast.client_of(cast.marco),
            {"channel": channel, "utm_source": "reef", "position": 0, "is_active": "on"},
        )
        assert marketer.post("/admin/analytics/channelrule/add/", form).status_code == 302
        assert cast.client_of(cast.finn).post("/admin/analytics/channelrule/add/", form).status_code == 403
        cache.delete(CACHE_KEY)
        told = marketer.get("/admin/analytics/channelrule/answer/", {"landing": "/?utm_source=REEF"}).content.decode()
        assert "your rule utm_source=reef" in told
        page = marketer.get("/admin/analytics/channelrule/try/", {"referrer": "https://www.google.com/"})
        assert "a built-in rule · @google" in page.content.decode()
        assert (
            "no rule knows odd.example"
            in marketer.get(
                "/admin/analytics/channelrule/answer/", {"referrer": "https://odd.example/"}
            ).content.decode()
        )
        wrong = marketer.post("/admin/analytics/channelrule/add/", {"channel": channel, "position": 0})
        assert "at least one mark" in wrong.content.decode()


def explained(landing: str, referrer: str = "") -> int:
    """The channel that the rules would name, asked afresh."""
    cache.delete(CACHE_KEY)
    found = arrival_explained(landing=landing, referrer=referrer).channel
    assert found is not None
    return found.pk
