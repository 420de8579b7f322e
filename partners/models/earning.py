"""What each party considered for an order line earned, and why; also when it earned nothing."""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from partners.choices import EFFECTS, DecisionReason
from partners.models.agreement import AgreementVersion
from partners.models.channel import Channel


class EarningDecision(models.Model):
    """One decision for one party on one order line, with the facts a partner may read. Append-only.

    `amount_minor` equals the party's postings of the line in the entry. What happens to the sale afterwards (a refund,
    a dispute, a correction ...) adds a row with one of the reasons EFFECTS and the difference. What an accepted claim
    gave of the line is a decision of its own, under the source `claim_line`. `capped_minor` is what a cap of the
    agreement kept from it. List price, discount, tax and paid are the line's, in minor units.
    """

    source_kind = models.CharField(_("source"), max_length=32, default="order_line")
    source_id = models.CharField(_("source id"), max_length=64)
    # The trigger `partners_earningdecision_keys` answers for party, version and channel, a statement at a time.
    party = models.ForeignKey(
        Party,
        on_delete=models.PROTECT,
        related_name="decisions",
        db_index=False,
        db_constraint=False,
        verbose_name=_("party"),
    )
    version = models.ForeignKey(
        AgreementVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_constraint=False,
        verbose_name=_("agreement"),
    )
    entry = models.ForeignKey(
        "ledger.JournalEntry",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,  # entries are never removed; the trigger `partners_decision_entry` sees that it is there
        verbose_name=_("entry"),
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("came through"),
    )
    reason = models.CharField(_("reason"), max_length=16, choices=DecisionReason.choices)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    list_minor = models.BigIntegerField(_("list price in minor units"))
    discount_minor = models.BigIntegerField(_("discount in minor units"), default=0)
    tax_minor = models.BigIntegerField(_("tax in minor units"), default=0)
    paid_minor = models.BigIntegerField(_("paid by the learner in minor units"))
    capped_minor = models.BigIntegerField(_("kept by a cap, in minor units"), default=0, db_default=0)
    credit_ppm = models.PositiveIntegerField(_("credit in ppm"), null=True, blank=True)
    order_code = models.CharField(_("order"), max_length=32)
    item_kind = models.CharField(_("item"), max_length=32, default="course")
    item_id = models.CharField(_("item id"), max_length=64)
    item_title = models.CharField(_("title"), max_length=200)
    item_title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    placed_at = models.DateTimeField(_("ordered at"))
    matures_at = models.DateTimeField(_("available from"))
    decided_at = models.DateTimeField(_("decided at"), default=timezone.now)

    class Meta:
        verbose_name = _("earning")
        verbose_name_plural = _("earnings")
        constraints = [
            models.UniqueConstraint(
                fields=["source_kind", "source_id", "party"],
                condition=~models.Q(reason__in=EFFECTS),
                name="partners_decided_once",
            ),
            models.UniqueConstraint(
                fields=["source_kind", "source_id", "party", "entry"],
                condition=models.Q(reason__in=EFFECTS),
                name="partners_effect_once",
            ),
        ]
        indexes = [
            models.Index(fields=["party", "-placed_at", "-id"], name="partners_earning_recent"),
            models.Index(fields=["order_code"], name="partners_earning_order"),
            models.Index(
                fields=["item_kind", "item_id", "placed_at"],
                condition=models.Q(version=None),
                name="partners_earning_unagreed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.party} · {self.order_code}"

    def reason_at(self, at: datetime) -> DecisionReason:
        """The reason as it reads at an instant: what was held is simply earned once it is free."""
        over = self.reason == DecisionReason.HELD and self.matures_at <= at
        return DecisionReason.EARNED if over else DecisionReason(self.reason)

    @property
    def local_title(self) -> str:
        """Title of what was bought, in the reader's language."""
        return self.item_title_zh if self.item_title_zh and (get_language() or "").startswith("zh") else self.item_title
