"""The storefront and learning as a browser meets them."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.choices import EventKind, OrderState
from courses.models import BehaviourEvent, CartItem, Course, Enrolment, Favourite, LessonProgress, Order, Rating
from courses.services import course_retire, enrolment_give, rating_give
from tests.cast import Cast
from tests.factories.courses import course, learner, lessons_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader(cast: Cast) -> Client:
    """Lee's browser."""
    return cast.client_of(cast.lee)


def text(response: Any) -> str:
    return str(response.content.decode())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_public_pages_stand_in_both_languages(client: Client, language: str) -> None:
    one = course("Systems Thinking", title_zh="系统思维", summary="Find the loop.", summary_zh="找到回路。")
    client.cookies["django_language"] = language
    for url in (reverse("courses:home"), reverse("courses:catalogue"), reverse("courses:course", args=[one.slug])):
        page = text(client.get(url))
        assert ("系统思维" if language == "zh-hans" else "Systems Thinking") in page
        assert ("Systems Thinking" if language == "zh-hans" else "系统思维") not in page


def test_an_address_chooses_its_language_and_names_the_others(client: Client) -> None:
    one = course("Systems Thinking", title_zh="系统思维")
    url = reverse("courses:course", args=[one.slug])
    response = client.get(url, {"lang": "zh-hans"})
    page = text(response)
    assert response.headers["Content-Language"] == "zh-hans"
    assert '<html lang="zh-Hans"' in page
    assert "系统思维" in page
    base = f"http://localhost:8000{url}"
    assert f'<link rel="canonical" href="{base}?lang=zh-hans">' in page
    for code, address in (("en", f"{base}?lang=en"), ("zh-Hans", f"{base}?lang=zh-hans"), ("x-default", base)):
        assert f'<link rel="alternate" hreflang="{code}" href="{address}">' in page
    assert client.cookies["django_language"].value == "zh-hans"
    assert "Systems Thinking" in text(Client().get(url))


def test_a_chosen_language_is_not_overruled_for_good(client: Client) -> None:
    client.cookies["django_language"] = "en"
    client.get("/", {"lang": "zh-hans"})
    assert client.cookies["django_language"].value == "en"


def test_a_language_that_django_has_no_name_for_is_shown_and_asked_for_all_the_same(client: Client) -> None:
    course("One", language="zh-hans")
    odd = course("Two", language="tlh")
    for query, words in (({}, "Klingon"), ({"language": "zh"}, "Chinese"), ({"language": "qq-x9"}, "qq-x9")):
        response = client.get(reverse("courses:catalogue"), query)
        assert response.status_code == 200
        assert words in text(response)
    assert "Klingon" in text(client.get(reverse("courses:course", args=[odd.slug])))


def test_linked_data_tells_the_course_and_cannot_end_its_block(client: Client) -> None:
    reader, one = learner(), course("</script><b>&", title_zh="", summary="<i>")
    enrolment_give(user=reader, course_id=one.pk)
    rating_give(user=reader, course_id=one.pk, stars=4)
    page = text(client.get(reverse("courses:course", args=[one.slug])))
    blocks = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert len(blocks) == 1
    body = json.loads(blocks[0])
    assert body["name"] == "</script><b>&"
    assert body["offers"]["price"] == "199.00"
    assert body["aggregateRating"] == {"@type": "AggregateRating", "ratingValue": 4.0, "ratingCount": 1}
    assert "</script><b>" not in page


def test_what_learners_write_is_shown_as_they_wrote_it(client: Client) -> None:
    reader, one = learner("<b>Eve</b> Smith"), course()
    enrolment_give(user=reader, course_id=one.pk)
    rating_give(user=reader, course_id=one.pk, stars=5, comment="<script>alert(1)</script>\nsecond")
    page = text(client.get(reverse("courses:course", args=[one.slug])))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>second" in page
    assert "<b>Eve" not in page


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, {"Cheap", "Dear", "Gratis"}),
        ({"topic": "data"}, {"Dear"}),
        ({"level": "advanced"}, {"Cheap"}),
        ({"language": "en"}, {"Gratis"}),
        ({"price": "free"}, {"Gratis"}),
        ({"price": "1-5000.CNY"}, {"Cheap"}),
        ({"price": "5000-.CNY"}, {"Dear"}),
        ({"price": "-5000.USD"}, set()),
        ({"q": "dear"}, {"Dear"}),
        ({"q": "dear", "level": "advanced"}, set()),
        (
            {"level": "nonsense", "price": "x", "sort": "x", "page": "x", "topic": "\x00", "q": "\x00"},
            {"Cheap", "Dear", "Gratis"},
        ),
    ],
)
def test_the_catalogue_is_filtered_by_its_address(client: Client, query: dict[str, str], titles: set[str]) -> None:
    course("Cheap", price_minor=900, level="advanced")
    course("Dear", price_minor=90_000, topic=("data", "Data", "数据"))
    course("Gratis", price_minor=0, language="en")
    page = text(client.get(reverse("courses:catalogue"), query))
    assert {title for title in ("Cheap", "Dear", "Gratis") if f">{title}</a>" in page} == titles


def test_the_catalogue_is_sorted_by_its_address(client: Client) -> None:
    for price in (300, 100, 200):
        course(f"Price {price}", price_minor=price)

    def order(sort: str) -> list[str]:
        return re.findall(r">Price (\d+)</a>", text(client.get(reverse("courses:catalogue"), {"sort": sort})))

    assert order("price") == ["100", "200", "300"]
    assert order("-price") == ["300", "200", "100"]
    reader = learner()
    enrolment_give(user=reader, course_id=Course.objects.get(title="Price 200").pk)
    rating_give(user=reader, course_id=Course.objects.get(title="Price 200").pk, stars=5)
    assert order("popular")[0] == order("rating")[0] == order("")[0] == "200"


def test_a_page_of_the_catalogue_costs_the_same_however_many_it_shows(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    counts = []
    for _round in range(2):
        for _ in range(12):
            course()
        with django_assert_max_num_queries(30) as queries:
            client.get(reverse("courses:catalogue"))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_who_was_here_before_is_suggested_courses_on_the_front_page_too(client: Client) -> None:
    course()
    assert "/suggestions/home/" not in text(client.get("/"))
    assert "/suggestions/home/" in text(client.get("/"))
    assert "/suggestions/home/" not in text(client.get("/", headers={"Sec-GPC": "1"}))


def test_drafts_are_shown_to_staff_only(client: Client, reader: Client, cast: Cast) -> None:
    draft = course("Secret Draft", published=False)
    url = reverse("courses:course", args=[draft.slug])
    assert client.get(url).status_code == 404
    assert reader.get(url).status_code == 404
    assert cast.client_of(cast.mei).get(url).status_code == 200
    assert "Secret Draft" not in text(client.get(reverse("courses:catalogue")))


def test_a_visitor_buys_a_course_from_the_first_click_to_the_first_lesson(client: Client, cast: Cast) -> None:
    one = course("Systems Thinking")
    assert client.post(reverse("courses:cart-add", args=[one.pk]))["Location"] == reverse("courses:cart")
    assert "Systems Thinking" in text(client.get(reverse("courses:cart")))
    away = client.get(reverse("courses:checkout"))
    assert away.status_code == 302
    assert away["Location"].startswith("/accounts/login/")
    client.force_login(cast.lee)
    assert "Systems Thinking" in text(client.get(reverse("courses:checkout")))
    assert CartItem.objects.get().user == cast.lee
    placed = client.post(reverse("courses:checkout"), {"coupon": "", "place": "1"})
    order = Order.objects.get()
    assert placed["Location"] == reverse("courses:order", args=[order.code])
    waiting = text(client.get(placed["Location"]))
    assert "Test payment" in waiting
    assert "No real money is moved" in waiting
    client.post(reverse("courses:pay", args=[order.code]))
    order.refresh_from_db()
    assert order.state == OrderState.PAID
    assert "Start learning" in text(client.get(placed["Location"]))
    lesson = lessons_of(one)[1]
    assert client.get(reverse("courses:lesson", args=[one.slug, lesson.pk])).status_code == 200
    assert "0 of 3 lessons finished" in text(client.get(reverse("courses:learn")))
    assert client.get(reverse("courses:cart")).context["cart_count"] == 0


def test_a_free_course_needs_no_payment(reader: Client, cast: Cast) -> None:
    one = course(price_minor=0)
    reader.post(reverse("courses:cart-add", args=[one.pk]))
    reader.post(reverse("courses:checkout"), {"place": "1"})
    assert Order.objects.get().state == OrderState.PAID
    assert Enrolment.objects.filter(user=cast.lee, course=one).exists()


def test_where_no_test_payment_is_offered_none_is_taken(reader: Client, settings: Any) -> None:
    settings.TEST_PAYMENT = False
    one = course()
    reader.post(reverse("courses:cart-add", args=[one.pk]))
    placed = reader.post(reverse("courses:checkout"), {"place": "1"})
    assert "Payments are not set up here yet" in text(reader.get(placed["Location"]))
    order = Order.objects.get()
    assert reader.post(reverse("courses:pay", args=[order.code])).status_code == 404
    order.refresh_from_db()
    assert order.state == OrderState.PLACED


def test_a_wrong_coupon_is_named_beside_its_field(reader: Client) -> None:
    reader.post(reverse("courses:cart-add", args=[course().pk]))
    page = text(reader.post(reverse("courses:checkout"), {"coupon": "NOSUCH", "place": "1"}))
    assert "There is no coupon “NOSUCH”." in page
    assert not Order.objects.exists()


@pytest.mark.parametrize("name", ["order", "pay", "cancel"])
def test_nobody_comes_near_another_persons_order(client: Client, reader: Client, cast: Cast, name: str) -> None:
    reader.post(reverse("courses:cart-add", args=[course("Canary").pk]))
    reader.post(reverse("courses:checkout"), {"place": "1"})
    order = Order.objects.get()
    assert "Canary" in text(reader.get(reverse("courses:order", args=[order.code])))
    url = reverse(f"courses:{name}", args=[order.code])
    for browser in (cast.client_of(cast.alice), cast.client_of(cast.mei)):
        response = browser.get(url) if name == "order" else browser.post(url)
        assert response.status_code == 404
        assert "Canary" not in text(response)
    assert client.post(url).status_code in {302, 405}
    order.refresh_from_db()
    assert order.state == OrderState.PLACED
    reader.post(reverse("courses:cancel", args=[order.code]))
    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED


def test_a_browser_that_declines_to_be_followed_has_a_cart_and_leaves_no_trace(client: Client) -> None:
    one = course()
    quiet: dict[str, Any] = {"headers": {"Sec-GPC": "1"}}
    client.post(reverse("courses:cart-add", args=[one.pk]), **quiet)
    page = text(client.get(reverse("courses:cart"), **quiet))
    assert one.local_title in page
    client.post(reverse("courses:view", args=[one.pk]), **quiet)
    client.get(reverse("courses:catalogue"), {"q": "systems"}, **quiet)
    assert not BehaviourEvent.objects.exclude(kind=EventKind.CART).exists()
    assert "tv" not in client.cookies


def test_lessons_are_closed_to_strangers(client: Client, reader: Client, cast: Cast) -> None:
    one = course()
    preview, closed = (reverse("courses:lesson", args=[one.slug, lesson.pk]) for lesson in lessons_of(one)[:2])
    for browser in (client, reader):
        assert "Body 1" in text(browser.get(preview))
        response = browser.get(closed)
        assert response.status_code == 302
        assert response["Location"] == reverse("courses:course", args=[one.slug])
        assert "Body 2" not in text(browser.get(closed, follow=True))
    enrolment_give(user=cast.lee, course_id=one.pk)
    assert "Body 2" in text(reader.get(closed))
    other = course()
    crossed = reverse("courses:lesson", args=[one.slug, lessons_of(other)[1].pk])
    assert reader.get(crossed).status_code == 404


def test_a_learner_goes_on_finishes_and_rates(reader: Client, cast: Cast) -> None:
    one = course(lessons=2)
    enrolment_give(user=cast.lee, course_id=one.pk)
    first, last = lessons_of(one)
    kept = reader.post(reverse("courses:progress", args=[one.slug, first.pk]), {"seconds": "90"})
    assert kept.status_code == 204
    assert LessonProgress.objects.get().seconds == 90
    onward = reader.post(reverse("courses:finish", args=[one.slug, first.pk]))
    assert onward["Location"] == reverse("courses:lesson", args=[one.slug, last.pk])
    done = reader.post(reverse("courses:finish", args=[one.slug, last.pk]), follow=True)
    assert "You finished “Systems Thinking”." in text(done)
    assert reader.post(reverse("courses:rate", args=[one.slug]), {"stars": "4", "comment": "Fine"}).status_code == 302
    assert Rating.objects.get().stars == 4
    swapped = reader.post(reverse("courses:rate", args=[one.slug]), {"stars": "9"}, HTTP_HX_REQUEST="true")
    assert swapped.status_code == 422
    assert Rating.objects.get().stars == 4


@pytest.mark.parametrize("seconds", ["", "-1", "1.5", "x", "9999999", "١"])
def test_seconds_that_are_none_are_refused(reader: Client, cast: Cast, seconds: str) -> None:
    one = course()
    enrolment_give(user=cast.lee, course_id=one.pk)
    url = reverse("courses:progress", args=[one.slug, lessons_of(one)[0].pk])
    assert reader.post(url, {"seconds": seconds}).status_code == 400
    assert reader.post(reverse("courses:stay", args=[one.pk]), {"seconds": seconds}).status_code == 400
    assert not LessonProgress.objects.exists()


def test_progress_and_ratings_of_strangers_are_refused(client: Client, reader: Client) -> None:
    one = course()
    lesson = lessons_of(one)[1]
    assert reader.post(reverse("courses:progress", args=[one.slug, lesson.pk]), {"seconds": "5"}).status_code == 403
    assert reader.post(reverse("courses:rate", args=[one.slug]), {"stars": "5"}).status_code == 422
    for name, args in (("progress", [one.slug, lesson.pk]), ("finish", [one.slug, lesson.pk]), ("rate", [one.slug])):
        assert client.post(reverse(f"courses:{name}", args=args))["Location"].startswith("/accounts/login/")
    assert not LessonProgress.objects.exists()
    assert not Rating.objects.exists()


def test_a_course_is_saved_with_and_without_script(client: Client, reader: Client, cast: Cast) -> None:
    one = course()
    url = reverse("courses:favourite", args=[one.pk])
    assert reader.post(url)["Location"] == reverse("courses:course", args=[one.slug])
    assert Favourite.objects.get().user == cast.lee
    assert 'aria-pressed="false"' in text(reader.post(url, HTTP_HX_REQUEST="true"))
    assert not Favourite.objects.exists()
    assert client.post(url)["Location"].startswith("/accounts/login/")
    assert client.post(url, HTTP_HX_REQUEST="true").headers["HX-Redirect"].startswith("/accounts/login/")
    assert reader.post(reverse("courses:favourite", args=[course(published=False).pk])).status_code == 404


def test_views_and_stays_are_recorded_of_courses_that_may_be_seen(client: Client, reader: Client, cast: Cast) -> None:
    one, draft = course(), course(published=False)
    for browser in (client, reader):
        browser.post(reverse("courses:view", args=[one.pk]))
    reader.post(reverse("courses:stay", args=[one.pk]), {"seconds": "999999"})
    reader.post(reverse("courses:view", args=[draft.pk]))
    acts = BehaviourEvent.objects.order_by("pk").values_list("kind", "user", "course", "value")
    assert list(acts) == [
        ("view", None, one.pk, 1),
        ("view", cast.lee.pk, one.pk, 1),
        ("dwell", cast.lee.pk, one.pk, 4 * 3600),
    ]


def test_what_is_not_for_crawlers_is_kept_from_them(client: Client) -> None:
    one, gone = course(), course()
    course_retire(course_id=gone.pk)
    robots = text(client.get("/robots.txt"))
    assert "Disallow: /learn/" in robots
    assert "Sitemap: http://localhost:8000/sitemap.xml" in robots
    sitemap = text(client.get("/sitemap.xml"))
    assert f"/courses/{one.slug}/?lang=zh-hans" in sitemap
    assert gone.slug not in sitemap
    assert '<meta name="robots" content="noindex">' in text(client.get(reverse("courses:cart")))
