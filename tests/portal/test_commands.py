"""The portal's own commands: migrate, create_roles, doctor, and the catalogues."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from portal import catalogues, diagnosis, ground
from portal.management.commands.makemessages import catalogue_of, tidy

NAMES = {"app": "t_app", "owner": "t_owner", "database": "t_portal"}


def test_migrate_refuses_any_connection_but_the_owners() -> None:
    with pytest.raises(CommandError, match="owner's connection only"):
        call_command("migrate", database="default")


@pytest.fixture
def admin_url() -> Iterator[str]:
    """A server without our roles: the embedded one, with other names."""
    drop = [f"DROP DATABASE IF EXISTS {NAMES['database']}"]
    drop += [f"DROP ROLE IF EXISTS {NAMES[role]}" for role in ("app", "owner")] + ["DROP ROLE IF EXISTS t_admin"]
    with contextlib.closing(ground.admin()) as link, link.cursor() as cursor:
        for statement in drop:
            cursor.execute(statement)
        yield f"postgresql://postgres@/postgres?host={ground.postgres()}"
        for statement in drop:
            cursor.execute(statement)


@pytest.fixture
def real_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "EMBEDDED_DATABASE", False)
    rows = {"default": {"USER": NAMES["app"], "PASSWORD": "a'b"}, "owner": {"USER": NAMES["owner"], "PASSWORD": "c"}}
    monkeypatch.setattr(
        settings, "DATABASES", {alias: {**row, "NAME": NAMES["database"]} for alias, row in rows.items()}
    )


@pytest.mark.usefixtures("real_server")
def test_roles_are_created_and_mended_as_often_as_one_likes(admin_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_roles", admin_url=admin_url)
    with contextlib.closing(ground.admin()) as link, link.cursor() as cursor:
        cursor.execute("ALTER ROLE t_app SUPERUSER BYPASSRLS")
    call_command("create_roles", admin_url=admin_url)
    assert "database t_portal was there" in capsys.readouterr().out
    with contextlib.closing(ground.admin(database="t_portal")) as link, link.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcreatedb, rolcanlogin FROM pg_roles "
            "WHERE rolname LIKE 't!_%' ESCAPE '!' ORDER BY 1"
        )
        assert cursor.fetchall() == [("t_app", False, True), ("t_owner", False, True)]
        cursor.execute(
            "SET ROLE t_owner; CREATE TABLE made (n int); RESET ROLE; SET ROLE t_app; INSERT INTO made VALUES (1)"
        )
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE TABLE mine (n int)")


@pytest.mark.usefixtures("real_server")
def test_an_admin_who_is_no_superuser_suffices_where_vector_is_there(admin_url: str) -> None:
    with contextlib.closing(ground.admin()) as link, link.cursor() as cursor:
        cursor.execute("CREATE ROLE t_admin LOGIN CREATEROLE CREATEDB")
    plain = admin_url.replace("postgres@", "t_admin@")
    with pytest.raises(CommandError, match=r"the server refuses.*vector"):
        call_command("create_roles", admin_url=plain)
    with contextlib.closing(ground.admin(database="t_portal")) as link, link.cursor() as cursor:
        cursor.execute("CREATE EXTENSION vector")
    call_command("create_roles", admin_url=plain)


def test_the_embedded_server_needs_no_roles_created() -> None:
    with pytest.raises(CommandError, match="DATABASE_URL is not set"):
        call_command("create_roles", admin_url="postgresql://x")


@pytest.mark.django_db
def test_the_doctor_finds_this_installation_well() -> None:
    found = {finding.about: finding for finding in diagnosis.findings()}
    for about in ("Python", "disk", "database", "database roles", "migrations", "cache", "device"):
        assert found[about].state == "well", found[about]
    assert "tributary_app, which owns nothing" in found["database roles"].text


@pytest.mark.django_db
def test_the_doctor_says_what_is_broken(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(settings, "DEVICE", "cuda:7")
    with pytest.raises(CommandError, match="broken"):
        call_command("doctor")
    assert "broken  device: PORTAL_DEVICE=cuda:7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "home"),
    [
        ("templates/courses/page.html", "courses/locale"),
        ("templates/accounts/login.html", "platform/accounts/locale"),
        ("templates/components/money.html", "platform/portal/locale"),
        ("templates/base.html", "platform/portal/locale"),
        ("templates/admin/partners/version.html", "partners/locale"),
        ("templates/admin/own.html", "platform/portal/locale"),
        ("partners/models/link.py", "partners/locale"),
        ("platform/ledger/choices.py", "platform/ledger/locale"),
        ("platform/portal/theme.py", "platform/portal/locale"),
    ],
)
def test_strings_belong_to_the_app_whose_file_says_them(path: str, home: str) -> None:
    assert catalogue_of(Path(path)) == Path(home)


def test_files_outside_the_product_have_no_catalogue() -> None:
    assert catalogue_of(Path("tests/conftest.py")) is None


def write(root: Path, body: str, app: str = "courses") -> Path:
    path = root / app / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text('msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n' + body, encoding="utf-8")
    return path


def test_faults_of_a_catalogue_are_named(tmp_path: Path) -> None:
    body = 'msgid "one"\nmsgstr ""\n\n#, fuzzy\nmsgid "two"\nmsgstr "二"\n\n'
    body += '#, python-format\nmsgid "%(n)s left"\nmsgstr "剩"\n\n'
    body += 'msgid "four"\nmsgstr "四"\n'
    said = list(catalogues.faults(write(tmp_path, body)))
    assert ["is not translated" in said[0], "is fuzzy" in said[1], "other placeholders" in said[2]] == [True] * 3
    assert len(said) == 3


def test_two_catalogues_that_translate_one_message_differently_are_named(tmp_path: Path) -> None:
    first = write(tmp_path, 'msgid "Close"\nmsgstr "关闭"\n\nmsgid "Open"\nmsgstr "打开"\n')
    second = write(
        tmp_path, 'msgid "Close"\nmsgstr "关账"\n\nmsgctxt "state"\nmsgid "Open"\nmsgstr "开启"\n', "partners"
    )
    said = list(catalogues.disagreements([first, second]))
    assert len(said) == 1
    assert "关闭" in said[0]
    assert "关账" in said[0]


def test_a_compiled_catalogue_is_what_django_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gettext

    source = write(tmp_path, 'msgid "order"\nmsgstr "订单"\n')
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    call_command("compile_catalogues", verbosity=0)
    assert catalogues.is_compiled(source)
    with source.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("order") == "订单"


def test_a_catalogue_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path, 'msgid "order"\nnonsense\nmsgstr "订单"\n')
    monkeypatch.setattr(settings, "BASE_DIR", tmp_path)
    with pytest.raises(CommandError, match=str(source)):
        call_command("compile_catalogues", verbosity=0)


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")
def test_strings_are_gathered_into_their_apps_and_twice_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources: dict[str, Any] = {
        "templates/courses/page.html": '{% load i18n %}{% translate "Enrol" %}',
        "templates/components/empty.html": '{% load i18n %}{% translate "Nothing yet" %}',
        "platform/ledger/choices.py": 'from django.utils.translation import gettext\ngettext("Posting")\n',
    }
    for name in ("accounts", "events", "ledger", "portal"):
        (tmp_path / "platform" / name).mkdir(parents=True)
    for name in ("partners", "courses", "analytics", "recommender"):
        (tmp_path / name).mkdir()
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["zh_Hans"], verbosity=0)
    found = {path.relative_to(tmp_path).parts[-5]: catalogues.ids(path) for path in catalogues.sources(tmp_path)}
    assert found == {"courses": {"|Enrol"}, "portal": {"|Nothing yet"}, "ledger": {"|Posting"}}
    first = {path: path.read_bytes() for path in catalogues.sources(tmp_path)}
    call_command("makemessages", locale=["zh_Hans"], verbosity=0)
    for path, before in first.items():
        tidy(path)
        assert path.read_bytes() == before
