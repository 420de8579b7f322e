"""Whose browsers are."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from analytics.choices import MergeCause
from analytics.models.touchpoint import Visitor


class VisitorMerge(models.Model):
    """That a browser was recognised as a person's: both histories are one journey. Append-only, once a browser."""

    # The trigger `analytics_visitormerge_keys` answers for both, a statement at a time.
    visitor = models.OneToOneField(
        Visitor, on_delete=models.PROTECT, related_name="merge", db_constraint=False, verbose_name=_("visitor")
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_constraint=False, verbose_name=_("person")
    )
    cause = models.CharField(_("recognised by"), max_length=8, choices=MergeCause.choices)
    merged_at = models.DateTimeField(_("recognised at"), default=timezone.now)

    class Meta:
        verbose_name = _("recognised browser")
        verbose_name_plural = _("recognised browsers")

    def __str__(self) -> str:
        return f"{self.visitor_id} → {self.user_id}"
