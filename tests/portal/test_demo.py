"""The demo business: made by the services, the same each time, and never taken for whole when it is not."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.scope import all_rows
from courses.models import Order, OrderLine
from ledger.models import JournalEntry, Posting
from partners.models import EarningDecision
from portal.demo import build
from portal.demo.learning import _weights
from portal.demo.people import make_cast
from portal.demo.progress import Progress
from portal.demo.simulate import Scale, simulate
from tests import databases

LAST_DAY = date(2026, 6, 30)
SMALL = Scale(visitors=300, orders=40, learners=60)


@pytest.fixture(autouse=True)
def _small(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR, settings.DEVICE, settings.DEMO = tmp_path, "cpu", True


@pytest.fixture
def blank(django_db_blocker: Any) -> Iterator[None]:
    """Tests here take databases of their own: the demo's stages commit."""
    with django_db_blocker.unblock():
        yield


def made() -> dict[str, Any]:
    """A small demo's figures, from a database of its own."""
    with databases.clone():
        assert not build.begun()
        build.build(last_day=LAST_DAY, progress=Progress(io.StringIO()), scale=SMALL)
        assert build.exists()
        with all_rows():
            orders = Order.objects.order_by("placed_at", "pk")
            return {
                "orders": list(orders.values_list("placed_at", "total_minor", "currency", "buyer__email")),
                "lines": list(OrderLine.objects.order_by("pk").values_list("course__slug", "list_minor")),
                "earned": sorted(EarningDecision.objects.values_list("party__code", "amount_minor", "reason")),
                "entries": JournalEntry.objects.count(),
                "posted": sum(Posting.objects.values_list("amount", flat=True)),
            }


def test_a_business_is_sold_settled_and_kept_with_its_truth(blank: None, tmp_path: Path) -> None:
    business = made()
    assert business["entries"] > len(business["orders"]) > 20  # sales, and what came of them
    assert {code for code, minor, _reason in business["earned"] if minor}
    assert business["posted"] == 0
    assert json.loads((tmp_path / "demo" / "truth.json").read_text(encoding="utf-8"))


@pytest.mark.long
def test_the_same_seed_and_day_make_the_same_business(blank: None, tmp_path: Path) -> None:
    first, truth = made(), (tmp_path / "demo" / "truth.json").read_bytes()
    assert made() == first
    assert (tmp_path / "demo" / "truth.json").read_bytes() == truth


def test_an_interrupted_demo_is_begun_but_not_there(committed_db: str, settings: Any) -> None:
    assert not build.begun()
    with all_rows():
        make_cast(opened=datetime(2025, 1, 1, tzinfo=UTC))
    assert build.begun()
    assert not build.exists()
    settings.EMBEDDED_DATABASE = False
    with pytest.raises(CommandError, match="interrupted"):
        call_command("demo", stdout=io.StringIO())
    assert build.begun(), "a database that is not the embedded one is never thrown away"


def test_the_demo_is_refused_where_it_was_not_asked_for(settings: Any) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="PORTAL_DEMO=1"):
        call_command("demo", stdout=io.StringIO())


def test_a_school_may_have_fewer_courses_than_topics() -> None:
    for courses, topics in ((1, 1), (3, 3), (9, 7)):
        year = simulate(seed=1, last_day=LAST_DAY, scale=Scale(visitors=200, orders=30, learners=40, courses=courses))
        assert (len(year.courses), len({course.topic for course in year.courses})) == (courses, topics)
        assert {len(chances) for chances in _weights(year)} == {courses}, "every taste finds something"
        assert len(_weights(year)) > int(max(year.taste))
