"""The desk on which two persons close a month."""

from datetime import UTC, datetime

import pytest

from ledger.models import ClosedPeriod, PreparedPeriod
from ledger.selectors import book_rule
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.splits.desk import raw_rule, split

pytestmark = pytest.mark.usefixtures("everything")
OPEN = "/admin/ledger/closedperiod/open/"


@pytest.fixture
def march(everything: None) -> None:
    dora = book_rule(body=raw_rule(split(dora=1)))
    stage.parties(["dora"])
    stage.sell("O-1", 1_000, at=datetime(2026, 3, 20, tzinfo=UTC), rule=dora, processor_fee=0)


@pytest.mark.usefixtures("march")
def test_one_person_prepares_a_month_and_another_closes_it(cast: Cast) -> None:
    finn = cast.client_of(cast.finn)
    page = finn.get(OPEN).content.decode()
    assert "Two people close Mar 2026" in page
    assert "Every earlier month is closed" in page
    finn.post(f"{OPEN}2026-03/prepare/")
    assert PreparedPeriod.objects.get().prepared_by == cast.finn
    assert "You prepared this month, so a second person closes it." in finn.get(OPEN).content.decode()
    told = finn.post(f"{OPEN}2026-03/close/", follow=True).content.decode()
    assert "You prepared this month, so a second person closes it." in told
    assert not ClosedPeriod.objects.exists()
    second = cast.fay
    told = cast.client_of(second).post(f"{OPEN}2026-03/close/", follow=True).content.decode()
    assert "Mar 2026 is closed; its statements are being issued." in told
    closed = ClosedPeriod.objects.get()
    assert (closed.prepared_by, closed.closed_by) == (cast.finn, second)
    shown = cast.client_of(second).get(f"/admin/ledger/closedperiod/{closed.pk}/change/").content.decode()
    assert "party:dora" in shown


@pytest.mark.usefixtures("march")
def test_a_manager_looks_and_closes_nothing(cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    assert "Finance prepares and closes months." in mei.get(OPEN).content.decode()
    assert mei.post(f"{OPEN}2026-03/prepare/").status_code == 403
    assert not PreparedPeriod.objects.exists()


def test_what_is_no_month_is_no_address(cast: Cast) -> None:
    finn = cast.client_of(cast.finn)
    assert finn.post(f"{OPEN}2026-13/prepare/").status_code == 404
    assert finn.post(f"{OPEN}2026-03/erase/").status_code == 403
    assert "No open month" in finn.get(OPEN).content.decode()
