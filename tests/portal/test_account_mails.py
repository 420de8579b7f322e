"""Mails about an account: each in our own words, in both languages."""

import re
from datetime import UTC, datetime
from pathlib import Path

import allauth
import pytest
from allauth.core.context import request_context
from django.conf import settings
from django.core import mail
from django.test import RequestFactory
from django.utils import translation

from portal.adapters import AccountAdapter

LIBRARY = Path(allauth.__file__).parent / "templates"
OWN = settings.BASE_DIR / "templates"
MAILS = sorted(
    str(path.relative_to(LIBRARY)).removesuffix("_message.txt")
    for app in ("account", "mfa")
    for path in (LIBRARY / app / "email").glob("*_message.txt")
    if path.stem != "base_message"
)
CODE = "HX7-Q2P"
CONTEXT = {
    "activate_url": "https://a.example/confirm",
    "deleted_email": "old@a.example",
    "from_email": "old@a.example",
    "to_email": "new@a.example",
    "ip": "203.0.113.7",
    "user_agent": "Firefox",
    "timestamp": datetime(2026, 11, 21, 14, 3, tzinfo=UTC),
    "password_reset_url": "https://a.example/reset",
    "signup_url": "https://a.example/signup",
}


def send(prefix: str, language: str, **more: str) -> tuple[str, str]:
    """Subject and body of the mail, as it left; mails of a code have one."""
    if prefix.endswith("_code"):
        more = {"code": CODE, **more}
    mail.outbox.clear()
    with translation.override(language), request_context(RequestFactory().get("/")):
        AccountAdapter().send_mail(prefix, "lee@a.example", {**CONTEXT, **more})
    (letter,) = mail.outbox
    return str(letter.subject), str(letter.body)


def test_every_mail_of_the_library_is_written_here() -> None:
    assert len(MAILS) > 15
    missing = [f"{name}_{part}.txt" for name in MAILS for part in ("subject", "message")]
    assert [name for name in missing if not (OWN / name).exists()] == []


@pytest.mark.parametrize("prefix", MAILS)
def test_a_mail_says_what_happened_in_the_language_of_the_page(prefix: str) -> None:
    han = re.compile(r"[\u4e00-\u9fff]")
    subject, body = send(prefix, "en")
    assert subject.endswith(f" · {settings.PLATFORM_NAME}")
    assert not han.search(subject + body)
    assert settings.BASE_URL in body
    assert "{" not in body
    assert "\n\n\n" not in body
    subject, chinese = send(prefix, "zh-hans")
    assert han.search(subject)
    left = [line for line in chinese.splitlines() if re.search(r"[a-z]{3}", line) and not han.search(line)]
    assert [line for line in left if "://" not in line] == [], "words of English"
    assert re.findall(r"https?://\S+", chinese) == re.findall(r"https?://\S+", body)


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_change_tells_when_whence_and_what_to_do(language: str) -> None:
    _subject, body = send("account/email/password_changed", language)
    for part in ("203.0.113.7", "Firefox", "22:03", "/accounts/password/reset/", "/accounts/2fa/"):
        assert part in body


def test_a_code_stands_alone_on_its_line() -> None:
    for name in ("login_code", "password_reset_code", "email_confirmation"):
        assert f"\n\n{CODE}\n\n" in send(f"account/email/{name}", "en", code=CODE)[1]
