"""Tests in which some were kept from a channel, so that what it causes can be seen."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from analytics.choices import HoldoutKind, HoldoutSide
from partners.models import Channel


@tracked()
class HoldoutTest(models.Model):
    """One test of one channel over some days. What its arms did stands beside it."""

    name = models.CharField(_("name"), max_length=120)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    kind = models.CharField(_("held out by"), max_length=9, choices=HoldoutKind.choices)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+", verbose_name=_("channel"))
    since = models.DateField(_("first day"))
    until = models.DateField(_("last day"), help_text=_("Inclusive, in the portal's time zone."))
    valid_until = models.DateField(
        _("counts until"), help_text=_("Reports that begin by this day are set right by the test.")
    )
    currency = models.CharField(_("currency"), max_length=3)
    share_bp = models.PositiveSmallIntegerField(
        _("held out, in basis points"),
        default=1_000,
        validators=[MinValueValidator(1), MaxValueValidator(9_999)],
        help_text=_("Of people held out by hash: 1000 is one in ten."),
    )
    reach_bp = models.PositiveSmallIntegerField(
        _("reach, in basis points"),
        default=10_000,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("How much of the channel's credit in these days fell on the arm that could see it; 10000 is all."),
    )
    note = models.TextField(_("note"), blank=True)
    withdrawn_at = models.DateTimeField(_("test withdrawn at"), null=True, blank=True)
    withdrawn_because = models.CharField(_("withdrawn because"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("entered at"), default=timezone.now)

    class Meta:
        verbose_name = _("hold-out test")
        verbose_name_plural = _("hold-out tests")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(until__gte=models.F("since")), name="analytics_holdout_days",
                violation_error_message=_("The test ends before it begins."),
            ),
            models.CheckConstraint(
                condition=models.Q(share_bp__gte=1, share_bp__lte=9_999, reach_bp__gte=1, reach_bp__lte=10_000),
                name="analytics_holdout_shares",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


@tracked()
class HoldoutArm(models.Model):
    """What one side did: all people of it (by hash), or one region or audience. Amounts in minor units.

    Squares are sums over people of what each did, squared; only a test by hash needs them. `before_*` is the same as
    long before the test, 0 where it is not known.
    """

    test = models.ForeignKey(HoldoutTest, on_delete=models.PROTECT, related_name="arms", verbose_name=_("test"))
    side = models.CharField(_("side"), max_length=7, choices=HoldoutSide.choices)
    label = models.CharField(
        _("region or audience"), max_length=80, blank=True, help_text=_("Empty where people are held out by hash.")
    )
    people = models.PositiveBigIntegerField(_("number of people"))
    orders = models.PositiveBigIntegerField(_("orders"), default=0)
    order_squares = models.PositiveBigIntegerField(_("sum of squares of orders"), default=0)
    value_minor = models.BigIntegerField(_("value in minor units"), default=0)
    value_squares = models.DecimalField(_("sum of squares of values"), max_digits=40, decimal_places=0, default=0)
    before_orders = models.PositiveBigIntegerField(_("orders before"), default=0)
    before_value_minor = models.BigIntegerField(_("value before, in minor units"), default=0)

    class Meta:
        verbose_name = _("arm of a hold-out test")
        verbose_name_plural = _("arms of hold-out tests")
        constraints = [
            models.UniqueConstraint(fields=["test", "side", "label"], name="analytics_holdout_arm_once"),
            models.CheckConstraint(condition=models.Q(people__gte=1), name="analytics_holdout_arm_people"),
        ]

    def __str__(self) -> str:
        return f"{self.get_side_display()} {self.label}".strip()
