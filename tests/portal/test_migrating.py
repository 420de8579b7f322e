"""Migrations beside those at work: all locks at once, and never at the cost of an order."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, connections
from django.db.migrations import Migration, RunSQL
from django.db.migrations.executor import MigrationExecutor

from portal import migrating
from portal.migrating import PatientExecutor, locked_tables
from tests import databases

WAITS = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted"


class Both(Migration):
    """Changes two tables, one after the other."""

    operations = (
        RunSQL("ALTER TABLE race_a ADD COLUMN note text", "ALTER TABLE race_a DROP COLUMN note"),
        RunSQL("ALTER TABLE race_b ADD COLUMN note text", "ALTER TABLE race_b DROP COLUMN note"),
    )


@pytest.mark.parametrize(
    ("script", "taken"),
    [
        ("ALTER TABLE a ADD COLUMN b int;", ["a", "b"]),  # a word too much locks a table too much
        ('ALTER TABLE "a" ADD CONSTRAINT x FOREIGN KEY (c) REFERENCES "b" (id);', ["a", "b"]),
        ("CREATE UNIQUE INDEX i ON a (x); CREATE CONSTRAINT TRIGGER t AFTER INSERT ON b;", ["a", "b"]),
        ("DROP TRIGGER t ON a; drop table b", ["a", "b"]),
        ("ALTER TABLE a VALIDATE CONSTRAINT c; UPDATE b SET x = 1; INSERT INTO a SELECT * FROM b", []),
        ("SET LOCAL lock_timeout = '5s'; SELECT a FROM b", []),
        ("CREATE TABLE fresh (id int);", []),
    ],
)
def test_a_script_says_which_tables_it_takes_for_itself(script: str, taken: list[str]) -> None:
    assert locked_tables(script, ["b", "a", "elsewhere"]) == taken


@pytest.fixture
def tables(committed_db: str) -> Iterator[str]:
    """Two tables, in a database whose server looks for deadlocks soon."""
    if not settings.EMBEDDED_DATABASE:
        pytest.skip("only the embedded server lets a test say how soon it looks for deadlocks")
    with contextlib.closing(databases.admin(committed_db)) as link, link.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {committed_db} SET deadlock_timeout = '200ms'")
    connections["owner"].close()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE race_a (id int); CREATE TABLE race_b (id int); GRANT INSERT ON race_a, race_b TO PUBLIC"
        )
    yield committed_db
    connections["owner"].close()


class Order(threading.Thread):
    """Writes the second table, and the first once somebody waits for the second."""

    def __init__(self, *, waits: float = 0) -> None:
        super().__init__()
        self.holds, self.waits = threading.Event(), waits
        self.fault: Exception | None = None

    def run(self) -> None:
        link: Any = connections["default"]
        link.set_autocommit(False)
        try:
            with link.cursor() as cursor:
                cursor.execute("INSERT INTO race_b VALUES (1)")
                self.holds.set()
                for _attempt in range(500):
                    cursor.execute(WAITS, ["race_b"])
                    if cursor.fetchone()[0]:
                        break
                cursor.execute("SELECT pg_sleep(%s)", [self.waits])
                cursor.execute("INSERT INTO race_a VALUES (1)")
            link.commit()
        except OperationalError as error:
            self.fault = error
        finally:
            link.close()


def applied(executor: type[MigrationExecutor], order: Order) -> None:
    order.start()
    order.holds.wait()
    runner = executor(connections["owner"])
    try:
        runner.apply_migration(runner.loader.project_state(), Both("9999_both", "portal"))
    finally:
        order.join()


@pytest.mark.race
def test_one_lock_after_the_other_ends_an_order_and_all_at_once_none(tables: str) -> None:
    order = Order(waits=0.3)  # until the migration has looked for a deadlock, and found none yet
    applied(MigrationExecutor, order)
    assert "deadlock detected" in str(order.fault)
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE race_a DROP COLUMN note; ALTER TABLE race_b DROP COLUMN note")
    order = Order(waits=0.3)
    applied(PatientExecutor, order)
    assert order.fault is None
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT a.note, b.note FROM race_a a, race_b b")
        assert cursor.fetchall() == [(None, None)]


def test_a_table_that_is_never_free_is_named_and_nothing_is_changed(
    tables: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "TRIES", 2)
    monkeypatch.setattr(migrating, "PAUSE", 0.01)
    runner = PatientExecutor(connections["owner"])
    with contextlib.closing(databases.admin(tables)) as link, link.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE race_b IN ROW EXCLUSIVE MODE")
        with pytest.raises(CommandError, match="always at work on race_a, race_b"):
            runner.apply_migration(runner.loader.project_state(), Both("9999_both", "portal"))
        cursor.execute("ROLLBACK")
    state = runner.loader.project_state()
    runner.apply_migration(state, Both("9999_both", "portal"))
    runner.unapply_migration(runner.loader.project_state(), Both("9999_both", "portal"))
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_attribute WHERE attname = 'note' AND attrelid = 'race_a'::regclass")
        assert cursor.fetchone() == (0,)
