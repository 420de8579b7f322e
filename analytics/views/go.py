"""Tracking links: `/go/CODE`."""

import logging

from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.scope import all_rows
from analytics.services.arrivals import is_prefetch, is_robot, link_follow
from partners.models import TrackingLink

logger = logging.getLogger(__name__)


@require_safe
@never_cache
def go(request: HttpRequest, code: str) -> HttpResponse:
    """Send the visitor on to the page of ours that the link names, and remember the way.

    That it is a page of ours is a constraint of the database.
    """
    # Whoever follows a link belongs to no party, yet links are rows of parties.
    with all_rows():
        link = TrackingLink.objects.filter(code=code, is_active=True).first()
        if link is None:
            raise Http404(_("This link is not in use any more."))
        if _is_person(request):
            _follow(request, link)
    return HttpResponseRedirect(link.destination)


def _follow(request: HttpRequest, link: TrackingLink) -> None:
    """Record the touch; the visitor goes on even where that fails."""
    try:
        with transaction.atomic():
            link_follow(
                link=link,
                visitor_key=request.visitor_key,  # type: ignore[attr-defined]
                referrer=request.headers.get("Referer", ""),
                consent=request.visitor_consent,  # type: ignore[attr-defined]
                at=timezone.now(),
            )
    except DatabaseError:
        logger.exception("a touch through a link could not be recorded")


def _is_person(request: HttpRequest) -> bool:
    return (
        request.method == "GET"
        and not is_robot(request.headers.get("User-Agent", ""))
        and not is_prefetch(request.headers)
    )
