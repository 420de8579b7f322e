"""The panel that explains an amount, in a real browser: its address, its keys, its focus, on desktop and phone."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.scope import all_rows
from partners.models import EarningDecision
from partners.services import SaleFacts, earnings_settle, memberships_admit
from tests.cast import Cast
from tests.e2e.browser import chrome, findings, overflow, page_of, session_of
from tests.partners import desk

pytestmark = pytest.mark.e2e


def sold(cast: Cast) -> list[int]:
    """Three sales of alice's course on three days; her lines, the newest first."""
    with all_rows():
        memberships_admit(party_ids=[cast.alice_party.pk, cast.bob_party.pk])
        desk.agreement(parties=[cast.alice_party, cast.bob_party], hold_days=7)
        mail, now = desk.channel("mail"), timezone.now()
        earnings_settle(
            sales=[
                SaleFacts(
                    order_code=f"W-{number}",
                    placed_at=now - timedelta(days=4 - number),
                    currency="CNY",
                    lines=[desk.line(number, price=10_003)],
                    credits={"last_touch": [desk.credit(mail, 1_000_000)]},
                )
                for number in (1, 2, 3)
            ]
        )
        mine = EarningDecision.objects.filter(party=cast.alice_party).order_by("-placed_at")
        return list(mine.values_list("pk", flat=True))


def test_the_drawer_has_an_address_steps_by_keys_and_gives_focus_back(live_portal: str, chromium: str) -> None:
    cast = Cast()
    first, second, third = sold(cast)
    session = session_of(cast.alice)
    with (
        chrome(chromium) as browser,
        page_of(browser, live_portal, session=session, language="zh-hans", theme="dark") as page,
    ):
        page.goto("/creator/")
        opens(page, first)
        expect(page.locator("#lines tr.selected")).to_contain_text("W-3")
        page.keyboard.press("j")
        stands_at(page, second, "W-2")
        page.keyboard.press("j")
        stands_at(page, third, "W-1")
        expect(page.locator("#lines tr.selected")).to_contain_text("W-1")
        page.keyboard.press("k")
        stands_at(page, second, "W-2")
        assert findings(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog#drawer")).not_to_be_visible()
        assert urlsplit(page.url).path == "/creator/"
        assert page.locator(f"[hx-get*='/lines/{second}/']").evaluate("b => b === document.activeElement")
        page.goto(f"/creator/lines/{second}/")
        stands_at(page, second, "W-2")
        expect(page.locator("#lines tr.selected")).to_contain_text("W-2")
        assert findings(page) == []
        page.keyboard.press("Escape")
        expect(page.locator("dialog#drawer")).not_to_be_visible()
        assert urlsplit(page.url).path == "/creator/"
        page.goto(f"/creator/lines/{second}/")
        stands_at(page, second, "W-2")
        for width in (320, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert overflow(page) == []
        assert findings(page) == []


def test_the_drawer_opens_from_a_statement_and_steps_to_its_next_line(live_portal: str, chromium: str) -> None:
    cast = Cast()
    sold(cast)
    session = session_of(cast.alice)
    month = f"{timezone.localdate() - timedelta(days=3):%Y-%m}"
    with chrome(chromium) as browser, page_of(browser, live_portal, session=session, width=390) as page:
        page.goto(f"/creator/statements/{month}/?currency=CNY")
        page.locator("button.why").first.click()
        drawer = page.locator("dialog#drawer")
        expect(drawer).to_contain_text("W-1")
        assert "/creator/postings/" in page.url
        assert overflow(page) == []
        assert findings(page) == []
        page.keyboard.press("Escape")
        expect(drawer).not_to_be_visible()
        back = urlsplit(page.url)
        assert back.path == f"/creator/statements/{month}/"
        assert "currency=CNY" in back.query


def opens(page: Page, line: int) -> None:
    page.locator(f"[hx-get*='/lines/{line}/']").click()
    stands_at(page, line, "W-3")


def stands_at(page: Page, line: int, code: str) -> None:
    drawer = page.locator("dialog#drawer")
    expect(drawer.locator("code").first).to_have_text(code)
    page.wait_for_url(f"**/creator/lines/{line}/**")
    expect(drawer.locator(".drawer-head [data-copy]")).to_have_attribute("data-copy", page.url)
