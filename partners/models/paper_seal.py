"""Seals over what is kept beside the journal: decisions, acceptances, exchange rates."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PaperSeal(models.Model):
    """A seal over the rows of one `kind` above its previous seal's last one, up to and including `upto`. Append-only.

    `digest` is over the previous digest and the hash of each row; `marks` keeps the first bytes of each row's hash, so
    that a broken seal names the row.
    """

    kind = models.CharField(_("kind"), max_length=16)
    number = models.PositiveIntegerField(_("number"))
    upto = models.BigIntegerField(_("up to row"))
    rows = models.PositiveIntegerField(_("rows"))
    previous = models.CharField(_("seal before"), max_length=64, blank=True)
    digest = models.CharField(_("seal"), max_length=64)
    marks = models.BinaryField(_("marks of the rows"))
    sealed_at = models.DateTimeField(_("sealed at"), default=timezone.now)

    class Meta:
        verbose_name = _("seal of papers")
        verbose_name_plural = _("seals of papers")
        constraints = [
            models.UniqueConstraint(fields=["kind", "number"], name="partners_paperseal_number"),
            models.UniqueConstraint(fields=["kind", "upto"], name="partners_paperseal_upto"),
            models.CheckConstraint(condition=models.Q(rows__gt=0), name="partners_paperseal_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.digest[:12]}"
