"""Knows browsers by a first-party cookie and records how they arrive."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from analytics.services.arrivals import arrival_record, is_robot

logger = logging.getLogger(__name__)
BACK_OFFICE = ("/admin/", "/creator/", "/marketing/", "/accounts/", "/api/", "/go/", "/static/", "/patterns/", "/i18n/")
VISITOR_COOKIE = "tv"
VISITOR_COOKIE_SECONDS = 180 * 24 * 3600


class VisitorMiddleware:
    """Sets `request.visitor_key`, a random UUID kept in a first-party cookie.

    A browser that says Do-Not-Track or Global Privacy Control gets no cookie: its key lives for one request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and remember an arrival."""
        known = _read(request)
        request.visitor_key = known or uuid4()  # type: ignore[attr-defined]
        request.visitor_consent = not declines(request)  # type: ignore[attr-defined]
        response = self.get_response(request)
        if _is_landing(request, response):
            _arrive(request, returning=known is not None)
        if known is None and request.visitor_consent and _is_page(response):  # type: ignore[attr-defined]
            response.set_cookie(
                VISITOR_COOKIE,
                str(request.visitor_key),  # type: ignore[attr-defined]
                max_age=VISITOR_COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=settings.SESSION_COOKIE_SECURE,
            )
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
    )


def _arrive(request: HttpRequest, *, returning: bool) -> None:
    """Record the arrival; a visitor's page never fails because of it."""
    try:
        arrival_record(
            visitor_key=request.visitor_key,  # type: ignore[attr-defined]
            landing=request.build_absolute_uri(),
            referrer=request.headers.get("Referer", ""),
            returning=returning,
            consent=not declines(request),
            at=timezone.now(),
        )
    except DatabaseError:
        logger.exception("an arrival could not be recorded")


def declines(request: HttpRequest) -> bool:
    """The browser asks not to be followed."""
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def _is_page(response: HttpResponse) -> bool:
    return response.status_code in (301, 302) or response.get("Content-Type", "").startswith("text/html")


def _read(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.COOKIES.get(VISITOR_COOKIE, ""))
    except ValueError:
        return None
