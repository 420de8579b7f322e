"""The page on which a person keeps their own account."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry, Consent, User
from accounts.selectors import consents_now
from tests.cast import Cast

URL = "/accounts/you/"


def test_strangers_are_sent_to_the_login(db: None) -> None:
    response = Client().get(URL)
    assert response.headers["Location"] == f"/accounts/login/?next={URL}"


def test_a_person_saves_names_language_and_consents(cast: Cast) -> None:
    client = cast.client_of(cast.alice)
    form = {"name": "Alice A.", "name_zh": "爱丽丝", "language": "zh-hans", "mail": "on"}
    response = client.post(URL, form, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    user = User.objects.get(pk=cast.alice.pk)
    assert (user.name, user.name_zh, user.language) == ("Alice A.", "爱丽丝", "zh-hans")
    assert consents_now(user=user) == {"analytics": False, "personalisation": False, "mail": True}
    assert client.cookies["django_language"].value == "zh-hans"
    entry = AuditEntry.objects.filter(source="accounts_userevent", object_id=user.pk).latest("number")
    assert (entry.actor, entry.url) == (user, URL)


def test_who_acts_for_a_party_switches_its_letters_off_and_on(cast: Cast) -> None:
    client, form = cast.client_of(cast.alice), {"name": "Alice", "language": "en"}
    assert "letters_by_mail" in client.get(URL).content.decode()
    for said, stands in (({}, False), ({"letters_by_mail": "on"}, True)):
        client.post(URL, form | said)
        assert User.objects.get(pk=cast.alice.pk).letters_by_mail is stands
    lee = cast.client_of(cast.lee)
    assert "letters_by_mail" not in lee.get(URL).content.decode()
    lee.post(URL, {"name": "Lee", "language": "en"})
    assert User.objects.get(pk=cast.lee.pk).letters_by_mail


def test_only_what_was_said_is_recorded(cast: Cast) -> None:
    client = cast.client_of(cast.lee)
    form = {"name": "Lee", "name_zh": "", "language": "en", "personalisation": "on"}
    measured = form | {"analytics": "on"}  # as the browser is, unless somebody says otherwise
    client.post(URL, measured)
    assert not Consent.objects.exists(), "what was left as it stood was not said"
    for answer, kept in ((form, "no"), (form, "no"), (measured, "yes")):
        client.post(URL, answer)
        assert client.cookies["tc"].value == kept, "visits are measured by the cookie, so the switch turns it"
    assert set(Consent.objects.values_list("purpose", "granted")) == {
        ("analytics", False),
        ("personalisation", True),  # left on while the browser declines, where nothing is personal without a yes
        ("analytics", True),
    }
    assert Consent.objects.count() == 3


def test_letting_visits_be_measured_leaves_suggestions_off_where_they_stood_off(cast: Cast) -> None:
    client = cast.client_of(cast.lee)
    client.cookies["tc"] = "no"
    client.post(URL, {"name": "Lee", "language": "en", "analytics": "on"})
    assert consents_now(user=cast.lee) == {"analytics": True, "personalisation": False, "mail": False}


def test_an_unknown_language_saves_nothing(cast: Cast) -> None:
    response = cast.client_of(cast.lee).post(URL, {"name": "New", "language": "klingon", "mail": "on"})
    assert response.status_code == 200
    assert response.context["details"].errors["language"]
    assert User.objects.get(pk=cast.lee.pk).name == "Lee"
    assert not Consent.objects.exists()


def test_a_person_sees_their_own_seats_and_no_others(cast: Cast) -> None:
    cast.carol  # noqa: B018
    text = cast.client_of(cast.alice).get(URL).content.decode()
    assert "Alice Studio" in text
    assert "Canary Carol" not in text
    staff = cast.client_of(cast.mei).get(URL).content.decode()
    assert "Partner manager" in staff
    assert "Alice Studio" not in staff


@pytest.mark.parametrize("field", ["is_staff", "is_superuser", "email", "password", "session_epoch"])
def test_nothing_else_can_be_smuggled_in(cast: Cast, field: str) -> None:
    before = User.objects.values(field).get(pk=cast.lee.pk)
    form = {"name": "Lee", "language": "en", field: "on" if field.startswith("is_") else "x@evil.test"}
    cast.client_of(cast.lee).post(URL, form)
    assert User.objects.values(field).get(pk=cast.lee.pk) == before


def test_the_page_costs_a_handful_of_queries(cast: Cast) -> None:
    client = cast.client_of(cast.alice)
    for _ in range(2):
        client.get(URL)  # the visitor is known from now on
    with CaptureQueriesContext(connection) as queries:
        client.get(URL)
    assert len(queries) <= 10, [query["sql"][:90] for query in queries]
