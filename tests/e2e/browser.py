"""Helpers for tests that drive Chromium."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from accounts.models import User
from tests.cast import Cast

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--password-store=basic",
    "--remote-debugging-port=0",
]


@contextmanager
def listening(path: str, profile: Path) -> Iterator[str]:
    """A Chromium that runs for as long as the block lasts; the address at which `chrome` speaks to it."""
    command = [path, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield _address(process, profile / "DevToolsActivePort")
        finally:
            process.terminate()


def _address(process: "subprocess.Popen[bytes]", said: Path) -> str:
    """Chromium writes port and path into a file of its profile once it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        lines = said.read_text().split() if said.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.05)
    raise RuntimeError("Chromium did not come to listen within a minute")


@contextmanager
def chrome(address: str) -> Iterator[Browser]:
    """The running Chromium."""
    with sync_playwright() as driver:
        browser = driver.chromium.connect_over_cdp(address)
        try:
            yield browser
        finally:
            browser.close()


def session_of(user: User) -> str:
    """The session cookie of a logged-in person.

    Call it before `chrome`: the driver's event loop would give Django connections of its own, which outlive the test's
    database.
    """
    return Cast().client_of(user).cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def page_of(
    browser: Browser,
    base: str,
    *,
    session: str = "",
    language: str = "en",
    theme: str = "light",
    width: int = 1440,
) -> Iterator[Page]:
    """A page of a fresh profile, with a session or without, in a language, theme, width; its errors fail the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=base, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    values = {settings.LANGUAGE_COOKIE_NAME: language, "theme": theme}
    if session:
        values[settings.SESSION_COOKIE_NAME] = session
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in values.items()])
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    try:
        yield page
        assert not faults, faults
    finally:
        context.close()


def findings(page: Page) -> list[str]:
    """What the automatic accessibility check (WCAG 2.2 A and AA) finds on the page, one line each."""
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
    results: dict[str, Any] = Axe().run(page, options=options).response
    return [
        f"{row['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for row in results["violations"]
        for node in row["nodes"]
    ]


def overflow(page: Page) -> list[str]:
    """Elements that reach past the right edge of a page that scrolls sideways."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
        Array.from(document.querySelectorAll('body *'))
          .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
          .slice(0, 8).map((e) => e.tagName + '.' + (e.className.baseVal ?? e.className))"""
    )
    return found
