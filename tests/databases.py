"""Databases for tests: one migrated template per state of the migrations, and a clone of it for who needs one.

The owner migrates; tests connect as role app. A clone takes a tenth of a second, so nothing is ever flushed. Clones lie
in memory where there is room: each is a thousand files, and ext4 without a journal passes over files that were deleted
in the last minutes, one by one, whenever it makes a new one, which took two seconds a clone.
"""

import contextlib
import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import django
import psycopg2
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from psycopg2 import sql

from portal import ground, roles

ALIASES = ("default", "owner")
CLONES = "portal_test_clones"
_numbers = itertools.count()
MEMORY, ROOM = Path("/dev/shm"), 2 << 30
"""Where clones lie while it has so many bytes free."""


def admin(name: str = "postgres") -> Any:
    """A connection that may create databases: the embedded superuser's, else the owner's (who needs CREATEDB)."""
    row = settings.DATABASES["owner"]
    if row.get("EMBEDDED"):
        return ground.admin(database=name)
    link = psycopg2.connect(
        host=row["HOST"], port=row["PORT"] or 5432, user=row["USER"], password=row["PASSWORD"], dbname=name
    )
    link.autocommit = True
    return link


@cache
def template() -> str:
    """The name of the migrated template, made first where it is missing; one process makes it, others wait."""
    name = f"portal_template_{_fingerprint()}"
    with contextlib.closing(admin()) as link, link.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('portal test template'))")
        if settings.EMBEDDED_DATABASE:
            _hurry(cursor)
        _drop_leavings(cursor, keep=name)
        _find_room(cursor)
        if not _exists(cursor, name):
            draft = f"{name}_draft"
            _drop(cursor, draft)
            roles.create_database(cursor, draft, owner=settings.DATABASES["owner"]["USER"])
            migrate(draft)
            cursor.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name))
            )
    return name


@contextlib.contextmanager
def clone(like: str = "", *, on_disk: bool = False) -> Iterator[str]:
    """A database of its own for as long as the block lasts; both connections point at it meanwhile.

    A copy of the migrated template, or of the database `like`, to which nobody may be connected. What is to be timed
    lies `on_disk`, as a portal's database does.
    """
    name = f"portal_test_{os.getpid()}_{next(_numbers)}"
    with contextlib.closing(admin()) as link, link.cursor() as cursor:
        like = like or template()
        # Not owned by test code: two processes may not copy one template at the same instant.
        cursor.execute("SELECT pg_advisory_lock(hashtext('portal test template'))")
        _copy(cursor, like, name, on_disk=on_disk)
    before = {alias: connections.settings[alias]["NAME"] for alias in ALIASES}
    try:
        point_at(dict.fromkeys(ALIASES, name))
        _prove_that_app_is_plain()
        yield name
    finally:
        point_at(before)
        with contextlib.closing(admin()) as link, link.cursor() as cursor:
            _drop(cursor, name)


def point_at(names: dict[str, str]) -> None:
    """Close this thread's connections and let all new ones, of every thread, open the databases named."""
    for alias, name in names.items():
        connections[alias].close()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


def _prove_that_app_is_plain() -> None:
    """Row-level security would not bind a superuser or one who passes by it, so the tests would prove nothing."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, False), "tests must run as a plain role"


def migrate(name: str, *, quickly: bool = True) -> None:
    """Migrate an empty database; `quickly` all but leaves out the remaking of historical models (`_find_one`)."""
    owner, app = settings.DATABASES["owner"]["USER"], settings.DATABASES["default"]["USER"]
    with contextlib.closing(admin(name)) as link, link.cursor() as cursor:
        roles.prepare_database(cursor, name, owner=owner, app=app)
    before = {alias: connections.settings[alias]["NAME"] for alias in ALIASES}
    try:
        point_at(dict.fromkeys(ALIASES, name))
        quick = mock.patch.object(ProjectState, "_find_reload_model", _find_one)
        with quick if quickly else contextlib.nullcontext():
            call_command("migrate", verbosity=0, interactive=False)
    finally:
        point_at(before)


def _find_one(state: ProjectState, app: str, model: str, delay: bool = False) -> set[tuple[str, str]]:
    """Stands in for Django's search for all models around one that changed: nine tenths of the time go into these.

    Data migrations get all of them made anew, as after any delayed change.
    """
    state.is_delayed = True
    return {(app, model)}


def _hurry(cursor: Any) -> None:
    """Nothing of the tests' own server must outlive a power cut; waiting for the disk took longer than most tests.

    Nor is there anything to vacuum in a database that lives for one test.
    """
    cursor.execute("SHOW autovacuum")
    if cursor.fetchone() == ("on",):
        for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            cursor.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        cursor.execute("SELECT pg_reload_conf()")


def _copy(cursor: Any, like: str, name: str, *, on_disk: bool) -> None:
    """Copy a database file by file, which is several times quicker than through the log."""
    owner, app = settings.DATABASES["owner"]["USER"], settings.DATABASES["default"]["USER"]
    said = {"name": name, "like": like, "owner": owner, "app": app}
    names = {key: sql.Identifier(value) for key, value in said.items()}
    wanted = "pg_default" if on_disk else CLONES
    cursor.execute("SELECT coalesce(max(spcname), 'pg_default') FROM pg_tablespace WHERE spcname = %s", [wanted])
    names["place"] = sql.Identifier(*cursor.fetchone())
    verb = "CREATE DATABASE {name} OWNER {owner} TEMPLATE {like} STRATEGY file_copy TABLESPACE {place}"
    cursor.execute(sql.SQL(verb).format(**names))
    # Rights on a database itself are not copied from its template.
    cursor.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {app}").format(**names))
    cursor.execute(sql.SQL("ALTER DATABASE {name} SET synchronous_commit = off").format(**names))


def _fingerprint() -> str:
    """A hash of every migration of every installed app, and of what else shapes the schema."""
    mark = hashlib.sha256(f"{django.get_version()} {version('django-pghistory')} {settings.LANGUAGE_CODE}".encode())
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for key, migration in sorted(loader.disk_migrations.items()):
        path = Path(__import__(migration.__module__, fromlist=["Migration"]).__file__ or "")
        mark.update(repr(key).encode() + path.read_bytes())
    for module in (roles, __import__("accounts.operations", fromlist=["x"])):
        mark.update(Path(module.__file__ or "").read_bytes())
    return mark.hexdigest()[:16]


def _drop_leavings(cursor: Any, *, keep: str) -> None:
    """Drop templates of other states of the code, and clones of processes that are gone."""
    cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'portal!_t%%' ESCAPE '!'")
    for (name,) in cursor.fetchall():
        if name.startswith("portal_template_") and not name.startswith(keep):
            with contextlib.suppress(psycopg2.Error):
                _drop(cursor, name, force=False)
        elif name.startswith("portal_test_") and not _alive(int(name.split("_")[2])):
            _drop(cursor, name)


def _find_room(cursor: Any) -> None:
    """Let clones lie in memory, in a tablespace of the tests' own server, while there is room for them."""
    if not settings.EMBEDDED_DATABASE:
        return
    cursor.execute("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = %s", [CLONES])
    found = cursor.fetchone()
    room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    if found and room and Path(found[0]).is_dir():
        return
    if found:  # the machine was started anew, or memory is short
        _clear_out(cursor)
    if room:
        cursor.execute("SHOW data_directory")
        (data,) = cursor.fetchone()
        place = MEMORY / f"portal-tests-{hashlib.sha256(data.encode()).hexdigest()[:16]}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
        server = Path(data).stat()
        os.chown(place, server.st_uid, server.st_gid)
        cursor.execute(
            sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(sql.Identifier(CLONES), sql.Literal(str(place)))
        )


def _clear_out(cursor: Any) -> None:
    """Drop the tablespace of clones; a session that uses it keeps it."""
    with contextlib.suppress(psycopg2.Error):
        cursor.execute(sql.SQL("DROP TABLESPACE {}").format(sql.Identifier(CLONES)))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _exists(cursor: Any, name: str) -> bool:
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    return cursor.fetchone() is not None


def _drop(cursor: Any, name: str, *, force: bool = True) -> None:
    how = sql.SQL(" WITH (FORCE)" if force else "")
    cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)) + how)
