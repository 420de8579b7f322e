"""Orders with their lines and payments. Sold is sold: finance may void an order, nobody edits one."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import F, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    DropdownFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
)
from unfold.decorators import action, display

from accounts.admin.base import Lines, ReadingDesk, clerk
from accounts.admin.confirm import Facts, confirmed
from courses import services
from courses.admin.catalogue import to_page
from courses.admin.returns import ReturnsDesk
from courses.admin.words import money
from courses.choices import Standing
from courses.errors import CoursesError
from courses.models import Order, OrderLine, Payment
from courses.selectors import lines_standing, order_journal
from partners.selectors import agreements_of_order

TONES = {
    "placed": "info",
    "paid": "success",
    "partly_refunded": "warning",
    "refunded": "danger",
    "disputed": "danger",
    "cancelled": "",
    "voided": "danger",
}
STANDINGS = {
    Standing.PAID: Q(state="paid", disputed=False, returned_minor=0),
    Standing.PARTLY_REFUNDED: Q(
        state="paid", disputed=False, returned_minor__gt=0, returned_minor__lt=F("total_minor")
    ),
    Standing.REFUNDED: Q(state="paid", disputed=False, returned_minor__gt=0, returned_minor=F("total_minor")),
    Standing.DISPUTED: Q(state="paid", disputed=True),
}


class StandingFilter(DropdownFilter):
    """Orders by what became of them."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Every standing."""
        return [(str(value), label) for value, label in Standing.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:  # noqa: ARG002
        """Those of the standing chosen."""
        value = self.value()
        if value not in Standing.values:
            return queryset
        return queryset.filter(STANDINGS.get(Standing(value), Q(state=value)))


class ReadingLines(Lines):
    """Rows that nobody writes by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False


class OrderLines(ReadingLines):
    """What was bought."""

    model = OrderLine
    verbose_name_plural = _("order lines")
    fields = ("position", "course", "display_list", "display_discount", "display_tax", "display_payable")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        """With courses and the order's currency."""
        queryset: QuerySet[OrderLine] = super().get_queryset(request)
        return queryset.select_related("course", "order")

    @admin.display(description=_("list price"))
    def display_list(self, obj: OrderLine) -> str:
        """List price."""
        return money(obj.list_minor, obj.order.currency)

    @admin.display(description=_("discount"))
    def display_discount(self, obj: OrderLine) -> str:
        """Its part of the discount."""
        return money(obj.discount_minor, obj.order.currency)

    @admin.display(description=_("tax"))
    def display_tax(self, obj: OrderLine) -> str:
        """Its part of the tax."""
        return money(obj.tax_minor, obj.order.currency)

    @admin.display(description=_("paid by the learner"))
    def display_payable(self, obj: OrderLine) -> str:
        """What the learner paid for it."""
        return money(obj.payable_minor, obj.order.currency)


class PaymentLines(ReadingLines):
    """Money that arrived."""

    model = Payment
    verbose_name_plural = _("payments")
    fields = ("provider", "external_id", "display_amount", "display_fee", "paid_at")
    readonly_fields = fields

    @admin.display(description=_("amount"))
    def display_amount(self, obj: Payment) -> str:
        """The amount."""
        return money(obj.amount_minor, obj.currency)

    @admin.display(description=_("fee"))
    def display_fee(self, obj: Payment) -> str:
        """The provider's fee."""
        return money(obj.fee_minor, obj.currency)


def order_facts(order: Order) -> Facts:
    """What of an order a step concerns."""
    return [
        (_("order"), order.code),
        (_("buyer"), order.buyer or "–"),
        (_("paid by the learner"), money(order.total_minor, order.currency)),
        (_("courses"), ", ".join(line.course.local_title for line in order.lines.select_related("course"))),
    ]


class VoidForm(forms.Form):
    """Why an order is voided."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


@admin.register(Order)
class OrderAdmin(ReturnsDesk, ReadingDesk):
    """Orders, the latest first."""

    list_display = (
        "code",
        "buyer",
        "display_state",
        "display_total",
        "display_returned",
        "display_discount",
        "coupon",
        "placed_at",
    )
    list_filter = (
        StandingFilter,
        "currency",
        ("buyer", AutocompleteSelectFilter),
        ("coupon", AutocompleteSelectFilter),
        ("total_minor", RangeNumericFilter),
        ("placed_at", RangeDateTimeFilter),
    )
    list_select_related = ("buyer", "coupon")
    search_fields = ("code", "buyer__email", "buyer__name", "buyer__name_zh", "payments__external_id")
    search_help_text = _("Order, buyer, or the payment's id at the provider")
    ordering = ("-placed_at", "-pk")
    fields = (
        ("code", "display_standing"),
        ("buyer", "import_batch"),
        ("display_list", "display_discount"),
        ("display_total", "display_tax"),
        ("display_returned", "display_left"),
        ("coupon", "discount_bearer"),
        ("placed_at", "paid_at"),
        "display_fee",
        ("voided_at", "voided_by"),
        "void_reason",
    )
    readonly_fields = (
        "code", "display_standing", "display_returned", "display_left", "buyer", "display_list",
        "display_discount", "display_tax", "display_total", "coupon",
        "discount_bearer", "display_fee", "placed_at", "paid_at", "import_batch", "voided_at", "voided_by",
        "void_reason",
    )  # fmt: skip
    inlines = (OrderLines, PaymentLines)
    change_form_after_template = "admin/courses/order_after.html"
    actions_detail: ClassVar[list[str]] = ["refund", "open_dispute", "void"]

    class Media:
        css = {"all": [f"portal/css/{name}.css" for name in ("text", "controls", "data")]}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With what became of its lines, and everything that happened to it."""
        order = Order.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        shown: dict[str, Any] = {}
        if order is not None:
            may_correct = request.user.has_perm("partners.add_agreementversion")
            shown = {
                "lines": lines_standing(order=order),
                "journal": order_journal(order=order),
                "correctable": agreements_of_order(order_code=order.code) if may_correct else [],
            }
        page: HttpResponse = super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})
        return page

    def has_void_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """By the matrix."""
        return request.user.has_perm("courses.void_order")

    @display(description=_("standing"), label=TONES, ordering="state")
    def display_state(self, obj: Order) -> tuple[str, str]:
        """What became of it."""
        return obj.standing, str(obj.standing.label)

    @display(description=_("standing"))
    def display_standing(self, obj: Order) -> str:
        """What became of it."""
        return str(obj.standing.label)

    @display(description=_("given back"), ordering="returned_minor")
    def display_returned(self, obj: Order) -> str:
        """What went back by refunds and disputes, a dash where nothing did."""
        return money(obj.returned_minor or None, obj.currency)

    @display(description=pgettext_lazy("money", "left"))
    def display_left(self, obj: Order) -> str:
        """What the learner paid and has not got back."""
        return money(obj.left_minor, obj.currency)

    @display(description=_("paid by the learner"), ordering="total_minor")
    def display_total(self, obj: Order) -> str:
        """Total."""
        return money(obj.total_minor, obj.currency)

    @display(description=_("list price"))
    def display_list(self, obj: Order) -> str:
        """List price."""
        return money(obj.list_minor, obj.currency)

    @display(description=_("discount"), ordering="discount_minor")
    def display_discount(self, obj: Order) -> str:
        """Discount, a dash where there is none."""
        return money(obj.discount_minor or None, obj.currency)

    @display(description=_("tax"))
    def display_tax(self, obj: Order) -> str:
        """Tax, and where it lies."""
        where = gettext("inside the price") if obj.tax_inclusive else gettext("on top")
        return format_html(gettext("{} ({})"), money(obj.tax_minor, obj.currency), where)

    @display(description=_("processor's fee"))
    def display_fee(self, obj: Order) -> str:
        """The provider's fee."""
        return money(obj.processor_fee_minor, obj.currency)

    @action(
        description=_("Void"),
        url_path="void",
        permissions=["void"],
        icon="undo",
    )
    @confirmed(
        title=_("Void this order"),
        does=_("Its earnings are booked back and the learner loses the courses."),
        back=_("There is none: the learner buys again. The order stays on record."),
        act=_("Void the order"),
        form_class=VoidForm,
        facts=order_facts,
    )
    def void(self, request: HttpRequest, form: VoidForm, order: Order) -> HttpResponse:
        """Void the order with a reason."""
        try:
            done = services.orders_void(
                codes=[order.code], reason=form.cleaned_data["reason"], actor_id=clerk(request).pk
            )
        except CoursesError as refusal:
            messages.error(request, str(refusal))
        else:
            words = gettext("Order %(code)s is voided.") if done else gettext("Order %(code)s was voided before.")
            messages.success(request, words % {"code": order.code})
        return to_page("courses_order", order.pk)


@admin.register(Payment)
class PaymentAdmin(ReadingDesk):
    """Payments as the providers told of them."""

    list_display = ("external_id", "provider", "order", "display_amount", "display_fee", "paid_at")
    list_filter = ("provider", "currency", ("paid_at", RangeDateTimeFilter))
    list_select_related = ("order",)
    search_fields = ("external_id", "order__code", "order__buyer__email")
    search_help_text = _("Id at the provider, order or buyer")
    ordering = ("-paid_at", "-pk")
    fields = (("provider", "external_id"), "order", ("display_amount", "display_fee"), "paid_at")
    readonly_fields = ("provider", "external_id", "order", "display_amount", "display_fee", "paid_at")

    @display(description=_("amount"), ordering="amount_minor")
    def display_amount(self, obj: Payment) -> str:
        """The amount."""
        return money(obj.amount_minor, obj.currency)

    @display(description=_("fee"), ordering="fee_minor")
    def display_fee(self, obj: Payment) -> str:
        """The provider's fee."""
        return money(obj.fee_minor, obj.currency)
