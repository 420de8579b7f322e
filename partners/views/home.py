"""The home of a creator or partner: what is available, what is pending, from what, and every line."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.rules import entrance
from accounts.selectors import payout_details_now
from ledger.money import decimal_from_minor, exponent, half_up
from ledger.selectors import PartyBalance, party_balances, releases
from ledger.selectors.files import csv_cell
from ledger.selectors.payouts import hold_of, payouts_of
from partners.selectors import (
    TABS,
    EarningLine,
    Slice,
    Waterfall,
    earning_by_channel,
    earning_by_course,
    earning_counts,
    earning_lines,
    earning_rows,
    earning_waterfall,
)
from partners.selectors.panel_words import status_words
from partners.views.frame import Desk, desk, frame
from partners.views.payouts import payout_row

RANKS = 5
PAGE = 25


@require_safe
@entrance("creator")
def home(request: HttpRequest) -> HttpResponse:
    """The figures of one party in one currency over some days, and its lines."""
    at = desk(request)
    counts = earning_counts(of=at.of, visible_to=at.user)
    page = earning_lines(
        of=at.of,
        visible_to=at.user,
        tab=at.tab,
        cursor=request.GET.get("cursor", ""),
        size=PAGE,
        total=counts.get(at.tab),
    )
    fall = earning_waterfall(of=at.of, visible_to=at.user)
    balances = party_balances(parties=[at.party.pk], visible_to=at.user)
    context = {
        **frame(request, at),
        "desk": at,
        "now": timezone.now(),
        "range": at.range(),
        "balance": next((row for row in balances if row.currency == at.currency), None) or _nothing(at),
        "elsewhere": [row for row in balances if row.currency != at.currency and row.balance],
        "release": _release(at),
        "next_payout": _next_payout(at),
        "hold": hold_of(party=at.party.pk, visible_to=at.user),
        "payouts_url": f"{reverse('partners:payouts')}?party={at.party.code}",
        "currency_options": [
            {"label": code, "url": at.url(currency=code), "current": code == at.currency} for code in at.currencies
        ],
        "fall": _stream(fall) | _of_hundred(fall, earning_waterfall(of=at.of.before(), visible_to=at.user)),
        "by_course": _ranks(earning_by_course(of=at.of, visible_to=at.user)),
        "by_channel": _ranks(earning_by_channel(of=at.of, visible_to=at.user)),
        "page": page,
        "lines": [_line(at, line) for line in page.lines],
        "tabs_of_lines": _tabs(at, counts),
        "older_url": at.url(cursor=page.older) if page.older else "",
        "newer_url": at.url(cursor=page.newer) if page.newer else "",
        "csv_url": f"{reverse('partners:csv')}?{at.query()}",
    }
    return render(request, "partners/home.html", context)


@require_safe
@entrance("creator")
def lines_csv(request: HttpRequest) -> HttpResponse:
    """The lines of the page's filters as CSV, with exact amounts."""
    at = desk(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="earnings-{at.party.code}-{at.since}-{at.until}.csv"'
    response.write("\ufeff")  # so that spreadsheets read Chinese right
    writer = csv.writer(response)
    writer.writerows(_csv_rows(earning_rows(of=at.of, visible_to=at.user, tab=at.tab)))
    return response


def _csv_rows(lines: Iterator[EarningLine]) -> Iterator[list[str]]:
    yield [
        "ordered_at", "order", "line", "title", "channel", "currency", "list_price", "discount", "tax", "paid",
        "your_share", "your_share_now", "status", "reason", "since", "available_from",
    ]  # fmt: skip
    for line in lines:
        amounts = (
            line.list_minor,
            line.discount_minor,
            line.tax_minor,
            line.paid_minor,
            line.amount_minor,
            line.net_minor,
        )
        yield [
            line.placed_at.isoformat(),
            csv_cell(line.order_code),
            csv_cell(line.line_id),
            csv_cell(line.title),
            csv_cell(line.channel),
            line.currency,
            *(decimal_from_minor(amount, line.currency) for amount in amounts),
            line.status,
            line.reason,
            line.effect_reason or "",
            line.matures_at.isoformat(),
        ]


def _next_payout(at: Desk) -> dict[str, Any]:
    """The payout that is on its way, the last one, and whether it is known where the next goes."""
    rows = payouts_of(party=at.party.pk, visible_to=at.user)
    mine = [row for row in rows if row.currency == at.currency]
    return {
        "last": payout_row(mine[0]) if mine else None,
        "to": payout_details_now(party_ids=[at.party.pk]).get(at.party.pk),
    }


def _nothing(at: Desk) -> PartyBalance:
    return PartyBalance(at.party.pk, at.currency, 0, 0, 0, 0)


def _release(at: Desk) -> list[dict[str, Any]]:
    return [
        {"day": row.day, "amount": row.amount}
        for row in releases(party=at.party.pk, visible_to=at.user)
        if row.currency == at.currency
    ]


def _stream(fall: Waterfall) -> dict[str, Any]:
    """The waterfall as the stream draws it. What a side pays in joins the start, because a band cannot be negative."""
    names = {
        "discounts": _("Discounts"),
        "tax": _("Tax"),
        "processing": _("Processing"),
        "partners": _("Partners"),
        "platform": _("Platform"),
        "co_creators": _("Co-creators"),
        "refunds": _("Taken back"),
        "others": _("Others"),
        "claims": _("Claims"),
    }
    paid_in = sum(-part.amount_minor for part in fall.parts if part.amount_minor < 0)
    return {
        "total": fall.start_minor + paid_in,
        "sales": fall.sales,
        "yours": fall.yours_minor,
        "paid_in": paid_in,
        "parts": [
            {"label": names[part.code], "amount": part.amount_minor} for part in fall.parts if part.amount_minor > 0
        ],
        "drawn": fall.sales > 0 and fall.yours_minor >= 0 and fall.start_minor + paid_in > 0,
    }


def _of_hundred(fall: Waterfall, before: Waterfall) -> dict[str, Any]:
    """What of every hundred at list price reached the reader, and how much more or less than in the days before."""
    whole = 100 * 10 ** exponent(fall.currency)

    def part(of: Waterfall) -> int | None:
        positive = of.start_minor > 0 and of.yours_minor >= 0
        return half_up(of.yours_minor * whole, of.start_minor) if positive else None

    now, then = part(fall), part(before)
    change = now - then if now is not None and then is not None and before.sales else None
    return {"hundred": whole, "reached": now, "more": max(change or 0, 0), "less": max(-(change or 0), 0)}


def _ranks(slices: list[Slice]) -> list[dict[str, Any]]:
    """The largest few, the rest as one row; refunds can make a row negative, which a bar cannot show."""
    shown = [row for row in slices if row.amount_minor > 0]
    rows = [
        {
            "label": row.name or _("Unattributed"),
            "amount": row.amount_minor,
            "change": (row.amount_minor - row.before) / row.before if row.before else None,
        }
        for row in shown[:RANKS]
    ]
    rest = sum(row.amount_minor for row in shown[RANKS:])
    return [*rows, {"label": _("Others"), "amount": rest, "change": None}] if rest else rows


def _tabs(at: Desk, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    names = {"all": _("All"), "earned": _("Earned"), "refunded": _("Reversed"), "none": _("No earning")}
    return [
        {"label": names[tab], "url": at.url(tab=tab), "count": counts[tab], "current": tab == at.tab} for tab in TABS
    ]


def _line(at: Desk, line: EarningLine) -> dict[str, Any]:
    return {
        "line": line,
        **status_words(line),
        "why_url": f"{reverse('partners:line', args=[line.id])}?{at.query()}",
    }
