"""Claims of a party: file one, follow it, appeal, withdraw."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.rules import entrance
from ledger.selectors.standing import posting_of_entry
from partners.choices import ClaimState, ClaimStepKind
from partners.errors import ClaimError
from partners.forms.claims import AppealForm, ClaimForm
from partners.models import Adjustment, Claim
from partners.selectors import claim_findings, claim_lines, claim_since, claim_steps, claims_of, reason_told
from partners.services import appeal_until, claim_appeal, claim_file, claim_withdraw
from partners.views.frame import Desk, desk, frame

MARKS = {
    ClaimState.FILED: "pending",
    ClaimState.REVIEW: "in_review",
    ClaimState.CONFIRMING: "in_review",
    ClaimState.ACCEPTED: "available",
    ClaimState.REFUSED: "no_earning",
    ClaimState.APPEALED: "in_review",
    ClaimState.UPHELD: "no_earning",
    ClaimState.WITHDRAWN: "draft",
}
PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@entrance("creator")
def claims(request: HttpRequest) -> HttpResponse:
    """The party's claims with their clock; a new one by POST."""
    at = desk(request)
    initial = {"order_code": request.GET.get("order", "")[:32], "order_day": request.GET.get("day", "")[:10]}
    form = ClaimForm(request.POST or None, party=at.party, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = claim_file(party=at.party, by=at.user, **form.cleaned_data)
        except ClaimError as fault:
            form.add_error(None, str(fault))
        else:
            messages.success(request, _("The claim is filed; the evidence is being gathered."))
            return HttpResponseRedirect(_url(made.pk, at))
    rows = [_row(claim, at) for claim in claims_of(party=at.party.pk, visible_to=at.user)[:PAGE]]
    return render(request, "partners/claims.html", {**frame(request, at), "desk": at, "form": form, "rows": rows})


@require_safe
@entrance("creator")
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """One claim: verdict, evidence, what happened, what can be done."""
    at, found = _mine(request, pk)
    return render(request, "partners/claim.html", {**frame(request, at), **_context(found, at, AppealForm())})


@require_POST
@entrance("creator")
def appeal(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a second look."""
    at, found = _mine(request, pk)
    form = AppealForm(request.POST)
    if not form.is_valid():
        return render(request, "partners/claim.html", {**frame(request, at), **_context(found, at, form)})
    note = form.cleaned_data["note"]
    return _answered(
        request,
        _url(pk, at),
        lambda: claim_appeal(claim_id=pk, by=at.user, note=note),
        _("The appeal is filed; another person decides it."),
    )


@require_POST
@entrance("creator")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a claim back."""
    at, _found = _mine(request, pk)
    return _answered(
        request, _url(pk, at), lambda: claim_withdraw(claim_id=pk, by=at.user), _("The claim is withdrawn.")
    )


def standing(claim: Claim) -> dict[str, Any]:
    """Where a claim stands, who acts next, by when: context of `partners/_claim_state.html`."""
    until = appeal_until(claim) if claim.state == ClaimState.REFUSED else None
    phase = {
        ClaimState.FILED: "review",
        ClaimState.REVIEW: "review",
        ClaimState.CONFIRMING: "appeal" if claim.round == 2 else "review",
        ClaimState.APPEALED: "appeal",
    }.get(ClaimState(claim.state), "over")
    now = timezone.now()
    return {
        "mark": MARKS[ClaimState(claim.state)],
        "phase": phase,
        "late": claim.is_open and claim.due_at <= now,
        "until": until if until is not None and until > now else None,
    }


def _row(claim: Claim, at: Desk) -> dict[str, Any]:
    return {
        "claim": claim,
        "stands": standing(claim),
        "reason": reason_told(claim.reason) if claim.reason and not claim.is_open else "",
        "url": _url(claim.pk, at),
    }


def _context(found: Claim, at: Desk, form: AppealForm) -> dict[str, Any]:
    own, _others = claim_findings(claim=found, house=False)
    credited = Adjustment.objects.filter(claim=found).first()
    entry = credited.entry_id if credited else None
    posting = posting_of_entry(entry_id=entry, line="", party=at.party.pk) if entry else None
    row, since = _row(found, at), _since(found, at) if credited else []
    return {
        "desk": at,
        **row,
        "findings": own,
        "steps": _steps(found),
        "history": [step for step in claim_steps(claim=found, house=False) if step.kind != ClaimStepKind.GATHERED],
        "credited": credited,
        "lines": claim_lines(claim=found) if credited else [],
        "since": since,
        "stands_minor": (credited.amount_minor if credited else 0) + sum(row["minor"] for row in since),
        "posting_url": f"{reverse('partners:posting', args=[posting])}?party={at.party.code}" if posting else "",
        "appeal": form if row["stands"]["until"] else None,
        "may_withdraw": found.is_open and found.state != ClaimState.CONFIRMING,
        "back_url": f"{reverse('partners:claims')}?party={at.party.code}",
    }


def _since(found: Claim, at: Desk) -> list[dict[str, Any]]:
    """What happened to the order after the credit, and what it moved of it."""
    rows = []
    for row in claim_since(claim=found):
        posting = posting_of_entry(entry_id=row.entry_id, line="", party=at.party.pk)
        url = f"{reverse('partners:posting', args=[posting])}?party={at.party.code}" if posting else ""
        rows.append({"at": row.at, "label": row.reason.label, "minor": row.minor, "currency": row.currency, "url": url})
    return rows


def _steps(found: Claim) -> list[dict[str, Any]]:
    """The way of a claim: filed, evidence, decision, and the appeal where there was one."""
    now = {
        ClaimState.FILED: 1,
        ClaimState.REVIEW: 2,
        ClaimState.CONFIRMING: 2 if found.round == 1 else 3,
        ClaimState.APPEALED: 3,
    }.get(ClaimState(found.state), 9)
    labels = [_("Filed"), _("Evidence"), _("Decision")]
    if found.round == 2:
        labels.append(_("Appeal"))
    return [
        {"label": label, "note": "", "state": "done" if i < now else "now" if i == now else "next"}
        for i, label in enumerate(labels)
    ]


def _mine(request: HttpRequest, pk: int) -> tuple[Desk, Claim]:
    at = desk(request)
    found = claims_of(party=at.party.pk, visible_to=at.user).filter(pk=pk).first()
    if found is None:
        raise Http404(_("There is no such claim."))
    return at, found


def _answered(request: HttpRequest, url: str, verb: Callable[[], Any], told: str) -> HttpResponse:
    try:
        verb()
    except ClaimError as fault:
        messages.error(request, str(fault))
    else:
        messages.success(request, told)
    return HttpResponseRedirect(url)


def _url(pk: int, at: Desk) -> str:
    return f"{reverse('partners:claim', args=[pk])}?party={at.party.code}"
