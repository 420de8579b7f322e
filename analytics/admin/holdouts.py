"""The registry of hold-out tests: plan one, write what its arms did, read the lift."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Desk, Lines, clerk, figure
from analytics import services
from analytics.admin.words import money
from analytics.attribution.errors import AttributionError
from analytics.attribution.holdouts import Lift
from analytics.errors import HoldoutRefusedError, ReportRefusedError
from analytics.forms import HoldoutArmForm, HoldoutForm
from analytics.models import HoldoutArm, HoldoutTest
from analytics.selectors.holdouts import lifts_of


class ArmLines(Lines):
    """What each side did."""

    model = HoldoutArm
    form = HoldoutArmForm
    verbose_name_plural = _("what the arms did")
    fields = ("side", "label", "people", "orders", "value", "before_orders", "before_value")
    readonly_fields = ("display_value", "display_before_value")
    hide_title = True
    tab = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Money as it is typed for who writes it, as it reads for all others."""
        names = [str(name) for name in super().get_fields(request, obj)]
        if self.has_change_permission(request, obj):
            return names
        return [f"display_{name}" if name in {"value", "before_value"} else name for name in names]

    @display(description=_("Value sold"))
    def display_value(self, obj: HoldoutArm) -> SafeString:
        """In the test's currency."""
        return money(obj.value_minor, obj.test.currency)

    @display(description=_("Value before"))
    def display_before_value(self, obj: HoldoutArm) -> SafeString:
        """In the test's currency."""
        return money(obj.before_value_minor, obj.test.currency)


@admin.register(HoldoutTest)
class HoldoutTestAdmin(Desk):
    """Tests in which some were kept from a channel; what they show sets reports right."""

    form = HoldoutForm
    empty_words = _(
        "A hold-out test keeps some people from a channel and compares. What it shows stands beside what models say."
    )
    list_display = (
        "display_name", "kind", "channel", "since", "until", "display_orders", "display_value", "display_state",
    )  # fmt: skip
    list_filter = (("kind", ChoicesDropdownFilter), ("channel", RelatedDropdownFilter))
    list_select_related = ("channel",)
    search_fields = ("name", "name_zh", "channel__name", "channel__name_zh")
    ordering = ("-since", "-pk")
    fields = (
        ("name", "name_zh"), ("kind", "channel"), ("since", "until"), ("currency", "valid_until"),
        ("share_bp", "reach_bp"), "note", "withdrawn_because",
    )  # fmt: skip
    inlines = (ArmLines,)
    actions = ("measure",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[HoldoutTest]:
        """With their arms."""
        queryset: QuerySet[HoldoutTest] = super().get_queryset(request)
        return queryset.prefetch_related("arms")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django calls with this name
        """Nobody: a test that misleads is withdrawn and stays readable."""
        return False

    @display(description=_("name"), ordering="name")
    def display_name(self, obj: HoldoutTest) -> str:
        """In the reader's language."""
        return obj.local_name

    @display(description=_("orders caused"))
    def display_orders(self, obj: HoldoutTest) -> SafeString | str:
        """Lift in orders with its standard error."""
        lift = _lift(obj, "orders")
        return figure(f"{lift.total:,.0f} ± {lift.total_error:,.0f}") if lift else "–"

    @display(description=_("value caused"))
    def display_value(self, obj: HoldoutTest) -> SafeString | str:
        """Lift in money with its standard error."""
        lift = _lift(obj, "value")
        if lift is None:
            return "–"
        return figure(
            format_html("{} ± {}", money(round(lift.total), obj.currency), money(round(lift.total_error), obj.currency))
        )

    @display(description=_("state"), label={"plan": "info", "read": "success", "gone": ""})
    def display_state(self, obj: HoldoutTest) -> tuple[str, str]:
        """Whether it counts."""
        if obj.withdrawn_at:
            return "gone", gettext("Withdrawn")
        return ("read", gettext("Read")) if obj.arms.all() else ("plan", gettext("Planned"))

    def save_model(self, request: HttpRequest, obj: HoldoutTest, form: Any, change: bool) -> None:
        """Write by the verbs; a reason withdraws."""
        del change
        try:
            if "withdrawn_because" in form.changed_data and obj.withdrawn_because:
                services.holdout_withdraw(test_id=obj.pk, because=obj.withdrawn_because, by=clerk(request))
                return
            services.holdout_write(test=obj, by=clerk(request))
        except HoldoutRefusedError as refusal:
            messages.error(request, str(refusal))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Keep the arms as they stand on the page."""
        del change
        if not formset.has_changed() or form.instance.pk is None:
            return
        arms = [
            services.NewArm(
                side=row["side"], label=row["label"], people=row["people"], orders=row["orders"] or 0,
                value_minor=row["value_minor"], before_orders=row["before_orders"] or 0,
                before_value_minor=row["before_value_minor"],
                order_squares=line.instance.order_squares if not line.has_changed() else None,
                value_squares=int(line.instance.value_squares) if not line.has_changed() else None,
            )
            for line in formset.forms
            if (row := line.cleaned_data) and not row.get("DELETE")
        ]  # fmt: skip
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []
        try:
            services.holdout_arms_write(test_id=form.instance.pk, arms=arms, by=clerk(request))
        except HoldoutRefusedError as refusal:
            messages.error(request, str(refusal))

    @admin.action(description=_("Count the arms from our own orders"), permissions=["change"])
    def measure(self, request: HttpRequest, queryset: QuerySet[HoldoutTest]) -> None:
        """Tests of people by hash that are over."""
        for test in queryset:
            try:
                services.holdout_measure(test_id=test.pk, by=clerk(request))
            except (HoldoutRefusedError, ReportRefusedError) as refusal:
                messages.error(request, f"{test}: {refusal}")
            else:
                messages.success(request, gettext("%(test)s: counted.") % {"test": test})


def _lift(test: HoldoutTest, name: str) -> Lift | None:
    arms = list(test.arms.all())
    if not arms:
        return None
    try:
        found: Lift = getattr(lifts_of(test, arms), name)
    except AttributionError:
        return None
    return found
