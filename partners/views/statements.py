"""Statements of a party: every month, one month, and its files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from ledger.money import decimal_from_minor
from ledger.selectors import party_currencies
from ledger.selectors.files import csv_cell, csv_text
from partners.models import Claim
from partners.selectors import claim_words, claims_by_entry
from partners.selectors.panel_words import hold_words
from partners.selectors.statements import (
    MonthlyStatement,
    day_of,
    local_title,
    statement_months,
    statement_of,
    statement_proven,
)
from partners.views.frame import Desk, desk, frame
from partners.views.statement_pdf import statement_pdf
from partners.views.words import section_label

SHOWN = 200
"""Lines on the page of one month; the files hold all of them."""


@require_safe
@entrance("creator")
def statements(request: HttpRequest) -> HttpResponse:
    """Every month since the first posting, with what it moved; only issued ones stand still."""
    at = desk(request)
    rows = [
        {"row": row, "url": _url(at, row.month, row.currency)}
        for row in statement_months(party=at.party, visible_to=at.user)
    ]
    return render(request, "partners/statements.html", {**frame(request, at), "desk": at, "rows": rows})


@require_safe
@entrance("creator")
def statement(request: HttpRequest, month: str) -> HttpResponse:
    """One month: where it began, what moved, where it ended."""
    at, found = _asked(request, month)
    held, freed = found.maturing()
    shown = found.lines[:SHOWN]
    claims, words = claims_by_entry(entries=_adjusted(shown)), claim_words(entries=_adjusted(shown))
    context = {
        **frame(request, at),
        "desk": at,
        "statement": found,
        "sums": [{"label": section_label(code), "lines": n, "minor": minor} for code, n, minor in found.sums()],
        "lines": [_row(at, line, claims, words) for line in shown],
        "rest": max(0, len(found.lines) - SHOWN),
        "held": held,
        "freed": freed,
        "free": found.closing - held,
        "hold_words": hold_words(found.hold(visible_to=at.user)),
        "beside": [
            {"label": section_label(account), "opening": found.head["opening"][account], "closing": closing}
            for account, closing in found.head["closing"].items()
            if account != "payable" and (closing or found.head["opening"][account])
        ],
        "files": {kind: _url(at, found.month, found.currency, kind) for kind in ("pdf", "csv", "json")},
        "back_url": f"{reverse('partners:statements')}?party={at.party.code}",
    }
    return render(request, "partners/statement.html", context)


@require_safe
@entrance("creator")
def statement_file(request: HttpRequest, month: str, kind: str) -> HttpResponse:
    """The month as PDF, CSV or (issued) JSON with proofs."""
    at, found = _asked(request, month)
    name = f"{found.head['number']}{'' if found.issued else '-draft'}.{kind}"
    if kind == "pdf":
        response = HttpResponse(
            statement_pdf(found, claim_words(entries=_adjusted(found.lines)), found.hold(visible_to=at.user)),
            content_type="application/pdf",
        )
    elif kind == "csv":
        response = HttpResponse(csv_text(_csv(found)), content_type="text/csv; charset=utf-8")
    elif found.issued is None:
        raise Http404(_("A draft has no proofs yet; they come with the statement after the month's close."))
    else:
        # Lines are as they were hashed; what claims are called in the reader's language stands beside them.
        words = claim_words(entries=_adjusted(found.lines))
        beside = {str(line["posting"]): words[line["entry"]] for line in found.lines if line["entry"] in words}
        proven = statement_proven(found.issued) | ({"words": beside} if beside else {})
        body = json.dumps(proven, ensure_ascii=False, indent=1)
        response = HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _asked(request: HttpRequest, month: str) -> tuple[Desk, MonthlyStatement]:
    at = desk(request)
    try:
        first = date.fromisoformat(f"{month}-01")
        date(first.year + 1, 1, 1)  # the calendar's last year has no month after it
    except ValueError as fault:
        raise Http404(_("There is no such month.")) from fault
    known = party_currencies(party=at.party.pk)
    asked = request.GET.get("currency", "")
    currency = asked if asked in known else (known[0] if known else at.party.currency)
    found = statement_of(party=at.party, month=first, currency=currency, visible_to=at.user)
    if found is None:
        raise Http404(_("There is no such month."))
    return at, found


def _url(at: Desk, month: date, currency: str, kind: str = "") -> str:
    key = f"{month:%Y-%m}"
    path = reverse("partners:statement_file", args=[key, kind]) if kind else reverse("partners:statement", args=[key])
    return f"{path}?party={at.party.code}&currency={currency}"


def _adjusted(lines: Sequence[Any]) -> list[int]:
    """Entries of adjustments, which may be of claims."""
    return [line["entry"] for line in lines if line["section"] == "adjustments"]


def _row(at: Desk, line: Any, claims: Mapping[int, Claim], words: Mapping[int, str]) -> dict[str, Any]:
    claim = claims.get(line["entry"])
    title = words.get(line["entry"]) or local_title(line) or line["note"]
    return {
        "claim_url": f"{reverse('partners:claim', args=[claim.pk])}?party={at.party.code}" if claim else "",
        "url": f"{reverse('partners:posting', args=[line['posting']])}?party={at.party.code}",
        "line": line,
        "label": section_label(line["section"]),
        "title": title,
        "day": date.fromisoformat(line["booked_on"]),
        "occurred": day_of(line["occurred_at"]),
    }


def _csv(found: MonthlyStatement) -> Iterator[list[str]]:
    """Lines as they stand in the statement; amounts as plain decimals and in minor units."""
    cur, words = found.currency, claim_words(entries=_adjusted(found.lines))
    yield [
        "posting", "booked_on", "occurred_at", "account", "section", "order", "line", "title", "note", "clause",
        "currency", "amount", "amount_minor", "available_from",
    ]  # fmt: skip
    for line in found.lines:
        yield [
            str(line["posting"]),
            line["booked_on"],
            line["occurred_at"],
            line["account"],
            line["section"],
            csv_cell(line["order"]),
            csv_cell(line["line"]),
            csv_cell(local_title(line)),
            csv_cell(words.get(line["entry"], line["note"])),
            csv_cell(line["clause"]),
            cur,
            decimal_from_minor(line["amount"], cur),
            str(line["amount"]),
            line["available_from"] or "",
        ]
    for account, closing in found.head["closing"].items():
        for name, minor in (("opening", found.head["opening"][account]), ("closing", closing)):
            yield ["", "", "", account, name, "", "", "", "", "", cur, decimal_from_minor(minor, cur), str(minor), ""]
