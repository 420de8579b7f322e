"""One earning explained, step by step, computed again in front of the reader."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from partners.selectors import Explained, earning_explained, earning_neighbours
from partners.views.frame import Desk, desk, frame, reason_in_sentence


@require_safe
@entrance("creator")
def line(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawer's inside for htmx, else a page of its own."""
    at = desk(request)
    found = earning_explained(decision_id=pk, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such line."))
    newer, older = earning_neighbours(of=at.of, visible_to=at.user, decision_id=pk, tab=at.tab)
    context = {
        "desk": at,
        "why": found,
        "line": found.line,
        "discount": -found.line.discount_minor,
        "stream": _stream(found),
        "rows": _rows(found),
        "cents": [_cent(cent) for cent in found.cents],
        "clauses": _clauses(found),
        "points": _points(found),
        "reason": reason_in_sentence(found.line.reason),
        "status": "no_earning" if found.line.status == "none" else found.line.status,
        "status_reason": reason_in_sentence(found.line.reason) if found.line.status == "none" else "",
        "status_date": {"pending": found.line.matures_at, "refunded": found.line.effect_at}.get(found.line.status),
        "home_url": at.url(),
        "own_url": request.get_full_path(),
        "newer_url": _address(at, newer),
        "older_url": _address(at, older),
    }
    # Going back in the browser asks htmx for the whole page again.
    if request.headers.get("HX-Request") and not request.headers.get("HX-History-Restore-Request"):
        return render(request, "partners/line_drawer.html", context)
    return render(request, "partners/line.html", {**frame(request, at), **context})


def _address(at: Desk, pk: int | None) -> str:
    return f"{reverse('partners:line', args=[pk])}?{at.query()}" if pk else ""


def _stream(found: Explained) -> dict[str, Any] | None:
    """The rows as the stream draws them; None where there is nothing to draw or the reader paid in more than it got.

    What other sides pay in joins the start, because a band cannot be negative.
    """
    others = [row for row in found.rows if not row.yours]
    paid_in = sum(-row.amount for row in others if row.amount < 0)
    total = found.line.paid_minor + paid_in
    if not found.rows or not total or found.line.amount_minor < 0:
        return None
    return {
        "total": total,
        "paid_in": paid_in,
        "parts": [
            {
                "label": _label(row.code, row.side, row.name),
                "sort": _sort(row.side) if row.name else "",
                "amount": row.amount,
                "note": row.formula,
                "ref": f"§{row.clause}" if row.clause else "",
                "ref_url": f"#clause-{row.clause.replace('.', '-')}" if row.clause else "",
            }
            for row in others
            if row.amount > 0
        ],
        "yours_note": " + ".join(row.formula for row in found.rows if row.yours and row.formula),
    }


def _rows(found: Explained) -> list[dict[str, Any]]:
    """Every way the money went, with its words."""
    return [
        {"label": _label(row.code, row.side, row.name), "amount": row.amount, "clause": row.clause,
         "formula": row.formula, "yours": row.yours}
        for row in found.rows
    ]  # fmt: skip


def _clauses(found: Explained) -> list[dict[str, Any]]:
    """The clauses in the reader's language; those that decided this line stand out."""
    chinese = (get_language() or "").startswith("zh")
    cited = {row.clause for row in found.rows if row.clause}
    return [
        {
            "number": clause.number,
            "key": clause.number.replace(".", "-"),
            "text": clause.zh if chinese else clause.en,
            "cited": clause.number in cited,
        }
        for clause in found.clauses
    ]


def _points(found: Explained) -> list[dict[str, Any]]:
    """When the money reaches the reader; nothing where there is none."""
    line = found.line
    if not line.amount_minor:
        return []
    if line.effect_at is not None and not line.net_minor:
        return [
            {"at": line.placed_at, "title": _("Earned"), "state": "done"},
            {"at": line.effect_at, "title": _("Taken back with the order"), "state": "now"},
        ]
    free = line.matures_at <= timezone.now()
    return [
        {"at": line.placed_at, "title": _("Earned"), "state": "done"},
        {"at": line.matures_at, "title": _("Released"), "state": "now" if free else "next"},
    ]


def _sort(side: str) -> str:
    return {"partner": _("partner"), "co_creator": _("co-creator")}.get(side, "")


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
