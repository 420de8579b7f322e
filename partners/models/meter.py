"""What an agreement has sold and what partners have earned under it, counted for tiers and caps."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from partners.choices import MeterKind
from partners.models.agreement import Agreement


class Meter(models.Model):
    """A counter of one agreement in one currency over one period; it only rises, refunds do not lower it.

    `volume`: the base of all settled lines, for tiers; no party. `cap`: what a party earned by bringing learners.
    `period` is the day on which the month or year begins by the calendar of the house, or year 1 for all of time; an
    order counts in the period in which it was placed. Every row can be counted again from the entries (a proof does).
    """

    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, related_name="meters", verbose_name=_("agreement")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=MeterKind.choices)
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    currency = models.CharField(_("currency"), max_length=3)
    per = models.CharField(_("per"), max_length=5)
    period = models.DateField(_("period from"))
    amount = models.BigIntegerField(_("amount in minor units"), default=0)

    class Meta:
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        constraints = [
            models.UniqueConstraint(
                fields=["agreement", "kind", "party", "currency", "per", "period"],
                nulls_distinct=False,
                name="partners_meter_once",
            ),
            models.CheckConstraint(condition=models.Q(amount__gte=0), name="partners_meter_rises"),
            models.CheckConstraint(
                condition=models.Q(kind="volume", party=None) | models.Q(kind="cap", party__isnull=False),
                name="partners_meter_of_party",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement}: {self.get_kind_display()} {self.period}"
