"""Money back at the desk: a form, what it does to every side, then the act; and what learners read of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.services import role_grant
from courses.choices import DisputeState, RefundState, Standing
from courses.models import Dispute, Order, Refund
from courses.services import NewDispute, NewRefund, dispute_open, order_refund, refund_request
from events.services import relay_all
from partners.services import memberships_admit
from tests.cast import Cast
from tests.factories.courses import course
from tests.factories.orders import lines_of, paid
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def order(cast: Cast) -> Order:
    """An order of lee's of two courses of alice's, settled: 30 % of it the platform's."""
    memberships_admit(party_ids=[cast.alice_party.pk])
    made = []
    for price in (10_000, 30_000):
        one = course(creators=[cast.alice_party], price_minor=price)
        steps = [desk.percent("platform:revenue", 3000), desk.split(("party:alice", 1))]
        desk.agreement(scope_id=str(one.pk), steps=steps, parties=[cast.alice_party])
        made.append(one)
    found = paid(*made, buyer=cast.lee, at=NOON, code="RET-1")
    relay_all()
    return found


def at(order: Order, name: str = "refund", *rest: Any) -> str:
    return reverse(f"admin:courses_order_{name}", args=[order.pk, *rest])


def seen(response: Any) -> str:
    return str(response.context["preview"].digest)


def told(browser: Client, url: str, **fields: str) -> Any:
    """The page's answer with its text."""
    return browser.post(url, {"line": "0", "reason": "Wrong course", **fields})


def test_finance_sees_what_a_refund_does_to_everyone_and_then_makes_it(cast: Cast, order: Order) -> None:
    browser = cast.client_of(cast.finn)
    assert browser.get(at(order)).status_code == 200
    page = told(browser, at(order), step="preview", amount="100.00")
    text = page.content.decode()
    assert not Refund.objects.exists()
    effect = page.context["preview"].effect
    assert [(side.name, side.amount, side.available_before, side.available_after) for side in effect.parties] == [
        ("Alice Studio", -7_000, 28_000, 21_000)
    ]
    assert {side.side: side.amount for side in effect.house} == {"learner": 10_000, "platform": -3_000}
    assert [(row.clause, row.amount) for row in effect.parties[0].rows] == [("3.3", -1_750), ("3.3", -5_250)]
    assert "All that remains goes to Alice Studio." in text
    done = told(browser, at(order), step="confirm", amount="100.00", seen=seen(page))
    assert done.headers["Location"] == reverse("admin:courses_order_change", args=[order.pk])
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.state, refund.requested_by) == (10_000, RefundState.DONE, cast.finn)


def test_who_confirms_what_has_changed_since_is_shown_it_anew(cast: Cast, order: Order) -> None:
    browser = cast.client_of(cast.finn)
    page = told(browser, at(order), step="preview", amount="100.00", line=str(lines_of(order)[0].pk))
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=1, reason="x"), at=NOON)
    relay_all()
    stale = told(browser, at(order), step="confirm", amount="99.00", line=str(lines_of(order)[0].pk), seen=seen(page))
    assert stale.context["stale"] is True
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"amount": "400.01"}, "are left"),
        ({"amount": "1.005"}, "such as 120.00"),
        ({"amount": ""}, "required"),
        ({"amount": "1.00", "reason": ""}, "required"),
    ],
)
def test_what_cannot_be_refunded_stands_in_the_form(
    cast: Cast, order: Order, fields: dict[str, str], words: str
) -> None:
    page = told(cast.client_of(cast.finn), at(order), step="preview", **fields)
    assert "preview" not in page.context
    assert words in page.content.decode()
    assert not Refund.objects.exists()


def test_an_order_that_waits_for_the_books_says_that_its_effect_cannot_be_told_yet(cast: Cast) -> None:
    fresh = paid(course(), buyer=cast.lee, at=NOON)
    page = told(cast.client_of(cast.finn), at(fresh), step="preview", amount="1.00")
    assert "not in the books yet" in page.content.decode()
    told(cast.client_of(cast.finn), at(fresh), step="confirm", amount="1.00", seen=seen(page))
    assert Refund.objects.get().state == RefundState.DONE


def test_a_second_person_approves_above_the_limit_and_the_first_cannot(cast: Cast, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_MINOR = 1
    waiting = refund_request(order_id=order.pk, refund=NewRefund(amount_minor=500, reason="x"), by=cast.finn)
    first, url = cast.client_of(cast.finn), at(order, "decide", waiting.pk)
    assert "second person" in first.get(url).content.decode()
    first.post(url, {"step": "approve"})
    waiting.refresh_from_db()
    assert waiting.state == RefundState.REQUESTED
    second = desk.persons()[1]
    role_grant(user=second, role="finance")
    cast.client_of(second).post(url, {"step": "approve"})
    waiting.refresh_from_db()
    assert (waiting.state, waiting.decided_by) == (RefundState.DONE, second)
    assert cast.client_of(cast.mei).get(url).status_code == 403


def test_a_refund_is_taken_back_from_the_orders_journal(cast: Cast, order: Order) -> None:
    row = order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=NOON)
    relay_all()
    browser, url = cast.client_of(cast.finn), at(order, "take_back", row.pk)
    journal = browser.get(reverse("admin:courses_order_change", args=[order.pk])).content.decode()
    assert url in journal
    page = browser.post(url, {"step": "preview", "reason": "The card was closed"})
    assert page.context["preview"].effect.parties[0].amount == 2_800
    browser.post(url, {"step": "confirm", "reason": "The card was closed", "seen": seen(page)})
    order.refresh_from_db()
    assert order.returned_minor == 0


def test_a_dispute_is_entered_and_closed(cast: Cast, order: Order) -> None:
    browser, url = cast.client_of(cast.finn), at(order, "open_dispute")
    fields = {"amount": "400.00", "fee": "15.00", "reason": "fraudulent", "evidence_due": "2026-12-01T12:00"}
    page = browser.post(url, {"step": "preview", **fields})
    assert {side.side: side.amount for side in page.context["preview"].effect.house} == {
        "learner": 41_500, "platform": -13_500,
    }  # fmt: skip
    browser.post(url, {"step": "confirm", "seen": seen(page), **fields})
    relay_all()
    row = Dispute.objects.get()
    change = browser.get(reverse("admin:courses_order_change", args=[order.pk])).content.decode()
    assert at(order, "close_dispute", row.pk) in change
    assert at(order) not in change  # no refund while it is open
    page = browser.post(at(order, "close_dispute", row.pk), {"step": "preview", "end": "won", "fee_returned": "15.00"})
    browser.post(
        at(order, "close_dispute", row.pk),
        {"step": "confirm", "end": "won", "fee_returned": "15.00", "seen": seen(page)},
    )
    row.refresh_from_db()
    order.refresh_from_db()
    assert (row.state, order.standing) == (DisputeState.WON, Standing.PAID)


def test_lists_are_filtered_by_standing(cast: Cast, order: Order) -> None:
    other = paid(course(), buyer=cast.lee, at=NOON)
    dispute_open(order_id=other.pk, dispute=NewDispute(amount_minor=5, reason="x"))
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=40_000, reason="x"))
    browser = cast.client_of(cast.finn)
    for standing, code in (("refunded", order.code), ("disputed", other.code), ("partly_refunded", None)):
        page = browser.get(reverse("admin:courses_order_changelist"), {"standing": standing})
        assert [row.code for row in page.context["cl"].result_list] == [code] * (code is not None)


@pytest.mark.parametrize("name", ["refund", "open_dispute"])
def test_managers_and_auditors_move_no_money(cast: Cast, order: Order, name: str) -> None:
    for person in (cast.mei, cast.ada):
        assert cast.client_of(person).get(at(order, name)).status_code == 403


def test_the_learner_reads_what_came_back(cast: Cast, order: Order) -> None:
    order_refund(
        order_id=order.pk, refund=NewRefund(amount_minor=10_000, reason="internal", line_id=lines_of(order)[0].pk)
    )
    page = cast.client_of(cast.lee).get(reverse("courses:order", args=[order.code])).content.decode()
    assert "Partly refunded" in page
    assert "100.00" in page
    assert "internal" not in page
    assert "Partly refunded" in cast.client_of(cast.lee).get(reverse("courses:learn")).content.decode()
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=30_000, reason="x"))
    page = cast.client_of(cast.lee).get(reverse("courses:order", args=[order.code])).content.decode()
    assert "Start learning" not in page


def test_who_drafts_agreements_is_led_from_an_order_to_the_correction_of_its_rule(cast: Cast, order: Order) -> None:
    change = reverse("admin:courses_order_change", args=[order.pk])
    page = cast.client_of(cast.mei).get(change).content.decode()
    assert page.count("orders=RET-1") == 2
    assert "orders=RET-1" not in cast.client_of(cast.finn).get(change).content.decode()
    link = page.partition(f"{reverse('admin:partners_agreementversion_add')}?corrects=")[2].partition("&amp;")[0]
    draft = cast.client_of(cast.mei).get(
        reverse("admin:partners_agreementversion_add"), {"corrects": link, "orders": "RET-1"}
    )
    assert "RET-1" in draft.content.decode()
