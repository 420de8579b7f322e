"""Lists of refunds and disputes. Steps are taken at the order."""

from django.contrib import admin
from django.db.models import F
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk
from courses.admin.words import money
from courses.choices import DisputeState, RefundState
from courses.models import Dispute, Refund

REFUND_TONES = {"requested": "warning", "done": "success", "declined": ""}
DISPUTE_TONES = {"open": "warning", "won": "success", "lost": "danger"}


@admin.register(Refund)
class RefundAdmin(ReadingDesk):
    """Refunds and those taken back, the latest first; what waits for a second person stands at the order."""

    empty_words = _("Refunds stand here: asked for on an order's page, decided by a second person.")
    list_display = ("display_order", "display_kind", "display_state", "display_amount", "reason", "requested_by",
                    "decided_by", "occurred_at")  # fmt: skip
    list_filter = (("state", ChoicesDropdownFilter), "provider", ("requested_at", RangeDateTimeFilter))
    list_select_related = ("order", "requested_by", "decided_by")
    search_fields = ("order__code", "external_id", "reason")
    search_help_text = _("Order, id at the provider, reason")
    ordering = ("-requested_at", "-pk")
    fields = (
        ("order", "line"),
        ("display_amount", "state"),
        ("provider", "external_id"),
        ("requested_by", "requested_at"),
        ("decided_by", "decided_at"),
        ("reverses", "occurred_at"),
        "reason",
    )
    readonly_fields = ("order", "line", "display_amount", "state", "provider", "external_id", "requested_by",
                       "requested_at", "decided_by", "decided_at", "reverses", "occurred_at", "reason")  # fmt: skip

    @display(description=_("order"), ordering="order__code")
    def display_order(self, obj: Refund) -> str:
        """The order's code."""
        return obj.order.code

    @display(description=_("kind"))
    def display_kind(self, obj: Refund) -> str:
        """Whether it gives back or takes back."""
        return gettext("Refund taken back") if obj.reverses_id else gettext("Refund")

    @display(description=_("state"), label=REFUND_TONES, ordering="state")
    def display_state(self, obj: Refund) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(RefundState(obj.state).label)

    @display(description=_("amount"), ordering="amount_minor")
    def display_amount(self, obj: Refund) -> str:
        """The amount."""
        return money(obj.amount_minor, obj.order.currency)


@admin.register(Dispute)
class DisputeAdmin(ReadingDesk):
    """Disputes, those whose evidence is due first."""

    empty_words = _("A dispute that a bank opens against a payment stands here, with the day by which evidence is due.")
    list_display = ("display_order", "display_state", "display_amount", "display_fee", "reason", "evidence_due",
                    "opened_at", "closed_at")  # fmt: skip
    list_filter = (("state", ChoicesDropdownFilter), "provider", ("opened_at", RangeDateTimeFilter))
    list_select_related = ("order",)
    search_fields = ("order__code", "external_id", "reason")
    search_help_text = _("Order, id at the provider, reason")
    ordering = (F("closed_at").desc(nulls_first=True), "evidence_due", "-pk")
    fields = (
        ("order", "state"),
        ("display_amount", "display_fee"),
        ("provider", "external_id"),
        ("opened_at", "opened_by"),
        ("evidence_due", "reason"),
        ("closed_at", "closed_by"),
    )
    readonly_fields = ("order", "state", "display_amount", "display_fee", "provider", "external_id", "opened_at",
                       "opened_by", "evidence_due", "reason", "closed_at", "closed_by")  # fmt: skip

    @display(description=_("order"), ordering="order__code")
    def display_order(self, obj: Dispute) -> str:
        """The order's code."""
        return obj.order.code

    @display(description=_("state"), label=DISPUTE_TONES, ordering="state")
    def display_state(self, obj: Dispute) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(DisputeState(obj.state).label)

    @display(description=_("disputed amount"), ordering="amount_minor")
    def display_amount(self, obj: Dispute) -> str:
        """The amount."""
        return money(obj.amount_minor, obj.order.currency)

    @display(description=_("fee"), ordering="fee_minor")
    def display_fee(self, obj: Dispute) -> str:
        """The processor's fee, and what of it came back."""
        fee = money(obj.fee_minor, obj.order.currency)
        if not obj.fee_returned_minor:
            return fee
        back = money(obj.fee_returned_minor, obj.order.currency)
        words = gettext("%(fee)s, %(back)s of it came back") % {"fee": fee, "back": back}
        return mark_safe(words)  # noqa: S308 - both figures are markup of ours
