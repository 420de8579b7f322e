"""What the page of a payout run shows."""

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from accounts.admin.base import clerk
from ledger.choices import ItemState, LeftOut, RunState
from ledger.models import PayoutRun
from ledger.selectors.runs import (
    LeftOutRow,
    RunCheck,
    RunSums,
    is_unusual,
    payouts_before,
    run_checks,
    run_items,
    run_left_out,
    run_sums,
)

PAGE = 25
SHOWN = {
    RunState.DRAFT: "draft",
    RunState.WAITING: "pending",
    RunState.APPROVED: "in_transit",
    RunState.DONE: "paid",
    RunState.CANCELLED: "no_earning",
}
"""Which mark of the face a run's state wears."""


def run_page(request: HttpRequest, run: PayoutRun) -> dict[str, Any]:
    """Context of `admin/ledger/run.html`."""
    user = clerk(request)
    sums = run_sums(run)
    find = request.GET.get("find", "").strip()
    pages = Paginator(run_items(run, find=find), PAGE)
    page = pages.get_page(request.GET.get("page"))
    items = list(page.object_list)
    before = payouts_before(items=items)
    open_now = run.state in {RunState.DRAFT, RunState.WAITING}
    left = run_left_out(run)
    return {
        "run": run,
        "mark": SHOWN[RunState(run.state)],
        "steps": _steps(run),
        "terms": _terms(run, sums),
        "sums": sums,
        "find": find,
        "page": page,
        "pages": _pages(run, page, find),
        "items": [{"item": item, "spark": before.get(item.party_id, []), **_marks(item)} for item in items],
        "left": [_left(row) for row in left],
        "left_total": sum(row.available for row in left),
        "checks": [_check(row, run) for row in run_checks(run)] if open_now else [],
        "events": run.events.select_related("actor", "party").order_by("-pk")[:50],
        "may": {
            "prepare": user.has_perm("ledger.prepare_payoutrun"),
            "approve": user.has_perm("ledger.approve_payoutrun") and run.prepared_by_id != user.pk,
            "send": user.has_perm("ledger.send_payoutrun"),
        },
        "own": run.prepared_by_id == user.pk,
        "you_are": "maker" if run.prepared_by_id == user.pk else "checker" if run.approved_by_id == user.pk else "",
        "checker_name": run.approved_by.get_full_name() if run.approved_by else "",
        "open": open_now,
        **progress(run),
    }


def progress(run: PayoutRun) -> dict[str, Any]:
    """How far the booking of a run is."""
    left = run.items.filter(state=ItemState.APPROVED).count()
    total = run.items.exclude(state__in=[ItemState.PROPOSED, ItemState.EXCLUDED, ItemState.INELIGIBLE]).count()
    return {"run": run, "booked_count": total - left, "booked_of": total}


def _steps(run: PayoutRun) -> list[dict[str, Any]]:
    now = {
        RunState.DRAFT: 1, RunState.WAITING: 2, RunState.APPROVED: 3, RunState.DONE: 4, RunState.CANCELLED: 1,
    }[RunState(run.state)]  # fmt: skip
    cut_off = timezone.localtime(run.cut_off)
    labels = [
        (_("Cut-off"), formats.date_format(cut_off, "DATETIME_FORMAT")),
        (_("Prepare"), str(run.prepared_by)),
        (_("Review and approve"), str(run.approved_by or "")),
        (pgettext("payout run", "Send"), ""),
        (pgettext("payout run", "Receipts"), ""),
    ]
    return [
        {"label": label, "note": note, "state": "done" if i < now else "now" if i == now else "next"}
        for i, (label, note) in enumerate(labels)
    ]


def _terms(run: PayoutRun, sums: RunSums) -> list[dict[str, Any]]:
    """The equation: what the parties have, less what stays, less tax, is what leaves the bank."""
    candidates = ngettext("%(n)d candidate", "%(n)d candidates", sums.candidates) % {"n": sums.candidates}
    told = [{"label": candidates, "minor": sums.available, "note": _("of %(n)d with a balance") % {"n": sums.items}}]
    if sums.carried:
        told.append({"label": _("Stays for later"), "minor": sums.carried, "note": _("rounded"), "op": "minus"})
    parties = ngettext("%(n)d party", "%(n)d parties", sums.taxed) % {"n": sums.taxed}
    told.append({"label": _("Tax withheld"), "minor": sums.withheld, "note": parties, "op": "minus"})
    note = _("approved") if run.approved_at else ""
    told.append({"label": _("Leaves the bank"), "minor": sums.leaves, "note": note, "op": "equals", "result": True})
    return told


def _marks(item: Any) -> dict[str, Any]:
    """What stands out about an item."""
    times = item.amount_minor / item.usual_minor if is_unusual(item) else None
    codes = {
        ItemState.SENT: "in_transit",
        ItemState.ARRIVED: "paid",
        ItemState.FAILED: "failed",
        ItemState.FELL: "needs_you",
    }
    return {
        "times": f"{times:.1f}" if times else "",
        "status": codes.get(ItemState(item.state), ""),
        "changed": item.was_minor is not None and item.was_minor != item.amount_minor,
        "choosable": item.state in {ItemState.PROPOSED, ItemState.SENT},
    }


def _left(row: LeftOutRow) -> dict[str, Any]:
    marks = {
        LeftOut.ON_HOLD: ("on_hold", _("Whoever placed the hold")),
        LeftOut.NO_DETAILS: ("needs_you", _("The party, in its portal")),
        LeftOut.REFUSED: ("failed", _("The party, by new payout details")),
        LeftOut.CLOSED: ("no_earning", _("The partner manager")),
        LeftOut.NO_RATE: ("needs_you", _("Finance, by entering a rate")),
        LeftOut.ELSEWHERE: ("pending", _("Nobody, it is paid there")),
        LeftOut.BY_HAND: ("no_earning", _("Whoever took it out")),
        LeftOut.FELL: ("needs_you", _("Nobody, the next run pays what is left")),
        LeftOut.MINIMUM: ("pending", _("Nobody, it adds up")),
        LeftOut.NEGATIVE: ("refunded", _("Nobody, later sales fill it")),
    }
    reason = LeftOut(row.reason)
    code, who = marks[reason]
    return {
        "code": code,
        "label": reason.label,
        "who": who,
        "row": row,
        "by_hand": reason == LeftOut.BY_HAND,
        "note": row.items[0].note if row.parties == 1 else "",
    }


def _check(row: RunCheck, run: PayoutRun) -> dict[str, Any]:
    n = {"n": row.count}
    words = {
        "still_there": _("Every amount is still available")
        if row.ok
        else ngettext(
            "%(n)d payout is no longer covered by its balance", "%(n)d payouts are no longer covered by their balances",
            row.count,
        ) % n,
        "covered": _("Money at the processor and the bank covers it")
        if row.ok
        else _("Money at the processor and the bank does not cover it"),
        "unusual": _("No payout is over 3 times its usual size")
        if row.ok
        else ngettext(
            "%(n)d payout is over 3 times its usual size", "%(n)d payouts are over 3 times their usual size", row.count
        ) % n,
        "details": _("Nobody changed payout details lately")
        if row.ok
        else ngettext(
            "%(n)d party changed its payout details within 14 days",
            "%(n)d parties changed their payout details within 14 days",
            row.count,
        ) % n,
    }[row.code]  # fmt: skip
    shown = row.minor if row.code in {"still_there", "covered"} else None
    return {"ok": row.ok is True, "bad": row.ok is False, "words": words, "minor": shown, "currency": run.currency}


def _pages(run: PayoutRun, page: Any, find: str) -> dict[str, Any]:
    here = reverse("admin:ledger_payoutrun_change", args=[run.pk])

    def url(number: int) -> str:
        return f"{here}?{urlencode({'page': number, **({'find': find} if find else {})})}"

    return {
        "newer": url(page.previous_page_number()) if page.has_previous() else "",
        "older": url(page.next_page_number()) if page.has_next() else "",
        "first": page.start_index(),
        "last": page.end_index(),
        "total": page.paginator.count,
    }
