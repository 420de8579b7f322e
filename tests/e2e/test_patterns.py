"""The pattern page in a real browser: accessible, within its width, and its switches work."""

import pytest
from playwright.sync_api import Page, expect

from tests.cast import PASSWORD, Cast
from tests.e2e.browser import chrome, findings, overflow, page_of, session_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def staff(live_portal: str) -> str:
    """The session of a partner manager, opened before the browser starts."""
    return session_of(Cast().mei)


def test_nobody_is_kept_out_in_any_theme_language_or_width(live_portal: str, chromium: str, staff: str) -> None:
    faults: list[str] = []
    # Every theme, language and width, though not every mixture of them: each look takes seven seconds.
    looks = {"en": {1440: "dark"}, "zh-hans": {390: "light"}}
    with chrome(chromium) as browser:
        for language, themes in looks.items():
            with page_of(browser, live_portal, session=staff, language=language) as page:
                page.goto("/patterns/")
                for width in (1440, 390, 320):
                    page.set_viewport_size({"width": width, "height": 900})
                    faults += [f"{language} {width}: {line} is too wide" for line in overflow(page)]
                    if theme := themes.get(width):
                        page.locator("html").evaluate("(root, theme) => { root.dataset.theme = theme }", theme)
                        faults += [f"{language} {theme} {width}: {line}" for line in findings(page)]
    assert not faults, "\n".join(faults)


def test_the_page_answers_to_keys_and_clicks(live_portal: str, chromium: str, staff: str) -> None:
    with chrome(chromium) as browser, page_of(browser, live_portal, session=staff) as page:
        page.goto("/patterns/")
        _switches_theme(page)
        _shows_the_table(page)
        _walks_a_menu(page)
        _keeps_focus_in_dialogs(page)
        _opens_the_drawer(page)
        _knows_its_keys(page)


def _switches_theme(page: Page) -> None:
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="System", exact=True).click()
    assert page.locator("html").get_attribute("data-theme") is None


def _shows_the_table(page: Page) -> None:
    figure = page.locator("#charts figure")
    table = figure.locator("[data-view=table]")
    expect(table).to_be_hidden()
    figure.get_by_role("button", name="Table").click()
    expect(table).to_be_visible()
    expect(figure.locator("[data-view=chart]")).to_be_hidden()
    expect(table.get_by_role("row", name="Northbank")).to_contain_text("−$3,284.09")


def _walks_a_menu(page: Page) -> None:
    button = page.get_by_role("button", name="Actions for this line")
    button.focus()
    page.keyboard.press("ArrowDown")
    expect(button).to_have_attribute("aria-expanded", "true")
    menu = page.locator("#sample-menu")
    expect(menu.get_by_role("menuitem", name="View as this partner")).to_be_focused()
    page.keyboard.press("a")
    expect(menu.get_by_role("menuitem", name="Add a note")).to_be_focused()
    page.keyboard.press("End")
    expect(menu.get_by_role("menuitem", name="Reverse this line")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()


def _keeps_focus_in_dialogs(page: Page) -> None:
    opener = page.get_by_role("button", name="Reverse this line?")
    opener.click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


def _opens_the_drawer(page: Page) -> None:
    page.get_by_role("button", name="Open a drawer").click()
    drawer = page.get_by_role("dialog", name="Why this amount")
    expect(drawer).to_be_visible()
    assert not findings(page)
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_be_hidden()


def _knows_its_keys(page: Page) -> None:
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.locator("#id_code").fill("?")
    expect(keys).to_be_hidden()


def test_the_palette_is_driven_by_keys_and_remembers(live_portal: str, chromium: str, staff: str) -> None:
    with chrome(chromium) as browser, page_of(browser, live_portal, session=staff) as page:
        page.goto("/patterns/")
        page.locator("#id_code").focus()
        page.keyboard.press("Control+k")
        box = page.get_by_role("combobox", name="Search or jump to")
        expect(box).to_be_focused()
        expect(box).to_have_attribute("aria-expanded", "true")
        first = page.locator("#palette [role=option]").first
        expect(first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("ArrowUp")
        expect(first).to_have_attribute("aria-selected", "false")
        box.fill("security")
        expect(page.locator("#palette [role=option]")).to_have_count(1)
        assert not findings(page)
        page.keyboard.press("Escape")
        expect(page.locator("#id_code")).to_be_focused()
        page.keyboard.press("Control+k")
        box.fill("security")
        expect(page.locator("#palette [role=option]")).to_have_count(1)
        page.keyboard.press("Enter")
        page.wait_for_url("**/accounts/2fa/")
        page.keyboard.press("Control+k")
        expect(page.get_by_role("group", name="Recent").get_by_role("option")).to_contain_text("Sign-in security")


def test_a_range_is_chosen_in_the_calendar_by_keys(live_portal: str, chromium: str) -> None:
    session = session_of(Cast().marco)
    with chrome(chromium) as browser, page_of(browser, live_portal, session=session) as page:
        page.goto("/marketing/campaigns/?since=2026-03-10&until=2026-03-20")
        page.locator("summary.range-button").click()
        box = page.get_by_role("dialog", name="Date range")
        expect(box.get_by_role("grid", name="Mar 2026")).to_be_visible()
        assert not findings(page)
        days = box.locator("[data-day]")
        expect(box.locator("td[aria-selected=true]")).to_have_count(11)
        box.locator("[data-day='2026-03-20']").focus()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        expect(box.locator("[data-apply]")).to_have_text("Show 13–14 Mar 2026")
        page.keyboard.press("PageUp")
        page.keyboard.press("PageUp")
        expect(box.get_by_role("grid", name="Jan 2026")).to_be_visible()
        expect(days.first).to_be_attached()
        box.locator("[data-apply]").click()
        page.wait_for_url("**since=2026-03-13&until=2026-03-14**")
        page.locator("summary.range-button").focus()
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**since=2026-03-11&until=2026-03-12**")


def test_the_frame_changes_with_the_width(live_portal: str, chromium: str, staff: str) -> None:
    with chrome(chromium) as browser, page_of(browser, live_portal, session=staff, width=390) as page:
        page.goto("/patterns/")
        expect(page.locator(".side")).to_be_hidden()
        page.get_by_role("button", name="More").last.click()
        sheet = page.get_by_role("dialog", name="All pages")
        expect(sheet.get_by_role("link", name="Charts")).to_be_visible()
        page.keyboard.press("Escape")
        expect(sheet).to_be_hidden()
        page.set_viewport_size({"width": 1200, "height": 900})
        expect(page.locator(".side")).to_be_visible()
        expect(page.locator(".tabbar")).to_be_hidden()


def test_a_person_logs_in_and_changes_the_language(live_portal: str, chromium: str) -> None:
    email = Cast().mei.email
    with chrome(chromium) as browser, page_of(browser, live_portal) as page:
        page.goto("/accounts/login/?next=/patterns/")
        assert not findings(page)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.get_by_role("alert")).to_be_focused()
        page.get_by_role("button", name="Language: EN").click()
        page.get_by_role("menuitemradio", name="简体中文").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("登录")
        page.locator("input[name=login]").fill(email)
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("main form button[type=submit]").first.click()
        page.wait_for_url("**/patterns/")
