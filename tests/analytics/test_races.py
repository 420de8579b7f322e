"""Two settlers, two reporters: the race is proved first, then the product is held to it."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from accounts.scope import all_rows
from analytics.models import ChannelReportRow, Conversion, ReportRun, Touchpoint, Visitor
from analytics.services import Click, link_follow, orders_settle, partitions_ensure, report_request, report_run
from courses.models import Order
from ledger.models import JournalEntry
from partners.services import NewLink, channel_create, links_create
from tests.factories import evidence
from tests.factories.courses import course

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run each act in a thread and connection of its own, all let go together; results or exceptions in order."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            barrier.wait(10)
            return act()
        except Exception as fault:  # noqa: BLE001 - the test looks at it
            return fault
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def paid() -> Order:
    """An order that nobody has settled."""
    with all_rows():
        key = evidence.visitor(NOON)
        evidence.touches(key, (evidence.channel("mail"), NOON))
        return evidence.order(course(), at=NOON, key=key)


def test_without_the_lock_two_settlers_both_believe_that_they_are_first() -> None:
    order, met = paid(), Barrier(2)

    def naive() -> bool:
        with transaction.atomic():
            if Conversion.objects.filter(order=order).exists():
                return False
            met.wait(10)
            Conversion.objects.create(kind="order", order=order, occurred_at=NOON, value_minor=1, currency="CNY")
            return True

    results = at_once(naive, naive)
    # Only the unique key is left to stop the second one, with an error that would roll its whole batch back.
    assert sorted(isinstance(result, IntegrityError) for result in results) == [False, True]


def test_two_settlers_of_one_order_settle_it_once_and_neither_fails() -> None:
    order = paid()

    def settle() -> list[int]:
        with all_rows():
            return orders_settle(order_ids=[order.pk])

    results = at_once(settle, settle, settle)
    assert sorted(results) == [[], [], [order.pk]]
    with all_rows():
        assert Conversion.objects.count() == 1
        assert JournalEntry.objects.filter(source_id=order.code).count() == 1


def test_two_workers_with_the_same_run_write_its_rows_once() -> None:
    order = paid()
    with all_rows():
        orders_settle(order_ids=[order.pk])
    run = report_request(since=date(2026, 3, 1), until=date(2026, 3, 31), currency="CNY")
    results = at_once(lambda: report_run(run_id=run.pk), lambda: report_run(run_id=run.pk))
    assert [result.state for result in results] == ["done", "done"]
    rows = list(ChannelReportRow.objects.filter(run=run, model="linear").values_list("revenue_minor", flat=True))
    assert sorted(rows) == [0, 19_900]


def test_two_who_ask_at_once_get_one_run() -> None:
    paid()
    span: dict[str, Any] = {"since": date(2026, 3, 1), "until": date(2026, 3, 2), "currency": "CNY"}
    at_once(lambda: report_request(**span), lambda: report_request(**span))
    assert ReportRun.objects.count() == 1


def test_two_first_touches_of_a_month_make_one_partition() -> None:
    with all_rows():
        mail = evidence.channel("mail")
    key = evidence.visitor(NOON)
    at = datetime(2018, 5, 5, tzinfo=UTC)
    results = at_once(*[lambda: evidence.touches(key, (mail, at))] * 3)
    assert results == [None, None, None]


def click(browser: UUID) -> Click:
    return Click(browser, "", {}, "", consent=True, at=timezone.now())


def test_of_one_browsers_clicks_at_once_exactly_one_counts() -> None:
    with all_rows():
        partitions_ensure(instants=[timezone.now()])
        way = channel_create(code="way", name="Way", kind="partner")
        links_create(links=[NewLink(channel_id=way.pk, code=code) for code in ("one", "two")])
    browsers = [uuid4() for _ in range(4)]
    acts = [
        partial(link_follow, code=code, click=click(browser)) for browser in browsers for code in ("one", "two") * 3
    ]
    assert at_once(*acts[:12]) + at_once(*acts[12:]) == ["/"] * 24
    assert Visitor.objects.count() == len(browsers)
    flags = Counter(Touchpoint.objects.values_list("visitor_id", "link_id", "flag"))
    assert sorted(flags.values()) == [1] * 8 + [2] * 8
    assert all(count == (2 if flag else 1) for (_visitor, _link, flag), count in flags.items())


def test_a_click_that_was_answered_outlives_the_process_that_took_it() -> None:
    with all_rows():
        partitions_ensure(instants=[timezone.now()])
        way = channel_create(code="way", name="Way", kind="partner")
        links_create(links=[NewLink(channel_id=way.pk, code="one")])
    connections.close_all()
    for_answers, answers = os.pipe()
    taker = os.fork()
    if not taker:
        while True:  # what is written is the redirect that was sent
            link_follow(code="one", click=click(uuid4()))
            os.write(answers, b".")
    answered = b""
    while len(answered) < 50:
        answered += os.read(for_answers, 1)
    os.kill(taker, signal.SIGKILL)
    os.waitpid(taker, 0)
    os.close(answers)
    answered += b"".join(iter(lambda: os.read(for_answers, 1024), b""))
    os.close(for_answers)
    assert 0 <= Touchpoint.objects.count() - len(answered) <= 1
