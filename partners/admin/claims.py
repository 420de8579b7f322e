"""The desk of claims: what is due first, the evidence beside, a proposed verdict, the decision."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, OuterRef, QuerySet, Subquery, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, clerk, day_words
from accounts.models import User
from ledger.admin.words import amount
from partners import selectors, services
from partners.choices import CLAIMS_OPEN, ClaimBasis, ClaimReason, ClaimState
from partners.errors import PartnersError
from partners.forms.claims import AnswerForm
from partners.models import Claim, ClaimGathering

TONES = {
    str(ClaimState.FILED): "",
    str(ClaimState.REVIEW): "warning",
    str(ClaimState.CONFIRMING): "warning",
    str(ClaimState.ACCEPTED): "success",
    str(ClaimState.REFUSED): "",
    str(ClaimState.APPEALED): "danger",
    str(ClaimState.UPHELD): "",
    str(ClaimState.WITHDRAWN): "",
}
DUE_TONES = {"late": "danger", "soon": "warning", "": ""}


@admin.register(Claim)
class ClaimAdmin(ReadingDesk):
    """Claims, those that are due first."""

    empty_words = gettext_lazy(
        "Partners who miss a sale file a claim in their portal. It comes here with the evidence, a proposed verdict "
        "and the day by which it is answered."
    )

    list_display = ("display_claim", "party", "display_state", "display_proposal", "display_amount", "display_due",
                    "filed_at")  # fmt: skip
    list_filter = (("state", ChoicesDropdownFilter), ("filed_at", RangeDateTimeFilter))
    list_select_related = ("party",)
    search_fields = ("order_code", "party__name", "party__name_zh", "party__code", "note")
    search_help_text = gettext_lazy("Order, party, what it says")
    ordering = (Case(When(state__in=CLAIMS_OPEN, then=F("due_at"))).asc(nulls_last=True), "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        """With the verdict that the latest evidence proposes."""
        latest = ClaimGathering.objects.filter(claim=OuterRef("pk")).order_by("-round")
        found: QuerySet[Claim] = super().get_queryset(request)
        return found.annotate(
            proposed=Subquery(latest.values("reason")[:1]),
            proposed_accepts=Subquery(latest.values("accepts")[:1]),
            proposed_minor=Subquery(latest.values("evidence_minor")[:1]),
            proposed_currency=Subquery(latest.values("currency")[:1]),
        )

    def get_urls(self) -> list[URLPattern]:
        """The steps, by POST alone."""
        step = self.admin_site.admin_view(require_POST(self.step_view))
        return [path("<int:pk>/step/<slug:step>/", step, name="partners_claim_step"), *super().get_urls()]

    @display(description=gettext_lazy("claim"), header=True, ordering="order_code")
    def display_claim(self, obj: Claim) -> tuple[str, str]:
        """Order above number."""
        return obj.order_code, _("Claim %(number)d") % {"number": obj.pk}

    @display(description=gettext_lazy("state"), label=TONES, ordering="state")
    def display_state(self, obj: Claim) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @display(description=gettext_lazy("evidence says"))
    def display_proposal(self, obj: Any) -> str:
        """The reason that the evidence proposes."""
        return str(ClaimReason(obj.proposed).label) if obj.proposed else "–"

    @display(description=gettext_lazy("would be credited"))
    def display_amount(self, obj: Any) -> Any:
        """By the journey as it was known when gathered."""
        return amount(obj.proposed_minor, obj.proposed_currency or "")

    @display(description=gettext_lazy("due"), label=DUE_TONES, ordering="due_at")
    def display_due(self, obj: Claim) -> Any:
        """By when the house owes its answer."""
        if not obj.is_open:
            return None
        now = timezone.now()
        tone = "late" if obj.due_at <= now else "soon" if obj.due_at <= now + selectors.CLAIM_SOON else ""
        day = day_words(obj.due_at)
        return tone, _("Overdue since %(day)s") % {"day": day} if tone == "late" else day

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One claim with its evidence and what can be decided."""
        del form_url, extra_context
        claim = get_object_or_404(_rows(), pk=object_id)
        if request.method == "POST" or not self.has_view_permission(request, claim):
            raise PermissionDenied
        return self._page(request, claim)

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Accept, refuse, confirm or send back."""
        by = clerk(request)
        needed = {"accept": "decide", "refuse": "decide", "confirm": "confirm", "back": "view"}.get(step)
        claim = get_object_or_404(_rows(), pk=pk)
        own = claim_signer(claim) == by.pk
        allowed = needed is not None and by.has_perm(f"partners.{needed}_claim")
        if step == "back":
            allowed = by.has_perm("partners.confirm_claim") or (own and by.has_perm("partners.decide_claim"))
        if not allowed:
            raise PermissionDenied
        form = AnswerForm(request.POST, refuses=step == "refuse")
        if not form.is_valid():
            return self._page(request, claim, refusal=form)
        verb, told = _verb(step, claim, form.cleaned_data, request.POST, by)
        try:
            verb()
        except PartnersError as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, told)
        return HttpResponseRedirect(reverse("admin:partners_claim_change", args=[pk]))

    def _page(self, request: HttpRequest, claim: Claim, refusal: AnswerForm | None = None) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Claim %(number)d") % {"number": claim.pk},
            "original": claim,
            **page_of(claim, clerk(request), refusal),
        }
        return TemplateResponse(request, "admin/partners/claim.html", context)


def claim_signer(claim: Claim) -> int | None:
    """Who decided the claim in its present round."""
    return claim.second_by_id if claim.round == 2 else claim.first_by_id


def page_of(claim: Claim, by: User, refusal: AnswerForm | None) -> dict[str, Any]:
    """Context of `admin/partners/claim.html`."""
    gathered = claim.gatherings.order_by("-round").first()
    decidable = claim.state in {ClaimState.REVIEW, ClaimState.APPEALED} and claim.gatherings.filter(round=claim.round)
    own, others = selectors.claim_findings(claim=claim, house=True)
    remedies = (
        [services.claim_remedy(claim=claim, gathered=gathered, basis=basis) for basis in ClaimBasis]
        if gathered is not None and claim.is_open
        else []
    )
    bar = ""
    if claim.round == 2 and claim.first_by_id == by.pk:
        bar = _("You decided this claim the first time, so another person decides the appeal.")
    elif claim.filed_by_id == by.pk:
        bar = _("This claim is your own; another person decides it.")
    initial = {"reason": gathered.reason} if gathered and not gathered.accepts else {}
    return {
        "claim": claim,
        "gathered": gathered,
        "proposal": selectors.reason_told(gathered.reason) if gathered else "",
        "verdict": selectors.reason_told(claim.reason) if claim.reason else "",
        "remedies": [_remedy(row, claim, gathered) for row in remedies],
        "own": own,
        "others": others,
        "history": selectors.claim_steps(claim=claim, house=True),
        "since": _since(claim),
        "adjustments": claim.adjustments.select_related("requested_by", "decided_by").order_by("-pk"),
        "late": claim.is_open and claim.due_at <= timezone.now(),
        "may_decide": bool(decidable) and by.has_perm("partners.decide_claim") and not bar,
        "bar": bar if decidable else "",
        "may_confirm": by.has_perm("partners.confirm_claim") and claim_signer(claim) != by.pk,
        "own_decision": claim_signer(claim) == by.pk,
        "refusal": refusal or AnswerForm(initial=initial, refuses=True),
    }


def _since(claim: Claim) -> list[dict[str, Any]]:
    """What happened to the order after the credit, and what it moved of it."""
    return [
        {
            "at": row.at,
            "label": row.reason.label,
            "minor": row.minor,
            "currency": row.currency,
            "url": reverse("admin:ledger_journalentry_change", args=[row.entry_id]),
        }
        for row in selectors.claim_since(claim=claim)
    ]


def _remedy(row: services.Remedy, claim: Claim, gathered: ClaimGathering | None) -> dict[str, Any]:
    proposed = gathered is not None and gathered.accepts and row.basis == ClaimBasis.EVIDENCE
    two = (
        bool(row.amount)
        and not proposed
        and services.needs_second_person(amount_minor=row.amount, currency=row.currency, at=timezone.now())
    )
    effect = (
        selectors.adjustment_effect(party=claim.party, currency=row.currency, amount_minor=row.amount)
        if row.amount
        else None
    )
    return {"row": row, "label": row.basis.label, "two": two, "effect": effect, "proposed": proposed}


def _verb(step: str, claim: Claim, data: dict[str, Any], posted: Any, by: User) -> tuple[Callable[[], Any], str]:
    """What a step does, and what is said afterwards."""
    if step == "accept":
        basis, _sep, seen = posted.get("choice", "").partition(":")
        acceptance = services.Acceptance(
            basis=ClaimBasis(basis) if basis in ClaimBasis.values else ClaimBasis.EVIDENCE,
            seen=seen,
            answer=data["answer"],
        )
        return (
            lambda: services.claim_accept(claim_id=claim.pk, acceptance=acceptance, by=by),
            _("The claim is accepted."),
        )
    if step == "refuse":
        reason = ClaimReason(data["reason"])
        return (
            lambda: services.claim_refuse(claim_id=claim.pk, reason=reason, answer=data["answer"], by=by),
            _("The claim is refused."),
        )
    if step == "confirm":
        return lambda: services.claim_confirm(claim_id=claim.pk, by=by), _("The claim is credited.")
    return (
        lambda: services.claim_send_back(claim_id=claim.pk, by=by, note=data["answer"]),
        _("The claim waits for a decision again."),
    )


def _rows() -> QuerySet[Claim]:
    return Claim.objects.select_related("party", "link__channel", "filed_by", "first_by", "second_by")
