"""Tracking links with their QR codes, and coupons."""

import io
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.rules import entrance
from partners.errors import ChannelError
from partners.forms.reach import LinkForm
from partners.models import Coupon, TrackingLink
from partners.services import link_create
from partners.views.frame import Desk, desk, frame


@require_http_methods(["GET", "HEAD", "POST"])
@entrance("creator")
def links(request: HttpRequest) -> HttpResponse:
    """The party's links and coupons; a new link by POST."""
    at = desk(request)
    form = LinkForm(request.POST or None, party=at.party)
    if request.method == "POST" and form.is_valid() and _create(request, form, at):
        return HttpResponseRedirect(f"{reverse('partners:links')}?party={at.party.code}")
    mine = TrackingLink.objects.filter(owner=at.party).select_related("channel").order_by("-created_at", "-pk")
    context: dict[str, Any] = {
        **frame(request, at),
        "desk": at,
        "form": form if form.fields["channel"].queryset.exists() else None,  # type: ignore[attr-defined]
        "links": [{"link": link, "address": address(link), "tags": _tags(link)} for link in mine],
        "coupons": Coupon.objects.filter(owner=at.party).order_by("-is_active", "code"),
    }
    return render(request, "partners/links.html", context)


@require_safe
@entrance("creator")
def qr(request: HttpRequest, code: str) -> HttpResponse:
    """A link's QR code as an SVG file."""
    import segno

    at = desk(request)
    link = TrackingLink.objects.filter(code=code, owner=at.party).first()
    if link is None:
        raise Http404(_("There is no such link."))
    out = io.BytesIO()
    segno.make(address(link), error="m").save(
        out, kind="svg", scale=8, border=2, light="white", xmldecl=False, svgclass=None
    )
    response = HttpResponse(out.getvalue(), content_type="image/svg+xml")
    response["Content-Disposition"] = f'inline; filename="{link.code}.svg"'
    return response


def address(link: TrackingLink) -> str:
    """The full address that people share."""
    return f"{settings.BASE_URL}/go/{link.code}"


def _tags(link: TrackingLink) -> str:
    """What stands behind the target, short: source / medium / campaign / term / content."""
    tags = (link.utm_source, link.utm_medium, link.campaign, link.utm_term, link.utm_content)
    return " / ".join(filter(None, tags))


def _create(request: HttpRequest, form: LinkForm, at: Desk) -> bool:
    try:
        link_create(
            channel=form.cleaned_data["channel"],
            owner=at.party,
            destination=form.cleaned_data["destination"],
            campaign=form.cleaned_data["campaign"],
            utm={key: form.cleaned_data[key] for key in ("utm_source", "utm_medium", "utm_term", "utm_content")},
            by=at.user,
        )
    except ChannelError as error:
        form.add_error("destination", str(error))
        return False
    messages.success(request, _("Link created."))
    return True
