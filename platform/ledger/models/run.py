"""Payout runs: prepared by one person, approved by another, then booked party by party."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Party, PayoutDetails, User
from ledger.choices import ItemState, LeftOut, RunState, RunStep
from ledger.models.payout import Payout


class PayoutRun(models.Model):
    """One run in one currency. Amounts in its minor units; `approved_minor` is the total that the second person typed.

    `prepared_by` is whoever changed it last, so that nobody approves a choice of their own.
    """

    number = models.PositiveIntegerField(_("number"), unique=True)
    currency = models.CharField(_("currency"), max_length=3)
    cut_off = models.DateTimeField(_("cut-off"))
    minimum_minor = models.BigIntegerField(_("minimum"), default=0)
    increment_minor = models.BigIntegerField(_("rounded down to"), default=1)
    withholding_bp = models.PositiveSmallIntegerField(_("tax withheld in basis points"), default=0)
    state = models.CharField(_("state"), max_length=10, choices=RunState.choices, default=RunState.DRAFT)
    prepared_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("prepared by"))
    prepared_at = models.DateTimeField(_("prepared at"), default=timezone.now)
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    approved_minor = models.BigIntegerField(_("approved total"), null=True, blank=True)
    finished_at = models.DateTimeField(_("booked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("payout run")
        verbose_name_plural = _("payout runs")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(approved_by=None) | ~models.Q(approved_by=models.F("prepared_by")),
                name="ledger_run_two_persons",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["approved", "done"])
                | models.Q(approved_by__isnull=False, approved_at__isnull=False, approved_minor__gt=0),
                name="ledger_run_approved",
            ),
            models.CheckConstraint(
                condition=models.Q(minimum_minor__gte=0, increment_minor__gte=1, withholding_bp__lte=10_000),
                name="ledger_run_terms",
            ),
        ]

    def __str__(self) -> str:
        return gettext("Payout run %(number)d") % {"number": self.number} + f", {self.currency}"


class PayoutItem(models.Model):
    """One party in a run: what it is paid, or why not. A trigger holds the order of its states and what was approved.

    `available_minor`: at the cut-off, when last computed; `amount_minor` of it is paid, of which `withheld_minor` is
    tax; the rest arrives as `sent_minor` of `sent_currency`, where that is another currency at `rate` of `rate_day`,
    which `rate_source` gave.
    `was_minor`: the amount before the last computation changed it. `note`: words by hand, or why it came back.
    """

    run = models.ForeignKey(PayoutRun, on_delete=models.PROTECT, related_name="items", verbose_name=_("payout run"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="payout_items", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    state = models.CharField(_("state"), max_length=10, choices=ItemState.choices, default=ItemState.PROPOSED)
    reason = models.CharField(_("reason"), max_length=10, choices=LeftOut.choices, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)
    available_minor = models.BigIntegerField(_("available"))
    amount_minor = models.BigIntegerField(_("amount"), default=0)
    withheld_minor = models.BigIntegerField(_("tax withheld"), default=0)
    sent_currency = models.CharField(_("currency sent"), max_length=3)
    sent_minor = models.BigIntegerField(_("sent"), default=0)
    rate = models.CharField(_("rate"), max_length=32, blank=True)
    rate_day = models.DateField(_("rate of"), null=True, blank=True)
    rate_source = models.CharField(_("rate from"), max_length=64, blank=True, default="", db_default="")
    was_minor = models.BigIntegerField(_("amount before"), null=True, blank=True)
    lines = models.PositiveIntegerField(_("lines"), default=0)
    details = models.ForeignKey(
        PayoutDetails, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("paid to")
    )
    payout = models.OneToOneField(
        Payout, on_delete=models.PROTECT, null=True, blank=True, related_name="item", verbose_name=_("payout")
    )
    changed_at = models.DateTimeField(_("changed"), default=timezone.now)

    class Meta:
        verbose_name = _("payout of a run")
        verbose_name_plural = _("payouts of runs")
        constraints = [
            models.UniqueConstraint(fields=["run", "party"], name="ledger_item_once"),
            # One payout under way for each balance, whatever runs there are.
            models.UniqueConstraint(
                fields=["party", "currency"],
                condition=models.Q(state__in=["proposed", "approved"]),
                name="ledger_item_one_live",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["proposed", "approved", "sent", "arrived", "failed"])
                | models.Q(
                    amount_minor__gt=0,
                    amount_minor__lte=models.F("available_minor"),
                    withheld_minor__gte=0,
                    withheld_minor__lte=models.F("amount_minor"),
                    details__isnull=False,
                ),
                name="ledger_item_payable",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["sent", "arrived", "failed"], payout__isnull=False)
                | (~models.Q(state__in=["sent", "arrived", "failed"]) & models.Q(payout=None)),
                name="ledger_item_booked",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["excluded", "ineligible", "fell"]) | ~models.Q(reason=""),
                name="ledger_item_says_why",
            ),
        ]
        indexes = [models.Index(fields=["party", "-id"], name="ledger_item_of_party")]

    def __str__(self) -> str:
        return f"{self.run}: {self.party}"


class PayoutRunEvent(models.Model):
    """What happened with a run so far. Append-only."""

    run = models.ForeignKey(PayoutRun, on_delete=models.PROTECT, related_name="events", verbose_name=_("payout run"))
    step = models.CharField(_("step"), max_length=10, choices=RunStep.choices)
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("party")
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("step of a payout run")
        verbose_name_plural = _("steps of payout runs")
        indexes = [models.Index(fields=["run", "id"], name="ledger_run_event_order")]

    def __str__(self) -> str:
        return f"{self.run}: {self.get_step_display()}"


class PayoutHold(models.Model):
    """A party's payouts are held back until somebody lifts it; the party reads the reason and by when it is decided."""

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="payout_holds", verbose_name=_("party"))
    reason = models.CharField(_("reason"), max_length=300)
    decide_by = models.DateField(_("decision by"), null=True, blank=True)
    placed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("placed by")
    )
    placed_at = models.DateTimeField(_("placed at"), default=timezone.now)
    lifted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("lifted by")
    )
    lifted_at = models.DateTimeField(_("lifted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold on payouts")
        verbose_name_plural = _("holds on payouts")
        constraints = [
            models.UniqueConstraint(fields=["party"], condition=models.Q(lifted_at=None), name="ledger_hold_one_live")
        ]

    def __str__(self) -> str:
        return f"{self.party}: {self.reason}"
