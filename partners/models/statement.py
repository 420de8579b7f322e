"""Statements as they were issued: frozen, numbered, and chained to the ledger's seals."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party


class StatementMonth(models.Model):
    """A month whose statements were issued. `root` is over every statement's root and the seal. Append-only."""

    month = models.DateField(_("month"), unique=True)
    root = models.CharField(_("root"), max_length=64)
    statements = models.PositiveIntegerField(_("statements"))
    seal_number = models.PositiveIntegerField(_("seal"))
    seal_digest = models.CharField(_("digest of the seal"), max_length=64, blank=True)
    previous = models.CharField(_("root of the month before"), max_length=64, blank=True)
    issued_at = models.DateTimeField(_("issued at"), default=timezone.now)

    class Meta:
        verbose_name = _("month of statements")
        verbose_name_plural = _("months of statements")
        constraints = [models.CheckConstraint(condition=models.Q(month__day=1), name="partners_statement_first_day")]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class Statement(models.Model):
    """One party's month in one currency, as it was issued. `body` holds head and lines, `root` is over them.

    Opening and closing are of the payable, in minor units; those of reserve and advance stand in the body. Append-only.
    """

    of = models.ForeignKey(
        StatementMonth, on_delete=models.PROTECT, related_name="issued", verbose_name=_("month of statements")
    )
    place = models.PositiveIntegerField(_("place"))
    number = models.CharField(_("number"), max_length=96, unique=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="statements", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    month = models.DateField(_("month"))
    opening_minor = models.BigIntegerField(_("opening balance"))
    closing_minor = models.BigIntegerField(_("closing balance"))
    lines = models.PositiveIntegerField(_("lines"))
    root = models.CharField(_("root"), max_length=64)
    body = models.JSONField(_("content"))
    issued_at = models.DateTimeField(_("issued at"), default=timezone.now)

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.UniqueConstraint(fields=["month", "party", "currency"], name="partners_statement_once"),
            models.UniqueConstraint(fields=["of", "place"], name="partners_statement_place"),
        ]

    def __str__(self) -> str:
        return self.number
