"""Tracking links: `/go/CODE`."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.scope import all_rows
from analytics.middleware import declines
from analytics.services.arrivals import is_robot, link_follow
from partners.models import TrackingLink


@require_safe
@never_cache
def go(request: HttpRequest, code: str) -> HttpResponse:
    """Send the visitor on to the page of ours that the link names, and remember the way."""
    # Whoever follows a link belongs to no party, yet links are rows of parties.
    with all_rows():
        link = TrackingLink.objects.filter(code=code, is_active=True).first()
        if link is None:
            raise Http404(_("This link is not in use any more."))
        if request.method == "GET" and not is_robot(request.headers.get("User-Agent", "")) and not _prefetched(request):
            link_follow(
                link=link,
                visitor_key=request.visitor_key,  # type: ignore[attr-defined]
                referrer=request.headers.get("Referer", ""),
                consent=not declines(request),
                at=timezone.now(),
            )
    return HttpResponseRedirect(link.destination)


def _prefetched(request: HttpRequest) -> bool:
    return "prefetch" in (request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", ""))
