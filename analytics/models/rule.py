"""The installation's own rules for arrivals; they come before those that are built in."""

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from partners.models import Channel


@tracked()
class ChannelRule(models.Model):
    """An arrival that bears one of these marks came through this channel. Click ids are asked first, referrers last."""

    position = models.PositiveSmallIntegerField(
        _("position"), default=0, help_text=_("Among rules for the same kind of mark, the lower number is asked first.")
    )
    channel = models.ForeignKey(Channel, on_delete=models.PROTECT, related_name="+", verbose_name=_("channel"))
    click_id = models.CharField(
        _("click id"), max_length=40, blank=True, help_text=_("A key of the landing page's query, such as gclid.")
    )
    utm_source = models.CharField(
        _("UTM source"), max_length=100, blank=True, help_text=_("Empty with a medium: any source.")
    )
    utm_medium = models.CharField(
        _("UTM medium"), max_length=100, blank=True, help_text=_("Empty with a source: any medium.")
    )
    referrer = models.CharField(
        _("referrer"),
        max_length=200,
        blank=True,
        help_text=_("One or more whole parts of the host that sent the visitor, such as google or news.example.org."),
    )
    is_active = models.BooleanField(_("counts"), default=True)

    class Meta:
        verbose_name = _("channel rule")
        verbose_name_plural = _("channel rules")
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(click_id="", utm_source="", utm_medium="", referrer=""),
                name="analytics_rule_has_mark",
                violation_error_message=_("A rule needs at least one mark: a click id, a UTM tag or a referrer."),
            ),
            models.UniqueConstraint(
                Lower("click_id"),
                Lower("utm_source"),
                Lower("utm_medium"),
                Lower("referrer"),
                name="analytics_rule_once",
                violation_error_message=_("Another rule has exactly these marks; change that one."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.marks} → {self.channel}"

    @property
    def marks(self) -> str:
        """Its marks in a line."""
        named = (
            ("?", self.click_id),
            ("utm_source=", self.utm_source),
            ("utm_medium=", self.utm_medium),
            ("@", self.referrer),
        )
        return " · ".join(f"{sign}{value}" for sign, value in named if value)
