"""Workers killed in the middle of a payout run: every party is paid exactly once (F1)."""

import contextlib
import os
import random
import signal
import time
import warnings
from datetime import timedelta

import pytest
from django.db import connections
from django.db.models import Count, Sum
from django.utils import timezone

from accounts.models import Party
from accounts.scope import all_rows
from accounts.services import seat_give
from ledger.choices import ItemState
from ledger.models import Payout, PayoutItem, PayoutRun, Posting
from ledger.services import EntryDraft, PostingDraft, entries_post, run_book, runs_book
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.runs import approved, details

pytestmark = pytest.mark.race


def school(cast: Cast, size: int) -> PayoutRun:
    """An approved run of so many parties; each earned another amount."""
    parties = Party.objects.bulk_create(
        Party(code=f"p{number}", kind="creator", name=f"P {number}", currency="CNY") for number in range(size)
    )
    at = timezone.now() - timedelta(days=30)
    drafts = [
        EntryDraft(
            kind="sale",
            source_kind="order",
            source_id=f"S{number}",
            occurred_at=at,
            postings=[
                PostingDraft("processor:clearing", -1_000 - number, "CNY", line="L1"),
                PostingDraft(f"party:{party.code}", 1_000 + number, "CNY", line="L1", matures_at=at),
            ],
            inputs={"price": 1_000 + number},
        )
        for number, party in enumerate(parties)
    ]
    entries_post(drafts=drafts)
    for party in parties:
        seat_give(user=cast.lee, party=party)
        details(party, cast.lee)
    return approved(cast.finn, cast.ada)


def worker(run_id: int) -> int:
    """A process that books the run until nothing is left; its number."""
    connections.close_all()  # no process shares a connection with another
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        with contextlib.suppress(BaseException):
            run_book(run_id=run_id)
        os._exit(0)
    return pid


def ended(pid: int) -> bool:
    return os.waitpid(pid, os.WNOHANG)[0] == pid


def killing(run_id: int, *, workers: int, kills: int, pauses: tuple[float, float], dice: random.Random) -> None:
    """Let workers book, and kill one and start another every so often; those of the end are let go on."""
    pids = [worker(run_id) for _ in range(workers)]
    for _ in range(kills):
        time.sleep(dice.uniform(*pauses))
        victim = pids.pop(dice.randrange(len(pids)))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        pids.append(worker(run_id))
    for pid in pids:
        os.waitpid(pid, 0)


def everybody_was_paid_once(run: PayoutRun, size: int) -> None:
    with all_rows():
        runs_book()  # what the minute's task does with what is left over
        run.refresh_from_db()
        assert run.state != "approved"
        assert set(PayoutItem.objects.filter(run=run).values_list("state")) == {(ItemState.SENT,)}
        assert Payout.objects.count() == PayoutItem.objects.filter(run=run).count() == size
        assert not Payout.objects.values("party").annotate(n=Count("pk")).filter(n__gt=1)
        left = Posting.objects.filter(account__code__regex="^party:p[0-9]+$").values("account")
        assert not left.annotate(sum=Sum("amount")).exclude(sum=0)
        assert not stage.violations("I1", "I2", "I8", "I10", "I10-entries", "I11")


def test_two_workers_are_killed_and_every_party_is_paid_once(committed_db: str) -> None:
    with all_rows():
        run = school(Cast(), 20)
    killing(run.pk, workers=2, kills=2, pauses=(0.02, 0.1), dice=random.Random(1))
    everybody_was_paid_once(run, 20)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_workers_are_killed_again_and_again_and_every_one_of_400_is_paid_once(committed_db: str, seed: int) -> None:
    with all_rows():
        run = school(Cast(), 400)
    killing(run.pk, workers=3, kills=25, pauses=(0.1, 0.6), dice=random.Random(seed))
    everybody_was_paid_once(run, 400)
