"""The desk on which guarantees are prepared, approved and ended."""

from datetime import date

import pytest
from django.utils import timezone

from partners.models import Guarantee
from partners.selectors.statements import month_after
from tests.cast import Cast

pytestmark = pytest.mark.usefixtures("everything")
LIST = "/admin/partners/guarantee/"


def asked(cast: Cast, **changes: str) -> dict[str, str]:
    return {
        "party": str(cast.alice_party.pk), "amount": "2500.00", "currency": "CNY", "first": "2026-03", "last": "",
        "note": "first year", **changes,
    }  # fmt: skip


def test_a_guarantee_is_prepared_by_one_person_and_approved_by_another(cast: Cast) -> None:
    cast.client_of(cast.mei).post(f"{LIST}add/", asked(cast, last="2026-08"))
    row = Guarantee.objects.get()
    assert (row.monthly_minor, row.since, row.until) == (250_000, date(2026, 3, 1), date(2026, 9, 1))
    assert (row.prepared_by, row.approved_by) == (cast.mei, None)
    told = (
        cast.client_of(cast.finn)
        .post(LIST, {"action": "approve", "_selected_action": [row.pk]}, follow=True)
        .content.decode()
    )
    assert "1 guarantee counts now." in told
    row.refresh_from_db()
    assert row.approved_by == cast.finn


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "0"}, "A guarantee is an amount above zero in a currency that is in use."),
        ({"amount": "2,5"}, "2,5"),
        ({"first": "March"}, "Write a month as 2026-03."),
        ({"last": "2026-02"}, "A guarantee runs over whole months, and ends after it begins."),
    ],
)
def test_what_cannot_be_guaranteed_is_said_in_the_form(cast: Cast, changes: dict[str, str], words: str) -> None:
    page = cast.client_of(cast.mei).post(f"{LIST}add/", asked(cast, **changes)).content.decode()
    assert words in page
    assert not Guarantee.objects.exists()


def test_who_prepared_it_cannot_approve_it_and_it_can_be_ended(cast: Cast) -> None:
    cast.client_of(cast.mei).post(f"{LIST}add/", asked(cast))
    row = Guarantee.objects.get()
    cast.client_of(cast.mei).post(LIST, {"action": "approve", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.approved_by is None
    told = (
        cast.client_of(cast.mei)
        .post(LIST, {"action": "end_now", "_selected_action": [row.pk]}, follow=True)
        .content.decode()
    )
    assert "1 guarantee ends with this month." in told
    row.refresh_from_db()
    assert row.until == month_after(timezone.localdate())
