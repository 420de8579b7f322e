"""Cut off between any two statements, a booking is all there or not there at all (F2, F16)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.scope import all_rows
from analytics.services import order_events_book, orders_settle
from courses.services import NewRefund, order_refund
from ledger.models import JournalEntry
from tests.databases import admin
from tests.factories.courses import course
from tests.factories.orders import paid
from tests.faults.interruptions import Interrupted, all_there_is, cut_at, interrupt
from tests.ledger import stage
from tests.partners import desk
from tests.partners.desk import PLACED


def a_sale() -> Callable[[], Any]:
    return lambda: stage.sell("new", 700, 300, tax=60)


def a_refund() -> Callable[[], Any]:
    return lambda: stage.happen("old", "refund", stage.day(2), amount=333)


def a_dispute() -> Callable[[], Any]:
    return lambda: stage.happen("old", "dispute_opened", stage.day(2), amount=500, fee=15)


def a_correction() -> Callable[[], Any]:
    return lambda: stage.happen("old", "correct_rule", stage.day(4), rule=stage.CORRECTED)


def a_payout() -> Callable[[], Any]:
    return lambda: stage.pay("alice", stage.day(30))


def a_settlement() -> Callable[[], Any]:
    order = selling()
    return lambda: orders_settle(order_ids=[order.pk])


def a_refund_from_the_desk() -> Callable[[], Any]:
    order = selling()
    orders_settle(order_ids=[order.pk])

    def refunds() -> None:
        with transaction.atomic():
            order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="late"), at=PLACED)
            order_events_book(wanted={order.pk: {1}})

    return refunds


def selling() -> Any:
    made = course(creators=[desk.party("maker")], price_minor=10_000)
    steps = [desk.percent("platform:revenue", 3000), desk.split(("party:maker", 1))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[made.creators.get()])
    return paid(made, at=PLACED)


ACTS = [a_sale, a_refund, a_dispute, a_correction, a_payout, a_settlement, a_refund_from_the_desk]


def world() -> None:
    stage.parties()
    stage.clerk()
    stage.sell("old", 1_111)


@pytest.mark.parametrize("act", ACTS)
def test_what_is_cut_off_at_any_statement_leaves_nothing(act: Callable[[], Any], everything: None) -> None:
    world()
    run = act()
    with connection.cursor() as cursor:
        before, steps = all_there_is(cursor), 0
        while True:
            steps += 1
            try:
                with cut_at(steps, interrupt), transaction.atomic():
                    run()
                break
            except Interrupted:
                if steps % 4 == 1:  # each look costs more than the act; the last one sees whatever any left behind
                    assert all_there_is(cursor) == before, f"cut off before statement {steps}"
        assert steps > 5
        after = all_there_is(cursor)
        assert after != before
    assert JournalEntry.objects.exists()
    assert not stage.violations("I1", "I2", "I5", "I6", "I10", "I11", "derivation")


def killed() -> None:
    """The server ends this connection, as it does when the client's machine is gone."""
    connection.ensure_connection()
    with admin() as link, link.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])


@pytest.mark.long
@pytest.mark.parametrize("act", ACTS)
def test_a_connection_killed_at_any_statement_leaves_nothing(act: Callable[[], Any], committed_db: str) -> None:
    with all_rows():
        world()
        run = act()
    steps = 0
    with admin(committed_db) as link, link.cursor() as cursor:
        before = all_there_is(cursor)
        while True:
            steps += 1
            try:
                with transaction.atomic(), all_rows(), cut_at(steps, killed):
                    run()
                break
            except Exception:  # noqa: BLE001 - whichever error the driver makes of a lost connection
                connection.close()
                assert all_there_is(cursor) == before, f"killed before statement {steps}"
        assert all_there_is(cursor) != before
    with all_rows():
        assert not stage.violations("I1", "I2", "I5", "I6", "I10", "I11", "derivation")
