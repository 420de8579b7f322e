"""Visitors and the ways they came."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ImportBatch, Party, User
from analytics.choices import TouchFlag
from partners.models import Channel, TrackingLink


class Visitor(models.Model):
    """A browser, by a random key of ours; it becomes a person's when somebody signs in."""

    key = models.UUIDField(_("key"), unique=True)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="visitors", verbose_name=_("person")
    )
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now)
    country = models.CharField(_("country"), max_length=2, blank=True)
    device = models.CharField(_("device"), max_length=16, blank=True)
    consent = models.BooleanField(_("agreed to be measured"), default=True)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")

    def __str__(self) -> str:
        return str(self.key)


class TouchReceipt(models.Model):
    """That a program's touch was taken, by the program's own id for it: the same again adds nothing. Append-only."""

    source = models.CharField(_("program"), max_length=16, help_text=_("The beginning of its key's hash."))
    external_id = models.CharField(_("id at the program"), max_length=100)
    digest = models.CharField(_("hash of what was told"), max_length=64)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)

    class Meta:
        verbose_name = _("receipt of a touch")
        verbose_name_plural = _("receipts of touches")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="analytics_touch_told_once")]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"


class Touchpoint(models.Model):
    """One arrival through one channel. Append-only, one partition a month; the database's key is (id, occurred_at)."""

    visitor = models.ForeignKey(
        Visitor, on_delete=models.PROTECT, related_name="touchpoints", db_index=False, verbose_name=_("visitor")
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("channel")
    )
    owner = models.ForeignKey(
        Party,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("owner"),
    )
    link = models.ForeignKey(
        TrackingLink,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("link"),
    )
    campaign = models.ForeignKey(
        "analytics.Campaign",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("campaign"),
    )
    landing = models.CharField(_("landing page"), max_length=500, blank=True)
    referrer_host = models.CharField(_("referrer"), max_length=200, blank=True)
    utm = models.JSONField(_("UTM tags"), default=dict, blank=True)
    click_id = models.CharField(_("click id"), max_length=200, blank=True)
    sub_ids = models.JSONField(
        _("sub-ids"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text=_("What the partner wrote behind the link to tell its own placements apart: sub1 to sub5."),
    )
    flag = models.CharField(_("does not count"), max_length=8, blank=True, choices=TouchFlag.choices, db_default="")
    consent = models.BooleanField(_("agreed to be measured"), default=True)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    import_batch = models.ForeignKey(
        ImportBatch,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("import"),
    )

    class Meta:
        verbose_name = _("touch")
        verbose_name_plural = _("touches")

    def __str__(self) -> str:
        return f"{self.channel_id} {self.occurred_at:%Y-%m-%d %H:%M}"
