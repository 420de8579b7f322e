"""Adjustments: money that a person, or an accepted claim, gives or takes beside every rule. The platform bears it."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party, User
from partners.choices import AdjustmentState
from partners.models.claim import Claim


@tracked()
class Adjustment(models.Model):
    """A credit (below zero: a debit) for a party in minor units of `currency`, with the reason that the party reads.

    What was asked never changes; once booked or declined nothing does. `decided_by` is empty where no second person was
    needed. `key` names the wish: asking again with it is the same adjustment.
    """

    key = models.CharField(_("key"), max_length=64, unique=True)
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="adjustments", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    reason = models.CharField(_("why"), max_length=300)
    order_code = models.CharField(_("order"), max_length=32, blank=True)
    claim = models.ForeignKey(
        Claim, on_delete=models.PROTECT, null=True, blank=True, related_name="adjustments", verbose_name=_("claim")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=AdjustmentState.choices, default=AdjustmentState.REQUESTED
    )
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    requested_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    decided_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
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
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount_minor=0), name="partners_adjustment_not_zero"),
            models.CheckConstraint(
                condition=models.Q(state="booked", entry__isnull=False, decided_at__isnull=False)
                | (~models.Q(state="booked") & models.Q(entry=None)),
                name="partners_adjustment_booked",
            ),
            models.CheckConstraint(
                condition=models.Q(state="declined")
                | models.Q(decided_by=None)
                | ~models.Q(decided_by=models.F("requested_by")),
                name="partners_adjustment_two_persons",
            ),
            models.UniqueConstraint(
                fields=["claim"],
                condition=models.Q(claim__isnull=False) & ~models.Q(state="declined"),
                name="partners_adjustment_claim_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["requested_at"], condition=models.Q(state="requested"), name="partners_adjustment_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party} · {date_format(timezone.localtime(self.requested_at))}"
