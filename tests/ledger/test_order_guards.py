"""Tables of orders, payouts, months and seals guard themselves: tried as the role of web and workers."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models import Model

from accounts.models import Party
from ledger.models import (
    Account,
    BookedOrder,
    ClosedPeriod,
    JournalEntry,
    OrderEvent,
    Payout,
    PayoutClaim,
    Posting,
    PreparedPeriod,
    SplitRule,
    Verification,
)
from ledger.services import seal_take
from tests.ledger import stage

pytestmark = pytest.mark.usefixtures("everything")

GROWING = (
    "ledger_splitrule",
    "ledger_orderevent",
    "ledger_payout",
    "ledger_payoutclaim",
    "ledger_closedperiod",
    "ledger_seal",
    "ledger_verification",
)
HIDDEN: tuple[type[Model], ...] = (
    SplitRule,
    BookedOrder,
    OrderEvent,
    JournalEntry,
    ClosedPeriod,
    PreparedPeriod,
    Verification,
)
"""What names several parties, so that no portal reader sees a row of it."""


@pytest.fixture
def books() -> None:
    """Two parties with payouts, an order with events, a closed month, a seal."""
    stage.parties()
    stage.sell("O-1", 1_000)
    stage.happen("O-1", "refund", stage.day(1), amount=100)
    for code in ("alice", "bob"):
        assert stage.pay(code, stage.day(10))
    month = stage.PLACED.date().replace(month=1, day=1)
    ClosedPeriod.objects.create(
        month=month, prepared_by=stage.clerk("pam"), closed_by=stage.clerk(), totals={"CNY": {"party:alice": 1}}
    )
    PreparedPeriod.objects.create(month=month, prepared_by=stage.clerk("pam"))
    Verification.objects.create(started_at=stage.PLACED, proofs=1, failed=0)
    seal_take()


@pytest.mark.parametrize("verb", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize("table", GROWING)
def test_rows_are_never_changed_or_removed(table: str, verb: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), connection.cursor() as cursor:
        cursor.execute(verb.format(table))


@pytest.mark.parametrize(
    "column", ["currency", "settled_currency", "paid_minor", "settled_minor", "placed_at", "sale_id"]
)
def test_what_an_orders_sale_said_bounds_its_refunds_and_cannot_be_changed(books: None, column: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE ledger_bookedorder SET {column} = {column}")
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM ledger_bookedorder")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_bookedorder SET events_count = events_count")
        assert cursor.rowcount


def test_only_what_may_change_is_not_append_only() -> None:
    """Whoever adds a table of money decides: it only grows, or it stands here with the reason."""
    may_change = {
        "ledger_account",  # the rate of its last advance; locked by payouts
        "ledger_balancesnapshot",  # a shortcut that can be thrown away
        "ledger_bookedorder",  # locked by its events, and sums them up
        "ledger_preparedperiod",  # prepared again
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'refuse_change'")
        growing = {table for (table,) in cursor.fetchall()}
    tables = {model._meta.db_table for model in apps.get_app_config("ledger").get_models()}
    tables -= {name for name in tables if re.match("ledger_payout(run|item)", name)}
    assert tables - growing == may_change


def test_who_says_nothing_sees_nothing_and_a_party_sees_only_its_payouts(
    books: None, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    everything: tuple[type[Model], ...] = (*HIDDEN, Payout, PayoutClaim)
    for model in everything:
        assert model._default_manager.exists(), f"{model.__name__}: nothing that could leak"
    with as_parties():
        assert [model.__name__ for model in everything if model._default_manager.exists()] == []
    alice = Party.objects.get(code="alice")
    with as_parties(alice):
        assert [model.__name__ for model in HIDDEN if model._default_manager.exists()] == []
        assert {row.party_id for row in Payout.objects.all()} == {alice.pk}
        claimed = PayoutClaim.objects.values_list("posting_id", flat=True)
        assert claimed
        assert set(claimed) <= set(Posting.objects.filter(party=alice).values_list("pk", flat=True))


def test_a_party_cannot_pay_itself(books: None, as_parties: Callable[..., AbstractContextManager[None]]) -> None:
    alice, bob = Party.objects.get(code="alice"), Party.objects.get(code="bob")
    mine, theirs = Payout.objects.get(party=alice), Payout.objects.get(party=bob)
    posting = Posting.objects.filter(party=bob, claim=None).first()
    assert posting is not None
    with as_parties(alice):
        for write in (
            lambda: PayoutClaim.objects.create(payout=theirs, posting=posting),
            lambda: Payout.objects.create(**_like(mine, party=bob, number=9)),
        ):
            with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
                write()


def _like(payout: Payout, **changes: Any) -> dict[str, Any]:
    skip = {"id", *(["party_id"] if "party" in changes else [])}
    columns = (field.attname for field in payout._meta.concrete_fields)
    return {**{name: getattr(payout, name) for name in columns if name not in skip}, **changes}


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"refunded_minor": 1_001}, "ledger_order_refund_bound"),
        ({"refunded_minor": -1}, "ledger_order_refund_bound"),
        ({"reversed_minor": 1_001}, "ledger_order_reversal_bound"),
        ({"reversed_minor": -1}, "ledger_order_reversal_bound"),
        ({"reserve_minor": -1}, "ledger_order_reserve_bound"),
    ],
)
def test_an_order_gives_back_no_more_than_it_got(books: None, changes: dict[str, int], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        BookedOrder.objects.filter(source_id="O-1").update(**changes)


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"entry_id": 1}, "ledger_payout_number"),
        ({"number": 9, "amount_minor": 0, "carried_out_minor": 0}, "ledger_payout_positive"),
        ({"number": 9, "amount_minor": 1}, "ledger_payout_adds_up"),
        ({"number": 9, "withheld_minor": -1}, "ledger_payout_withholding"),
        ({"number": 9, "withheld_minor": 10_000}, "ledger_payout_withholding"),
        ({"number": 9}, "ledger_payout_entry_id"),
    ],
)
def test_a_payout_adds_up_and_stands_once(books: None, changes: dict[str, int], constraint: str) -> None:
    payout = Payout.objects.order_by("pk")[0]
    if "entry_id" in changes:
        changes = {"entry_id": JournalEntry.objects.order_by("pk")[0].pk}
    if changes.get("amount_minor") == 0:
        changes = {**changes, "claimed_minor": -payout.carried_in_minor}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Payout.objects.create(**_like(payout, **changes))


def test_a_posting_is_settled_by_one_payout(books: None) -> None:
    claim = PayoutClaim.objects.order_by("pk")[0]
    other = Payout.objects.exclude(pk=claim.payout_id)[0]
    with pytest.raises(IntegrityError, match="posting_id"), transaction.atomic():
        PayoutClaim.objects.create(payout=other, posting=claim.posting)


def test_an_event_of_an_order_stands_once_under_its_source_and_its_number(books: None) -> None:
    event = OrderEvent.objects.get()
    facts = {"order": event.order, "kind": "refund", "body": {}, "body_hash": "", "occurred_at": stage.PLACED}
    for number, source in ((2, event.source_id), (event.number, "other")):
        with pytest.raises(IntegrityError, match="ledger_order_event"), transaction.atomic():
            OrderEvent.objects.create(number=number, source_kind=event.source_kind, source_id=source, **facts)


def test_only_an_advance_has_a_rate_of_recoupment(books: None) -> None:
    with pytest.raises(IntegrityError, match="ledger_account_recoupment"), transaction.atomic():
        Account.objects.filter(code="party:alice").update(recoup_bp=1)


def test_a_month_is_closed_by_two_persons_from_its_first_day(books: None) -> None:
    fay, pam = stage.clerk(), stage.clerk("pam")
    for facts, constraint in (
        ({"prepared_by": fay, "month": stage.PLACED.date().replace(month=2)}, "ledger_period_of_two_persons"),
        ({"prepared_by": pam, "month": stage.PLACED.date().replace(day=2)}, "ledger_period_first_day"),
        ({"prepared_by": pam, "month": stage.PLACED.date().replace(month=1)}, "month"),
    ):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            ClosedPeriod.objects.create(closed_by=fay, totals={}, **facts)
    with pytest.raises(IntegrityError, match="ledger_prepared_first_day"), transaction.atomic():
        PreparedPeriod.objects.create(prepared_by=fay, month=stage.PLACED.date().replace(day=2))


def test_nothing_is_booked_into_a_closed_month_or_before_one(books: None) -> None:
    day = stage.PLACED.date().replace(month=1, day=31)
    facts = {"kind": "sale", "source_kind": "x", "source_id": "x", "occurred_at": stage.PLACED, "inputs": {}}
    for shut in (day, day.replace(year=day.year - 3)):
        with pytest.raises(IntegrityError, match=f"booked on {shut}, but that month is closed"), transaction.atomic():
            JournalEntry.objects.create(booked_on=shut, **facts)
