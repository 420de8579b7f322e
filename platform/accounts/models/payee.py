"""Where a party wants its money sent."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import PayoutMethod
from accounts.models.party import Party
from accounts.models.user import User


class PayoutDetails(models.Model):
    """One statement of where to pay a party; the last one counts, earlier ones stay as evidence. Append-only."""

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="payout_details", verbose_name=_("party"))
    method = models.CharField(_("way"), max_length=8, choices=PayoutMethod.choices)
    holder = models.CharField(_("account holder"), max_length=120)
    institution = models.CharField(_("bank or service"), max_length=120)
    reference = models.CharField(_("account number or address"), max_length=120)
    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("entered by"))
    entered_at = models.DateTimeField(_("entered at"), default=timezone.now)

    class Meta:
        verbose_name = _("payout details")
        verbose_name_plural = _("payout details")
        indexes = [models.Index(fields=["party", "-id"], name="accounts_payee_latest")]

    def __str__(self) -> str:
        return self.masked

    @property
    def masked(self) -> str:
        """Bank and the last four characters: all that a page shows."""
        return f"{self.institution} ••{self.reference[-4:]}"
