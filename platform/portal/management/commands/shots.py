"""`manage.py shots`: the README's pictures, taken from the demo business."""

import argparse
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

from portal import diagnosis
from portal.demo import build
from portal.demo.cast import PASSWORD
from portal.demo.people import CREATOR_LOGIN, LEARNER_LOGIN

MARKETER, FINANCE = "marketer@demo.test", "finance@demo.test"
HEIGHTS = {1440: 900, 390: 844}
LANGUAGES = {"en": "en", "zh": "zh-hans"}
WIDE = (("light", "en", 1440), ("light", "zh", 1440))
BOTH = (*WIDE, ("dark", "en", 390))
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]


@dataclass(frozen=True)
class Shot:
    """A picture: whose page, where it begins, what is clicked there, and in which (theme, language, width)."""

    name: str
    person: str
    path: str
    looks: tuple[tuple[str, str, int], ...] = WIDE
    click: str = ""
    shows: str = "main"


SHOTS = (
    Shot("creator", CREATOR_LOGIN, "/creator/?{days}", BOTH),
    Shot("why", CREATOR_LOGIN, "/creator/?{days}", click="[hx-get*='/creator/lines/']", shows="dialog[open]"),
    Shot("marketing", MARKETER, "/marketing/"),
    Shot("course", LEARNER_LOGIN, "/courses/?sort=popular", BOTH, click="main a[href^='/courses/']:not([href*='?'])"),
    Shot("home", "", "/"),
    Shot("learn", LEARNER_LOGIN, "/learn/"),
    Shot("admin", FINANCE, "/admin/", shows="#content"),
)


class Command(BaseCommand):
    help = (
        "Take the README's pictures of the demo business with Chromium: NAME-THEME-LANGUAGE-WIDTH.png.\n\n"
        "Example: PORTAL_DEMO=1 manage.py shots --only creator"
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, default=settings.BASE_DIR / "docs" / "shots", help="folder")
        parser.add_argument("--only", choices=[shot.name for shot in SHOTS], help="one picture in all its looks")
        parser.add_argument("--url", help="a demo that runs already; else the command serves it meanwhile")

    def handle(self, *args: Any, **options: Any) -> None:
        _refuse(served=not options["url"])
        wanted = [shot for shot in SHOTS if options["only"] in (None, shot.name)]
        options["out"].mkdir(parents=True, exist_ok=True)
        if options["url"]:
            self._take(options["url"].rstrip("/"), wanted, options["out"])
        else:
            with _served() as base:
                self._take(base, wanted, options["out"])

    def _take(self, base: str, wanted: list[Shot], out: Path) -> None:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=diagnosis.chromium(), args=ARGUMENTS)
            seats: dict[str, Any] = {}
            for shot in wanted:
                if shot.person not in seats:
                    seats[shot.person] = _logged_in(browser, base, shot.person)
                for theme, language, width in shot.looks:
                    picture = _picture(browser, base, shot, (theme, language, width), seats[shot.person])
                    path = out / f"{shot.name}-{theme}-{language}-{width}.png"
                    path.write_bytes(_small(picture))
                    self.stdout.write(f"  {path.name}  {path.stat().st_size // 1000} kB")
            browser.close()


def _refuse(*, served: bool) -> None:
    """Say what is missing in one sentence."""
    if find_spec("playwright") is None:
        raise CommandError("Playwright is not installed; `make install-dev` brings it.")
    if diagnosis.chromium() is None:
        raise CommandError("Chromium is not installed; install Debian's package chromium or set CHROMIUM to its path.")
    if served and not settings.DEMO:
        raise CommandError("the pictures show the demo business; set PORTAL_DEMO=1")
    if served and not build.exists():
        raise CommandError("the demo business is not there; `make demo ARGS=--no-serve` makes it")


@contextmanager
def _served() -> Iterator[str]:
    """The portal on a free port for as long as the block lasts."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(WSGIRequestHandler):
    """Requests that go well are not news."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's names
        return


def _logged_in(browser: Any, base: str, person: str) -> Any:
    """The cookies of a person who came in by the front door; of nobody, none."""
    if not person:
        return None
    context = browser.new_context(base_url=base)
    page = context.new_page()
    page.goto("/accounts/login/?next=/accounts/you/")
    page.locator("input[name=login]").fill(person)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url("**/accounts/you/")
    state = context.storage_state()
    context.close()
    return state


def _picture(browser: Any, base: str, shot: Shot, look: tuple[str, str, int], state: Any) -> bytes:
    """One page as a PNG, once fonts, fragments and charts stand still."""
    theme, language, width = look
    context = browser.new_context(
        base_url=base,
        storage_state=state,
        viewport={"width": width, "height": HEIGHTS[width]},
        color_scheme=theme,
        reduced_motion="reduce",
        device_scale_factor=1 if width > 1000 else 2,
    )
    values = {settings.LANGUAGE_COOKIE_NAME: LANGUAGES[language], "theme": theme}
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in values.items()])
    page = context.new_page()
    until = timezone.localdate()
    page.goto(shot.path.format(days=f"since={until - timedelta(days=89)}&until={until}"), wait_until="networkidle")
    if shot.click:
        page.locator(shot.click).first.click()
        page.wait_for_load_state("networkidle")
    page.locator(shot.shows).first.wait_for()
    page.evaluate("document.activeElement.blur(); document.fonts.ready")
    page.wait_for_timeout(300)
    picture: bytes = page.screenshot(animations="disabled")
    context.close()
    return picture


def _small(png: bytes) -> bytes:
    """The same picture with a palette of 256 colours, rare ones among them: a quarter of the bytes."""
    from PIL import Image

    out = BytesIO()
    picture = Image.open(BytesIO(png)).convert("RGB")
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(out, "PNG", optimize=True)
    return out.getvalue()
