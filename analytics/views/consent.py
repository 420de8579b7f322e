"""Whether a browser lets itself be measured: asked once, changed at any time."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.choices import ConsentPurpose
from accounts.models import User
from accounts.services import consent_record
from courses.views.frame import shop


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def consent(request: HttpRequest) -> HttpResponse:
    """What is kept of a visit, and the choice; the answer goes into a cookie and, of a person, into a record too."""
    if request.method != "POST":
        return shop(request, "analytics/consent.html", {"title": _("Measuring visits"), "private": True})
    agrees = request.POST.get("agree") == "yes"
    request.visitor_says = agrees  # type: ignore[attr-defined]  # the middleware keeps it
    if isinstance(request.user, User):
        consent_record(user=request.user, purpose=ConsentPurpose.ANALYTICS, granted=agrees)
    there = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(there, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(there if safe else "/")
