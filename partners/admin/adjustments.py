"""The desk of adjustments: one person files, another approves, both having seen what it does to the balance."""

from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, clerk
from ledger.admin.words import amount
from partners import selectors, services
from partners.choices import AdjustmentState
from partners.errors import PartnersError
from partners.forms.adjustments import AdjustmentForm
from partners.models import Adjustment

TONES = {
    str(AdjustmentState.REQUESTED): "warning",
    str(AdjustmentState.BOOKED): "success",
    str(AdjustmentState.DECLINED): "",
}


@admin.register(Adjustment)
class AdjustmentAdmin(ReadingDesk):
    """What was given or taken beside every rule, by whom, and who stands behind it."""

    empty_words = gettext_lazy(
        "Money beside every rule, such as goodwill, stands here: one person files it, another approves it. What "
        "accepted claims credit comes here by itself."
    )

    list_display = ("party", "display_amount", "display_state", "reason", "requested_by", "decided_by", "requested_at")
    list_filter = (("state", ChoicesDropdownFilter), "currency", ("requested_at", RangeDateTimeFilter))
    list_select_related = ("party", "requested_by", "decided_by")
    search_fields = ("party__name", "party__name_zh", "party__code", "reason", "order_code")
    search_help_text = gettext_lazy("Party, reason, order")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        """Approving and declining, by POST alone."""
        step = self.admin_site.admin_view(require_POST(self.step_view))
        return [path("<int:pk>/step/<slug:step>/", step, name="partners_adjustment_step"), *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By the matrix."""
        return clerk(request).has_perm("partners.add_adjustment")

    @display(description=gettext_lazy("amount"), ordering="amount_minor")
    def display_amount(self, obj: Adjustment) -> SafeString:
        """In its currency."""
        return amount(obj.amount_minor, obj.currency)

    @display(description=gettext_lazy("state"), label=TONES, ordering="state")
    def display_state(self, obj: Adjustment) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """The form, then what it does, then the act."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        asked = request.POST.get("step", "")
        form = AdjustmentForm(request.POST or None, initial=_initial(request))
        context = {**self._frame(request, _("Adjust a balance")), "form": form}
        if request.method != "POST" or not form.is_valid() or asked == "edit":
            return TemplateResponse(request, "admin/partners/adjustment_form.html", context)
        wish = form.wish()
        if asked == "confirm":
            try:
                row = services.adjustment_request(**wish, by=clerk(request))
            except PartnersError as fault:
                form.add_error(None, str(fault))
                return TemplateResponse(request, "admin/partners/adjustment_form.html", context)
            done = row.state == AdjustmentState.BOOKED
            messages.success(request, _("It is booked.") if done else _("It waits for a second person."))
            return HttpResponseRedirect(reverse("admin:partners_adjustment_change", args=[row.pk]))
        money = {"currency": wish["currency"], "amount_minor": wish["amount_minor"]}
        context |= {
            "effect": selectors.adjustment_effect(party=wish["party"], **money),
            "two": services.needs_second_person(**money, at=timezone.now()),
        }
        return TemplateResponse(request, "admin/partners/adjustment_form.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """One adjustment; while it waits, with what it would do."""
        del form_url, extra_context
        row = get_object_or_404(
            Adjustment.objects.select_related("party", "claim", "requested_by", "decided_by"), pk=object_id
        )
        if request.method == "POST" or not self.has_view_permission(request, row):
            raise PermissionDenied
        by = clerk(request)
        waits = row.state == AdjustmentState.REQUESTED
        effect = (
            selectors.adjustment_effect(party=row.party, currency=row.currency, amount_minor=row.amount_minor)
            if waits
            else None
        )
        context = {
            **self._frame(request, _("Adjustment %(number)d") % {"number": row.pk}),
            "original": row,
            "adjustment": row,
            "tone": {"requested": "pending", "booked": "available"}.get(row.state, "no_earning"),
            "waits": waits and row.claim_id is None,
            "effect": effect,
            "own": row.requested_by_id == by.pk,
            "may_approve": by.has_perm("partners.approve_adjustment"),
        }
        return TemplateResponse(request, "admin/partners/adjustment.html", context)

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Approve as the second person, or decline; who asked may withdraw."""
        row, by = get_object_or_404(Adjustment, pk=pk), clerk(request)
        approves = by.has_perm("partners.approve_adjustment")
        withdraws = row.requested_by_id == by.pk and by.has_perm("partners.add_adjustment")
        if not (approves if step == "approve" else step == "decline" and (approves or withdraws)):
            raise PermissionDenied
        verb = services.adjustment_approve if step == "approve" else services.adjustment_decline
        try:
            verb(adjustment_id=pk, by=by)
        except PartnersError as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, _("It is booked.") if step == "approve" else _("It is declined."))
        return HttpResponseRedirect(reverse("admin:partners_adjustment_change", args=[pk]))

    def _frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}


def _initial(request: HttpRequest) -> dict[str, str]:
    """What the address already says of a new adjustment."""
    names = ("party", "currency", "amount", "order_code")
    given = {name: request.GET[name] for name in names if name in request.GET}
    return {"key": uuid4().hex, "currency": settings.CURRENCY, **given}
