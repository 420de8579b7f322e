"""One savepoint around verbs that call one another."""

import pytest
from django.db import connection
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from accounts.models import Party
from accounts.savepoints import atomic_within, one_savepoint
from accounts.services import party_create


@atomic_within
def outer(*, fail: bool = False, caught: bool = False) -> None:
    party_create(code="outer", kind="creator", name="Outer")
    try:
        inner(fail=fail)
    except ValueError:
        if not caught:
            raise


@atomic_within
def inner(*, fail: bool) -> None:
    party_create(code="inner", kind="creator", name="Inner")
    if fail:
        raise ValueError


def codes() -> set[str]:
    return set(Party.objects.filter(code__in=["outer", "inner"]).values_list("code", flat=True))


def savepoints(queries: CaptureQueriesContext) -> int:
    return sum(query["sql"].startswith("SAVEPOINT") for query in queries)


def test_alone_each_verb_has_a_savepoint_and_an_error_that_is_caught_undoes_the_inner_one_only(db: None) -> None:
    outer(fail=True, caught=True)
    assert codes() == {"outer"}


def test_inside_there_is_one_for_all(db: None) -> None:
    with CaptureQueriesContext(connection) as alone:
        outer()
    Party.objects.filter(code__in=["outer", "inner"]).delete()
    with CaptureQueriesContext(connection) as within, one_savepoint():
        outer()
    assert codes() == {"outer", "inner"}
    assert savepoints(alone) - savepoints(within) == 1, "two verbs, and the one that holds both"


def test_inside_an_error_undoes_all_of_it_and_what_came_before_stays(db: None) -> None:
    party_create(code="before", kind="creator", name="Before")
    with pytest.raises(ValueError), one_savepoint():
        outer(fail=True)
    assert codes() == set()
    assert Party.objects.filter(code="before").exists(), "and the connection goes on"


def test_inside_who_goes_on_after_an_error_without_a_savepoint_is_stopped(db: None) -> None:
    with pytest.raises(TransactionManagementError), one_savepoint():
        outer(fail=True, caught=True)
        codes()
    assert codes() == set()
