"""Advances: money paid to a party before it is earned, which its later shares pay back."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party, User
from partners.choices import AdvanceState


@tracked()
class Advance(models.Model):
    """An advance, prepared by one person and paid once a second one approved it. Amounts in minor units."""

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="advances", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    recoup_bp = models.PositiveSmallIntegerField(
        _("recoupment in basis points"),
        help_text=_("How much of each later share pays it back; it then holds for all that is open."),
    )
    reason = models.CharField(_("why"), max_length=300)
    state = models.CharField(_("state"), max_length=10, choices=AdvanceState.choices, default=AdvanceState.PREPARED)
    prepared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    entry = models.OneToOneField(
        "ledger.JournalEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("entry"),
    )

    class Meta:
        verbose_name = _("advance")
        verbose_name_plural = _("advances")
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="partners_advance_positive"),
            models.CheckConstraint(
                condition=models.Q(recoup_bp__gt=0, recoup_bp__lte=10_000), name="partners_advance_recoupment"
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by=None) | ~models.Q(approved_by=models.F("prepared_by")),
                name="partners_advance_two_persons",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="paid") | models.Q(approved_by__isnull=False, entry__isnull=False),
                name="partners_advance_paid",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party} · {date_format(timezone.localtime(self.prepared_at))}"
