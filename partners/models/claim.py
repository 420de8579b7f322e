"""Claims: a partner says that a sale is missing; what was found, what was decided, and what happened in between."""

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party, User
from partners.choices import CLAIMS_OPEN, ClaimBasis, ClaimReason, ClaimState, ClaimStepKind, FindingKind
from partners.models.channel import Channel, TrackingLink


@tracked()
class Claim(models.Model):
    """A sale that a party misses. What was filed never changes; a trigger guards its way through the states.

    `round` 2 is the appeal. `due_at`: when the house owes its answer. `reason` and `answer` are those of the last
    decision, `first_by` and `second_by` who decided in each round: never the same person.
    """

    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="claims", verbose_name=_("party"))
    order_code = models.CharField(_("order"), max_length=32)
    order_day = models.DateField(_("day of the order"))
    link = models.ForeignKey(
        TrackingLink, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("link")
    )
    note = models.TextField(_("what the partner says"), max_length=1_000, blank=True)
    filed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("filed by"))
    filed_at = models.DateTimeField(_("filed at"), default=timezone.now)
    state = models.CharField(_("state"), max_length=10, choices=ClaimState.choices, default=ClaimState.FILED)
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    due_at = models.DateTimeField(_("due"))
    overdue_at = models.DateTimeField(_("marked overdue at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=16, choices=ClaimReason.choices, blank=True)
    answer = models.TextField(_("answer"), max_length=1_000, blank=True)
    first_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    second_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("appeal decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = _("claims")
        constraints = [
            models.UniqueConstraint(
                models.F("party"),
                Upper("order_code"),
                condition=~models.Q(state="withdrawn"),
                name="partners_claim_once",
            ),
            models.CheckConstraint(
                condition=models.Q(second_by=None) | ~models.Q(second_by=models.F("first_by")),
                name="partners_claim_two_persons",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["accepted", "refused", "upheld"])
                | (models.Q(decided_at__isnull=False, first_by__isnull=False) & ~models.Q(reason="")),
                name="partners_claim_decided",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="upheld") | models.Q(round=2, second_by__isnull=False),
                name="partners_claim_upheld",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=models.Q(state__in=CLAIMS_OPEN), name="partners_claim_due"),
            models.Index(fields=["party", "-id"], name="partners_claim_recent"),
            models.Index(Upper("order_code"), name="partners_claim_order"),
        ]

    def __str__(self) -> str:
        return gettext("Claim %(number)d") % {"number": self.pk} + f" · {self.order_code}"

    @property
    def is_open(self) -> bool:
        """Whether the house owes an answer."""
        return self.state in CLAIMS_OPEN


class ClaimStep(models.Model):
    """Something that happened to a claim. Append-only; the party reads those that are `shown`."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="steps", verbose_name=_("claim"))
    round = models.PositiveSmallIntegerField(_("round"))
    kind = models.CharField(_("step"), max_length=10, choices=ClaimStepKind.choices)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    reason = models.CharField(_("reason"), max_length=16, choices=ClaimReason.choices, blank=True)
    note = models.TextField(_("words"), max_length=1_000, blank=True)
    shown = models.BooleanField(_("the party reads it"), default=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("step of a claim")
        verbose_name_plural = _("steps of claims")
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "round", "kind"],
                condition=models.Q(kind__in=["reminded", "overdue", "gathered", "appealed"]),
                name="partners_claimstep_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.claim_id} {self.kind}"


class ClaimGathering(models.Model):
    """What the evidence of one round came to: the verdict it proposes. Append-only, for the house alone.

    `told`: by basis and order line, how the sale would have been told to the split engine. Amounts in minor units: what
    the party would have had on top, as known when gathered.
    """

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="gatherings", verbose_name=_("claim"))
    round = models.PositiveSmallIntegerField(_("round"))
    order_code = models.CharField(_("order as it is called"), max_length=32, blank=True)
    placed_at = models.DateTimeField(_("ordered at"), null=True, blank=True)
    accepts = models.BooleanField(_("proposes to accept"))
    reason = models.CharField(_("reason"), max_length=16, choices=ClaimReason.choices)
    told = models.JSONField(_("the sale as it would have been told"), default=dict)
    currency = models.CharField(_("currency"), max_length=3, blank=True)
    evidence_minor = models.BigIntegerField(_("by the journey, in minor units"), default=0)
    sole_minor = models.BigIntegerField(_("as sole channel, in minor units"), default=0)
    gathered_at = models.DateTimeField(_("gathered at"), default=timezone.now)

    class Meta:
        verbose_name = _("evidence of a claim")
        verbose_name_plural = _("evidence of claims")
        constraints = [models.UniqueConstraint(fields=["claim", "round"], name="partners_gathered_once")]

    def __str__(self) -> str:
        return f"{self.claim_id}/{self.round}"


class ClaimCredit(models.Model):
    """What an accepted claim gave, then how it followed what happened to its order since. Append-only.

    The first row has no `source_id`; each of the others names the order's event. Amounts in minor units of `currency`,
    below zero where something was taken back. `told`: by order line, how the sale is told with the claimant, the limits
    of that instant included. `counted`: [agreement, what its cap's counter moved by] each.
    """

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="credits", verbose_name=_("claim"))
    order_code = models.CharField(_("order as it is called"), max_length=32)
    placed_at = models.DateTimeField(_("ordered at"))
    source_kind = models.CharField(_("source"), max_length=32, blank=True)
    source_id = models.CharField(_("source id"), max_length=64, blank=True)
    entry = models.OneToOneField(
        "ledger.JournalEntry", on_delete=models.PROTECT, related_name="+", verbose_name=_("entry")
    )
    basis = models.CharField(_("computed"), max_length=8, choices=ClaimBasis.choices)
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("channel")
    )
    told = models.JSONField(_("the sale as it would have been told"), default=dict)
    counted = models.JSONField(_("counted for caps"), default=list)
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("credit of a claim")
        verbose_name_plural = _("credits of claims")
        constraints = [
            models.UniqueConstraint(fields=["claim", "source_kind", "source_id"], name="partners_claim_credit_once"),
        ]
        indexes = [models.Index(fields=["order_code"], name="partners_claim_credit_order")]

    def __str__(self) -> str:
        return f"{self.claim_id}: {self.amount_minor}"


class ClaimFinding(models.Model):
    """One piece of evidence. Append-only; the party reads those that are `shown`: what is its own."""

    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="findings", verbose_name=_("claim"))
    round = models.PositiveSmallIntegerField(_("round"))
    position = models.PositiveSmallIntegerField(_("position"))
    kind = models.CharField(_("kind"), max_length=8, choices=FindingKind.choices)
    shown = models.BooleanField(_("the party reads it"), default=False)
    party = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("whose")
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("channel")
    )
    at = models.DateTimeField(_("at"), null=True, blank=True)
    facts = models.JSONField(_("facts"), default=dict)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = [
            models.UniqueConstraint(fields=["claim", "round", "position"], name="partners_finding_place"),
        ]

    def __str__(self) -> str:
        return f"{self.claim_id}/{self.round}: {self.kind}"
