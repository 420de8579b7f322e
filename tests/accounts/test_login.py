"""Coming in: by address and password, through one door, at a limited rate, and out again at once."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from accounts.models import User
from accounts.services import person_set_active, role_grant, role_revoke, sessions_end
from events.models import OutboxEvent
from tests.accounts.probe import VISITOR
from tests.cast import PASSWORD, Cast

LOGIN = "/accounts/login/"


def log_in(email: str, password: str = PASSWORD, client: Client | None = None) -> tuple[Client, int, str]:
    client = client or Client()
    response = client.post(LOGIN, {"login": email, "password": password})
    return client, response.status_code, response.headers.get("Location", "")


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session and client.get("/accounts/email/").status_code == 200


@pytest.mark.parametrize(
    ("who", "page"),
    [
        ("mei", "/admin/"),
        ("finn", "/admin/"),
        ("marco", "/marketing/"),
        ("alice", "/creator/"),
        ("lee", "/suggestions/interests/"),  # who just joined; later on the storefront
    ],
)
def test_each_lands_at_their_own_door(cast: Cast, who: str, page: str) -> None:
    user: User = getattr(cast, who)
    client, status, location = log_in(user.email.upper())
    assert (status, location) == (302, page)
    assert is_in(client)


def test_a_wrong_password_and_an_unknown_address_look_the_same(cast: Cast) -> None:
    def page(email: str) -> str:
        text = Client().post(LOGIN, {"login": email, "password": "wrong"}).content.decode()
        text = re.sub(r'(csrfmiddlewaretoken|name="csrf-token")[^>]*>', "", text)
        return text.replace(email, "SOMEONE")

    assert page(cast.lee.email) == page("nobody@cast.test")


def test_a_person_with_an_unconfirmed_address_confirms_it_first(cast: Cast) -> None:
    EmailAddress.objects.filter(user=cast.lee).update(verified=False)
    client, status, location = log_in(cast.lee.email)
    assert (status, location) == (302, "/accounts/confirm-email/")
    assert "_auth_user_id" not in client.session
    link = re.search(r"/accounts/confirm-email/\S+", str(mail.outbox[-1].body))
    assert link
    client.post(link[0])
    assert EmailAddress.objects.get(user=cast.lee).verified


def test_a_closed_account_does_not_come_in(cast: Cast) -> None:
    client, _status, _location = log_in(cast.lee.email)
    assert is_in(client)
    person_set_active(user=cast.lee, active=False, by=cast.olga)
    assert not is_in(client)
    client, _status, location = log_in(cast.lee.email)
    assert location == "/accounts/inactive/"
    assert "_auth_user_id" not in client.session


def test_the_sixth_wrong_password_is_not_even_tried(cast: Cast) -> None:
    client = Client()
    for _ in range(5):
        log_in(cast.lee.email, "wrong", client)
    client, status, _location = log_in(cast.lee.email, PASSWORD, client)
    assert status == 200, "the right password comes too late"
    assert "_auth_user_id" not in client.session
    assert log_in(cast.bob.email, PASSWORD, client)[1] == 302, "others are not punished for it"


def test_a_revoked_role_ends_open_sessions_at_once(cast: Cast) -> None:
    role_grant(user=cast.lee, role="manager", by=cast.olga)
    phone, laptop = log_in(cast.lee.email)[0], log_in(cast.lee.email)[0]
    other = log_in(cast.bob.email)[0]
    assert is_in(phone)
    assert is_in(laptop)
    role_revoke(user=cast.lee, role="manager", by=cast.olga)
    assert not is_in(phone)
    assert not is_in(laptop)
    assert is_in(other)
    assert is_in(log_in(cast.lee.email)[0]), "a new session, without the role"


def test_sessions_can_be_ended_by_hand(cast: Cast) -> None:
    client = log_in(cast.lee.email)[0]
    sessions_end(user=cast.lee)
    assert not is_in(client)


def test_the_admin_has_no_door_of_its_own(cast: Cast) -> None:
    for path in ("/admin/", "/admin/accounts/user/"):
        response = Client().get(path, follow=True)
        assert [url.partition("?")[0] for url, _status in response.redirect_chain][-1] == LOGIN
    response = Client().post("/admin/login/", {"username": cast.mei.email, "password": PASSWORD})
    assert response.headers["Location"].startswith(LOGIN)
    assert "_auth_user_id" not in response.client.session


def test_people_without_a_role_do_not_enter_the_admin(cast: Cast) -> None:
    for person in (cast.alice, cast.lee):
        response = cast.client_of(person).get("/admin/", follow=True)
        assert response.status_code == 403


NEW = {"email": "new@cast.test", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def signed_up(db: None, settings: Any) -> Client:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.accounts.probe.known_visitor"]
    client = Client()
    response = client.post("/accounts/signup/", NEW, headers={"accept-language": "zh-hans"})
    assert (response.status_code, response.headers["Location"]) == (302, "/accounts/confirm-email/")
    return client


def test_a_sign_up_is_told_to_the_outbox_with_the_visitor(signed_up: Client) -> None:
    user = User.objects.get(email="new@cast.test")
    event = OutboxEvent.objects.get(name="user.signed_up")
    assert (event.key, event.payload["user_id"]) == (str(user.pk), user.pk)
    assert event.payload["visitor_key"] == VISITOR
    assert user.language == "zh-hans"
    assert not user.is_staff


def test_an_address_that_is_taken_is_not_given_away(cast: Cast) -> None:
    response = Client().post("/accounts/signup/", {**NEW, "email": cast.lee.email.upper()})
    assert (response.status_code, response.headers["Location"]) == (302, "/accounts/confirm-email/")
    assert User.objects.filter(email__iexact=cast.lee.email).count() == 1
    assert not OutboxEvent.objects.exists()
    (letter,) = mail.outbox
    assert letter.to == [cast.lee.email], "the owner learns of it by mail"
    assert "/accounts/password/reset/" in letter.body


def test_weak_passwords_are_refused(db: None) -> None:
    for weak in ("short", "password1234", "1234567890123"):
        response = Client().post("/accounts/signup/", {"email": "w@cast.test", "password1": weak, "password2": weak})
        assert response.status_code == 200
    assert not User.objects.exists()


def test_a_password_reset_tells_nobody_who_has_an_account(cast: Cast) -> None:
    for email in (cast.lee.email, "nobody@cast.test"):
        response = Client().post("/accounts/password/reset/", {"email": email})
        assert (response.status_code, response.headers["Location"]) == (302, "/accounts/password/reset/done/")


def test_a_forgotten_password_is_set_anew_by_mail_and_ends_open_sessions(cast: Cast) -> None:
    thief = log_in(cast.lee.email)[0]
    client = Client()
    client.post("/accounts/password/reset/", {"email": cast.lee.email})
    link = re.search(r"/accounts/password/reset/key/\S+", str(mail.outbox[-1].body))
    assert link
    page = client.get(link[0], follow=True)
    form = page.redirect_chain[-1][0]
    client.post(form, {"password1": "another quiet river", "password2": "another quiet river"})
    assert log_in(cast.lee.email, "another quiet river")[1] == 302
    assert not is_in(thief)


def test_the_persons_language_is_set_where_the_device_has_none(cast: Cast) -> None:
    User.objects.filter(pk=cast.lee.pk).update(language="zh-hans")
    client = log_in(cast.lee.email)[0]
    assert client.cookies["django_language"].value == "zh-hans"
    device = Client()
    device.cookies["django_language"] = "en"
    assert log_in(cast.lee.email, client=device)[0].cookies["django_language"].value == "en"


def test_logging_out_takes_a_post(cast: Cast) -> None:
    client = log_in(cast.lee.email)[0]
    client.get("/accounts/logout/")
    assert is_in(client)
    client.post("/accounts/logout/")
    assert not is_in(client)
