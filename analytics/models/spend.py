"""Campaigns and what they cost."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import ImportBatch
from partners.models import Channel


class Campaign(models.Model):
    """One campaign of one advertising account, in one channel."""

    source = models.CharField(_("source"), max_length=64)
    external_id = models.CharField(_("id in the source"), max_length=120)
    name = models.CharField(_("name"), max_length=200)
    name_zh = models.CharField(_("name in Chinese"), max_length=200, blank=True, default="", db_default="")
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="campaigns", verbose_name=_("channel"))
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="analytics_campaign_once")]

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


class Spend(models.Model):
    """What one campaign cost on one day, in minor units of the currency it was billed in."""

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="spend", verbose_name=_("campaign"))
    day = models.DateField(_("day"))
    amount_minor = models.BigIntegerField(_("amount in minor units"))
    currency = models.CharField(_("currency"), max_length=3)
    impressions = models.PositiveBigIntegerField(_("impressions"), default=0)
    clicks = models.PositiveBigIntegerField(_("clicks"), default=0)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("spend")
        verbose_name_plural = _("spend")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "day", "currency", "import_batch"],
                name="analytics_spend_once",
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(fields=["day"], name="analytics_spend_day")]

    def __str__(self) -> str:
        return f"{self.campaign} {self.day}"
