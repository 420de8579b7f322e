"""The learner's way through the storefront in a real browser; its pages open to everybody in both languages."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from courses.choices import OrderState
from courses.models import BehaviourEvent, Course, LessonProgress, Order
from courses.services import cart_add, enrolment_give, rating_give
from tests.cast import PASSWORD, Cast
from tests.e2e.browser import chrome, findings, overflow, page_of, session_of
from tests.factories.courses import course, learner, lessons_of

pytestmark = pytest.mark.e2e


def test_a_visitor_finds_buys_and_learns(live_portal: str, chromium: str) -> None:
    lee = Cast().lee
    bought = course("Systems Thinking", title_zh="系统思维")
    course("Databases", title_zh="数据库", topic=("data", "Data", "数据"))
    with chrome(chromium) as browser, page_of(browser, live_portal, language="zh-hans") as page:
        page.goto("/")
        page.locator(".search-lg input").fill("思维")
        page.locator(".search-lg input").press("Enter")
        expect(page.locator(".course-card")).to_have_count(1)
        page.get_by_role("link", name="系统思维").click()
        page.locator(".buycard").get_by_role("button", name="购买课程").click()
        page.get_by_role("link", name="去结算").click()
        page.locator("input[name=login]").fill(lee.email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.get_by_role("button", name="提交订单 ¥199.00").click()
        expect(page.locator(".test-payment")).to_contain_text("不会动用真钱")
        page.get_by_role("button", name="测试支付 ¥199.00").click()
        expect(page.get_by_role("heading", name="课程归你了", exact=True)).to_be_visible()
        page.get_by_role("link", name="开始学习").click()
        page.get_by_role("link", name="系统思维").first.click()
        page.get_by_role("button", name="学完，下一课").click()
        expect(page.locator(".classroom-side")).to_contain_text("已学完 1 课，共 3 课")
    order = Order.objects.get()
    assert (order.state, order.buyer, order.total_minor) == (OrderState.PAID, lee, 19_900)
    assert LessonProgress.objects.filter(completed_at__isnull=False).count() == 1
    assert BehaviourEvent.objects.filter(kind="purchase", user=lee, course=bought).count() == 1


def test_nobody_is_kept_out_of_the_storefront(live_portal: str, chromium: str) -> None:
    cast = Cast()
    one, session = _filled(cast), session_of(cast.lee)
    cart_add(visitor_key=uuid4(), user=cast.lee, course_id=course("Databases", title_zh="数据库").pk)
    lesson = lessons_of(one)[0]
    paths = ["/", "/courses/?q=system&level=beginner", f"/courses/{one.slug}/", "/cart/", "/checkout/", "/learn/"]
    paths.append(f"/learn/{one.slug}/{lesson.pk}/")
    faults: list[str] = []
    with chrome(chromium) as browser:
        for language in ("en", "zh-hans"):
            with page_of(browser, live_portal, session=session, language=language) as page:
                for number, path in enumerate(paths):
                    page.goto(path)
                    # Each page is measured in both languages and looked at in one, wide and light or narrow and dark:
                    # a look takes a second.
                    looks = (language == "en") == (number % 2 == 0)
                    look = (1440, "light") if number % 4 < 2 else (390, "dark")
                    faults += [f"{language} {path} {line}" for line in _faults(page, *(look if looks else (0, "")))]
    assert not faults, "\n".join(faults)


def test_a_stay_and_a_place_are_kept_when_the_page_is_left(live_portal: str, chromium: str) -> None:
    cast = Cast()
    one, session = _filled(cast), session_of(cast.lee)
    lesson = lessons_of(one)[0]
    with chrome(chromium) as browser, page_of(browser, live_portal, session=session) as page:
        for path in (f"/courses/{one.slug}/", f"/learn/{one.slug}/{lesson.pk}/"):
            page.clock.install()
            page.goto(path)
            page.clock.run_for(9_000)
            page.goto("/cart/")
        page.wait_for_timeout(500)
    assert BehaviourEvent.objects.filter(kind="view", course=one, user=cast.lee).count() == 1
    (stay,) = BehaviourEvent.objects.filter(kind="dwell", course=one, user=cast.lee)
    assert 8 <= stay.value <= 12
    assert 8 <= LessonProgress.objects.get().seconds <= 12


def _filled(cast: Cast) -> Course:
    one = course(
        "Systems Thinking for Product Teams",
        title_zh="产品团队的系统思维",
        summary="Find the loop behind the symptom.",
        summary_zh="找到表象背后的回路。",
        description="Plain words.\n\n- first\n- second\n\n    x = 1",
        outcomes=("Draw a map", "Read a map"),
        outcomes_zh=("会画图", "会读图"),
    )
    for i in range(3):
        fan = learner(f"Ravi K{i}")
        enrolment_give(user=fan, course_id=one.pk)
        rating_give(user=fan, course_id=one.pk, stars=5 - i, comment="Week three changed how we plan.")
    enrolment_give(user=cast.lee, course_id=one.pk)
    return one


def _faults(page: Page, looked_at: int, theme: str) -> list[str]:
    """What reaches past the edge at any width, and what keeps people out at one, in one theme."""
    faults = []
    for width in (1440, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        faults += [f"{width}: {line} is too wide" for line in overflow(page)]
        if width == looked_at:
            page.locator("html").evaluate("(root, theme) => { root.dataset.theme = theme }", theme)
            faults += [f"{theme} {width}: {line}" for line in findings(page)]
    return faults
