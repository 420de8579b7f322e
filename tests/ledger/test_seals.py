"""Seals follow one another without a gap, over what was booked and nothing else."""

import hashlib
import threading
from datetime import UTC

import pytest
from django.db import connections

from accounts.scope import all_rows
from accounts.statements import Statement
from ledger.errors import BusyError
from ledger.models import JournalEntry, Seal
from ledger.services import booking, books_verify, entries_post, seal_take
from tests.ledger.desk import draft, party
from tests.ledger.together import together


def expected(previous: str, entries: list[JournalEntry]) -> str:
    """The seal as the documentation says it is made."""
    digest = hashlib.sha256(previous.encode())
    for entry in entries:
        recorded = entry.recorded_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = f"{entry.pk}|{entry.body_hash}|{entry.booked_on}|{recorded}|{entry.actor_id or ''}"
        digest.update(hashlib.sha256(line.encode()).digest())
    return digest.hexdigest()


@pytest.mark.usefixtures("everything")
def test_each_seal_hashes_its_entries_and_the_seal_before() -> None:
    party("alice")
    assert seal_take() == 0
    entries_post(drafts=[draft(f"O-{i}") for i in range(5)])
    assert seal_take(most=3) == 2
    entries_post(drafts=[draft("O-5")])
    assert seal_take() == 1
    assert seal_take() == 0
    entries = list(JournalEntry.objects.order_by("pk"))
    seals = list(Seal.objects.order_by("number"))
    assert [(seal.number, seal.entries, seal.upto_entry) for seal in seals] == [
        (1, 3, entries[2].pk),
        (2, 2, entries[4].pk),
        (3, 1, entries[5].pk),
    ]
    previous = ""
    for seal, covered in zip(seals, (entries[:3], entries[3:5], entries[5:]), strict=True):
        assert (seal.previous, seal.digest) == (previous, expected(previous, covered))
        assert len(bytes(seal.marks)) == 4 * seal.entries
        previous = seal.digest


def book_slowly(*, guarded: bool) -> None:
    """Start a booking, book another one that gets the higher number, seal, and commit the first."""
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
    with all_rows():
        entries_post(drafts=[draft("O-quick")])
    try:
        if guarded:
            with pytest.raises(BusyError, match=r"under way for 0.1 s"):
                seal_take(wait_seconds=0.1)
        else:
            assert seal_take(wait_seconds=0.1) == 1
    finally:
        finish.set()
        thread.join(20)


@pytest.mark.race
def test_a_seal_never_passes_over_a_booking_that_is_under_way(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with all_rows():
        party("alice")
        entries_post(drafts=[draft("O-first")])  # who opens an account holds up all others who need it
    book_slowly(guarded=True)
    assert seal_take() == 1
    assert not books_verify(only=["I4-seals"]).failed
    # Without the lock that bookings share, the race is real: the slow booking slips under a seal that does not know it.
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP TRIGGER ledger_entry_lock ON ledger_journalentry")
        cursor.execute("DROP TRIGGER ledger_posting_lock ON ledger_posting")
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER refuse_change")
        cursor.execute("ALTER TABLE ledger_journalentry DISABLE TRIGGER refuse_change")
        cursor.execute("ALTER TABLE ledger_seal DISABLE TRIGGER refuse_change")
        for table in ("seal", "posting", "journalentry"):
            cursor.execute(f"DELETE FROM ledger_{table}")
    monkeypatch.setattr(booking, "SHARE_LOCK", Statement("no_lock", "SELECT 1"))
    book_slowly(guarded=False)
    (failed,) = books_verify(only=["I4-seals"]).failed
    assert failed.rows[0][1].startswith(("is not what seal 1 sealed", "covers 1 entries, found 2"))


@pytest.mark.race
def test_eight_at_once_make_each_seal_once(committed_db: str) -> None:
    with all_rows():
        party("alice")
        entries_post(drafts=[draft(f"O-{i}") for i in range(40)])
    made = together(*[lambda: seal_take(most=5)] * 8)
    assert sum(made) == 8, made
    assert [seal.entries for seal in Seal.objects.order_by("number")] == [5] * 8
    assert not books_verify(only=["I4-seals"]).failed
