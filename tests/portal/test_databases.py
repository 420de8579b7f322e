"""The databases under every other test."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection, connections

from portal import ground, roles
from portal.ground import programs
from tests import databases


@pytest.mark.django_db
def test_tests_run_as_the_app_role_and_not_as_the_owner() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        role, name = cursor.fetchone()
    assert role == settings.DATABASES["default"]["USER"]
    assert name.startswith("portal_test_")


@pytest.mark.django_db
def test_the_app_role_may_not_empty_a_table() -> None:
    with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
        cursor.execute("TRUNCATE django_session")


def test_a_committed_database_is_its_own(committed_db: str) -> None:
    ContentType.objects.create(app_label="only", model="here")
    connection.close()
    assert ContentType.objects.filter(app_label="only").exists()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT current_database(), count(*) FROM django_content_type WHERE app_label = 'only'")
        assert cursor.fetchone() == (committed_db, 1)


def test_clones_lie_in_memory_also_after_it_was_emptied_and_on_the_disk_where_there_is_none(
    committed_db: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not settings.EMBEDDED_DATABASE:
        pytest.skip("the server is somebody else's")
    monkeypatch.setattr(databases, "CLONES", "portal_test_other_clones")  # those of the suite are in use
    monkeypatch.setattr(databases, "MEMORY", tmp_path)
    for folder in (tmp_path, *tmp_path.parents[: len(tmp_path.relative_to(gettempdir()).parts) - 1]):
        folder.chmod(0o755)  # the server may run as somebody else
    asked = "SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'portal_test_other_clones'"
    with contextlib.closing(databases.admin()) as link, link.cursor() as cursor:
        for room, after in ((0, 1), (0, 1), (1 << 60, 0)):
            monkeypatch.setattr(databases, "ROOM", room)
            databases._find_room(cursor)
            cursor.execute(asked)
            found = cursor.fetchall()
            assert len(found) == after
            for (place,) in found:
                assert Path(place).is_dir()
                shutil.rmtree(place)


@pytest.mark.django_db
def test_and_nothing_of_it_reaches_the_others() -> None:
    assert not ContentType.objects.filter(app_label="only").exists()


def test_the_served_portal_and_the_test_see_one_committed_database(live_portal: str) -> None:
    assert httpx.get(f"{live_portal}/healthz").json() == {"database": True}
    styles = httpx.get(f"{live_portal}/static/unfold/css/styles.css")
    assert styles.headers["Content-Type"].startswith("text/css")


def test_the_network_is_out_of_reach() -> None:
    with socket.socket() as link, pytest.raises(RuntimeError, match="tests do not use the network"):
        link.connect(("192.0.2.1", 80))


@pytest.fixture
def migrated(django_db_blocker: Any) -> Iterator[Callable[..., str]]:
    """Names databases migrated quickly or as anybody's; they are gone afterwards."""
    names = []

    def make(*, quickly: bool) -> str:
        name = f"portal_draft_{quickly}".lower()
        names.append(name)
        drop(name)
        with contextlib.closing(databases.admin()) as link, link.cursor() as cursor:
            roles.create_database(cursor, name, owner=settings.DATABASES["owner"]["USER"])
        databases.migrate(name, quickly=quickly)
        return name

    with django_db_blocker.unblock():
        yield make
        for name in names:
            drop(name)


def drop(name: str) -> None:
    with contextlib.closing(databases.admin()) as link, link.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def schema(name: str) -> list[str]:
    """What pg_dump says of a database, without the words of chance at its beginning."""
    dump = [
        str(programs.postgres("pg_dump")),
        "--schema-only",
        "--host",
        ground.postgres(),
        "--username",
        "postgres",
        name,
    ]
    said = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if not line.startswith((r"\restrict", r"\unrestrict"))]


@pytest.mark.long
@pytest.mark.skipif(not settings.EMBEDDED_DATABASE, reason="reads the embedded server with the embedded pg_dump")
def test_the_template_is_what_migrating_makes_of_anybodys_database(migrated: Callable[..., str]) -> None:
    quick, plain = schema(migrated(quickly=True)), schema(migrated(quickly=False))
    assert len(plain) > 5_000
    assert quick == plain
