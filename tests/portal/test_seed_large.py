"""A large business, small: copies by COPY are what the services would have written, and the proofs hold over them."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.scope import all_rows
from analytics.attribution.credits import Known
from analytics.models import Conversion, Credit, Touchpoint
from analytics.services.journeys import credits_under, journeys_of
from courses.models import Enrolment, Order
from courses.selectors import order_facts
from ledger.models import JournalEntry
from ledger.services import books_verify
from partners.models import AgreementVersion, EarningDecision
from partners.selectors.weighing import weighing_of
from portal.management.commands.seed_large import scale_of
from tests import databases

ORDERS = 250


@pytest.fixture
def blank(django_db_blocker: Any) -> Iterator[None]:
    """A database of its own: the stages commit."""
    with django_db_blocker.unblock(), databases.clone():
        yield


def credits_of(order: Order) -> dict[tuple[int | None, int | None], int]:
    rows = Credit.objects.filter(conversion__order=order)
    return {(row.channel_id, row.owner_id): row.ppm for row in rows}


def test_copies_are_what_the_services_would_have_written(blank: None) -> None:
    out = io.StringIO()
    call_command("seed_large", orders=ORDERS, processes=2, stdout=out)
    assert "verify_ledger" in out.getvalue()
    with all_rows():
        assert Order.objects.count() == JournalEntry.objects.count() == Enrolment.objects.count() == ORDERS
        assert Touchpoint.objects.count() == 10 * ORDERS
        copied = list(Order.objects.order_by("-pk")[:20])
        facts = order_facts(ids=[order.pk for order in copied])
        journeys = journeys_of(facts)
        for order in facts:
            [decided] = EarningDecision.objects.filter(order_code=order.code).values("version").distinct()
            version = AgreementVersion.objects.get(pk=decided["version"])
            journey = journeys[order.order_id]
            made = credits_under(journey, order.placed_at, weighing_of(version), Known())
            assert credits_of(Order.objects.get(pk=order.order_id)) == made
            last = journey[-1].visitor_id if journey else None
            assert Conversion.objects.get(order=order.order_id).visitor_id == last
    report = books_verify(using="owner")
    assert not report.failed
    assert report.derived is not None
    assert report.derived.entries == ORDERS
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
        assert cursor.fetchone() == (0,), "row-level security is forced again everywhere"
    with pytest.raises(CommandError, match="has orders already"):
        call_command("seed_large", orders=ORDERS)


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"processes": 0}])
def test_nothing_is_made_of_nothing(wrong: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="begin at 1"):
        call_command("seed_large", **wrong)


def test_the_whole_is_as_large_as_it_is_said_to_be() -> None:
    whole = scale_of(1_000_000)
    assert (whole.partners, whole.courses, whole.learners) == (5_000, 1_000, 50_000)
