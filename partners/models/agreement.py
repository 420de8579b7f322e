"""Agreements, their versions, and who accepted what."""

from datetime import datetime

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party, User
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase, VersionKind, VersionState


@tracked()
class Agreement(models.Model):
    """Who shares what of which sales. It covers one thing of an upper floor, such as one course."""

    code = models.SlugField(_("code"), max_length=64, unique=True)
    title = models.CharField(_("title"), max_length=200)
    title_zh = models.CharField(_("title in Chinese"), max_length=200, blank=True)
    owner = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="owned_agreements", verbose_name=_("owner"))
    scope_kind = models.CharField(_("covers"), max_length=32, default="course")
    scope_id = models.CharField(_("covered id"), max_length=64)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        constraints = [models.UniqueConstraint(fields=["scope_kind", "scope_id"], name="partners_one_agreement")]

    def __str__(self) -> str:
        return self.local_title

    @property
    def local_title(self) -> str:
        """Title in the reader's language."""
        return self.title_zh if self.title_zh and (get_language() or "").startswith("zh") else self.title


@tracked()
class AgreementParty(models.Model):
    """A party that an agreement names, so that it may read and must accept it."""

    agreement = models.ForeignKey(
        Agreement, on_delete=models.CASCADE, related_name="parties", verbose_name=_("agreement")
    )
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="agreements", verbose_name=_("party"))

    class Meta:
        verbose_name = _("party of an agreement")
        verbose_name_plural = _("parties of agreements")
        constraints = [models.UniqueConstraint(fields=["agreement", "party"], name="partners_party_once")]

    def __str__(self) -> str:
        return f"{self.agreement}: {self.party}"


@tracked()
class AgreementVersion(models.Model):
    """The rule and clauses for a range of time.

    What was proposed never changes: a trigger lets only the state, the approver and the end of the range move, each in
    one direction. In force it comes when every party that the rule names, and the owner, accepted exactly its text.
    """

    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, related_name="versions", verbose_name=_("agreement")
    )
    number = models.PositiveIntegerField(_("version"))
    kind = models.CharField(_("kind"), max_length=10, choices=VersionKind.choices, default=VersionKind.STANDARD)
    state = models.CharField(_("state"), max_length=10, choices=VersionState.choices, default=VersionState.DRAFT)
    rule = models.JSONField(_("rule"), help_text=_("Steps of the split, as docs/reference/splits.md describes."))
    precedence = models.CharField(
        _("link against coupon"), max_length=8, choices=Precedence.choices, default=Precedence.COUPON
    )
    self_purchase = models.CharField(
        _("own purchase"), max_length=8, choices=SelfPurchase.choices, default=SelfPurchase.REFUSE
    )
    paying_model = models.CharField(
        _("paying model"), max_length=16, choices=PayingModel.choices, default=PayingModel.LAST_TOUCH
    )
    window_days = models.PositiveSmallIntegerField(_("look-back in days"), default=30)
    half_life_days = models.PositiveSmallIntegerField(
        _("half-life in days"), default=7, db_default=7, help_text=_("Of time decay; other models ask for none.")
    )
    position_weights = models.JSONField(
        _("weights by position"),
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text=_("Of the model of that name; other models ask for none."),
    )
    hold_days = models.PositiveSmallIntegerField(_("holding period in days"), default=7)
    reserve_days = models.PositiveSmallIntegerField(
        _("reserve in days"), default=90, db_default=90, help_text=_("Days after the order when a reserve is released.")
    )
    caps = models.JSONField(
        _("caps"),
        default=list,
        db_default=models.Value([], output_field=models.JSONField()),
        blank=True,
        help_text=_("The most that a partner earns by bringing learners, from one order or in one calendar month."),
    )
    meter = models.CharField(
        _("volume for tiers"),
        max_length=5,
        choices=MeterPeriod.choices,
        default=MeterPeriod.EVER,
        db_default=MeterPeriod.EVER,
    )
    effective = DateTimeRangeField(_("in force"), help_text=_("From inclusive, until exclusive."))
    note = models.CharField(_("why"), max_length=300, blank=True)
    text = models.TextField(_("text"), blank=True, help_text=_("Written from the rule when the version is proposed."))
    text_zh = models.TextField(_("text in Chinese"), blank=True)
    text_hash = models.CharField(_("hash of the text"), max_length=64, blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("prepared by")
    )
    approved_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("approved by")
    )
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    in_force_at = models.DateTimeField(
        _("known since"), null=True, blank=True, help_text=_("When it was put in force, whatever its range says.")
    )

    class Meta:
        verbose_name = _("version of an agreement")
        verbose_name_plural = _("versions of agreements")
        constraints = [
            models.UniqueConstraint(fields=["agreement", "number"], name="partners_version_number"),
            ExclusionConstraint(
                name="partners_versions_do_not_overlap",
                expressions=[("agreement", RangeOperators.EQUAL), ("effective", RangeOperators.OVERLAPS)],
                condition=models.Q(state__in=["in_force", "superseded"], kind="standard"),
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by=None) | ~models.Q(approved_by=models.F("created_by")),
                name="partners_version_two_persons",
            ),
            models.CheckConstraint(
                condition=~models.Q(state__in=["in_force", "superseded"])
                | models.Q(approved_by__isnull=False, created_by__isnull=False),
                name="partners_version_persons_known",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["in_force", "superseded"], in_force_at__isnull=False)
                | ~models.Q(state__in=["in_force", "superseded"]) & models.Q(in_force_at=None),
                name="partners_version_known_since",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["draft", "withdrawn"]) | ~models.Q(text_hash=""),
                name="partners_version_has_text",
            ),
            models.CheckConstraint(
                condition=models.Q(effective__startswith__isnull=False, effective__isempty=False),
                name="partners_version_has_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agreement} v{self.number}"

    @property
    def starts(self) -> datetime:
        """The first instant of its range."""
        start: datetime = self.effective.lower
        return start

    @property
    def ends(self) -> datetime | None:
        """The first instant after its range, None while that is open."""
        end: datetime | None = self.effective.upper
        return end

    @property
    def local_text(self) -> str:
        """Text in the reader's language."""
        return self.text_zh if (get_language() or "").startswith("zh") else self.text

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The text as it was proposed, in the reader's language: (number with its mark, words) of each clause."""
        told = (line.partition(" ") for line in self.local_text.splitlines())
        return [(number, words) for number, _blank, words in told]


class Acceptance(models.Model):
    """A party said yes to exactly this text."""

    version = models.ForeignKey(
        AgreementVersion, on_delete=models.PROTECT, related_name="acceptances", verbose_name=_("version")
    )
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="acceptances", verbose_name=_("party"))
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("accepted by")
    )
    on_behalf = models.BooleanField(
        _("on behalf"), default=False, help_text=_("Recorded by staff from a consent given outside the portal.")
    )
    text_hash = models.CharField(_("hash of the text"), max_length=64)
    accepted_at = models.DateTimeField(_("accepted at"), default=timezone.now)

    class Meta:
        verbose_name = _("acceptance")
        verbose_name_plural = _("acceptances")
        constraints = [models.UniqueConstraint(fields=["version", "party"], name="partners_accepted_once")]

    def __str__(self) -> str:
        return f"{self.party}: {self.version}"
