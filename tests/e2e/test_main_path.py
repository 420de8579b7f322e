"""From the click on a link to the creator's line and the marketer's channel, in a real browser.

The shop's part of the way is walked in Chinese by `test_storefront`, the drawer is read in Chinese by `test_why`.
"""

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.scope import all_rows
from analytics.services import report_request, report_run
from courses.models import Course, Order, Rating
from events.services import relay_all
from partners.models import EarningDecision
from partners.services import channel_create, coupon_create, link_create, memberships_admit
from tests.cast import PASSWORD, Cast
from tests.e2e.browser import chrome, overflow, page_of, session_of
from tests.factories.courses import course
from tests.partners import desk

pytestmark = pytest.mark.e2e
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
LIST, PAID, SHARE = 20_000, 18_000, "162.00"
"""Minor units: the price, less the coupon's 10 %; of what is paid the channel's owner gets 10 % and alice the rest."""


def test_a_click_becomes_a_line_and_a_figure_of_its_channel(live_portal: str, chromium: str) -> None:
    cast = Cast()
    sold = school(cast)
    with chrome(chromium) as browser, page_of(browser, live_portal) as page:
        page.set_extra_http_headers({"User-Agent": PERSON})  # a headless browser counts as a robot, and leaves no touch
        buys(page, cast.lee.email, sold)
        learns(page, sold)
    settled(sold)
    creator, marketer = session_of(cast.alice), session_of(cast.marco)
    code, day = Order.objects.get().code, timezone.localdate()
    span = urlencode({"since": day - timedelta(days=6), "until": day, "currency": "CNY", "window": 30})
    with chrome(chromium) as browser:
        with page_of(browser, live_portal, session=creator) as page:
            reads_why(page, code)
        with page_of(browser, live_portal, session=marketer) as page:
            page.goto(f"/marketing/?{span}")
            row = page.locator("#channels tbody tr").filter(has_text="Banners")
            expect(row).to_contain_text(str(PAID // 100))


def school(cast: Cast) -> Course:
    """A course of alice's under an agreement, reached by a link of bob's, with a coupon."""
    with all_rows():
        sold = course("Systems Thinking", creators=[cast.alice_party], slug="systems", price_minor=LIST)
        memberships_admit(party_ids=[cast.alice_party.pk, cast.bob_party.pk])
        steps = [desk.percent("channel", 1000, "base"), desk.split(("party:alice", 1))]
        desk.agreement(scope_id=str(sold.pk), parties=[cast.alice_party], steps=steps)
        channel = channel_create(
            code="banners", name="Banners", name_zh="Banners", kind="partner", owner=cast.bob_party
        )
        link_create(channel=channel, owner=cast.bob_party, destination="/courses/systems/", code="hello")
        coupon_create(code="TENTH", percent_bp=1000)
        cast.lee, cast.alice, cast.marco  # noqa: B018 - made before the browser starts
    return sold


def buys(page: Page, email: str, sold: Course) -> None:
    """Follow the link, put the course into the cart, sign in, use the coupon, pay by the labelled test payment."""
    page.goto("/go/hello")
    page.wait_for_url(f"**/courses/{sold.slug}/")
    narrow(page)
    page.locator(".buycard form[action*='/cart/add/'] button").click()
    page.wait_for_url("**/cart/")
    narrow(page)
    page.locator("main a[href^='/checkout/']").first.click()
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url("**/checkout/**")
    page.locator("input[name=coupon]").fill("TENTH")
    page.locator("button[name=apply]").click()
    expect(page.locator("button[name=place]")).to_contain_text("180.00")
    narrow(page)
    page.locator("button[name=place]").click()
    expect(page.locator(".test-payment")).to_be_visible()
    narrow(page)
    page.locator("form[action$='/pay/'] button").click()
    expect(page.locator("main a[href^='/learn/']").first).to_be_visible()


def learns(page: Page, sold: Course) -> None:
    """Open a lesson and rate the course."""
    page.goto(f"/courses/{sold.slug}/")
    page.locator(f"main a[href^='/learn/{sold.slug}/']").first.click()
    page.wait_for_url(f"**/learn/{sold.slug}/**")
    narrow(page)
    page.goto(f"/courses/{sold.slug}/")
    page.locator("#rate input[name=stars][value='5']").check(force=True)
    page.locator("#rate textarea").fill("Week three changed how we plan.")
    page.locator("#rate button[type=submit]").click()
    expect(page.locator("#rate [role=status]")).to_be_visible()


def settled(sold: Course) -> None:
    """Let the outbox settle the order and a worker compute the report."""
    with all_rows():
        relay_all()
        assert Rating.objects.get(course=sold).stars == 5
        assert EarningDecision.objects.filter(party__code="alice").get().amount_minor == int(SHARE.replace(".", ""))
        day = timezone.localdate()
        run = report_request(since=day - timedelta(days=6), until=day, currency="CNY", window_days=30)
        report_run(run_id=run.pk)


def reads_why(page: Page, code: str) -> None:
    """The line stands on the creator's home, and the drawer shows that its figure was computed again and agrees."""
    page.goto("/creator/")
    row = page.locator("tr").filter(has_text=code)
    expect(row).to_contain_text(SHARE)
    narrow(page)
    row.locator("[hx-get*='/creator/lines/']").click()
    drawer = page.locator("dialog#drawer")
    expect(drawer).to_contain_text(code)
    expect(drawer).to_contain_text(SHARE)
    expect(drawer.locator(".tone-good")).to_contain_text(SHARE)


def narrow(page: Page) -> None:
    """Nothing reaches past the edge of a phone."""
    page.set_viewport_size({"width": 390, "height": 844})
    # The page is laid out anew in its own time; what is still too wide then is a fault.
    for _attempt in range(20):
        if not overflow(page):
            break
        page.wait_for_timeout(100)
    assert not overflow(page), page.url
    page.set_viewport_size({"width": 1440, "height": 900})
