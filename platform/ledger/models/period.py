"""Months that are closed: nothing is booked into them any more."""

from django.db import models
from django.utils import formats, timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class PreparedPeriod(models.Model):
    """A month that one person found ready to be closed; another one closes it. Preparing again replaces the person."""

    month = models.DateField(_("month"), unique=True)
    prepared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)

    class Meta:
        verbose_name = _("prepared month")
        verbose_name_plural = _("prepared months")
        constraints = [models.CheckConstraint(condition=models.Q(month__day=1), name="ledger_prepared_first_day")]

    def __str__(self) -> str:
        return str(formats.date_format(self.month, "YEAR_MONTH_FORMAT"))


class ClosedPeriod(models.Model):
    """A closed month of the house's time zone, by its first day. Append-only: a month is never opened again.

    `totals` is {currency: {account: minor units}} of everything booked up to its last day, zeros left out.
    """

    month = models.DateField(_("month"), unique=True)
    prepared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    closed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("closed by"))
    closed_at = models.DateTimeField(_("closed at"), default=timezone.now)
    totals = models.JSONField(_("trial balance"), help_text=_("Every account's balance at the end of the month."))

    class Meta:
        verbose_name = _("closed month")
        verbose_name_plural = _("closed months")
        constraints = [
            models.CheckConstraint(condition=models.Q(month__day=1), name="ledger_period_first_day"),
            models.CheckConstraint(
                condition=~models.Q(prepared_by=models.F("closed_by")), name="ledger_period_of_two_persons"
            ),
        ]

    def __str__(self) -> str:
        return str(formats.date_format(self.month, "YEAR_MONTH_FORMAT"))
