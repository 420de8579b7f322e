"""A command that meets a database without its tables says so, or makes them where the database is new and embedded."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connections

from portal import ground
from portal.schema import missing, run_command

ROOT = Path(__file__).resolve().parents[2]
CASES = str(ROOT / "examples" / "splits" / "cases.json")
POST = ["manage.py", "split_preview", CASES, "--post"]


def owner_says(statement: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def without_postings(committed_db: str) -> None:
    owner_says("ALTER TABLE ledger_posting RENAME TO ledger_posting_gone")


@pytest.mark.django_db
def test_a_migrated_database_lacks_nothing() -> None:
    assert missing() == []


@pytest.mark.usefixtures("without_postings")
def test_a_database_that_is_behind_is_told_in_one_sentence(settings: Any) -> None:
    owner_says("DELETE FROM django_migrations WHERE app = 'ledger' AND name >= '0008'")
    for embedded in (False, True):
        settings.EMBEDDED_DATABASE = embedded
        said = r"The database lacks \d+ migrations, ledger\.0008_statement_checks first; run `manage\.py migrate`\."
        with pytest.raises(SystemExit, match=f"^{said}$"):
            run_command(POST)


@pytest.mark.usefixtures("without_postings")
def test_a_missing_table_that_no_migration_would_make_stays_an_error() -> None:
    with pytest.raises(ProgrammingError, match="ledger_posting"):
        run_command(POST)


def test_who_migrates_second_waits_for_the_first(committed_db: str) -> None:
    with ground.admin(database=committed_db) as link, link.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('portal migrate'))")
        owner_says("SET lock_timeout = '50ms'")
        with pytest.raises(Exception, match="lock timeout"):
            call_command("migrate", verbosity=0)
        cursor.execute("SELECT pg_advisory_unlock(hashtext('portal migrate'))")
        call_command("migrate", verbosity=0)
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('portal migrate'))")
        assert cursor.fetchone() == (True,)


@pytest.fixture
def fresh() -> Iterator[Path]:
    """A data folder that does not exist yet; not under pytest's own, which a pytest that starts closes to others."""
    home = Path(tempfile.mkdtemp(prefix="schema-", dir="/tmp"))
    home.chmod(0o777)
    yield home / "data"
    shutil.rmtree(home)


@pytest.mark.long
@pytest.mark.parametrize("command", [["prepare"], POST[1:]], ids=["prepare", "post"])
def test_six_first_commands_at_once_share_one_new_database(command: list[str], fresh: Path) -> None:
    env = {**os.environ, "PORTAL_DATA_DIR": str(fresh)}
    begun = [
        subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), *command],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    said = [process.communicate(timeout=600) for process in begun]
    assert [err[-800:] for process, (_, err) in zip(begun, said, strict=True) if process.returncode] == []
    assert len({out for out, _ in said}) == 1
