"""Statements prepared on a worker's connection, and as good outside of one."""

from collections.abc import Iterator

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.audit import acting_on_all_rows, current
from accounts.models import Party
from accounts.scope import all_rows
from accounts.services import party_create
from accounts.statements import Statement, execute, planned_once

SUM = Statement("sum", "SELECT %s::int + %s::int")
NAMED = Statement("named", "SELECT %(a)s::int - %(b)s::int, %(a)s::int")
NOTHING = Statement("nothing", "SELECT 1")
FAILS = Statement("fails", "SELECT 1 / %s::int")


@pytest.fixture(params=[False, True], ids=["planned each time", "planned once"])
def planned(request: pytest.FixtureRequest, db: None) -> Iterator[bool]:
    if request.param:
        with planned_once([]):
            yield True
    else:
        yield False


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements WHERE name ~ '^(sum|named|nothing|fails)_'")
        return sorted(name.split("_")[0] for (name,) in cursor.fetchall())


def test_values_reach_their_places_by_order_and_by_name(planned: bool) -> None:
    with connection.cursor() as cursor:
        for _twice in range(2):
            execute(cursor, (SUM, [2, 3]))
            assert cursor.fetchall() == [(5,)]
            execute(cursor, (NAMED, {"a": 2, "b": 3, "more": 9}))
            assert cursor.fetchall() == [(-1, 2)]
            execute(cursor, (NOTHING, []))
            assert cursor.fetchall() == [(1,)]
        execute(cursor, (SUM, [1, 1]), (NAMED, {"a": 5, "b": 1}))
        assert cursor.fetchall() == [(4, 5)], "the rows of the last, in one round trip"
        assert prepared() == (["named", "nothing", "sum"] if planned else [])
        cursor.execute("DEALLOCATE ALL")


def test_the_same_name_with_another_text_is_another_statement(db: None) -> None:
    with connection.cursor() as cursor, planned_once([]):
        execute(cursor, (Statement("sum", "SELECT 10 * %s::int"), [2]))
        assert cursor.fetchall() == [(20,)]
        execute(cursor, (SUM, [2, 2]))
        assert cursor.fetchall() == [(4,)]
        cursor.execute("DEALLOCATE ALL")


def test_a_statement_stays_prepared_when_the_savepoint_it_came_in_is_undone(db: None) -> None:
    with connection.cursor() as cursor, planned_once([]):
        with pytest.raises(DataError), transaction.atomic():
            execute(cursor, (FAILS, [0]))
        execute(cursor, (FAILS, [1]))
        assert cursor.fetchall() == [(1,)]
        cursor.execute("DEALLOCATE ALL")


def test_each_transaction_asks_what_its_connection_knows(committed_db: str) -> None:
    """Between two transactions a pooler may change the connection, or somebody may forget all it knew."""
    with acting_on_all_rows(plan_once=True, task="t"), connection.cursor() as cursor:
        execute(cursor, (SUM, [1, 2]))
        assert prepared() == ["sum"]
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        execute(cursor, (SUM, [1, 2]))
        assert (cursor.fetchall(), prepared()) == ([(3,)], []), "outside, nothing is prepared"
    for _twice in range(2):
        with acting_on_all_rows(plan_once=True, task="t"), connection.cursor() as cursor:
            execute(cursor, (SUM, [1, 2]))
            assert (cursor.fetchall(), prepared()) == ([(3,)], ["sum"])


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
    with acting_on_all_rows(plan_once=False, task="t"), connection.cursor() as cursor:
        execute(cursor, (SUM, [1, 2]))
        assert (cursor.fetchall(), prepared()) == ([(3,)], [])


def test_inside_a_transaction_scope_and_name_end_with_the_block(db: None) -> None:
    with acting_on_all_rows(plan_once=True, task="t"):
        assert current() == {"task": "t"}
    assert current() == {}
