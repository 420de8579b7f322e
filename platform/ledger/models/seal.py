"""Seals over the journal: each hashes a batch of new entries together with the seal before it."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Seal(models.Model):
    """A seal over the entries above the previous seal's last one, up to and including `upto_entry`. Append-only.

    `digest` is over the previous digest and the hash of each entry; `marks` keeps the first four bytes of each entry's
    hash, so that a broken seal names the entry.
    """

    number = models.PositiveIntegerField(_("number"), unique=True)
    upto_entry = models.BigIntegerField(_("up to entry"), unique=True)
    entries = models.PositiveIntegerField(_("entries"))
    previous = models.CharField(_("seal before"), max_length=64, blank=True)
    digest = models.CharField(_("seal"), max_length=64, unique=True)
    marks = models.BinaryField(_("marks of the entries"))
    sealed_at = models.DateTimeField(_("sealed at"), default=timezone.now)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        constraints = [
            models.CheckConstraint(condition=models.Q(entries__gt=0), name="ledger_seal_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.digest[:12]}"
