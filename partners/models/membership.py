"""Parties in the programme."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.choices import PartyKind
from accounts.models import Party
from partners.choices import MembershipState, Tier


@tracked()
class Membership(models.Model):
    """A party's standing in the programme; state and overrides live here, not on the party."""

    party = models.OneToOneField(Party, on_delete=models.PROTECT, related_name="membership", verbose_name=_("party"))
    state = models.CharField(
        _("state"), max_length=10, choices=MembershipState.choices, default=MembershipState.APPLIED
    )
    tier = models.CharField(_("tier"), max_length=10, choices=Tier.choices, default=Tier.STANDARD)
    headline = models.CharField(_("headline"), max_length=200, blank=True)
    headline_zh = models.CharField(_("headline in Chinese"), max_length=200, blank=True)
    applied_at = models.DateTimeField(_("applied"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    note = models.TextField(_("internal note"), blank=True)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")

    def __str__(self) -> str:
        return str(self.party)


class CreatorManager(models.Manager["Creator"]):
    """Memberships of creators."""

    def get_queryset(self) -> models.QuerySet["Creator"]:
        """Only creators."""
        return super().get_queryset().filter(party__kind=PartyKind.CREATOR)


class Creator(Membership):
    """A member who makes courses."""

    objects: ClassVar[CreatorManager] = CreatorManager()

    class Meta:
        proxy = True
        verbose_name = _("creator")
        verbose_name_plural = _("creators")


class PartnerManager(models.Manager["Partner"]):
    """Memberships of all who are not creators."""

    def get_queryset(self) -> models.QuerySet["Partner"]:
        """All but creators."""
        return super().get_queryset().exclude(party__kind=PartyKind.CREATOR)


class Partner(Membership):
    """A member who brings learners, technology or money."""

    objects: ClassVar[PartnerManager] = PartnerManager()

    class Meta:
        proxy = True
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
