"""What flows back of an order's payment: refunds, refunds taken back, disputes."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import User
from courses.choices import DisputeState, RefundState
from courses.models.order import Order, OrderLine

FROM_OUTSIDE = ~models.Q(external_id="")


class Refund(models.Model):
    """Money given back for an order or one line of it; with `reverses`, one taken back. Minor units of the order.

    What was asked never changes; once done or declined, nothing does. `number` counts the order's events from 1, and
    `occurred_at` is when the money moved; both are empty until it is done.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("order"))
    line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("order line")
    )
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals", verbose_name=_("takes back")
    )
    number = models.PositiveIntegerField(_("number"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=RefundState.choices, default=RefundState.DONE)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"))
    reason = models.CharField(_("reason"), max_length=200)
    provider = models.CharField(_("provider"), max_length=32)
    external_id = models.CharField(_("id at the provider"), max_length=200, blank=True)
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("prepared by")
    )
    requested_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    decided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    occurred_at = models.DateTimeField(pgettext_lazy("money", "moved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="courses_refund_positive"),
            models.CheckConstraint(
                condition=models.Q(state="done", number__isnull=False, occurred_at__isnull=False)
                | (~models.Q(state="done") & models.Q(number=None, occurred_at=None)),
                name="courses_refund_done_when",
            ),
            models.CheckConstraint(
                condition=models.Q(state="declined")
                | models.Q(decided_by=None)
                | (models.Q(requested_by__isnull=False) & ~models.Q(decided_by=models.F("requested_by"))),
                name="courses_refund_two_persons",
            ),
            models.UniqueConstraint(fields=["order", "number"], name="courses_refund_number"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=models.Q(reverses__isnull=False) & ~models.Q(state="declined"),
                name="courses_refund_reversed_once",
            ),
            models.UniqueConstraint(
                fields=["provider", "external_id"], condition=FROM_OUTSIDE, name="courses_refund_once"
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], condition=models.Q(state="requested"), name="courses_refund_waiting"),
            models.Index(fields=["-requested_at", "-id"], name="courses_refund_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.number or '–'}"


class Dispute(models.Model):
    """A payment that the learner's bank asks back. Minor units of the order's currency.

    `number` and `closed_number` place its beginning and its end among the order's events. What was told at the
    beginning never changes; once closed, nothing does.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="disputes", verbose_name=_("order"))
    number = models.PositiveIntegerField(_("number"))
    closed_number = models.PositiveIntegerField(_("number of its end"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=6, choices=DisputeState.choices, default=DisputeState.OPEN)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"))
    fee_minor = models.PositiveBigIntegerField(_("fee in minor units"), default=0)
    fee_returned_minor = models.PositiveBigIntegerField(_("fee returned in minor units"), default=0)
    reason = models.CharField(_("reason"), max_length=200)
    evidence_due = models.DateTimeField(_("evidence due"), null=True, blank=True)
    provider = models.CharField(_("provider"), max_length=32)
    external_id = models.CharField(_("id at the provider"), max_length=200, blank=True)
    opened_at = models.DateTimeField(_("opened at"))
    opened_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entered by")
    )
    closed_at = models.DateTimeField(pgettext_lazy("dispute", "closed at"), null=True, blank=True)
    closed_by = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=pgettext_lazy("dispute", "closed by"),
    )

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="courses_dispute_positive"),
            models.CheckConstraint(
                condition=models.Q(state="open", closed_number=None, closed_at=None, fee_returned_minor=0)
                | (~models.Q(state="open") & models.Q(closed_number__isnull=False, closed_at__isnull=False)),
                name="courses_dispute_closed_when",
            ),
            models.CheckConstraint(
                condition=models.Q(fee_returned_minor=0)
                | models.Q(state="won", fee_returned_minor__lte=models.F("fee_minor")),
                name="courses_dispute_fee_bound",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=models.Q(state="open"), name="courses_dispute_one_open"
            ),
            models.UniqueConstraint(fields=["order", "number"], name="courses_dispute_number"),
            models.UniqueConstraint(
                fields=["provider", "external_id"], condition=FROM_OUTSIDE, name="courses_dispute_once"
            ),
        ]
        indexes = [
            models.Index(fields=["evidence_due"], condition=models.Q(state="open"), name="courses_dispute_due"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.number}"


class LineReturn(models.Model):
    """What a refund or dispute moved of what was paid for one line: above zero back to the learner. Append-only.

    Minor units of the order's currency. A trigger keeps the sum of a line between zero and what was paid for it.
    """

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="returns", verbose_name=_("order line"))
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="returns", verbose_name=_("refund")
    )
    dispute = models.ForeignKey(
        Dispute, on_delete=models.PROTECT, null=True, blank=True, related_name="returns", verbose_name=_("dispute")
    )
    amount_minor = models.BigIntegerField(_("amount in minor units"))

    class Meta:
        verbose_name = _("return of a line")
        verbose_name_plural = _("returns of lines")
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="courses_return_not_zero"),
            models.CheckConstraint(
                condition=models.Q(refund__isnull=False, dispute=None) | models.Q(refund=None, dispute__isnull=False),
                name="courses_return_of_one",
            ),
            models.UniqueConstraint(
                fields=["line", "refund"], condition=models.Q(refund__isnull=False), name="courses_return_refund_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.amount_minor}"
