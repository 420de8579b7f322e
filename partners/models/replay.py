"""What if other terms had held: history computed once more, beside what was booked. No table here is money."""

from datetime import timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Party, User
from partners.choices import ReplayState
from partners.models.agreement import AgreementVersion

LEASE = timedelta(minutes=5)
"""A replay without a sign of life for this long lost its worker and may be taken over."""


class Replay(models.Model):
    """One question put to history: orders placed on [since, until], both inclusive, under changed terms.

    `change` is the question as `partners.services.whatif.changes` reads it. `version`: the draft that it comes from;
    once that is proposed, each of its parties reads what it would have changed for itself.
    """

    title = models.CharField(_("name"), max_length=200, blank=True, help_text=_("Empty: it is called by what it asks."))
    version = models.ForeignKey(
        AgreementVersion,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="replays",
        verbose_name=_("draft"),
    )
    change = models.JSONField(_("changed terms"))
    since = models.DateField(_("from"))
    until = models.DateField(_("to"), help_text=_("Inclusive, in the portal's time zone."))
    state = models.CharField(_("state"), max_length=10, choices=ReplayState.choices, default=ReplayState.QUEUED)
    progress_bp = models.PositiveSmallIntegerField(_("progress in basis points"), default=0)
    failure = models.JSONField(_("failure"), default=dict, help_text=_("A code and what it speaks of."))
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    requested_at = models.DateTimeField(_("asked at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("what-if")
        verbose_name_plural = _("what-ifs")
        indexes = [models.Index(fields=["version", "-id"], name="partners_replay_version")]
        constraints = [
            models.CheckConstraint(condition=models.Q(since__lte=models.F("until")), name="partners_replay_range")
        ]

    def __str__(self) -> str:
        return self.local_title

    @property
    def local_title(self) -> str:
        """Its name, or what it asks in the reader's language."""
        if self.title:
            return self.title
        if self.version is not None:
            told = {"agreement": self.version.agreement.local_title, "number": self.version.number}
            return gettext("%(agreement)s: had version %(number)d held") % told
        named = [change["agreements"] for change in self.change["changes"]]
        codes = [code for some in named if isinstance(some, list) for code in some]
        return ", ".join(codes[:3]) + (" …" if len(codes) > 3 else "") if codes else gettext("All agreements")

    @property
    def is_alive(self) -> bool:
        """Whether it waits or is being computed by a worker that is not lost."""
        if self.state == ReplayState.RUNNING:
            return self.heartbeat_at is not None and self.heartbeat_at > timezone.now() - LEASE
        return self.state == ReplayState.QUEUED


class ReplayResult(models.Model):
    """Sums and series of a finished what-if over all parties, as plain data; portal readers never see it."""

    replay = models.OneToOneField(Replay, on_delete=models.CASCADE, related_name="result", verbose_name=_("what-if"))
    sums = models.JSONField(_("sums"))

    class Meta:
        verbose_name = _("result of a what-if")
        verbose_name_plural = _("results of what-ifs")

    def __str__(self) -> str:
        return str(self.replay_id)


class ReplayParty(models.Model):
    """What one party got by the replayed orders, as booked and as it would have been, in minor units."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="parties", verbose_name=_("what-if"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))
    currency = models.CharField(_("currency"), max_length=3)
    booked_minor = models.BigIntegerField(_("as booked"))
    replayed_minor = models.BigIntegerField(_("as it would have been"))

    class Meta:
        verbose_name = _("party of a what-if")
        verbose_name_plural = _("parties of what-ifs")
        constraints = [
            models.UniqueConstraint(fields=["replay", "currency", "party"], name="partners_replay_party_once")
        ]

    def __str__(self) -> str:
        return f"{self.replay_id}: {self.party_id}"


class ReplayCell(models.Model):
    """What a party got of one thing in one month, where the changed terms concern it. `month`: its first day."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="cells", verbose_name=_("what-if"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))
    item_kind = models.CharField(_("item"), max_length=32)
    item_id = models.CharField(_("item id"), max_length=64)
    month = models.DateField(_("month"))
    currency = models.CharField(_("currency"), max_length=3)
    booked_minor = models.BigIntegerField(_("as booked"))
    replayed_minor = models.BigIntegerField(_("as it would have been"))

    class Meta:
        verbose_name = _("cell of a what-if")
        verbose_name_plural = _("cells of what-ifs")
        constraints = [
            models.UniqueConstraint(
                fields=["replay", "party", "item_kind", "item_id", "month", "currency"],
                name="partners_replay_cell_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.replay_id}: {self.party_id} {self.item_id} {self.month:%Y-%m}"


class ReplayFlow(models.Model):
    """What became available to a party in one week, before advances are paid back. `week`: its Monday."""

    replay = models.ForeignKey(Replay, on_delete=models.CASCADE, related_name="flows", verbose_name=_("what-if"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))
    week = models.DateField(_("week"))
    currency = models.CharField(_("currency"), max_length=3)
    booked_minor = models.BigIntegerField(_("as booked"))
    replayed_minor = models.BigIntegerField(_("as it would have been"))

    class Meta:
        verbose_name = _("week of a what-if")
        verbose_name_plural = _("weeks of what-ifs")
        constraints = [
            models.UniqueConstraint(fields=["replay", "party", "currency", "week"], name="partners_replay_flow_once")
        ]

    def __str__(self) -> str:
        return f"{self.replay_id}: {self.party_id} {self.week}"
