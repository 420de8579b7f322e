"""Knows browsers by a first-party cookie and records how they arrive."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from analytics.services import visitor_merge
from analytics.services.arrivals import arrival_record, is_prefetch, is_robot

logger = logging.getLogger(__name__)
BACK_OFFICE = (
    "/accounts/",
    "/admin/",
    "/api/",
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


class VisitorMiddleware:
    """Sets `request.visitor_key`, a random UUID kept in a first-party cookie, and `request.visitor_consent`.

    A browser that says Do-Not-Track or Global Privacy Control gets no cookie and loses the one it has: its key lives
    for one request. Stands after the session and outside `ScopeMiddleware`: an arrival is written when the page is
    done, in a transaction of its own, so that it neither delays the page's commit nor fails with it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, remember an arrival, and keep the browser's key."""
        consent, cookie = not _declines(request), _read(request)
        known = cookie if consent else None
        key = known or uuid4()
        request.visitor_key, request.visitor_consent = key, consent  # type: ignore[attr-defined]
        response = self.get_response(request)
        if _is_landing(request, response):
            _arrive(request, key, returning=cookie is not None, consent=consent)
        if not _is_page(response):
            return response
        if not consent:
            if cookie is not None:
                response.delete_cookie(VISITOR_COOKIE, samesite="Lax")
        elif known is None:
            response.set_cookie(
                VISITOR_COOKIE,
                str(key),
                max_age=VISITOR_COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
        else:
            _recognise(request, key)
        return response


def _is_landing(request: HttpRequest, response: HttpResponse) -> bool:
    """A storefront page that a person opened, as opposed to a fragment, a file, or a page for staff and parties."""
    return (
        request.method == "GET"
        and response.status_code == HTTPStatus.OK
        and response.get("Content-Type", "").startswith("text/html")
        and not request.path.startswith(BACK_OFFICE)
        and not request.headers.get("HX-Request")
        and not is_robot(request.headers.get("User-Agent", ""))
        and not is_prefetch(request.headers)
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


def _declines(request: HttpRequest) -> bool:
    """The browser asks not to be followed."""
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def _is_page(response: HttpResponse) -> bool:
    return response.status_code in (301, 302) or response.get("Content-Type", "").startswith("text/html")


def _read(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.COOKIES.get(VISITOR_COOKIE, ""))
    except ValueError:
        return None
