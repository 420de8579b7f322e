"""Payouts and which postings each of them settles."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from ledger.models.entry import JournalEntry, Posting


class Payout(models.Model):
    """Money that left a party's payable. Append-only: that it arrived or failed are entries of their own.

    All in minor units of `currency`: `amount` = `claimed` (the sum of the postings that it settles) + `carried_in`
    (what the payout before left over) - `carried_out`. `withheld` of it is tax; the rest travels, as `sent` of
    `sent_currency`.
    """

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="payouts", verbose_name=_("party"))
    number = models.PositiveIntegerField(_("number"))
    currency = models.CharField(_("currency"), max_length=3)
    amount_minor = models.BigIntegerField(_("amount"))
    withheld_minor = models.BigIntegerField(_("tax withheld"), default=0)
    sent_currency = models.CharField(_("currency sent"), max_length=3)
    sent_minor = models.BigIntegerField(_("sent"))
    claimed_minor = models.BigIntegerField(_("settled postings"))
    carried_in_minor = models.BigIntegerField(_("left over before"), default=0)
    carried_out_minor = models.BigIntegerField(_("left over"), default=0)
    cut_off = models.DateTimeField(_("cut-off"))
    entry = models.OneToOneField(JournalEntry, on_delete=models.PROTECT, related_name="payout", verbose_name=_("entry"))
    created_at = models.DateTimeField(_("booked at"), default=timezone.now)

    class Meta:
        verbose_name = _("payout")
        verbose_name_plural = _("payouts")
        constraints = [
            models.UniqueConstraint(fields=["party", "currency", "number"], name="ledger_payout_number"),
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="ledger_payout_positive"),
            models.CheckConstraint(
                condition=models.Q(
                    amount_minor=models.F("claimed_minor")
                    + models.F("carried_in_minor")
                    - models.F("carried_out_minor")
                ),
                name="ledger_payout_adds_up",
            ),
            models.CheckConstraint(condition=models.Q(carried_out_minor__gte=0), name="ledger_payout_carry"),
            models.CheckConstraint(
                condition=models.Q(withheld_minor__gte=0, withheld_minor__lte=models.F("amount_minor")),
                name="ledger_payout_withholding",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party} {self.currency} #{self.number}"


class PayoutClaim(models.Model):
    """A posting that a payout settles: none is settled twice, because a failed payout gives the money back anew."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="claims", verbose_name=_("payout"))
    posting = models.OneToOneField(Posting, on_delete=models.PROTECT, related_name="claim", verbose_name=_("posting"))

    class Meta:
        verbose_name = _("settled posting")
        verbose_name_plural = _("settled postings")

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.posting_id}"
