"""Statements prepared on a worker's connection, and as good outside of one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import statements
from accounts.audit import acting_on_all_rows, current
from accounts.models import Party
from accounts.scope import all_rows
from accounts.services import party_create
from accounts.statements import Statement, fetch, fetch_alone, planned_once, send
from accounts.statements import planned as planned_for_a_page

SUM = Statement("sum", "SELECT %s::int + %s::int")
NAMED = Statement("named", "SELECT %(a)s::int - %(b)s::int, %(a)s::int")
NOTHING = Statement("nothing", "SELECT 1")
FAILS = Statement("fails", "SELECT 1 / %s::int")


@pytest.fixture(params=[False, True], ids=["planned each time", "planned once"])
def planned(request: pytest.FixtureRequest, db: None) -> Iterator[bool]:
    if request.param:
        with connection.cursor() as cursor, planned_once(cursor, ""):
            yield True
        forget()
    else:
        yield False


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name ~ '^(sum|named|nothing|fails|seek)_'")
        return sorted(name.split("_")[0] for (name,) in cursor.fetchall())


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    statements._own.clear()


def test_values_reach_their_places_by_order_and_by_name(planned: bool) -> None:
    for _twice in range(2):
        assert fetch((SUM, [2, 3])) == [(5,)]
        assert fetch((NAMED, {"a": 2, "b": 3, "more": 9})) == [(-1, 2)]
        assert fetch((NOTHING, [])) == [(1,)]
    assert fetch((SUM, [1, 1]), (NAMED, {"a": 5, "b": 1})) == [(4, 5)], "the rows of the last, in one round trip"
    assert prepared() == (["named", "nothing", "sum"] if planned else [])


def test_the_same_name_with_another_text_is_another_statement(db: None) -> None:
    with connection.cursor() as cursor, planned_once(cursor, ""):
        assert fetch((Statement("sum", "SELECT 10 * %s::int"), [2])) == [(20,)]
        assert fetch((SUM, [2, 2])) == [(4,)]
    forget()


def test_a_statement_stays_prepared_when_the_savepoint_it_came_in_is_undone(db: None) -> None:
    with connection.cursor() as cursor, planned_once(cursor, ""):
        with pytest.raises(DataError), transaction.atomic():
            fetch((FAILS, [0]))
        assert fetch((FAILS, [1])) == [(1,)]
    forget()


def test_a_page_prepares_what_it_fetches_until_something_fails(db: None) -> None:
    with planned_for_a_page(()):
        for _twice in range(2):
            assert fetch((SUM, [2, 3])) == [(5,)]
        with connection.cursor() as cursor, planned_once(cursor, SUM.name):
            assert fetch((NOTHING, [])) == [(1,)]
        assert fetch((NOTHING, [])) == [(1,)], "what was prepared meanwhile is not prepared again"
    with planned_for_a_page((SUM.name, NOTHING.name)):
        with pytest.raises(DataError), transaction.atomic():
            fetch((FAILS, [0]))
        assert fetch((NAMED, {"a": 2, "b": 3})) == [(-1, 2)]
    assert prepared() == ["fails", "nothing", "sum"], "after an error nothing more is prepared"
    assert fetch((NAMED, {"a": 2, "b": 3})) == [(-1, 2)]
    forget()


def test_a_statement_alone_is_prepared_where_it_is_the_same_connection_each_time(committed_db: str) -> None:
    for _twice in range(2):
        assert fetch_alone(SUM, [1, 2]) == [(3,)]
        assert prepared() == ["sum"]
    with pytest.raises(DataError):
        fetch_alone(FAILS, [0])
    forget()  # as a pooler does that hands out another connection
    for _twice in range(2):
        assert fetch_alone(SUM, [1, 2]) == [(3,)]
        assert prepared() == []
    connection.close()
    with acting_on_all_rows(plan_once=True, task="t"):
        assert fetch((SUM, [1, 2])) == [(3,)]
    assert fetch_alone(SUM, [1, 3]) == [(4,)], "it was prepared by somebody else"
    with transaction.atomic():
        assert fetch_alone(NOTHING, []) == [(1,)]
    assert prepared() == ["sum"]


def test_each_transaction_asks_what_its_connection_knows(committed_db: str) -> None:
    """Between two transactions a pooler may change the connection, or somebody may forget all it knew."""
    with acting_on_all_rows(plan_once=True, task="t"):
        assert fetch((SUM, [1, 2])) == [(3,)]
        assert prepared() == ["sum"]
    forget()
    assert (fetch((SUM, [1, 2])), prepared()) == ([(3,)], []), "outside, nothing is prepared"
    for _twice in range(2):
        with acting_on_all_rows(plan_once=True, task="t"):
            assert (fetch((SUM, [1, 2])), prepared()) == ([(3,)], ["sum"])


def test_a_plan_that_is_made_while_a_table_is_empty_goes_by_its_index_and_is_kept(committed_db: str) -> None:
    """Left alone, the server reads the whole of a table that it takes to be empty, and plans anew where that pays."""
    seek = Statement("seek", "SELECT id FROM ledger_account WHERE code = ANY (%s::text[])")
    with acting_on_all_rows(plan_once=True, task="t"), connection.cursor() as cursor:
        for _time in range(7):
            assert fetch((seek, ["{x}"])) == []
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",), "only the planning of a statement is told so"
        cursor.execute(f"EXPLAIN EXECUTE {seek.name} (NULL)")
        assert "Seq Scan" not in cursor.fetchone()[0]
        cursor.execute("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE name = %s", [seek.name])
        assert cursor.fetchone() == (9, 0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        assert cursor.fetchone() == ("auto",), "the next transaction on this connection may be another's"


NOTE = Statement("note", "INSERT INTO notes VALUES (%s::int)")
COUNT = Statement("count", "SELECT count(*) FROM notes")


@pytest.fixture
def notes(db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE notes (number int CHECK (number > 0)) ON COMMIT DROP")
        with planned_once(cursor, ""):
            yield
    forget()


@contextmanager
def messages() -> Iterator[list[str]]:
    """What reaches the server; Django's own log also holds what only waits."""
    told: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        told.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield told


def counted() -> int:
    return int(fetch((COUNT, []))[0][0])


def test_what_is_sent_goes_out_with_the_next_statement(notes: None) -> None:
    with messages() as told:
        send((NOTE, [1]))
        assert len(told) == 0
        send((NOTE, [2]))
        assert counted() == 2
    assert len(told) == 1
    send((NOTE, [3]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(number) FROM notes")
        assert cursor.fetchone() == (3,), "or before what anybody else asks"


def test_what_is_sent_goes_out_at_once_where_nothing_is_planned_and_at_the_end_where_nobody_asks(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE notes (number int) ON COMMIT DROP")
        send((NOTE, [1]))
        assert counted() == 1
        with planned_once(cursor, ""):
            send((NOTE, [2]))
        assert counted() == 2
        with pytest.raises(ValueError), planned_once(cursor, ""):
            send((NOTE, [3]))
            raise ValueError
        assert counted() == 2, "the transaction of such a block is undone anyway"
    forget()


def test_savepoints_wait_too_and_going_back_forgets_what_was_not_sent(notes: None) -> None:
    send((NOTE, [1]))
    with messages() as told:
        with pytest.raises(ValueError), transaction.atomic():
            send((NOTE, [2]))
            raise ValueError
        assert len(told) == 0, "there is nothing to go back from"
        with transaction.atomic():
            send((NOTE, [3]))
            with pytest.raises(ValueError), transaction.atomic():
                assert counted() == 2, "1 and 3"
                send((NOTE, [4]))
                raise ValueError
        assert counted() == 2
    assert [sql.count("SAVEPOINT") for sql in told] == [4, 1, 2], "two in one, back, two let go"


def test_what_is_sent_and_refused_undoes_its_savepoint_and_the_connection_goes_on(notes: None) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        send((NOTE, [0]))
        fetch((SUM, [1, 1]))
    assert fetch((SUM, [1, 1])) == [(2,)], "though it was never prepared by the message that was refused"
    assert counted() == 0


def test_a_worker_sees_all_rows_and_says_who_acts_in_one_statement(committed_db: str) -> None:
    with CaptureQueriesContext(connection) as queries, acting_on_all_rows(plan_once=True, task="t", handler="h"):
        pass
    assert [query["sql"].split("(")[0] for query in queries] == ["BEGIN", "SELECT set_config", "COMMIT"]
    party = party_create(code="alice", kind="creator", name="Alice")
    from partners.models import Membership

    with all_rows():
        Membership.objects.create(party=party)
    with acting_on_all_rows(plan_once=True, task="t", handler="h"):
        assert current() == {"task": "t", "handler": "h"}
        assert Membership.objects.count() == 1
        assert Party.objects.count() == 1
    assert Membership.objects.count() == 0
    assert current() == {}


def test_a_worker_may_leave_planning_to_each_execution(committed_db: str) -> None:
    with acting_on_all_rows(plan_once=False, task="t"):
        assert (fetch((SUM, [1, 2])), prepared()) == ([(3,)], [])


def test_inside_a_transaction_scope_and_name_end_with_the_block(db: None) -> None:
    with acting_on_all_rows(plan_once=True, task="t"):
        assert current() == {"task": "t"}
    assert current() == {}
