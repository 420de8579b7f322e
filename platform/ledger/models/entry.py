"""Journal entries and their postings: append-only, zero per currency, checked by the database."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party, User
from ledger.choices import EntryKind
from ledger.models.account import Account
from ledger.money import decimal_from_minor


class JournalEntry(models.Model):
    """One booking with the inputs it was computed from and the trace of every step.

    Inputs and trace name every party of the order, so portal readers never see the row itself: they get their part of
    it through selectors that leave the rest out.
    """

    kind = models.CharField(_("kind"), max_length=16, choices=EntryKind.choices)
    source_kind = models.CharField(_("source"), max_length=32)
    source_id = models.CharField(_("source id"), max_length=64)
    occurred_at = models.DateTimeField(_("occurred at"))
    booked_on = models.DateField(
        _("booked on"),
        help_text=_("Day in the books. Later than the day it occurred on where that month was closed already."),
    )
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals", verbose_name=_("reverses")
    )
    inputs = models.JSONField(_("inputs"), help_text=_("All that the amounts were computed from."))
    trace = models.JSONField(_("trace"), default=dict)
    body_hash = models.CharField(_("hash of the body"), max_length=64)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("booked by")
    )

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        constraints = [
            models.UniqueConstraint(fields=["kind", "source_kind", "source_id"], name="ledger_entry_once"),
            models.CheckConstraint(
                condition=~models.Q(kind="void") | models.Q(reverses__isnull=False), name="ledger_void_reverses"
            ),
        ]
        indexes = [models.Index(fields=["-occurred_at", "-id"], name="ledger_entry_recent")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.source_id}"


class Posting(models.Model):
    """One line of an entry. Positive is credit, negative is debit, in minor units.

    `line` is the order line it concerns, `clause` the path of the rule's clause (or the fact of the sale) that put it
    here. A sale's share counts as available from `matures_at` on; without it a posting counts at once, also in an
    earlier cut-off's payout. `occurred_at` and `booked_on` are the entry's.
    """

    # The trigger `ledger_posting_agrees` answers for all three, a statement at a time; other indexes lead to the rows.
    entry = models.ForeignKey(
        JournalEntry,
        on_delete=models.PROTECT,
        related_name="postings",
        db_index=False,
        db_constraint=False,
        verbose_name=_("entry"),
    )
    position = models.PositiveSmallIntegerField(_("position"))
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="postings",
        db_index=False,
        db_constraint=False,
        verbose_name=_("account"),
    )
    party = models.ForeignKey(
        Party,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("party"),
    )
    amount = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    line = models.CharField(_("order line"), max_length=32, blank=True)
    clause = models.CharField(_("clause"), max_length=64, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    booked_on = models.DateField(_("booked on"))
    matures_at = models.DateTimeField(_("available from"), null=True, blank=True)

    class Meta:
        verbose_name = _("posting")
        verbose_name_plural = _("postings")
        constraints = [
            models.UniqueConstraint(fields=["entry", "position"], name="ledger_posting_position"),
            models.CheckConstraint(condition=~models.Q(amount=0), name="ledger_posting_not_zero"),
        ]
        indexes = [
            models.Index(fields=["account", "id"], include=["amount"], name="ledger_posting_account"),
            models.Index(
                fields=["party", "currency", "matures_at"],
                condition=models.Q(party__isnull=False),
                name="ledger_posting_party",
            ),
            models.Index(
                fields=["party", "currency", "booked_on"],
                condition=models.Q(party__isnull=False),
                name="ledger_posting_month",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {decimal_from_minor(self.amount, self.currency)}".replace(" -", " −")
