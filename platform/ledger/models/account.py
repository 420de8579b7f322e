"""Accounts and snapshots of what lies on them."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from ledger.choices import AccountKind


class Account(models.Model):
    """One account in one currency, by the code of the golden list: `platform:revenue`, `party:CODE:reserve` ..."""

    code = models.CharField(_("code"), max_length=96)
    currency = models.CharField(_("currency"), max_length=3)
    kind = models.CharField(_("kind"), max_length=12, choices=AccountKind.choices)
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    recoup_bp = models.PositiveSmallIntegerField(
        _("recoupment in basis points"),
        null=True,
        blank=True,
        help_text=_("On a party's advance account: how much of each share pays it back, as the last advance said."),
    )
    created_at = models.DateTimeField(_("opened"), default=timezone.now)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.UniqueConstraint(fields=["code", "currency"], name="ledger_account_once"),
            models.CheckConstraint(
                condition=models.Q(kind="party", party__isnull=False)
                | (~models.Q(kind="party") & models.Q(party=None)),
                name="ledger_account_party",
            ),
            models.CheckConstraint(
                condition=models.Q(recoup_bp=None) | models.Q(recoup_bp__lte=10_000, code__endswith=":advance"),
                name="ledger_account_recoupment",
            ),
        ]
        indexes = [
            models.Index(
                fields=["party", "currency"],
                condition=models.Q(recoup_bp__isnull=False),
                name="ledger_account_advances",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.currency}"


class BalanceSnapshot(models.Model):
    """Balance of an account up to and including one posting. Rebuildable; a booking never touches it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="snapshots", verbose_name=_("account"))
    upto_posting = models.BigIntegerField(_("up to posting"))
    amount = models.BigIntegerField(_("balance in minor units"))
    taken_at = models.DateTimeField(_("taken at"), default=timezone.now)

    class Meta:
        verbose_name = _("balance snapshot")
        verbose_name_plural = _("balance snapshots")
        constraints = [models.UniqueConstraint(fields=["account", "upto_posting"], name="ledger_snapshot_once")]

    def __str__(self) -> str:
        return f"{self.account} @ {self.upto_posting}"
