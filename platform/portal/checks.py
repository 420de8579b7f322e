"""What `check --deploy` refuses on a public installation. Ids are stable: portal.E001 ..."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from portal import env


@checks.register(checks.Tags.security, deploy=True)
def installation_is_public(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """Embedded services, the demo, and addresses and mail that reach nobody."""
    rows: list[tuple[bool, checks.CheckMessage]] = [
        (
            settings.EMBEDDED_DATABASE,
            checks.Error("The embedded PostgreSQL is for one machine.", hint="Set DATABASE_URL.", id="portal.E001"),
        ),
        (
            settings.EMBEDDED_BROKER,
            checks.Error("The embedded message broker is for one machine.", hint="Set BROKER_URL.", id="portal.E002"),
        ),
        (
            settings.EMBEDDED_CACHE,
            checks.Error("The embedded cache is for one machine.", hint="Set CACHE_URL.", id="portal.E003"),
        ),
        (
            settings.DEMO,
            checks.Error(
                "PORTAL_DEMO prints logins and asks staff for no second factor.", hint="Unset it.", id="portal.E004"
            ),
        ),
        (
            _roles_are_one(),
            checks.Error(
                "The portal connects as the role that owns the tables; row-level security would not bind it.",
                hint="Run `manage.py create_roles` and give DATABASE_URL the app's role.",
                id="portal.E005",
            ),
        ),
        (
            urlsplit(settings.BASE_URL).scheme != "https",
            checks.Warning(
                "Links that the portal writes do not begin with https://.",
                hint="Set PORTAL_BASE_URL.",
                id="portal.W006",
            ),
        ),
        (
            "smtp" not in settings.EMAIL_BACKEND,
            checks.Warning("Mail reaches nobody.", hint="Set EMAIL_URL to an smtp address.", id="portal.W007"),
        ),
        (
            "*" in settings.ALLOWED_HOSTS,
            checks.Warning(
                "The portal answers to every host name.", hint="Name them in PORTAL_ALLOWED_HOSTS.", id="portal.W008"
            ),
        ),
        (
            bool(env.unknown()),
            checks.Warning(
                f"No setting is called {', '.join(env.unknown())}.", hint="Correct or unset it.", id="portal.W009"
            ),
        ),
    ]
    return [message for fault, message in rows if fault]


def _roles_are_one() -> bool:
    return bool(settings.DATABASES["default"]["USER"] == settings.DATABASES["owner"]["USER"])
