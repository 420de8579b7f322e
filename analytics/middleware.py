"""Knows browsers by a first-party cookie, records how they arrive, and answers tracking links."""

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.cookies import Morsel
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from accounts.models import User
from analytics.choices import TouchFlag
from analytics.rules import host_of, sub_ids
from analytics.selectors import Arrived, first_arrival
from analytics.services import Click, link_follow, salted_key, visitor_merge
from analytics.services.arrivals import arrival_record, is_prefetch, is_robot

logger = logging.getLogger(__name__)
BACK_OFFICE = (
    "/accounts/",
    "/admin/",
    "/api/",
    "/consent/",
    "/creator/",
    "/go/",
    "/healthz",
    "/i18n/",
    "/marketing/",
    "/media/",
    "/metrics",
    "/patterns/",
    "/static/",
)
VISITOR_COOKIE = "tv"
VISITOR_COOKIE_SECONDS = 180 * 24 * 3600
CONSENT_COOKIE, CONSENT_SECONDS = "tc", 365 * 24 * 3600
"""What somebody said of being measured: yes or no. Without it the installation's `CONSENT_FIRST` says."""

FOLLOWED_COOKIE, FOLLOWED_SECONDS = "tl", 60
"""Says for a moment that a link leads to the page which opens next: its click is kept already. It names nobody."""


class VisitorMiddleware:
    """Sets `request.visitor_key`, made from a random UUID in a first-party cookie, and `request.visitor_consent`.

    The key that is stored is the cookie's value hashed under the installation's secret (`salted_key`): who reads the
    database cannot tell which browser it is, and who has the browser's cookie cannot find its rows.

    A browser that says Do-Not-Track or Global Privacy Control, or whose reader declined, gets no cookie and loses the
    one it has: its key lives for one request. `request.visitor_known`: it was here before. `request.visitor_asks`:
    nobody has chosen yet in this browser; `request.visitor_opens()`: a person opens this address now. Stands after the
    session and outside `ScopeMiddleware`: an arrival is written when the page is done, in a transaction of its own, so
    that it neither delays the page's commit nor fails with it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, remember an arrival, and keep the browser's key."""
        consent, cookie = _consents(request), _read(request)
        known = cookie if consent else None
        token = known or uuid4()
        key = salted_key(token)
        request.visitor_key, request.visitor_consent = key, consent  # type: ignore[attr-defined]
        request.visitor_arrived = partial(_arrived, request, known and key)  # type: ignore[attr-defined]  # told to views
        request.visitor_opens = partial(_is_person, request)  # type: ignore[attr-defined]  # told to views
        request.visitor_program = partial(_is_program, request)  # type: ignore[attr-defined]  # told to views
        request.visitor_known = known is not None  # type: ignore[attr-defined]  # told to views
        signal = _declines(request)
        request.visitor_signal = signal  # type: ignore[attr-defined]  # told to views
        request.visitor_asks = not (signal or _said(request))  # type: ignore[attr-defined]  # told to views
        response = self.get_response(request)
        if (says := getattr(request, "visitor_says", None)) is not None:
            _remember(response, agrees=says)
            consent, known = says and not _declines(request), None
        if _is_landing(request, response):
            if request.COOKIES.get(FOLLOWED_COOKIE):
                response.delete_cookie(FOLLOWED_COOKIE, samesite="Lax")
            else:
                _arrive(request, key, returning=cookie is not None, consent=consent)
        if not _is_page(response):
            return response
        _keep(response, token=token, cookie=cookie, consent=consent)
        if known is not None:
            _recognise(request, key)
        return response


_EVERY_TIME = {"Cache-Control": "max-age=0, no-cache, no-store, must-revalidate, private", "Content-Length": "0"}


_FOLLOWED: Morsel[str] = Morsel()
_FOLLOWED.set(FOLLOWED_COOKIE, "1", "1")
_FOLLOWED.update({"max-age": str(FOLLOWED_SECONDS), "path": "/", "httponly": "yes", "samesite": "Lax"})


class LinkMiddleware:
    """Answers `/go/CODE` by itself: the click is kept, then the browser is sent on to the page that the link names.

    Stands before sessions, languages and policies, because a redirect needs none of them and a visitor waits for it.
    That the target is a page of ours is a constraint of the database; nothing in the address decides where. A link that
    is not in use goes on to the page that says so.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a link, hand on everything else."""
        if not request.path_info.startswith("/go/") or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        consent, cookie = _consents(request), _read(request)
        token = cookie if consent and cookie else uuid4()
        click = _click(request, token, consent=consent) if _is_person(request) else None
        there = link_follow(code=request.path_info.removeprefix("/go/"), click=click)
        if there is None:
            return self.get_response(request)
        response = HttpResponseRedirect(there, headers=_EVERY_TIME)
        if click is not None:
            _keep(response, token=token, cookie=cookie, consent=consent)
            response.cookies[FOLLOWED_COOKIE] = _FOLLOWED
        return response


def _click(request: HttpRequest, token: UUID, *, consent: bool) -> Click:
    return Click(
        visitor_key=salted_key(token),
        referrer_host=host_of(request.META.get("HTTP_REFERER", "")),
        sub_ids=sub_ids(request.GET) if request.META.get("QUERY_STRING") else {},
        # A browser says what it fetches an address for. An image, a frame or a script is not somebody who came.
        flag="" if request.META.get("HTTP_SEC_FETCH_DEST", "document") == "document" else TouchFlag.INJECTED.value,
        consent=consent,
        at=timezone.now(),
    )


def _keep(response: HttpResponse, *, token: UUID, cookie: UUID | None, consent: bool) -> None:
    """Leave the browser its cookie, give it one, or take it from who declines."""
    if not consent:
        if cookie is not None:
            response.delete_cookie(VISITOR_COOKIE, samesite="Lax")
    elif cookie is None:
        response.set_cookie(
            VISITOR_COOKIE,
            str(token),
            max_age=VISITOR_COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )


def _is_program(request: HttpRequest) -> bool:
    """A program that says what it is, such as a search engine's: every request of its own would be a new reader."""
    agent = request.META.get("HTTP_USER_AGENT", "")
    return bool(agent) and is_robot(agent)


def _is_person(request: HttpRequest) -> bool:
    """Somebody who opens an address now, as opposed to a program, or a browser that asks in advance."""
    return (
        request.method == "GET"
        and not is_robot(request.META.get("HTTP_USER_AGENT", ""))
        and not is_prefetch(request.META)
    )


def _is_landing(request: HttpRequest, response: HttpResponse) -> bool:
    """A storefront page that a person opened, as opposed to a fragment, a file, or a page for staff and parties."""
    return (
        response.status_code == HTTPStatus.OK
        and response.get("Content-Type", "").startswith("text/html")
        and not request.path.startswith(BACK_OFFICE)
        and not request.headers.get("HX-Request")
        and _is_person(request)
    )


def _arrive(request: HttpRequest, key: UUID, *, returning: bool, consent: bool) -> None:
    """Record the arrival; a visitor's page never fails because of it."""
    try:
        arrival_record(
            visitor_key=key,
            landing=request.build_absolute_uri(),
            referrer=request.headers.get("Referer", ""),
            returning=returning,
            consent=consent,
            at=timezone.now(),
        )
    except DatabaseError:
        logger.exception("an arrival could not be recorded")


def _arrived(request: HttpRequest, key: UUID | None) -> Arrived | None:
    """How the reader first came; asked only by views that greet strangers."""
    user_id = request.user.pk if isinstance(request.user, User) else None
    return first_arrival(visitor_key=key, user_id=user_id) if key or user_id else None


_SESSION_KEY = "visitor_key"


def _recognise(request: HttpRequest, key: UUID) -> None:
    """Once per login, say whose browser this is, so that what it did before belongs to the person's journey."""
    user = request.user
    if not isinstance(user, User) or request.session.get(_SESSION_KEY) == str(key):
        return
    try:
        visitor_merge(user_id=user.pk, visitor_key=key, at=timezone.now())
    except DatabaseError:
        logger.exception("a browser could not be recognised")
    else:
        request.session[_SESSION_KEY] = str(key)


def _consents(request: HttpRequest) -> bool:
    """Whether this browser may be known again."""
    if _declines(request):
        return False
    said = _said(request)
    return said == "yes" if said else not settings.CONSENT_FIRST


def _said(request: HttpRequest) -> str:
    said = request.COOKIES.get(CONSENT_COOKIE, "")
    return said if said in ("yes", "no") else ""


def _remember(response: HttpResponse, *, agrees: bool) -> None:
    response.set_cookie(
        CONSENT_COOKIE,
        "yes" if agrees else "no",
        max_age=CONSENT_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _declines(request: HttpRequest) -> bool:
    """The browser itself asks not to be followed."""
    return request.META.get("HTTP_SEC_GPC") == "1" or request.META.get("HTTP_DNT") == "1"


def _is_page(response: HttpResponse) -> bool:
    return response.status_code in (301, 302) or response.get("Content-Type", "").startswith("text/html")


def _read(request: HttpRequest) -> UUID | None:
    token = request.COOKIES.get(VISITOR_COOKIE)
    try:
        return UUID(token) if token else None
    except ValueError:
        return None
