"""Guarantees on the desk: prepared here, approved by a second person, topped up when a month is closed."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, month_words
from ledger.admin.words import amount
from partners import services
from partners.errors import PartnersError
from partners.forms.guarantees import GuaranteeForm
from partners.models import Guarantee
from partners.selectors.statements import month_after


@admin.register(Guarantee)
class GuaranteeAdmin(Desk):
    """What parties earn at least in a month, and who stands behind it."""

    empty_words = gettext_lazy(
        "A guarantee tops a party's month up to an amount that was agreed; it is booked when the month is closed."
    )
    form = GuaranteeForm
    list_display = ("party", "display_amount", "display_months", "display_state", "prepared_by", "approved_by")
    list_filter = (("approved_by", admin.EmptyFieldListFilter), "currency")
    list_select_related = ("party", "prepared_by", "approved_by")
    search_fields = ("party__name", "party__name_zh", "party__code", "note")
    ordering = ("-pk",)
    autocomplete_fields = ("party",)
    actions = ("approve", "end_now")

    def get_fieldsets(self, request: HttpRequest, obj: Guarantee | None = None) -> Any:
        """What is asked when preparing, what is shown afterwards."""
        del request
        if obj is None:
            return ((None, {"fields": ("party", ("amount", "currency"), ("first", "last"), "note")}),)
        shown = (
            ("party", "display_amount", "display_months"),
            "note",
            ("display_standing", "prepared_by", "prepared_at"),
            ("approved_by", "approved_at"),
        )
        return ((None, {"fields": shown}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Guarantee | None = None) -> tuple[str, ...]:
        """Once prepared it is approved or ended, never edited."""
        del request
        if obj is None:
            return ()
        return (
            "party", "display_amount", "display_months", "display_standing", "note", "prepared_by", "prepared_at",
            "approved_by", "approved_at",
        )  # fmt: skip

    def has_change_permission(self, request: HttpRequest, obj: Guarantee | None = None) -> bool:
        """Only the actions change a guarantee."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Guarantees are ended, never deleted."""
        return False

    def has_approve_permission(self, request: HttpRequest) -> bool:
        """Finance."""
        return clerk(request).has_perm("partners.approve_guarantee")

    @display(description=gettext_lazy("guaranteed a month"), ordering="monthly_minor")
    def display_amount(self, obj: Guarantee) -> SafeString:
        """In its currency."""
        return amount(obj.monthly_minor, obj.currency)

    @display(description=gettext_lazy("months"), ordering="since")
    def display_months(self, obj: Guarantee) -> str:
        """From which month on, and before which one it ends."""
        since = month_words(obj.since)
        if obj.until is None:
            return _("from %(month)s on") % {"month": since}
        return _("from %(month)s, ended before %(until)s") % {"month": since, "until": month_words(obj.until)}

    @display(description=gettext_lazy("state"), label={"waits": "warning", "counts": "success", "over": ""})
    def display_state(self, obj: Guarantee) -> tuple[str, str]:
        """Whether it counts."""
        if obj.approved_by_id is None:
            return "waits", _("Waits for approval")
        if obj.until is not None and obj.until <= timezone.localdate():
            return "over", _("Over")
        return "counts", _("Counts")

    @display(description=gettext_lazy("state"))
    def display_standing(self, obj: Guarantee) -> str:
        """The word alone."""
        return str(self.display_state(obj)[1])

    @admin.action(description=gettext_lazy("Approve"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Guarantee]) -> None:
        """Let the chosen count, as the second person."""
        done = 0
        for row in queryset:
            try:
                services.guarantee_approve(guarantee_id=row.pk, by=clerk(request))
            except PartnersError as fault:
                messages.error(request, str(fault))
            else:
                done += 1
        if done:
            told = ngettext("%(count)d guarantee counts now.", "%(count)d guarantees count now.", done)
            messages.success(request, told % {"count": done})

    @admin.action(description=gettext_lazy("End with this month"), permissions=["change"])
    def end_now(self, request: HttpRequest, queryset: QuerySet[Guarantee]) -> None:
        """Let the running month be the last one of the chosen."""
        after = month_after(timezone.localdate())
        done = 0
        for row in queryset:
            try:
                services.guarantee_end(guarantee_id=row.pk, until=after, by=clerk(request))
            except PartnersError as fault:
                messages.error(request, str(fault))
            else:
                done += 1
        if done:
            told = ngettext(
                "%(count)d guarantee ends with this month.", "%(count)d guarantees end with this month.", done
            )
            messages.success(request, told % {"count": done})

    def save_model(self, request: HttpRequest, obj: Guarantee, form: GuaranteeForm, change: bool) -> None:
        """Prepare by the verb."""
        del change
        made = form.prepare(by=clerk(request))
        obj.pk, obj.since = made.pk, made.since  # the log names it
