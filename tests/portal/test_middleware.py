"""What log lines say of a reader, and what is not done for each request anew."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from django.contrib import messages
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.functional import empty
from gunicorn.config import Config  # type: ignore[import-untyped]  # it has no types
from gunicorn.glogging import Logger  # type: ignore[import-untyped]  # as above
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]  # as above

from portal.backend.cache import NearCache
from portal.middleware import LogMiddleware, NoteMiddleware, PolicyMiddleware
from portal.worker import StayingWorker


@pytest.mark.parametrize(
    ("sent", "through", "written"),
    [
        ("203.0.113.77", "", "203.0.113.0"),
        ("2001:db8:1234:5678::9", "", "2001:db8:1234::"),
        ("10.0.0.1", "198.51.100.4, 203.0.113.77", "203.0.113.0"),
        ("", "", ""),
        ("10.0.0.1", "nonsense", ""),
    ],
)
def test_a_log_line_bears_the_front_part_of_an_address(settings: Any, sent: str, through: str, written: str) -> None:
    settings.BEHIND_PROXY = bool(through)
    LogMiddleware.bind_ip(RequestFactory().get("/", REMOTE_ADDR=sent, HTTP_X_FORWARDED_FOR=through or "192.0.2.1"))
    assert structlog.contextvars.get_contextvars()["ip"] == written
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_a_policy_is_put_together_once_and_anew_for_who_asks_for_more(settings: Any, path: str) -> None:
    def answered(own: str = "") -> str:
        def view(_request: HttpRequest) -> HttpResponse:
            response = HttpResponse()
            if own:
                response._csp_update = {"media-src": [own]}  # type: ignore[attr-defined]  # django-csp's name
            return response

        middleware.get_response = view
        response = middleware(RequestFactory().get(path))
        assert isinstance(response, HttpResponse)
        return response.headers["Content-Security-Policy"]

    middleware = PolicyMiddleware(lambda _request: HttpResponse())
    usual = answered()
    assert answered() == usual
    assert "media-src https://a.test" in answered("https://a.test")
    assert answered() == usual
    assert ("unsafe-eval" in usual) == (path == "/admin/")
    assert len(middleware._usual) == 1


def test_notes_are_opened_by_who_writes_or_reads_one() -> None:
    request = RequestFactory().get("/")
    middleware = NoteMiddleware(lambda _request: HttpResponse())
    middleware(request)
    assert request._messages._wrapped is empty  # type: ignore[attr-defined]  # Django's name
    request.session = SessionStore()

    def view(request: HttpRequest) -> HttpResponse:
        messages.info(request, "Kept.")
        return HttpResponse()

    middleware.get_response = view
    response = middleware(request)
    assert isinstance(response, HttpResponse)
    request.COOKIES.update({name: morsel.value for name, morsel in response.cookies.items()})
    middleware.process_request(request)
    assert [note.message for note in messages.get_messages(request)] == ["Kept."]


def test_what_is_near_is_handed_out_as_it_is_until_its_time_is_over() -> None:
    near, value = NearCache("near of a test", {"OPTIONS": {"MAX_ENTRIES": 2}, "TIMEOUT": 30}), object()
    near.set("a", value)
    assert near.get("a") is value
    near.set("b", 1, 0)
    assert near.get("b", "gone") == "gone"
    near.set("c", 3)
    assert (near.get("a"), near.get("c")) == (None, 3), "what was set first is forgotten first"
    assert NearCache("near of a test", {}).get("c") == 3, "one for the process"
    near.clear()
    assert near.get("c") is None


def test_a_thread_stays_with_who_asks_again_at_once_and_no_longer() -> None:
    """Gunicorn's own worker would answer one request and hand the connection back."""
    here, there = socket.socketpair()
    there.settimeout(5)
    answered: list[bool] = []

    def app(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Length", "2")])
        return [environ["PATH_INFO"][-2:].encode()]

    def ask() -> None:
        for word in (b"aa", b"bb"):
            there.sendall(b"GET /" + word + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            answered.append(there.recv(4096).endswith(word) or there.recv(4096) == word)

    config = Config()
    config.set("threads", 4)
    worker = StayingWorker(0, 0, [], None, 60, config, Logger(config))
    worker.wsgi, worker.tpool = app, ThreadPoolExecutor(1)
    client = threading.Thread(target=ask)
    client.start()
    told = worker.handle(TConn(config, here, ("127.0.0.1", 1), ("127.0.0.1", 2)))
    client.join()
    assert (told, answered) == (True, [True, True])
    worker.tpool.shutdown()
    worker.tmp.close()
    here.close()
    there.close()
