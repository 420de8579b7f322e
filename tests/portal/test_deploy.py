"""A public installation: what `check --deploy` accepts and refuses, and what a browser is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {
    "PORTAL_DEMO": "0",
    "PORTAL_DEBUG": "0",
    "PORTAL_HTTPS": "1",
    "PORTAL_PROXY": "1",
    "PORTAL_BASE_URL": "https://portal.example",
    "PORTAL_ALLOWED_HOSTS": "portal.example",
    "PORTAL_SECRET_KEY": "tests-only-tests-only-0123456789-abcdefghij-ABCDEFGHIJ-tests-only",
    "DATABASE_URL": "postgresql://app:app@db.example/portal",
    "DATABASE_OWNER_URL": "postgresql://owner:owner@db.example/portal",
    "BROKER_URL": "amqp://user:user@broker.example//",
    "CACHE_URL": "redis://cache.example/0",
    "EMAIL_URL": "smtp+tls://u:p@mail.example",
}


def check(**changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", **PUBLIC, **changes},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_settings_pass() -> None:
    done = check()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"DATABASE_URL": "", "DATABASE_OWNER_URL": "", "BROKER_URL": "", "CACHE_URL": ""}, ["E001", "E002", "E003"]),
        (
            {
                "PORTAL_DEMO": "1",
                "DATABASE_URL": PUBLIC["DATABASE_OWNER_URL"],
                "PORTAL_BASE_URL": "http://portal.example",
                "EMAIL_URL": "",
                "PORTAL_ALLOWED_HOSTS": "*",
                "PORTAL_COLOUR": "red",
            },
            ["E004", "E005", "W006", "W007", "W008", "W009"],
        ),
    ],
    ids=["embedded services", "demo, one role, addresses that reach nobody"],
)
def test_what_a_public_installation_may_not_have_is_refused(changes: dict[str, str], ids: list[str]) -> None:
    done = check(**changes)
    assert done.returncode == 1
    for name in ids:
        assert f"portal.{name}" in done.stderr


def test_a_wrong_setting_ends_a_command_with_one_line() -> None:
    done = check(PORTAL_PORT="web")
    assert done.returncode == 1
    assert done.stderr == "PORTAL_PORT='web' is not allowed; allowed: a whole number from 1 to 65535\n"


@pytest.mark.django_db
def test_a_process_that_reaches_its_database_is_healthy(client: Client) -> None:
    response = client.get("/healthz")
    assert response.json() == {"database": True}
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_portals_run_nothing_but_our_own_files(client: Client) -> None:
    policy = client.get("/accounts/login/")["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.django_db
def test_the_admin_alone_may_evaluate_and_style_inline(client: Client) -> None:
    policy = client.get("/admin/login/")["Content-Security-Policy"]
    assert "script-src 'self' 'unsafe-eval'" in policy
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert policy.count("unsafe") == 2


@pytest.mark.django_db
def test_the_admin_is_entered_by_the_same_door(client: Client) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")


def test_cookies_and_headers_are_strict() -> None:
    assert settings.SESSION_COOKIE_HTTPONLY
    assert settings.CSRF_COOKIE_SAMESITE == "Lax"
    assert settings.X_FRAME_OPTIONS == "DENY"
