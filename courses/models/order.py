"""Carts, orders and payments."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ImportBatch, User
from courses.choices import OrderState, Standing
from courses.models.catalogue import Course
from partners.models import Coupon

CURRENCY = r"^[A-Z]{3}$"


class CartItem(models.Model):
    """A course that a visitor means to buy; the cart belongs to the visitor's key until somebody signs in.

    Rows of a person follow the person to every browser; the key then only says where they were added.
    """

    visitor_key = models.UUIDField(_("visitor"))
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, verbose_name=_("person"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))
    added_at = models.DateTimeField(_("added at"), default=timezone.now)

    class Meta:
        verbose_name = _("cart item")
        verbose_name_plural = _("cart items")
        constraints = [
            models.UniqueConstraint(
                fields=["visitor_key", "course"], condition=models.Q(user=None), name="courses_cart_visitor_once"
            ),
            models.UniqueConstraint(
                fields=["user", "course"], condition=models.Q(user__isnull=False), name="courses_cart_user_once"
            ),
        ]

    def __str__(self) -> str:
        return str(self.course)


class Order(models.Model):
    """What somebody bought at one instant. Amounts are minor units of `currency`."""

    code = models.CharField(_("order"), max_length=32, unique=True)
    buyer = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        db_index=False,  # `courses_order_buyer` begins with it
        verbose_name=_("buyer"),
    )
    visitor_key = models.UUIDField(_("visitor"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=OrderState.choices, default=OrderState.PLACED)
    currency = models.CharField(_("currency"), max_length=3)
    list_minor = models.PositiveBigIntegerField(_("list price"))
    discount_minor = models.PositiveBigIntegerField(_("discount"), default=0)
    tax_minor = models.PositiveBigIntegerField(_("tax"), default=0)
    tax_inclusive = models.BooleanField(_("tax lies inside the price"), default=True)
    total_minor = models.PositiveBigIntegerField(_("paid by the learner"))
    processor_fee_minor = models.PositiveBigIntegerField(_("processor's fee"), default=0)
    coupon = models.ForeignKey(
        Coupon, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("coupon")
    )
    discount_bearer = models.CharField(
        _("discount borne by"),
        max_length=80,
        blank=True,
        help_text=_("As the coupon said at that instant: pool, or the code of a ledger account."),
    )
    returned_minor = models.PositiveBigIntegerField(
        _("given back"), default=0, db_default=0, help_text=_("By refunds and by disputes that are open or lost.")
    )
    disputed = models.BooleanField(_("in dispute"), default=False, db_default=False)
    events_count = models.PositiveIntegerField(_("refunds and disputes so far"), default=0, db_default=0)
    placed_at = models.DateTimeField(_("placed at"))
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    voided_at = models.DateTimeField(_("voided at"), null=True, blank=True)
    voided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("voided by")
    )
    void_reason = models.CharField(_("why it was voided"), max_length=200, blank=True)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [
            models.Index(fields=["-placed_at", "-id"], name="courses_order_recent"),
            models.Index(fields=["buyer", "-placed_at"], name="courses_order_buyer"),
            models.Index(
                fields=["-placed_at", "-id"],
                condition=models.Q(returned_minor__gt=0),
                name="courses_order_returned",
            ),
            models.Index(
                fields=["-placed_at", "-id"], condition=models.Q(disputed=True), name="courses_order_disputed"
            ),
            models.Index(fields=["placed_at", "id"], condition=models.Q(state="placed"), name="courses_order_waiting"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(discount_minor__lte=models.F("list_minor")), name="courses_discount_bound"
            ),
            models.CheckConstraint(
                condition=models.Q(tax_inclusive=True, total_minor=models.F("list_minor") - models.F("discount_minor"))
                | models.Q(
                    tax_inclusive=False,
                    total_minor=models.F("list_minor") - models.F("discount_minor") + models.F("tax_minor"),
                ),
                name="courses_order_total",
            ),
            models.CheckConstraint(
                condition=models.Q(tax_minor__lte=models.F("total_minor")), name="courses_order_tax_bound"
            ),
            models.CheckConstraint(
                condition=models.Q(discount_minor=0) | ~models.Q(discount_bearer=""), name="courses_order_bearer"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="paid") | models.Q(paid_at__isnull=False), name="courses_order_paid_when"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="voided") | models.Q(voided_at__isnull=False),
                name="courses_order_voided_when",
            ),
            models.CheckConstraint(condition=models.Q(currency__regex=CURRENCY), name="courses_order_currency"),
            models.CheckConstraint(
                condition=models.Q(returned_minor__lte=models.F("total_minor")), name="courses_order_return_bound"
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def left_minor(self) -> int:
        """What the learner paid and has not got back."""
        return self.total_minor - self.returned_minor if self.state == OrderState.PAID else 0

    @property
    def standing(self) -> Standing:
        """What became of it, in one word."""
        if self.state != OrderState.PAID:
            return Standing(self.state)
        if self.disputed:
            return Standing.DISPUTED
        if not self.returned_minor:
            return Standing.PAID
        return Standing.PARTLY_REFUNDED if self.left_minor else Standing.REFUNDED


class OrderLine(models.Model):
    """One course of an order, with its exact part of the order's discount and tax. Append-only.

    The lines of an order sum to it in every amount and are inserted by one statement; a trigger holds them to it.
    """

    order = models.ForeignKey(
        Order,
        on_delete=models.PROTECT,
        related_name="lines",
        db_index=False,  # both unique constraints begin with it
        verbose_name=_("order"),
    )
    position = models.PositiveSmallIntegerField(_("position"))
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="order_lines", verbose_name=_("course"))
    list_minor = models.PositiveBigIntegerField(_("list price"))
    discount_minor = models.PositiveBigIntegerField(_("discount"), default=0)
    tax_minor = models.PositiveBigIntegerField(_("tax"), default=0)
    payable_minor = models.PositiveBigIntegerField(_("paid by the learner"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="courses_line_position"),
            models.UniqueConstraint(fields=["order", "course"], name="courses_line_course_once"),
            models.CheckConstraint(
                condition=models.Q(discount_minor__lte=models.F("list_minor")), name="courses_line_discount_bound"
            ),
            models.CheckConstraint(
                condition=models.Q(tax_minor__lte=models.F("payable_minor")), name="courses_line_tax_bound"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.position}"


class Payment(models.Model):
    """Money that arrived for an order, once per id of the provider. Append-only."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments", verbose_name=_("order"))
    provider = models.CharField(_("provider"), max_length=32)
    external_id = models.CharField(_("id at the provider"), max_length=200)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    fee_minor = models.PositiveBigIntegerField(_("fee in minor units"), default=0)
    paid_at = models.DateTimeField(_("paid at"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.UniqueConstraint(fields=["provider", "external_id"], name="courses_payment_once"),
            models.CheckConstraint(condition=models.Q(currency__regex=CURRENCY), name="courses_payment_currency"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"
