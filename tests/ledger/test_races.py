"""Several connections against one committed database; each race is first shown to be one."""

import threading

import pytest
from django.db import connection, connections, transaction

from accounts.scope import all_rows
from ledger.errors import BusyError
from ledger.models import BalanceSnapshot, JournalEntry, Posting
from ledger.selectors import balance_of
from ledger.services import entries_post, snapshot_take
from tests.ledger.desk import draft, party
from tests.ledger.together import together

pytestmark = pytest.mark.race


def book(sources: list[str]) -> list[bool]:
    with all_rows():
        return [row.created for row in entries_post(drafts=[draft(source) for source in sources])]


def test_eight_connections_book_one_source_once(committed_db: str) -> None:
    with all_rows():
        party("alice")
    results = together(*[lambda: book(["O-1"])] * 8)
    assert sorted(results) == [[False]] * 7 + [[True]]
    with all_rows():
        assert JournalEntry.objects.count() == 1
        assert balance_of(code="party:alice", currency="CNY", visible_to=None) == 100


def side_by_side(batches: int) -> None:
    """Let no batch write its first entry, `O-0` or `O-29`, before as many have come to theirs, and then none hurry."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE SEQUENCE arrived;"
            "CREATE FUNCTION wait_for_all() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
            " IF NEW.source_id IN ('O-0', 'O-29') THEN PERFORM nextval('arrived'); END IF;"
            f" WHILE (SELECT last_value FROM arrived) < {batches} LOOP PERFORM pg_sleep(0.002); END LOOP;"
            " PERFORM pg_sleep(0.004); RETURN NEW; END $$;"
            "CREATE TRIGGER wait_for_all BEFORE INSERT ON ledger_journalentry"
            " FOR EACH ROW EXECUTE FUNCTION wait_for_all()"
        )


def test_batches_with_common_sources_in_any_order_never_lock_each_other_up(committed_db: str) -> None:
    with all_rows():
        party("alice")
    sources = [f"O-{i}" for i in range(30)]
    book(["O-before"])  # who opens an account is waited for, and would keep the others from their first entry
    side_by_side(8)
    results = together(*[lambda order=order: book(order) for order in (sources, sources[::-1]) * 4])
    assert all(isinstance(result, list) for result in results), results
    assert sum(sum(result) for result in results) == 30
    with all_rows():
        assert Posting.objects.count() == 62


def test_whoever_writes_into_the_journal_says_so_also_past_the_services(committed_db: str) -> None:
    with all_rows():
        party("alice")
    book(["O-1"])
    with transaction.atomic(), all_rows(), connection.cursor() as cursor:
        entry = JournalEntry.objects.get()
        entry.pk, entry.source_id = None, "raw"
        entry.save(force_insert=True)
        cursor.execute("SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert ("ShareLock",) in cursor.fetchall()
        transaction.set_rollback(True)


def numbered(*, guarded: bool) -> tuple[int, int]:
    """Start a booking, take a snapshot of a later one meanwhile, commit the first: (true balance, balance read)."""
    book(["O-first"])  # opens the accounts: who opens one holds up all others who need it
    started, finish = threading.Event(), threading.Event()

    def slow() -> None:
        with all_rows():
            entries_post(drafts=[draft("O-slow")])
            started.set()
            finish.wait(20)
        connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    assert started.wait(20)
    book(["O-quick"])
    try:
        with all_rows():
            if guarded:
                with pytest.raises(BusyError, match=r"under way for 0.2 s"):
                    snapshot_take(wait_seconds=0.2)
            else:
                upto = Posting.objects.latest("pk").pk
                for account in {row.account_id for row in Posting.objects.all()}:
                    amount = sum(row.amount for row in Posting.objects.filter(account=account))
                    BalanceSnapshot.objects.create(account_id=account, upto_posting=upto, amount=amount)
    finally:
        finish.set()
        thread.join(20)
    with all_rows():
        if guarded:
            assert snapshot_take() == 2
        true = sum(row.amount for row in Posting.objects.filter(account__code="party:alice"))
        return true, balance_of(code="party:alice", currency="CNY", visible_to=None)


def test_a_snapshot_never_overlooks_a_booking_that_is_under_way(committed_db: str) -> None:
    with all_rows():
        party("alice")
    # Without the lock the race is real: the slow booking has the lower number and is lost to the balance.
    assert numbered(guarded=False) == (300, 200)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM ledger_balancesnapshot")
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER refuse_change")
        cursor.execute("ALTER TABLE ledger_journalentry DISABLE TRIGGER refuse_change")
        cursor.execute("DELETE FROM ledger_posting")
        cursor.execute("DELETE FROM ledger_journalentry")
    assert numbered(guarded=True) == (300, 300)
