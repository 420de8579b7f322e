import contextlib
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import roles


class Command(BaseCommand):
    help = (
        "Create or mend both database roles, the database, its extensions and grants on a real server. Names and "
        "passwords are those of DATABASE_URL and DATABASE_OWNER_URL. May be run again.\n\n"
        "Example: manage.py create_roles --admin-url postgresql://postgres:secret@db.internal:5432/postgres"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin-url", required=True, help="a role that may create roles, databases and extensions")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.EMBEDDED_DATABASE:
            raise CommandError("DATABASE_URL is not set; the embedded server has its roles from the start")
        app, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
        if owner.get("WITHOUT_URL"):
            raise CommandError("set DATABASE_OWNER_URL too: the owner's name and password come from it")
        if app["USER"] == owner["USER"]:
            raise CommandError("DATABASE_URL and DATABASE_OWNER_URL name one role; they must be two")
        url = options["admin_url"]
        if urlsplit(url).scheme not in {"postgresql", "postgres"}:
            raise CommandError("--admin-url must begin with postgresql://")
        try:
            created = _create(url, app, owner)
        except psycopg2.Error as fault:
            raise CommandError(f"the server refuses: {str(fault).strip()}") from fault
        state = "created" if created else "was there"
        self.stdout.write(f"roles {owner['USER']} and {app['USER']} are ready; database {app['NAME']} {state}")


def _create(url: str, app: dict[str, Any], owner: dict[str, Any]) -> bool:
    """True when the database was created."""
    with _connect(url) as link, link.cursor() as cursor:
        for row in (owner, app):
            roles.create_role(cursor, row["USER"], password=row["PASSWORD"])
        roles.join_owner(cursor, owner["USER"])
        created = roles.create_database(cursor, app["NAME"], owner=owner["USER"])
    with _connect(url, app["NAME"]) as link, link.cursor() as cursor:
        roles.prepare_database(cursor, app["NAME"], owner=owner["USER"], app=app["USER"])
    return created


def _connect(url: str, name: str | None = None) -> "contextlib.closing[Any]":
    link = psycopg2.connect(url, dbname=name) if name else psycopg2.connect(url)
    link.autocommit = True
    return contextlib.closing(link)
