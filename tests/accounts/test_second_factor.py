"""Staff need a second factor before anything behind their doors; others may have one."""

import io
import json
import time
from typing import Any
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.webauthn.internal import auth
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from courses.models import Course
from tests.cast import PASSWORD, Cast
from tests.factories.courses import course

DOORS = ["/admin/", "/admin/accounts/user/", "/marketing/", "/patterns/"]


@pytest.fixture(autouse=True)
def _required(settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True


def log_in(user: User) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def code(secret: str, *, step: int = 0) -> str:
    """What an authenticator app shows now, or `step` half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))  # type: ignore[no-any-return]


def reauthenticate(client: Client) -> None:
    """Give the password again, which changes to an account ask for."""
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def set_up(client: Client) -> str:
    """Set up an authenticator app as a person would; its secret."""
    reauthenticate(client)
    page = client.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200
    secret = str(page.context["form"].secret)
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(secret)}).status_code == 302
    return secret


def test_in_the_shop_staff_see_no_drafts_until_they_gave_it(cast: Cast) -> None:
    one = course()
    Course.objects.filter(pk=one.pk).update(state="draft")
    draft = f"/courses/{one.slug}/"
    client = log_in(cast.mei)
    assert client.get(draft).status_code == 404
    set_up(client)
    assert client.get(draft).status_code == 200


@pytest.mark.parametrize("door", DOORS)
def test_staff_without_one_are_sent_to_set_it_up(cast: Cast, door: str) -> None:
    for person in (cast.mei, cast.marco, cast.olga):
        response = log_in(person).get(door)
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/accounts/2fa/?next=")


def test_the_page_says_why(cast: Cast) -> None:
    response = log_in(cast.mei).get("/admin/", follow=True)
    assert response.status_code == 200
    assert "Your role needs a second factor." in response.content.decode()


def test_programs_get_an_answer_they_can_read(cast: Cast) -> None:
    response = log_in(cast.mei).get("/api/v1/schema/")
    assert response.status_code == 403
    assert response.json()["code"] == "second_factor_required"


def test_creators_and_learners_are_left_alone(cast: Cast) -> None:
    for person in (cast.alice, cast.lee):
        assert log_in(person).get("/marketing/").status_code == 403
        assert log_in(person).get("/accounts/email/").status_code == 200


def test_strangers_still_meet_the_login(db: None) -> None:
    response = Client().get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")


def test_setting_one_up_opens_the_door_in_the_same_session(cast: Cast) -> None:
    client = log_in(cast.olga)
    assert client.get("/admin/").status_code == 302
    set_up(client)
    assert client.get("/admin/").status_code == 200


def test_a_wrong_code_sets_nothing_up(cast: Cast) -> None:
    client = log_in(cast.olga)
    reauthenticate(client)
    client.get("/accounts/2fa/totp/activate/")
    assert client.post("/accounts/2fa/totp/activate/", {"code": "000000"}).status_code == 200
    assert client.get("/admin/").status_code == 302
    assert not Authenticator.objects.exists()


def test_the_next_login_asks_for_the_code(cast: Cast) -> None:
    secret = set_up(log_in(cast.olga))
    client = log_in(cast.olga)
    assert "_auth_user_id" not in client.session, "the password alone lets nobody in"
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/2fa/authenticate/", {"code": code(secret, step=1)}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_session_from_before_must_prove_itself(cast: Cast) -> None:
    """A stolen password-only session does not become staff because its owner set a factor up elsewhere."""
    old = log_in(cast.olga)
    secret = set_up(log_in(cast.olga))
    response = old.get("/admin/accounts/user/")
    assert response.status_code == 302
    assert response.headers["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Faccounts%2Fuser%2F"
    response = old.post(response.headers["Location"], {"code": code(secret, step=1), "next": "/admin/accounts/user/"})
    assert response.headers["Location"] == "/admin/accounts/user/"
    assert old.get("/admin/accounts/user/").status_code == 200


def test_posting_to_the_set_up_page_again_proves_nothing(cast: Cast) -> None:
    TOTP.activate(cast.olga, "JBSWY3DPEHPK3PXP")
    thief = Client()
    thief.force_login(cast.olga)
    thief.post("/accounts/2fa/totp/activate/", {"code": "000000"})
    assert thief.get("/admin/").headers["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_the_way_on_is_kept_until_it_is_taken(cast: Cast) -> None:
    client = log_in(cast.olga)
    client.get("/admin/accounts/user/?q=lee")
    reauthenticate(client)
    page = client.get("/accounts/2fa/totp/activate/")
    client.post("/accounts/2fa/totp/activate/", {"code": code(str(page.context["form"].secret))})
    way = 'href="/admin/accounts/user/?q=lee"'
    assert way in client.get("/accounts/2fa/recovery-codes/").content.decode()
    assert client.get("/admin/accounts/user/?q=lee").status_code == 200
    assert way not in client.get("/accounts/2fa/").content.decode()


def test_staff_with_only_a_key_are_asked_for_the_key(cast: Cast) -> None:
    own_key(cast.olga)
    client = Client()
    client.force_login(cast.olga)
    assert client.get("/admin/").headers["Location"].startswith("/accounts/2fa/webauthn/reauthenticate/?next=")
    text = second_step(cast.olga)
    assert "Use the security key" in text
    assert "If the key is not at hand, enter one of your recovery codes." in text


def test_staff_with_an_app_are_not_asked_for_a_key(cast: Cast) -> None:
    TOTP.activate(cast.olga, "JBSWY3DPEHPK3PXP")
    text = second_step(cast.olga)
    assert "Enter the code that your authenticator app shows" in text
    assert "mfa_webauthn_authenticate" not in text


def own_key(user: User) -> Authenticator:
    return Authenticator.objects.create(user=user, type="webauthn", data={"name": "Blue key", "credential": {}})


def second_step(user: User) -> str:
    """What is asked after the password."""
    with mock.patch.object(auth, "begin_authentication", return_value={}):
        return log_in(user).get("/accounts/2fa/authenticate/").content.decode()


def test_without_the_factor_that_proved_it_a_session_is_not_proven(cast: Cast) -> None:
    first = log_in(cast.olga)
    secret = set_up(first)
    second = log_in(cast.olga)
    second.post("/accounts/2fa/authenticate/", {"code": code(secret, step=1)})
    assert [client.get("/admin/").status_code for client in (first, second)] == [200, 200]
    reauthenticate(first)
    assert first.post("/accounts/2fa/totp/deactivate/").status_code == 302
    for client in (first, second):
        assert client.get("/admin/").headers["Location"].startswith("/accounts/2fa/?next=")
    set_up(first)
    assert first.get("/admin/").status_code == 200
    assert second.get("/admin/").status_code == 302, "another factor is not the one that it gave"


def test_seeds_are_encrypted_and_outlive_a_change_of_the_key(cast: Cast, settings: Any) -> None:
    secret = set_up(log_in(cast.olga))
    old = settings.SECRET_KEY
    stored = Authenticator.objects.get(user=cast.olga, type="totp").data["secret"]
    assert stored.startswith("fernet:")
    assert secret not in json.dumps(list(Authenticator.objects.values_list("data", flat=True)))

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key", [old]
    call_command("renew_secrets", stdout=io.StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    client = log_in(cast.olga)
    assert client.post("/accounts/2fa/authenticate/", {"code": code(secret, step=1)}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_a_seed_that_nobody_can_read_lets_nobody_in(cast: Cast, settings: Any) -> None:
    secret = set_up(log_in(cast.olga))
    settings.SECRET_KEY = "another key"
    client = log_in(cast.olga)
    assert client.post("/accounts/2fa/authenticate/", {"code": code(secret, step=1)}).status_code == 200
    assert "_auth_user_id" not in client.session
    with pytest.raises(CommandError, match="PORTAL_SECRET_KEY_FALLBACKS"):
        call_command("renew_secrets", stdout=io.StringIO())


def test_what_was_stored_in_clear_is_read_and_then_encrypted(cast: Cast) -> None:
    secret = "JBSWY3DPEHPK3PXP"
    factor = Authenticator.objects.create(user=cast.olga, type="totp", data={"secret": secret})
    call_command("renew_secrets", stdout=io.StringIO())
    factor.refresh_from_db()
    assert factor.data["secret"].startswith("fernet:")
    assert factor.wrap().validate_code(code(secret))


def test_keys_are_named_in_the_readers_language(cast: Cast) -> None:
    own_key(cast.olga)
    client = log_in(cast.olga)
    client.cookies["django_language"] = "zh-hans"
    client.force_login(cast.olga)
    text = client.get("/accounts/2fa/webauthn/").content.decode()
    assert "尚未使用" in text
    assert "Not used" not in text
    second = log_in(cast.olga)
    second.cookies["django_language"] = "zh-hans"
    with mock.patch.object(auth, "begin_authentication", return_value={}):
        text = second.get("/accounts/2fa/authenticate/").content.decode()
    assert "验证码" in text
    assert "优惠码" not in text


def test_recovery_codes_let_a_person_back_in_once(cast: Cast) -> None:
    first = log_in(cast.olga)
    set_up(first)
    codes = Authenticator.objects.get(user=cast.olga, type="recovery_codes").wrap().get_unused_codes()
    for expected in (302, 200):
        client = log_in(cast.olga)
        assert client.post("/accounts/2fa/authenticate/", {"code": codes[0]}).status_code == expected


def test_security_keys_and_passkeys_are_offered(cast: Cast) -> None:
    client = log_in(cast.olga)
    reauthenticate(client)
    page = client.get("/accounts/2fa/webauthn/add/")
    assert page.status_code == 200
    assert "publicKey" in str(page.context["js_data"])
    assert "passkey_login" in Client().get("/accounts/login/").content.decode()


def test_a_demo_lets_staff_in_without_one(cast: Cast, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert log_in(cast.mei).get("/admin/").status_code == 200


def test_only_the_demo_switches_it_off() -> None:
    from portal import settings as own

    assert own.STAFF_SECOND_FACTOR is (not own.DEMO)
