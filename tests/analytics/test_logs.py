"""The logs that paths are built from say what the database says: whose a touch is, what was withdrawn or given back."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from accounts.scope import all_rows
from accounts.services import batch_open, batch_reverse_mark
from analytics.attribution.builder import build_paths
from analytics.errors import MissingRateError
from analytics.models import Conversion, Visitor
from analytics.selectors.logs import DAY, MirrorLog, mirror_log
from analytics.services import SignUp, mirror_update, orders_settle, sign_ups_settle, visitor_merge
from courses.services import NewRefund, order_refund, orders_void
from ledger.services import NewRate, rates_record
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("committed_db")
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def told(log: MirrorLog) -> dict[tuple[int, ...], tuple[int, int, int]]:
    """Paths as keys of channels: conversions, value and nulls."""
    table = build_paths(log.touches, log.conversions, channels=log.channels, lookback=30 * DAY).paths
    assert table.values is not None
    counts = zip(table.conversions, table.values, table.nulls, strict=True)
    return {
        tuple(log.channels[code] for code in table.codes[table.starts[row] : table.starts[row + 1]]): (
            int(conversions), int(value), int(nulls),
        )
        for row, (conversions, value, nulls) in enumerate(counts)
    }  # fmt: skip


def test_paths_follow_merges_withdrawals_returns_and_voids_and_can_be_read_as_they_were() -> None:
    with all_rows():
        person, of = learner(), course()
        mail, ads = evidence.channel("mail"), evidence.channel("ads")
        batch = batch_open(source="touches.csv")
        phone, laptop = evidence.visitor(NOON), evidence.visitor(NOON, person)
        evidence.touches(phone, (ads, NOON - 2 * HOUR))
        evidence.touches(laptop, (mail, NOON - HOUR))
        evidence.touches(laptop, (ads, NOON - HOUR / 2), batch_id=batch.pk)
        sign_ups_settle(sign_ups=[SignUp(person.pk, laptop, NOON - HOUR)])
        first = evidence.order(of, at=NOON, buyer=person, key=laptop, minor=900)
        again = evidence.order(of, at=NOON + HOUR, buyer=person, key=laptop, minor=500)
        orders_settle(order_ids=[first.pk, again.pk])
    mirror_update()
    before = told(mirror_log(run=1, currency="CNY"))
    assert before == {(ads,): (0, 0, 1), (mail, ads): (1, 900, 0)}
    with all_rows():
        visitor_merge(user_id=person.pk, visitor_key=phone, at=NOON)
        batch_reverse_mark(batch=batch)
        order_refund(order_id=first.pk, refund=NewRefund(amount_minor=300, reason="x"), at=NOON + HOUR)
        orders_void(codes=[again.code], reason="told twice")
    mirror_update()
    log = mirror_log(run=2, currency="CNY")
    assert told(log) == {(ads, mail): (1, 600, 0)}
    assert set(log.touches.people.tolist()) == {log.first_user + person.pk}
    assert len(log.conversions.times) == 1
    assert told(mirror_log(run=1, currency="CNY")) == before


def test_an_order_in_another_currency_counts_at_its_days_rate_and_without_one_is_refused() -> None:
    with all_rows():
        key = evidence.visitor(NOON)
        evidence.touches(key, (evidence.channel("mail"), NOON))
        abroad = evidence.order(course(), at=NOON, key=key, minor=1_000, currency="USD")
        orders_settle(order_ids=[abroad.pk])
    mirror_update()
    with pytest.raises(MissingRateError):
        mirror_log(run=1, currency="CNY")
    rates_record(rates=[NewRate(date(2026, 3, 14), "USD", "CNY", Decimal("7.2"), "test")])
    assert mirror_log(run=1, currency="CNY").conversions.what.tolist() == [7_200]
    assert mirror_log(run=1, currency="USD").conversions.what.tolist() == [1_000]


def test_an_order_of_nobody_known_belongs_to_the_browser_that_ordered() -> None:
    with all_rows():
        key = evidence.visitor(NOON)
        way = evidence.channel("mail")
        evidence.touches(key, (way, NOON))
        bought = evidence.order(course(), at=NOON, key=key, minor=700)
        whose = Visitor.objects.get(key=key)
        Conversion.objects.create(
            kind="order", order=bought, visitor=whose, occurred_at=NOON, value_minor=700, currency="CNY"
        )
    mirror_update()
    assert told(mirror_log(run=1, currency="CNY")) == {(way,): (1, 700, 0)}


def test_a_mirror_of_nothing_gives_logs_of_nothing() -> None:
    mirror_update()
    log = mirror_log(run=0, currency="CNY")
    assert (told(log), log.channels) == ({}, ())
