"""Advances on the desk: prepared here, paid by a second person."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, figure
from ledger.admin.words import amount
from partners import services
from partners.choices import AdvanceState
from partners.errors import PartnersError
from partners.forms.advances import AdvanceForm
from partners.models import Advance

TONES = {
    str(AdvanceState.PREPARED): "warning",
    str(AdvanceState.PAID): "success",
    str(AdvanceState.WITHDRAWN): "",
}


@admin.register(Advance)
class AdvanceAdmin(Desk):
    """Who was paid before it was earned, and who stands behind it."""

    form = AdvanceForm
    list_display = (
        "party",
        "display_amount",
        "display_rate",
        "display_state",
        "prepared_by",
        "approved_by",
        "prepared_at",
    )
    list_filter = (("state", ChoicesDropdownFilter), "currency", ("prepared_at", RangeDateTimeFilter))
    list_select_related = ("party", "prepared_by", "approved_by")
    search_fields = ("party__name", "party__name_zh", "party__code", "reason")
    ordering = ("-pk",)
    autocomplete_fields = ("party",)
    actions = ("approve", "withdraw")

    def get_fieldsets(self, request: HttpRequest, obj: Advance | None = None) -> Any:
        """What is asked when preparing, what is shown afterwards."""
        del request
        if obj is None:
            return ((None, {"fields": ("party", ("amount", "currency"), "percent", "reason")}),)
        return (
            (
                None,
                {
                    "fields": (
                        ("party", "display_amount", "display_rate"),
                        "reason",
                        ("state", "prepared_by", "prepared_at"),
                        ("approved_by", "decided_at", "entry"),
                    )
                },
            ),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Advance | None = None) -> tuple[str, ...]:
        """Once prepared it is decided, never edited."""
        del request
        if obj is None:
            return ()
        return (
            "party", "display_amount", "display_rate", "reason", "state", "prepared_by", "prepared_at", "approved_by",
            "decided_at", "entry",
        )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Advance | None = None) -> bool:
        """Only the actions change an advance."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Advances are withdrawn, never deleted."""
        return False

    @display(description=_("amount"), ordering="amount_minor")
    def display_amount(self, obj: Advance) -> SafeString:
        """In its currency."""
        return amount(obj.amount_minor, obj.currency)

    @display(description=_("paid back by"))
    def display_rate(self, obj: Advance) -> SafeString:
        """How much of each share."""
        return figure(f"{obj.recoup_bp / 100:.2f}%")

    @display(description=_("state"), label=TONES, ordering="state")
    def display_state(self, obj: Advance) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @admin.action(description=_("Approve and pay"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Advance]) -> None:
        """Pay the chosen, as the second person."""
        done = self._each(request, queryset, lambda row: services.advance_approve(advance=row, by=clerk(request)))
        if done:
            told = ngettext("%(count)d advance is paid.", "%(count)d advances are paid.", done)
            messages.success(request, told % {"count": done})

    @admin.action(description=_("Withdraw"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Advance]) -> None:
        """Take the chosen back."""
        done = self._each(request, queryset, lambda row: services.advance_withdraw(advance=row, by=clerk(request)))
        if done:
            told = ngettext("%(count)d advance is withdrawn.", "%(count)d advances are withdrawn.", done)
            messages.success(request, told % {"count": done})

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Finance."""
        return clerk(request).has_perm("partners.approve_advance")

    def save_model(self, request: HttpRequest, obj: Advance, form: AdvanceForm, change: bool) -> None:
        """Prepare by the verb."""
        del change
        made = form.prepare(by=clerk(request))
        obj.pk = made.pk

    def _each(self, request: HttpRequest, rows: QuerySet[Advance], verb: Callable[[Advance], Any]) -> int:
        done = 0
        for row in rows:
            try:
                verb(row)
            except PartnersError as fault:
                messages.error(request, str(fault))
            else:
                done += 1
        return done
