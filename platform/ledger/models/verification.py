"""What became of looking over the books: one row for each time."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _


class Verification(models.Model):
    """A run of the proofs over all history. Append-only.

    `failures` is a list of {"code", "title", "rows": [[row, what], ...]}, the first rows of each proof that failed.
    `entries` and `orders` were derived anew from their stored inputs; None: that part was left out.
    """

    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), default=timezone.now)
    proofs = models.PositiveIntegerField(_("proofs"))
    entries = models.PositiveIntegerField(_("entries derived anew"), null=True, blank=True)
    orders = models.PositiveIntegerField(_("orders derived anew"), null=True, blank=True)
    failed = models.PositiveIntegerField(_("proofs that failed"))
    failures = models.JSONField(_("what failed"), default=list)

    class Meta:
        verbose_name = _("verification")
        verbose_name_plural = _("verifications")

    def __str__(self) -> str:
        return date_format(timezone.localtime(self.started_at), "DATETIME_FORMAT")
