"""Screenshots for the README, taken from the served demo by a real Chromium."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: `name`.png of `path`, as the person with login `email` (None: a visitor)."""

    name: str
    path: str
    email: str | None = None
    language: str = "en"
    theme: str = "light"
    width: int = 1440
    height: int = 900


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's word
        """Say nothing: the command prints what it wrote."""


@contextmanager
def served() -> Iterator[str]:
    """The portal on a free port of this machine for as long as the block lasts; its address without a closing slash."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.daemon_threads = True
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def session_key(email: str) -> str:
    """A session of the person with this login, as if they had just entered."""
    user = get_user_model().objects.get(email=email)
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return str(store.session_key)


def take(shots: list[Shot], *, base: str, chromium: str, folder: Path, keys: dict[str, str]) -> Iterator[Path]:
    """Write each shot as a PNG and yield its path; `keys` holds a session key for each login that is used."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for shot in shots:
            page = browser.new_page(
                viewport={"width": shot.width, "height": shot.height},
                device_scale_factor=2 if shot.width < 600 else 1,
                reduced_motion="reduce",
            )
            cookies = {settings.LANGUAGE_COOKIE_NAME: shot.language, "theme": shot.theme, "tc": "yes"}
            if shot.email:
                cookies[settings.SESSION_COOKIE_NAME] = keys[shot.email]
            page.context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
            answer = page.goto(f"{base}{shot.path}", wait_until="networkidle")
            if answer is None or not answer.ok:
                raise LookupError(f"{shot.path} answers {answer.status if answer else 'nothing'}")
            path = folder / f"{shot.name}.png"
            page.screenshot(path=path)
            page.close()
            yield path
        browser.close()
