"""Earnings: what was decided for whom on which line, and why."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, clerk
from ledger.admin.words import amount, postings_explained_at
from partners.admin.agreements import version_link
from partners.choices import DecisionReason
from partners.models import EarningDecision
from partners.selectors import Explained, claim_of_decision, earning_explained
from partners.selectors.panel import Ways, panel_of
from partners.selectors.posting_explained import effect_posting, posting_explained
from partners.selectors.posting_words import posting_panel, sale_part_label

postings_explained_at("admin:partners_posting_why")

TONES = {str(reason): "" for reason in DecisionReason} | {
    str(DecisionReason.EARNED): "success",
    str(DecisionReason.CLAIMED): "success",
    str(DecisionReason.HELD): "info",
    str(DecisionReason.DUPLICATE): "warning",
    str(DecisionReason.VOIDED): "danger",
    str(DecisionReason.REFUNDED): "danger",
    str(DecisionReason.DISPUTED): "danger",
}


class ReasonFilter(DropdownFilter):
    """By the reason as it reads now."""

    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002 - Django's
        """Every reason."""
        return [(str(value), label) for value, label in DecisionReason.choices]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django calls with this name
        queryset: QuerySet[EarningDecision],
    ) -> QuerySet[EarningDecision]:
        """What is held no longer counts as earned."""
        asked = self.value()
        if asked not in DecisionReason.values:
            return queryset
        free = Q(reason=DecisionReason.HELD, matures_at__lte=timezone.now())
        if asked == DecisionReason.EARNED:
            return queryset.filter(Q(reason=asked) | free)
        return queryset.filter(reason=asked).exclude(free)


@admin.register(EarningDecision)
class EarningDecisionAdmin(ReadingDesk):
    """One row for every party considered on every line, zeros with their reason; read only."""

    list_display = ("display_line", "party", "display_reason", "display_amount", "display_paid", "channel", "placed_at")
    list_filter = (
        ReasonFilter,
        ("party", RelatedDropdownFilter),
        ("channel", RelatedDropdownFilter),
        "currency",
        ("placed_at", RangeDateTimeFilter),
    )
    list_select_related = ("party", "channel")
    search_fields = ("=order_code", "party__name", "party__name_zh", "item_title", "item_title_zh")
    ordering = ("-placed_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("order_code", "item_title", "party"),
                    ("display_reason_word", "display_amount", "display_paid"),
                    ("channel", "display_credit"),
                    ("placed_at", "matures_at", "decided_at"),
                    ("display_version", "entry", "display_why"),
                )
            },
        ),
        (_("Why this amount"), {"fields": ("display_steps",)}),
    )
    readonly_fields = (
        "display_reason_word",
        "display_credit",
        "display_amount",
        "display_paid",
        "display_version",
        "display_why",
        "display_steps",
    )

    def get_urls(self) -> list[URLPattern]:
        """The panel of a line and of a posting."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/why/", view(self.line_why), name="partners_line_why"),
            path("posting/<int:pk>/why/", view(self.posting_why), name="partners_posting_why"),
            *super().get_urls(),
        ]

    def line_why(self, request: HttpRequest, pk: int) -> HttpResponse:
        """A line as its party sees it explained, with every side by name; what a claim gave is told by the claim."""
        claim = claim_of_decision(decision_id=pk, visible_to=clerk(request))
        if claim is not None:
            return HttpResponseRedirect(reverse("admin:partners_claim_change", args=[claim.pk]))
        found = earning_explained(decision_id=pk, visible_to=clerk(request))
        if found is not None and (found.entry_id or not found.line.amount_minor):
            return self._shown(request, "partners/_why.html", panel_of(found, _ways(found)))
        # What followed a sale (a refund, a correction) is explained by what it booked.
        posting = effect_posting(decision_id=pk)
        if posting is None:
            raise Http404(_("There is no such line."))
        line_url = reverse("admin:partners_line_why", args=[posting.line_id]) if posting.line_id != pk else ""
        return self._shown(request, "partners/_posting.html", posting_panel(posting, line_url))

    def posting_why(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Any posting, also one of the house; a sale's by the line that it belongs to."""
        found = posting_explained(posting_id=pk, visible_to=clerk(request))
        if found is None:
            raise Http404(_("There is no such line."))
        line_url = reverse("admin:partners_line_why", args=[found.line_id]) if found.line_id else ""
        sale = (
            earning_explained(decision_id=found.line_id, visible_to=clerk(request))
            if found.kind == "sale" and found.line_id
            else None
        )
        if sale is None:
            claim_url = reverse("admin:partners_claim_change", args=[found.claim_id]) if found.claim_id else ""
            return self._shown(request, "partners/_posting.html", posting_panel(found, line_url, claim_url))
        told = {"posting": found, "posting_label": sale_part_label(found)}
        return self._shown(request, "partners/_why.html", {**panel_of(sale, _ways(sale)), **told})

    def _shown(self, request: HttpRequest, panel: str, context: dict[str, Any]) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        shared = {**self.admin_site.each_context(request), "title": _("Why this amount"), "opts": self.opts}
        return render(request, "admin/partners/why.html", {**shared, **context, "panel": panel})

    @display(description=_("why"))
    def display_why(self, obj: EarningDecision) -> SafeString:
        """Leads to the panel that the party sees."""
        url = reverse("admin:partners_line_why", args=[obj.pk])
        return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, _("Why this amount"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[EarningDecision]:
        """With what the page names."""
        queryset: QuerySet[EarningDecision] = super().get_queryset(request)
        return queryset.select_related("party", "channel", "version__agreement")

    @display(description=_("line"), header=True, ordering="order_code")
    def display_line(self, obj: EarningDecision) -> tuple[str, str]:
        """Order above title."""
        return obj.order_code, obj.local_title

    @display(description=_("reason"), label=TONES, ordering="reason")
    def display_reason(self, obj: EarningDecision) -> tuple[str, str]:
        """Why it is what it is."""
        reason = obj.reason_at(timezone.now())
        return str(reason), str(reason.label)

    @display(description=_("reason"))
    def display_reason_word(self, obj: EarningDecision) -> str:
        """The same on its page, where a label has no place."""
        return str(self.display_reason(obj)[1])

    @display(description=_("credit"))
    def display_credit(self, obj: EarningDecision) -> str | None:
        """In percent with all of its digits."""
        return None if obj.credit_ppm is None else f"{obj.credit_ppm // 10_000}.{obj.credit_ppm % 10_000:04d}%"

    @display(description=_("amount"), ordering="amount_minor")
    def display_amount(self, obj: EarningDecision) -> SafeString:
        """What the party earned by the line."""
        return amount(obj.amount_minor, obj.currency)

    @display(description=_("paid by the learner"), ordering="paid_minor")
    def display_paid(self, obj: EarningDecision) -> SafeString:
        """What the learner paid for the line."""
        return amount(obj.paid_minor, obj.currency)

    @display(description=_("agreement"))
    def display_version(self, obj: EarningDecision) -> Any:
        """The version that decided, leading to its page."""
        return version_link(obj.version) if obj.version else "–"

    @display(description=_("steps"))
    def display_steps(self, obj: EarningDecision) -> SafeString | str:
        """Every step, computed again from the stored inputs."""
        claim = claim_of_decision(decision_id=obj.pk, visible_to=None)
        if claim is not None:
            url, words = reverse("admin:partners_claim_change", args=[claim.pk]), _("Claim %(number)d")
            return format_html('<a class="textlink" href="{}">{}</a>', url, words % {"number": claim.pk})
        told = earning_explained(decision_id=obj.pk, visible_to=None)
        if told is None:
            return "–"
        return mark_safe(render_to_string("admin/partners/steps.html", {"told": told}))  # noqa: S308 - a template


def _ways(found: Explained) -> Ways:
    """Where the desk's panel leads: the version's own page, which also shows what changed."""
    posting = reverse("admin:partners_posting_why", args=[0])
    if found.version is None:
        return Ways(posting=posting)
    page = reverse("admin:partners_agreementversion_change", args=[found.version.pk])
    return Ways(agreement=page, changes=page if found.before else "", posting=posting)
