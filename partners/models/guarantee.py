"""Minimum guarantees: what a party is topped up to, month by month."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party, User


class MonthRange(Func):
    """SQL for the months of a guarantee: `since` inclusive, `until` exclusive."""

    function = "daterange"


@tracked()
class Guarantee(models.Model):
    """What a party earns at least in each calendar month, from orders of that month settled in one currency.

    `monthly_minor` in minor units; `since` and `until` are first days of months, `until` exclusive, None for good. It
    counts from its approval by a second person on; the top-up is booked when the month is closed.
    """

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="guarantees", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    monthly_minor = models.BigIntegerField(_("guaranteed a month"))
    since = models.DateField(_("from month"))
    until = models.DateField(_("until month"), null=True, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    prepared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)

    class Meta:
        verbose_name = _("guarantee")
        verbose_name_plural = _("guarantees")
        constraints = [
            models.CheckConstraint(condition=Q(monthly_minor__gt=0), name="partners_guarantee_positive"),
            models.CheckConstraint(
                condition=Q(since__day=1) & (Q(until=None) | Q(until__day=1, until__gt=F("since"))),
                name="partners_guarantee_months",
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None, approved_at=None)
                | (Q(approved_by__isnull=False, approved_at__isnull=False) & ~Q(approved_by=F("prepared_by"))),
                name="partners_guarantee_two_persons",
            ),
            ExclusionConstraint(
                name="partners_guarantee_one_at_a_time",
                expressions=[
                    ("party", RangeOperators.EQUAL),
                    ("currency", RangeOperators.EQUAL),
                    (MonthRange(F("since"), F("until")), RangeOperators.OVERLAPS),
                ],
                condition=Q(approved_by__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["since"], name="partners_guarantee_since")]

    def __str__(self) -> str:
        return f"{self.party} · {date_format(self.since, 'YEAR_MONTH_FORMAT')}"
