"""A page's transaction that begins with its first statement and ends with its last: Django's in every other respect."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DataError, IntegrityError, InternalError, ProgrammingError, connection, transaction
from django.test import Client
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, TRANSACTION_STATUS_INTRANS

from accounts import statements
from accounts.scope import all_rows
from accounts.statements import Statement, fetch, known_here, planned, prepared, send
from portal.backend import base
from tests import databases
from tests.cast import Cast
from tests.recommender import shelves

KEEP = Statement("keep", "INSERT INTO late_rows (id, of) VALUES (%s::int, %s::int)")
SCOPE = "SELECT current_setting('app.scope', true)"
READ = Statement("read", "SELECT array_agg(id ORDER BY id) FROM late_rows")


@pytest.fixture
def rows(committed_db: str) -> Callable[[], list[int]]:
    """The rows that are committed, as another connection sees them, of a table with a constraint that waits."""
    link = databases.admin(committed_db)
    with link.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE late_rows (id int PRIMARY KEY, of int REFERENCES late_rows DEFERRABLE INITIALLY DEFERRED)"
        )
        cursor.execute(f"GRANT ALL ON late_rows TO {connection.settings_dict['USER']}")

    def read() -> list[int]:
        with link.cursor() as cursor:
            cursor.execute("SELECT id FROM late_rows ORDER BY id")
            return [pk for (pk,) in cursor.fetchall()]

    return read


@contextmanager
def late() -> Iterator[None]:
    """As `accounts.middleware` opens a page's transaction."""
    connection.ensure_connection()
    connection.begin_late()  # type: ignore[attr-defined]  # our backend's
    with transaction.atomic():
        known = known_here()
        if known is None:
            known = prepared(*ask(f"SELECT {statements.WHOSE}"))
        with planned(known):
            yield


def ask(sql: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone() if cursor.description else None


def keep(pk: int, of: int | None = None) -> None:
    ask("INSERT INTO late_rows VALUES (%s, %s)", pk, of)


def is_late() -> bool:
    return bool(connection.is_late)  # type: ignore[attr-defined]  # our backend's


def state() -> int:
    return int(connection.connection.info.transaction_status)


def test_it_commits_rolls_back_and_calls_its_hooks_as_any_other(rows: Callable[[], list[int]]) -> None:
    called: list[str] = []
    with late():
        assert (is_late(), state()) == (True, TRANSACTION_STATUS_INTRANS)
        keep(1)
        with pytest.raises(IntegrityError), transaction.atomic():
            keep(2)
            keep(2)
        with transaction.atomic():
            keep(3)
        transaction.on_commit(lambda: called.append(f"{rows()}"))
        assert rows() == []
    assert (called, state(), connection.get_autocommit()) == (["[1, 3]"], TRANSACTION_STATUS_IDLE, True)
    with pytest.raises(ZeroDivisionError), late():
        transaction.on_commit(lambda: called.append("never"))
        keep(4)
        raise ZeroDivisionError
    with late():
        keep(5)
        transaction.set_rollback(True)
    with pytest.raises(IntegrityError), late():  # what the database refuses at the end
        transaction.on_commit(lambda: called.append("never"))
        keep(6, of=99)
    assert (rows(), called, state()) == ([1, 3], ["[1, 3]"], TRANSACTION_STATUS_IDLE)
    with transaction.atomic():
        assert not is_late(), "only the next one, and only where it is asked for"
        keep(7)
    assert rows() == [1, 3, 7]
    with late():
        pass
    with late(), all_rows():
        assert ask(SCOPE) == ("all",)
    assert ask(SCOPE) == ("",), "what was said held in the transaction alone"


@pytest.mark.parametrize("sql", ["SELECT 1 / 0", "SELEC 1", "SELECT 1; SELEC 2"])
def test_an_error_of_its_first_statement_ends_it(rows: Callable[[], list[int]], sql: str) -> None:
    with late():
        pass
    with pytest.raises(InternalError), late():
        with pytest.raises((DataError, ProgrammingError)):
            ask(sql)
        keep(1)
    assert (rows(), state()) == ([], TRANSACTION_STATUS_IDLE)
    with late():
        keep(2)
    assert rows() == [2]


def test_what_waits_goes_out_in_its_turn_and_is_committed_or_refused(rows: Callable[[], list[int]]) -> None:
    for pk in (1, 2):
        with late():
            send((KEEP, [pk, None]))
        assert rows() == [*range(1, pk + 1)]
    with late():
        send((KEEP, [3, None]))
        assert fetch((READ, [])) == [([1, 2, 3],)]
        send((KEEP, [4, None]))
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            send((KEEP, [5, None]))
            raise ZeroDivisionError
    assert rows() == [1, 2, 3, 4]
    for refused in ((KEEP, [1, None]), (KEEP, [9, 99])):
        with pytest.raises(IntegrityError), late():
            send(refused)
        assert (rows(), state()) == ([1, 2, 3, 4], TRANSACTION_STATUS_IDLE)
    with late():
        send((KEEP, [10, None]))
    assert rows() == [1, 2, 3, 4, 10]


def test_a_statement_that_was_never_sent_is_not_believed_to_be_prepared(rows: Callable[[], list[int]]) -> None:
    with pytest.raises(ZeroDivisionError), late():
        send((KEEP, [1, None]))
        raise ZeroDivisionError
    with pytest.raises(IntegrityError), late():
        with pytest.raises(DataError), transaction.atomic():
            send((READ, []))
            ask("SELECT 1 / 0")
        send((KEEP, [1, None]), (KEEP, [1, None]))
    for pk in (1, 2):
        with late():
            send((KEEP, [pk, None]))
            assert fetch((READ, []))
    assert rows() == [1, 2]


def test_a_pooler_is_asked_each_time(rows: Callable[[], list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(statements, "WHOSE", statements.WHOSE.replace("pg_backend_pid()", "0"))
    for pk in (1, 2):
        with late():
            assert fetch((READ, []))
            keep(pk)
        assert known_here() is None
        ask("DEALLOCATE ALL")
    assert rows() == [1, 2]


def test_other_ways_to_the_database_begin_it_too(rows: Callable[[], list[int]]) -> None:
    def executemany(cursor: Any) -> None:
        cursor.executemany("INSERT INTO late_rows VALUES (%s)", [[1], [2]])

    def copied(cursor: Any) -> None:
        cursor.copy_expert("COPY late_rows (id) FROM STDIN", io.StringIO("3\n"))

    def called(cursor: Any) -> None:
        cursor.callproc("pg_advisory_xact_lock", [1])

    for way in (executemany, copied, called):
        with pytest.raises(ZeroDivisionError), late(), connection.cursor() as cursor:
            way(cursor)
            assert state() == TRANSACTION_STATUS_INTRANS
            raise ZeroDivisionError
        with late(), connection.cursor() as cursor:
            way(cursor)
    with late(), connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM late_rows ORDER BY id")
        assert (cursor.fetchmany(2), state()) == ([(1,), (2,)], TRANSACTION_STATUS_INTRANS)
    with late(), connection.cursor() as cursor:
        cursor.execute("SELECT %s", [1])
        assert cursor.cursor.query == b"SELECT 1", "what went out in front of it is not its own"
    assert (rows(), base.Cursor.ahead) == ([1, 2, 3], [])


def test_a_band_is_kept_in_three_messages_before_it_is_answered(
    committed_db: str, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATA_DIR = tmp_path
    cast, sent = Cast(), list[Any]()
    ids = shelves.courses()
    shelves.looked(cast.lee, *ids[1:6])
    client = cast.client_of(cast.lee)
    for _twice in range(2):
        assert client.get("/suggestions/home/").status_code == 200
    assert ask("SELECT count(*) FROM recommender_servedlist") == (2,)
    assert client.head("/suggestions/home/").status_code == 200
    assert client.head("/api/v1/recommendations/").status_code == 200
    assert ask("SELECT count(*) FROM recommender_servedlist") == (2,), "headers show nothing"
    alone, outside = base.Cursor._alone, statements._run_alone

    def told(own: Any, *said: Any) -> None:
        sent.append(said)
        alone(own, *said)

    def told_outside(known: set[str] | None, call: statements.Call) -> list[tuple[Any, ...]]:
        sent.append(call[0].written(call[1], known))
        return outside(known, call)

    monkeypatch.setattr(base.Cursor, "_alone", told)
    monkeypatch.setattr(statements, "_run_alone", told_outside)
    client.get("/suggestions/home/")
    assert [text.split("_")[0] for text, _values in sent] == ["EXECUTE session", "EXECUTE impressions"]
    assert sent[-1][0].endswith(";\nCOMMIT"), "the third, between them, began the transaction and read"
    assert Client().get("/suggestions/home/").status_code == 200
    assert ask("SELECT count(*) FROM recommender_servedlist") == (4,)
