"""What journeys led to, and the credit each channel gets for it."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.models import ImportBatch, Party, User
from analytics.choices import ConversionKind
from analytics.models.report import ReportRun
from analytics.models.touchpoint import Visitor
from courses.models import Order
from partners.choices import PayingModel
from partners.models import Channel


class Conversion(models.Model):
    """The end of a journey: a paid order or a sign-up."""

    kind = models.CharField(_("kind"), max_length=8, choices=ConversionKind.choices)
    # The trigger `analytics_conversion_keys` answers for order and person, a statement at a time.
    order = models.OneToOneField(
        Order,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="conversion",
        db_constraint=False,
        verbose_name=_("order"),
    )
    user = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("person"),
    )
    visitor = models.ForeignKey(
        Visitor, on_delete=models.PROTECT, null=True, blank=True, related_name="conversions", verbose_name=_("visitor")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    value_minor = models.BigIntegerField(_("value in minor units"), default=0)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    settled_at = models.DateTimeField(_("settled at"), default=timezone.now)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("conversion")
        verbose_name_plural = _("conversions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="order", order__isnull=False) | models.Q(kind="sign_up", order=None),
                name="analytics_conversion_order",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(kind="sign_up"), name="analytics_signed_up_once"
            ),
        ]
        indexes = [models.Index(fields=["kind", "occurred_at"], name="analytics_conversion_time")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} · {date_format(timezone.localtime(self.occurred_at))}"


class Credit(models.Model):
    """A channel's part of a conversion as it was settled, in parts per million; no channel means unattributed."""

    # The trigger `analytics_credit_keys` answers for all four, a statement at a time.
    conversion = models.ForeignKey(
        Conversion,
        on_delete=models.PROTECT,
        related_name="credits",
        db_index=False,  # the unique constraint begins with it
        db_constraint=False,
        verbose_name=_("conversion"),
    )
    model = models.CharField(_("model"), max_length=16, choices=PayingModel.choices)
    terms = models.CharField(
        _("terms"),
        max_length=120,
        blank=True,
        default="",
        db_default="",
        help_text=_("Look-back in days, half-life and weights that the model was given."),
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("channel"),
    )
    owner = models.ForeignKey(
        Party,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("owner"),
    )
    ppm = models.PositiveIntegerField(_("credit in ppm"))
    run = models.ForeignKey(
        ReportRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("report"),
        help_text=_("The finished report that the model knew, of models that need one."),
    )

    class Meta:
        verbose_name = _("credit")
        verbose_name_plural = _("credits")
        constraints = [
            models.UniqueConstraint(
                fields=["conversion", "model", "terms", "channel", "owner"],
                name="analytics_credit_weighed_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(condition=models.Q(ppm__gte=1, ppm__lte=1_000_000), name="analytics_credit_range"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.ppm}"
