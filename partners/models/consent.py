"""Parties who say no to a version, and co-creators who ask to leave."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Party, User
from partners.models.agreement import Agreement, AgreementVersion


class Decline(models.Model):
    """A party said no to a proposed version, which ends it. The other parties read who and why."""

    version = models.OneToOneField(
        AgreementVersion, on_delete=models.PROTECT, related_name="decline", verbose_name=_("version")
    )
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("declined by"))
    reason = models.CharField(_("reason"), max_length=300)
    declined_at = models.DateTimeField(_("declined at"), default=timezone.now)

    class Meta:
        verbose_name = _("refusal of a version")
        verbose_name_plural = _("refusals of versions")

    def __str__(self) -> str:
        return f"{self.party}: {self.version}"


class Leave(models.Model):
    """A co-creator asks to leave an agreement from an instant on; `version` is the one without it, made for that."""

    agreement = models.ForeignKey(
        Agreement, on_delete=models.PROTECT, related_name="leaves", verbose_name=_("agreement")
    )
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="+", verbose_name=_("party"))
    version = models.OneToOneField(
        AgreementVersion, on_delete=models.PROTECT, related_name="leave", verbose_name=_("version")
    )
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by"))
    leaves_at = models.DateTimeField(_("leaves from"))
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now)

    class Meta:
        verbose_name = _("leave of a co-creator")
        verbose_name_plural = _("leaves of co-creators")
        indexes = [models.Index(fields=["agreement", "party"], name="partners_leave_party")]

    def __str__(self) -> str:
        return f"{self.party}: {self.agreement}"


class BoundOrder(models.Model):
    """An order that a version of kind correction is about. Written with the draft, fixed once it is proposed."""

    version = models.ForeignKey(
        AgreementVersion, on_delete=models.CASCADE, related_name="orders", verbose_name=_("version")
    )
    order_code = models.CharField(_("order"), max_length=32)

    class Meta:
        verbose_name = _("order of a correction")
        verbose_name_plural = _("orders of corrections")
        constraints = [models.UniqueConstraint(fields=["version", "order_code"], name="partners_bound_once")]

    def __str__(self) -> str:
        return f"{self.version}: {self.order_code}"
