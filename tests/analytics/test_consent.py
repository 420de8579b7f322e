"""The choice to be measured: asked, kept, changed, and what follows from it."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Consent
from analytics.models import Touchpoint
from tests.analytics.browsing import visit
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("everything")
ASKED = 'action="/consent/"'


def say(client: Client, answer: str, there: str = "/", **headers: str) -> Any:
    return client.post("/consent/", {"agree": answer, "next": there}, headers=headers)


def test_the_storefront_asks_until_somebody_has_chosen() -> None:
    client = Client()
    assert ASKED in visit(client, "/").content.decode()
    answer = say(client, "yes", "/courses/?q=a")
    assert (answer.status_code, answer["Location"]) == (302, "/courses/?q=a")
    assert client.cookies["tc"].value == "yes"
    assert client.cookies["tv"].value
    assert ASKED not in visit(client, "/").content.decode()
    assert "You agreed." in visit(client, "/consent/").content.decode()


def test_who_declines_loses_the_cookie_and_is_not_followed_any_more() -> None:
    client = Client()
    visit(client, "/?gclid=1")
    assert client.cookies["tv"].value
    say(client, "no")
    assert client.cookies["tv"].value == ""
    for _ in range(2):
        visit(client, "/?gclid=2")
    assert client.cookies["tv"].value == ""
    rows = Touchpoint.objects.order_by("pk").values_list("visitor_id", "consent")
    assert [consent for _visitor, consent in rows] == [True, False, False]
    assert len({visitor for visitor, _consent in rows}) == 3
    say(client, "yes")
    assert client.cookies["tv"].value


def test_where_it_is_asked_first_nothing_is_kept_in_the_browser_before(settings: Any) -> None:
    settings.CONSENT_FIRST = True
    client = Client()
    assert "May a cookie of ours" in visit(client, "/?gclid=1").content.decode()
    assert "tv" not in client.cookies
    assert Touchpoint.objects.get().consent is False
    say(client, "yes")
    visit(client, "/?gclid=2")
    assert client.cookies["tv"].value
    assert Touchpoint.objects.filter(consent=True).count() == 1


@pytest.mark.parametrize("signal", ["DNT", "Sec-GPC"])
def test_a_browser_that_declines_by_itself_is_not_asked_and_not_followed_whatever_is_chosen(signal: str) -> None:
    client = Client()
    assert ASKED not in visit(client, "/", headers={signal: "1"}).content.decode()
    say(client, "yes", **{signal: "1"})
    visit(client, "/", headers={signal: "1"})
    assert "tv" not in client.cookies
    assert "says by itself" in visit(client, "/consent/", headers={signal: "1"}).content.decode()


def test_the_answer_of_who_is_signed_in_is_kept_as_a_record(cast: Cast) -> None:
    client = cast.client_of(cast.lee)
    for answer in ("no", "no", "yes"):
        say(client, answer)
    rows = Consent.objects.filter(user=cast.lee, purpose="analytics").order_by("pk")
    assert list(rows.values_list("granted", flat=True)) == [False, True]


@pytest.mark.parametrize("away", ["https://evil.test/", "//evil.test/", "javascript:alert(1)", ""])
def test_the_choice_leads_nobody_off_the_site(away: str) -> None:
    assert say(Client(), "no", away)["Location"] == "/"
