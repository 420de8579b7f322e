"""One earning explained, step by step, computed again in front of the reader."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from partners.choices import DecisionReason
from partners.selectors import Explained, earning_explained
from partners.views.frame import desk, frame


@require_safe
@entrance("creator")
def line(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawer's inside for htmx, else a page of its own."""
    at = desk(request)
    found = earning_explained(decision_id=pk, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such line."))
    context = {
        "desk": at,
        "why": found,
        "line": found.line,
        "discount": -found.line.discount_minor,
        "rows": _rows(found),
        "cents": [_cent(cent) for cent in found.cents],
        "reason": DecisionReason(found.line.reason).label,
        "status": "no_earning" if found.line.status == "none" else found.line.status,
        "home_url": at.url(),
        "own_url": request.get_full_path(),
    }
    # Going back in the browser asks htmx for the whole page again.
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        return render(request, "partners/line_drawer.html", context)
    return render(request, "partners/line.html", {**frame(request, at), **context})


def _rows(found: Explained) -> list[dict[str, Any]]:
    """Every way the money went, with its words."""
    return [
        {"label": _label(row.code, row.side, row.name), "amount": row.amount, "clause": row.clause,
         "formula": row.formula, "yours": row.yours}
        for row in found.rows
    ]  # fmt: skip


def _label(code: str, side: str, name: str) -> str:
    who = name or {
        "you": _("You"),
        "platform": _("Platform"),
        "partner": _("Partner"),
        "co_creator": _("Co-creator"),
        "others": _("Others"),
    }.get(side, "")
    words = {
        "tax": _("Tax"),
        "processing": _("Processing"),
        "fee_borne": _("Processing, paid by the platform"),
        "discount_borne": _("Discount borne by %(who)s"),
        "reserve": _("%(who)s, reserve"),
    }.get(code, "%(who)s")
    return words % {"who": who} if "%(who)s" in words else words


def _cent(cent: Any) -> dict[str, Any]:
    why = {
        "largest_left": _("largest remainder"),
        "tie_earlier": _("equal remainders: the earlier side"),
    }.get(cent.why, "")
    return {"cent": cent, "label": _label("share", cent.side, cent.name), "why": why}
