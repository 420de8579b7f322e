"""How visitors come: channels, tracking links, coupons."""

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import Party
from partners.choices import Bearer, ChannelKind


@tracked()
class Channel(models.Model):
    """A way visitors come; it may belong to a party, which then may earn by it."""

    code = models.SlugField(_("code"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=16, choices=ChannelKind.choices)
    owner = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="channels", verbose_name=_("owner")
    )
    slot = models.PositiveSmallIntegerField(
        _("colour slot"), default=0, help_text=_("1 to 8; the same colour everywhere.")
    )
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


@tracked()
class TrackingLink(models.Model):
    """A short address `/go/CODE` that leads to one page of ours; never to an address given by the visitor."""

    code = models.SlugField(_("code"), max_length=64, unique=True)
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="links", verbose_name=_("channel"))
    owner = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="links", verbose_name=_("owner")
    )
    destination = models.CharField(
        _("destination"), max_length=300, default="/", help_text=_("A path on this site, such as /courses/python/.")
    )
    campaign = models.CharField(_("campaign"), max_length=120, blank=True)
    utm_source = models.CharField(_("UTM source"), max_length=100, blank=True, db_default="")
    utm_medium = models.CharField(_("UTM medium"), max_length=100, blank=True, db_default="")
    utm_term = models.CharField(_("UTM term"), max_length=100, blank=True, db_default="")
    utm_content = models.CharField(_("UTM content"), max_length=100, blank=True, db_default="")
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("tracking link")
        verbose_name_plural = _("tracking links")
        constraints = [
            # Two slashes would lead off the site; so would a line break or tab between them, which browsers leave out.
            models.CheckConstraint(
                condition=models.Q(destination__regex=r"^/([^/\\[:space:][:cntrl:]][^\\[:space:][:cntrl:]]*)?$"),
                name="partners_link_stays_here",
            )
        ]

    def __str__(self) -> str:
        return f"/go/{self.code}"

    @property
    def utm(self) -> dict[str, str]:
        """The tags that stand behind its target."""
        tags = {
            "utm_source": self.utm_source,
            "utm_medium": self.utm_medium,
            "utm_campaign": self.campaign,
            "utm_term": self.utm_term,
            "utm_content": self.utm_content,
        }
        return {key: tag for key, tag in tags.items() if tag}


@tracked()
class Coupon(models.Model):
    """A code that lowers the price and may name who brought the learner."""

    code = models.CharField(_("code"), max_length=32, unique=True)
    owner = models.ForeignKey(
        Party, on_delete=models.PROTECT, null=True, blank=True, related_name="coupons", verbose_name=_("owner")
    )
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, null=True, blank=True, related_name="coupons", verbose_name=_("channel")
    )
    percent_bp = models.PositiveIntegerField(_("percent in basis points"), null=True, blank=True)
    amount_minor = models.PositiveBigIntegerField(_("amount in minor units"), null=True, blank=True)
    currency = models.CharField(_("currency of the amount"), max_length=3, blank=True)
    borne_by = models.CharField(_("borne by"), max_length=10, choices=Bearer.choices, default=Bearer.POOL)
    starts_at = models.DateTimeField(_("valid from"), default=timezone.now)
    ends_at = models.DateTimeField(_("valid until"), null=True, blank=True)
    max_uses = models.PositiveIntegerField(_("uses at most"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        constraints = [
            models.UniqueConstraint(Upper("code"), name="partners_coupon_code_ci"),
            models.CheckConstraint(
                condition=models.Q(percent_bp__isnull=False, percent_bp__lte=10000, amount_minor=None)
                | models.Q(percent_bp=None, amount_minor__isnull=False) & ~models.Q(currency=""),
                name="partners_coupon_percent_or_amount",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class CouponRedemption(models.Model):
    """One use of a coupon by one order."""

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="redemptions", verbose_name=_("coupon"))
    source_kind = models.CharField(_("source"), max_length=32)
    source_id = models.CharField(_("source id"), max_length=64)
    redeemed_at = models.DateTimeField(_("redeemed at"), default=timezone.now)

    class Meta:
        verbose_name = _("coupon redemption")
        verbose_name_plural = _("coupon redemptions")
        constraints = [
            models.UniqueConstraint(fields=["coupon", "source_kind", "source_id"], name="partners_redeemed_once")
        ]

    def __str__(self) -> str:
        return f"{self.coupon} · {self.source_id}"
