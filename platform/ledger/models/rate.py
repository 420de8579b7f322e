"""Exchange rates by day."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class FxRate(models.Model):
    """How many units of `quote` one unit of `base` buys on a day; the last known day is used and stamped."""

    day = models.DateField(_("day"))
    base = models.CharField(_("from"), max_length=3)
    quote = models.CharField(_("to"), max_length=3)
    rate = models.DecimalField(_("rate"), max_digits=20, decimal_places=10)
    source = models.CharField(_("source"), max_length=64)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        constraints = [
            models.UniqueConstraint(fields=["day", "base", "quote"], name="ledger_rate_once"),
            models.CheckConstraint(condition=models.Q(rate__gt=0), name="ledger_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.day}"
