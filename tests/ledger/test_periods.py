"""Months are closed in order by two persons; nothing slips into them, and later facts stand in the open month."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.scope import all_rows
from accounts.statements import Statement
from events.models import Delivery, OutboxEvent
from ledger.errors import BusyError, PeriodRefusedError
from ledger.models import ClosedPeriod, JournalEntry, Posting, PreparedPeriod, Verification
from ledger.selectors import is_closed, open_months, period_findings
from ledger.selectors.periods import month_range
from ledger.services import booking, entries_post, period_close, period_prepare
from tests.ledger import stage
from tests.ledger.desk import draft
from tests.ledger.stage import violations
from tests.ledger.tampering import tampered
from tests.ledger.together import together

MARCH = date(2026, 3, 1)
IN_MARCH = datetime(2026, 3, 20, tzinfo=UTC)


def close(month: date = MARCH) -> list[str]:
    period_prepare(month=month, by=stage.clerk("pam"))
    return period_close(month=month, by=stage.clerk())


@pytest.fixture
def books(everything: None) -> None:
    stage.parties()
    stage.sell("O-1", 1_000, at=IN_MARCH)


def test_closing_keeps_every_balance_of_the_months_end(books: None) -> None:
    stage.sell("O-april", 500, at=datetime(2026, 4, 2, tzinfo=UTC))
    assert [(row.month, row.entries) for row in open_months()] == [(MARCH, 1), (date(2026, 4, 1), 1)]
    assert close() == []
    closed = ClosedPeriod.objects.get()
    assert (closed.month, closed.prepared_by, closed.closed_by) == (MARCH, stage.clerk("pam"), stage.clerk())
    assert closed.totals == {
        "CNY": {
            "processor:clearing": -997, "platform:processor_fees": -3, "platform:revenue": 300, "party:alice": 420,
            "party:alice:reserve": 47, "party:bob": 210, "party:bob:reserve": 23,
        }
    }  # fmt: skip
    assert is_closed(month=MARCH)
    assert not PreparedPeriod.objects.exists()
    assert [row.month for row in open_months()] == [date(2026, 4, 1)]
    assert not violations("P15")


def test_what_becomes_known_later_stands_in_the_open_month_and_points_back(books: None) -> None:
    close()
    stage.sell("O-late", 100, at=IN_MARCH)
    refund = stage.happen("O-1", "refund", IN_MARCH + timedelta(days=1), amount=100)
    for entry in JournalEntry.objects.exclude(source_id="O-1").order_by("pk"):
        assert entry.booked_on == timezone.localdate()
        assert entry.occurred_at < month_range(MARCH).end
        assert set(entry.postings.values_list("booked_on", flat=True)) == {entry.booked_on}
    assert refund.entry_id is not None
    assert JournalEntry.objects.get(pk=refund.entry_id).reverses == JournalEntry.objects.get(source_id="O-1")
    assert not violations("P15", "I6", "I7", "I19", "derivation")


def test_what_lies_before_a_closed_month_stands_in_the_open_one_too(books: None) -> None:
    close()
    for code, at in (("O-old", datetime(2023, 10, 5, tzinfo=UTC)), ("O-february", datetime(2026, 2, 5, tzinfo=UTC))):
        stage.sell(code, 100, at=at)
        assert JournalEntry.objects.get(source_id=code).booked_on == timezone.localdate()
    stage.sell("O-april", 100, at=datetime(2026, 4, 5, tzinfo=UTC))
    assert JournalEntry.objects.get(source_id="O-april").booked_on == date(2026, 4, 5)
    assert not violations("P15", "I9-days", "derivation")


def test_a_month_is_closed_by_somebody_else_than_who_prepared_it(books: None) -> None:
    with pytest.raises(PeriodRefusedError, match="2026-03 was not prepared yet"):
        period_close(month=MARCH, by=stage.clerk())
    period_prepare(month=MARCH, by=stage.clerk())
    with pytest.raises(PeriodRefusedError, match="You prepared this month"):
        period_close(month=MARCH, by=stage.clerk())
    period_prepare(month=MARCH, by=stage.clerk("pam"))  # again, by another person: that one is the preparer now
    period_close(month=MARCH, by=stage.clerk())
    with pytest.raises(PeriodRefusedError, match="closed already"):
        period_prepare(month=MARCH, by=stage.clerk("pam"))


def test_what_is_not_in_order_is_said_in_one_sentence(books: None) -> None:
    this = timezone.localdate().replace(day=1)
    pam = stage.clerk("pam")
    for month, says in (
        (this, "is not over yet"),
        (date(2026, 4, 1), "2026-03 is still open; close it first"),
        (date(2026, 3, 2), "named by its first day"),
    ):
        with pytest.raises(PeriodRefusedError, match=says):
            period_prepare(month=month, by=pam)
    event = OutboxEvent.objects.create(name="order.paid", key="O-9", payload={}, occurred_at=IN_MARCH)
    waiting = Delivery.objects.create(event=event, handler="x.y", queue="money", state="parked", reason="why")
    with pytest.raises(PeriodRefusedError, match=r"1 piece of news about money.* waits for its turn\.$"):
        period_prepare(month=MARCH, by=pam)
    waiting.delete()
    Verification.objects.create(started_at=IN_MARCH, proofs=1, failed=1)
    with pytest.raises(PeriodRefusedError, match="last verification of the books failed"):
        period_prepare(month=MARCH, by=pam)
    Verification.objects.create(started_at=IN_MARCH, proofs=1, failed=0)
    assert all(finding.ok for finding in period_findings(month=MARCH))
    close()


def test_a_month_without_entries_does_not_stand_in_the_way(books: None) -> None:
    stage.sell("O-june", 100, at=datetime(2026, 6, 2, tzinfo=UTC))
    close()
    close(date(2026, 6, 1))
    assert [row.month.month for row in ClosedPeriod.objects.order_by("month")] == [3, 6]


UNGUARD = "ALTER TABLE ledger_closedperiod DROP CONSTRAINT ledger_period_of_two_persons"


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        (["UPDATE ledger_posting SET amount = amount + 1 WHERE position = 0"], "closed with -997, now -996"),
        (
            ["UPDATE ledger_closedperiod SET totals = jsonb_set(totals, '{CNY,party:bob}', '211')"],
            "month 2026-03: party:bob CNY closed with 211, now 210",
        ),
        (
            [UNGUARD, "UPDATE ledger_closedperiod SET prepared_by_id = closed_by_id"],
            "was closed by the person who prepared it",
        ),
        (
            ["UPDATE ledger_posting SET booked_on = '2026-02-28' WHERE position = 0"],
            "month 2026-02: has entries and is open",
        ),
    ],
)
def test_the_proof_of_closed_months_names_each_fault(committed_db: str, statements: list[str], names: str) -> None:
    with all_rows():
        stage.parties()
        stage.sell("O-1", 1_000, at=IN_MARCH)
        close()
    with tampered(*statements):
        found = violations("P15", using="owner")["P15"]
    assert any(names in f"{row}: {what}" for row, what in found), found


def closing(wait_seconds: float = 10.0) -> Any:
    with all_rows():
        try:
            return period_close(month=MARCH, by=stage.clerk(), wait_seconds=wait_seconds)
        except BusyError as error:
            return error


def close_while_booking() -> tuple[Any, dict[str, list[tuple[str, str]]]]:
    """Begin to book into March, try to close it meanwhile, commit the booking."""
    started, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with all_rows():
            entries_post(drafts=[draft("O-slow", occurred_at=IN_MARCH)])
            started.set()
            finish.wait(20)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert started.wait(20)
    done = closing(wait_seconds=0.2)
    finish.set()
    thread.join(20)
    with all_rows():
        return done, violations("P15")


@pytest.mark.race
def test_nothing_slips_into_a_month_that_is_being_closed(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with all_rows():
        stage.parties()
        entries_post(drafts=[draft("O-1", occurred_at=IN_MARCH)])
        period_prepare(month=MARCH, by=stage.clerk("pam"))
    done, found = close_while_booking()
    assert isinstance(done, BusyError)
    assert not found
    # Without the lock that bookings share, the race is real: the month closes over a booking that is under way.
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TRIGGER ledger_entry_lock ON ledger_journalentry")
        cursor.execute("DROP TRIGGER ledger_posting_lock ON ledger_posting")
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER refuse_change")
        cursor.execute("ALTER TABLE ledger_journalentry DISABLE TRIGGER refuse_change")
        cursor.execute("DELETE FROM ledger_posting WHERE entry_id > 1")
        cursor.execute("DELETE FROM ledger_journalentry WHERE id > 1")
    monkeypatch.setattr(booking, "SHARE_LOCK", Statement("no_lock", "SELECT 1"))
    done, found = close_while_booking()
    assert done == []
    assert [row for row, _what in found["P15"]] == ["month 2026-03"] * 2


@pytest.mark.race
def test_who_books_while_a_month_is_closed_waits_and_books_today(committed_db: str) -> None:
    with all_rows():
        stage.parties()
        entries_post(drafts=[draft("O-1", occurred_at=IN_MARCH)])
        period_prepare(month=MARCH, by=stage.clerk("pam"))

    def book(name: str) -> list[Any]:
        with all_rows():
            return entries_post(drafts=[draft(name, occurred_at=IN_MARCH)])

    results = together(closing, *[lambda i=i: book(f"O-{i}") for i in range(2, 9)])
    assert results[0] == []
    assert all(isinstance(result, list) for result in results), results
    with all_rows():
        closed = ClosedPeriod.objects.get()
        days = set(JournalEntry.objects.values_list("booked_on", flat=True))
        assert days <= {IN_MARCH.date(), timezone.localdate()}
        in_march = sum(p.amount for p in Posting.objects.filter(account__code="party:alice", booked_on__month=3))
        assert closed.totals["CNY"]["party:alice"] == in_march
        assert not violations("P15", "I1", "I19")


@pytest.mark.race
def test_two_who_close_at_once_close_once(committed_db: str) -> None:
    with all_rows():
        stage.parties()
        entries_post(drafts=[draft("O-1", occurred_at=IN_MARCH)])
        period_prepare(month=MARCH, by=stage.clerk("pam"))
        stage.clerk()
    results = together(closing, closing, closing)
    assert sum(result == [] for result in results) == 1, results
    assert all(result == [] or isinstance(result, PeriodRefusedError) for result in results), results
    with all_rows(), pytest.raises(IntegrityError, match="that month is closed"), transaction.atomic():
        JournalEntry.objects.create(
            kind="sale", source_kind="x", source_id="x", occurred_at=IN_MARCH, inputs={}, booked_on=IN_MARCH.date()
        )
