"""A security key in a real browser: set up, refused, used to come back in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.cast import PASSWORD, Cast
from tests.e2e.browser import chrome, page_of

pytestmark = pytest.mark.e2e


class Key:
    """A security key that a browser believes to be plugged in."""

    def __init__(self, session: CDPSession) -> None:
        self.session = session
        session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "isUserVerified": True, "hasUserVerification": True}
        options |= {"hasResidentKey": True, "automaticPresenceSimulation": True}
        added = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = added["authenticatorId"]

    def stored(self) -> int:
        """How many credentials it holds."""
        return len(self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"])


@contextmanager
def at_the_desk(live_portal: str, chromium: str, language: str = "en") -> Iterator[tuple[Page, Key]]:
    """A browser with a key, in which a person has just given the password."""
    email = Cast().olga.email
    with chrome(chromium) as browser, page_of(browser, live_portal, language=language) as page:
        key = Key(page.context.new_cdp_session(page))
        log_in(page, email)
        yield page, key


def log_in(page: Page, email: str) -> None:
    page.goto("/admin/accounts/user/?q=olga")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")


@pytest.fixture(autouse=True)
def _required(settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = True


def test_a_key_is_set_up_and_opens_the_admin_ever_after(live_portal: str, chromium: str) -> None:
    with at_the_desk(live_portal, chromium) as (page, key):
        page.wait_for_url("**/accounts/2fa/?next=**")
        page.locator("a[href$='/webauthn/add/']").click()
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.locator("#mfa_webauthn_add").click()
        page.wait_for_url("**/recovery-codes/")
        assert key.stored() == 1
        page.get_by_role("link", name="Go on to where you were going").click()
        page.wait_for_url("**/admin/accounts/user/?q=olga")
        expect(page.locator("#result_list")).to_contain_text("olga@cast.test")

        page.context.clear_cookies(name="sessionid")
        log_in(page, "olga@cast.test")
        page.wait_for_url("**/accounts/2fa/authenticate/**")
        expect(page.locator("main")).to_contain_text("protected by a security key")
        page.locator("#mfa_webauthn_authenticate").click()
        page.wait_for_url("**/admin/accounts/user/?q=olga")


def test_a_question_that_was_dismissed_is_answered_with_one_sentence(live_portal: str, chromium: str) -> None:
    with at_the_desk(live_portal, chromium, "zh-hans") as (page, key):
        page.goto("/accounts/2fa/webauthn/add/")
        page.locator("input[name=password]").fill(PASSWORD)
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url("**/webauthn/add/")
        page.evaluate(
            "() => { navigator.credentials.create = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
        )
        page.locator("#mfa_webauthn_add").click()
        expect(page.locator("[data-key-fault]")).to_contain_text("没有用到密钥")
        assert key.stored() == 0
