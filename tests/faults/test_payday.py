"""Workers killed in the middle of a payout run: every party is paid exactly once (F1)."""

import contextlib
import os
import random
import signal
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

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
from tests import databases
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.runs import approved, details

pytestmark = pytest.mark.race

SEEDS = int(os.environ.get("PAYDAY_SEEDS", "10"))


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


def killing(run: PayoutRun, *, workers: int, kills: int, pauses: tuple[float, float], dice: random.Random) -> int:
    """Kill a worker and start another every so often, until the run is through; returns how many died at work.

    After so many kills the workers that are left are let go on.
    """
    pids, died = [worker(run.pk) for _ in range(workers)], 0
    for _ in range(kills):
        time.sleep(dice.uniform(*pauses))
        victim = pids.pop(dice.randrange(len(pids)))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
        died += os.WIFSIGNALED(os.waitpid(victim, 0)[1])
        with all_rows():
            run.refresh_from_db()
        if run.state != "approved":
            break
        pids.append(worker(run.pk))
    for pid in pids:
        os.waitpid(pid, 0)
    return died


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
    assert killing(run, workers=2, kills=2, pauses=(0.02, 0.1), dice=random.Random(1))
    everybody_was_paid_once(run, 20)


@pytest.fixture(scope="module")
def payday(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database in which 2,000 parties wait for their money."""
    with django_db_blocker.unblock(), databases.clone() as name:
        with all_rows():
            school(Cast(), 2_000)
        connections.close_all()
        yield name


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SEEDS))
def test_workers_are_killed_all_through_a_run_and_every_one_of_2000_is_paid_once(
    payday: str, django_db_blocker: Any, seed: int
) -> None:
    with django_db_blocker.unblock(), databases.clone(like=payday):
        with all_rows():
            run = PayoutRun.objects.get()
        assert killing(run, workers=3, kills=100, pauses=(0.5, 2), dice=random.Random(seed)) > 1
        began = time.monotonic()
        everybody_was_paid_once(run, 2_000)
        assert time.monotonic() - began < 60
