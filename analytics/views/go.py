"""Tracking links that lead nowhere: whoever follows one that is in use is answered by `LinkMiddleware`."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe


@require_safe
def gone(request: HttpRequest, code: str) -> HttpResponse:  # noqa: ARG001 - what a view is called with
    """Say that a link is not in use."""
    raise Http404(_("This link is not in use any more."))
