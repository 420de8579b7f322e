"""The desk of the catalogue, orders and learning: what each role may do there."""

from typing import Any

import pytest
from django.urls import reverse

from courses.choices import CourseState, OrderState
from courses.models import Course, Enrolment, Order, Rating
from courses.selectors import Filters, catalogue
from courses.services import PaidLine, PaidOrder, enrolment_give, orders_record, rating_give
from tests.cast import Cast
from tests.factories.courses import NOON, course, creator, learner

pytestmark = pytest.mark.django_db


def order_of(one: Course, number: int = 1) -> Order:
    (pk,) = orders_record(
        orders=[
            PaidOrder(
                provider="test",
                external_id=f"p-{number}",
                code=f"A-{number}",
                currency="CNY",
                lines=[PaidLine(course_id=one.pk, list_minor=one.price_minor)],
                placed_at=NOON,
                buyer_id=learner().pk,
            )
        ]
    )
    return Order.objects.get(pk=pk)


def test_the_auditor_reads_and_writes_nothing(cast: Cast) -> None:
    one = course()
    order = order_of(one)
    browser = cast.client_of(cast.ada)
    assert browser.get(reverse("admin:courses_order_change", args=[order.pk])).status_code == 200
    assert browser.get(reverse("admin:courses_course_change", args=[one.pk])).status_code == 200
    assert browser.get(reverse("admin:courses_course_add")).status_code == 403
    assert browser.post(reverse("admin:courses_course_publish", args=[one.pk]), said()).status_code == 403
    assert browser.post(reverse("admin:courses_order_void", args=[order.pk]), said(reason="x")).status_code == 403
    order.refresh_from_db()
    assert order.state == OrderState.PAID


def test_only_finance_voids_an_order_and_says_why(cast: Cast) -> None:
    order = order_of(course())
    url = reverse("admin:courses_order_void", args=[order.pk])
    assert cast.client_of(cast.mei).post(url, said(reason="x")).status_code == 403
    finance = cast.client_of(cast.finn)
    finance.post(url, said(reason=""))
    order.refresh_from_db()
    assert order.state == OrderState.PAID
    finance.post(url, said(reason="Bought twice"))
    order.refresh_from_db()
    assert (order.state, order.void_reason, order.voided_by) == (OrderState.VOIDED, "Bought twice", cast.finn)


def said(**fields: str) -> dict[str, str]:
    """A confirmation as its page sends it."""
    return {"step": "confirm", **fields}


def test_a_step_says_first_what_it_does_to_how_much_and_leads_back(cast: Cast) -> None:
    order = order_of(course())
    finance, url = cast.client_of(cast.finn), reverse("admin:courses_order_void", args=[order.pk])
    page = finance.get(url).content.decode()
    for words in (order.code, "Its earnings are booked back", "The way back", "Leave it as it is"):
        assert words in page
    answer = finance.post(url, said(reason="Twice"))
    assert answer.headers["Location"] == reverse("admin:courses_order_change", args=[order.pk])


def test_what_the_reader_may_not_open_is_named_without_a_link(cast: Cast) -> None:
    order = order_of(course())
    page, link = f"/admin/courses/order/{order.pk}/change/", f'href="/admin/accounts/user/{order.buyer_id}/change/"'
    texts = {who: cast.client_of(who).get(page).content.decode() for who in (cast.mei, cast.marco)}
    assert link in texts[cast.mei]
    assert link not in texts[cast.marco]
    assert str(order.buyer) in texts[cast.marco]


def empty_inlines() -> dict[str, str]:
    fields: dict[str, str] = {}
    for prefix in ("credits", "sections", "prerequisites"):
        fields |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    return fields


def asked(one: Course | None = None, extra: dict[str, str] | None = None) -> dict[str, str]:
    plain = {
        "title": "Fresh Start",
        "title_zh": "全新开始",
        "slug": "fresh-start",
        "level": "beginner",
        "language": "en",
        "price": "49.50",
        "currency": "CNY",
        "outcome_lines": "Read a map\n\n  Draw a map ",
        "summary": "A beginning",
    }
    topic = one or course()
    return {**plain, "topic": str(topic.topic_id), **empty_inlines(), **(extra or {})}


def test_a_manager_makes_a_course_with_its_creators_and_publishes_it(cast: Cast) -> None:
    browser = cast.client_of(cast.mei)
    maker = creator("Noor Haddad", "努尔")
    lines: dict[str, Any] = {
        "credits-TOTAL_FORMS": "1",
        "credits-0-party": str(maker.pk),
        "credits-0-role": "lead",
        "credits-0-position": "0",
        "sections-TOTAL_FORMS": "1",
        "sections-0-title": "One",
        "sections-0-position": "0",
    }
    response = browser.post(reverse("admin:courses_course_add"), asked(extra=lines))
    assert response.status_code == 302, response.context["adminform"].form.errors
    made = Course.objects.get(slug="fresh-start")
    assert (made.price_minor, made.outcomes, made.state) == (4_950, ["Read a map", "Draw a map"], CourseState.DRAFT)
    browser.post(reverse("admin:courses_course_publish", args=[made.pk]), said())
    made.refresh_from_db()
    assert made.state == CourseState.DRAFT  # it has no lesson
    made.sections.get().lessons.create(title="First")
    browser.post(reverse("admin:courses_course_publish", args=[made.pk]), said())
    made.refresh_from_db()
    assert made.state == CourseState.PUBLISHED
    found = catalogue(filters=Filters(query="努尔")).cards
    assert [card.course.pk for card in found] == [made.pk]
    browser.post(reverse("admin:courses_course_retire", args=[made.pk]), said())
    made.refresh_from_db()
    assert made.state == CourseState.RETIRED


@pytest.mark.parametrize("price", ["", "1.234", "-1", "abc", "1,5", "٣"])
def test_a_price_that_is_no_amount_is_refused(cast: Cast, price: str) -> None:
    response = cast.client_of(cast.mei).post(reverse("admin:courses_course_add"), asked(extra={"price": price}))
    assert response.status_code == 200
    assert "price" in response.context["adminform"].form.errors
    assert not Course.objects.filter(slug="fresh-start").exists()


def test_what_was_sold_keeps_its_currency(cast: Cast) -> None:
    one = course()
    order_of(one)
    cast.client_of(cast.mei).post(
        reverse("admin:courses_course_change", args=[one.pk]), asked(one, {"currency": "USD", "slug": one.slug})
    )
    one.refresh_from_db()
    assert (one.currency, one.price_minor, one.title) == ("CNY", 4_950, "Fresh Start")


def test_a_manager_hides_a_comment_and_ends_an_enrolment(cast: Cast) -> None:
    one, reader = course(), learner()
    enrolment = enrolment_give(user=reader, course_id=one.pk)
    rating = rating_give(user=reader, course_id=one.pk, stars=1, comment="An insult")
    browser = cast.client_of(cast.mei)

    def act(model: str, action: str, pk: int) -> None:
        browser.post(reverse(f"admin:courses_{model}_changelist"), {"action": action, "_selected_action": str(pk)})

    act("rating", "hide", rating.pk)
    rating.refresh_from_db()
    assert rating.hidden_by == cast.mei
    act("rating", "show", rating.pk)
    assert Rating.objects.get().hidden_at is None
    act("enrolment", "withdraw", enrolment.pk)
    assert Enrolment.objects.get().withdrawn_at is not None


def test_an_enrolment_given_by_hand_has_no_order(cast: Cast) -> None:
    one, reader = course(), learner()
    fields = {
        "user": str(reader.pk),
        "course": str(one.pk),
        "progress-TOTAL_FORMS": "0",
        "progress-INITIAL_FORMS": "0",
    }
    response = cast.client_of(cast.mei).post(reverse("admin:courses_enrolment_add"), fields)
    assert response.status_code == 302
    enrolment = Enrolment.objects.get()
    assert (enrolment.user, enrolment.course, enrolment.order_line) == (reader, one, None)
