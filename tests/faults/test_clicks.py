"""Thousands of clicks at once while the web's workers are killed: whoever was sent on is kept, exactly once (F10)."""

import os
import signal
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.scope import all_rows
from analytics.models import Touchpoint
from analytics.services import partitions_ensure
from ledger.models import JournalEntry, Posting
from partners.choices import ChannelKind
from partners.services import NewLink, channel_create, links_create
from tests.faults.clicks import follow, kept, web, workers_of

CLICKS, CALLERS, KILLS, LINKS = 10_000, 32, 8, 50


@pytest.mark.long
@pytest.mark.usefixtures("committed_db")
def test_no_click_whose_redirect_was_sent_is_lost_or_doubled() -> None:
    with all_rows():
        partitions_ensure(instants=[timezone.now()])
        way = channel_create(code="way", name="Way", kind=ChannelKind.PARTNER)
        codes = [f"link-{number}" for number in range(LINKS)]
        links_create(links=[NewLink(channel_id=way.pk, code=code) for code in codes])
    seed = Random(10)
    # Four of five come by one link, each browser some five times; the others by fifty links.
    browsers = [UUID(int=seed.getrandbits(128), version=4) for _ in range(CLICKS // 5)]
    clicks = [
        (codes[0] if seed.random() < 0.8 else seed.choice(codes), seed.choice(browsers), f"c{number}")
        for number in range(CLICKS)
    ]
    with web() as (port, master), ThreadPoolExecutor(CALLERS) as pool:
        calls = [pool.submit(follow, port, clicks[caller::CALLERS]) for caller in range(CALLERS)]
        for _kill in range(KILLS):
            time.sleep(1.5)
            os.kill(seed.choice(workers_of(master)), signal.SIGKILL)
        answered = {mark: took for call in calls for mark, took in call.result().items()}
    with all_rows():
        rows = kept()
        assert not JournalEntry.objects.exists()
        assert not Posting.objects.exists()
        at = {marks["sub1"]: instant for marks, instant in Touchpoint.objects.values_list("sub_ids", "occurred_at")}
    times = Counter(mark for mark, _pair, _flag in rows)
    assert len(answered) > CLICKS * 0.9, "the workers that were killed took some, not all"
    assert not answered.keys() - times.keys(), "lost although the redirect was sent"
    assert {mark: count for mark, count in times.items() if count > 1} == {}, "kept twice"
    by_pair: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for mark, pair, flag in rows:
        by_pair[pair].append((at[mark].timestamp(), flag))
    for clicked in by_pair.values():
        counting = [instant for instant, flag in clicked if flag == ""]
        assert all(abs(one - other) >= 10 for place, one in enumerate(counting) for other in counting[:place])
        assert all(min(abs(instant - one) for one in counting) < 10 for instant, flag in clicked if flag == "repeat")
    assert sorted(answered.values())[int(len(answered) * 0.95)] < 0.15, "seconds that one of twenty waited at least"
