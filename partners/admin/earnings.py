"""Earnings: what was decided for whom on which line, and why."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk
from ledger.admin.words import amount
from partners.admin.agreements import version_link
from partners.choices import DecisionReason
from partners.models import EarningDecision
from partners.selectors import earning_explained

TONES = {str(reason): "" for reason in DecisionReason} | {
    str(DecisionReason.EARNED): "success",
    str(DecisionReason.VOIDED): "danger",
    str(DecisionReason.REFUNDED): "danger",
    str(DecisionReason.DISPUTED): "danger",
}


@admin.register(EarningDecision)
class EarningDecisionAdmin(ReadingDesk):
    """One row for every party considered on every line, zeros with their reason; read only."""

    list_display = ("display_line", "party", "display_reason", "display_amount", "display_paid", "channel", "placed_at")
    list_filter = (
        ("reason", ChoicesDropdownFilter),
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
                    ("reason", "display_amount", "display_paid"),
                    ("channel", "credit_ppm"),
                    ("placed_at", "matures_at", "decided_at"),
                    ("display_version", "entry"),
                )
            },
        ),
        (_("Why this amount"), {"fields": ("display_steps",)}),
    )
    readonly_fields = ("display_amount", "display_paid", "display_version", "display_steps")

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
        return obj.reason, str(obj.get_reason_display())

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
        told = earning_explained(decision_id=obj.pk, visible_to=None)
        if told is None:
            return "–"
        return mark_safe(render_to_string("admin/partners/steps.html", {"told": told}))  # noqa: S308 - a template
