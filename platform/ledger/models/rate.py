"""Exchange rates by day."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class FxRate(models.Model):
    """How many units of `quote` one unit of `base` buys on a day. The last known day is used and stamped.

    Append-only: a correction is a second row for the day; of several rows the last one entered counts.
    """

    day = models.DateField(_("day"))
    base = models.CharField(_("from"), max_length=3)
    quote = models.CharField(_("to"), max_length=3)
    rate = models.DecimalField(_("rate"), max_digits=20, decimal_places=10)
    source = models.CharField(_("source"), max_length=64)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entered by")
    )

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="ledger_rate_positive"),
            models.CheckConstraint(condition=~models.Q(base=models.F("quote")), name="ledger_rate_of_two"),
        ]
        indexes = [models.Index(fields=["base", "quote", "-day", "-id"], name="ledger_rate_latest")]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.day}"
