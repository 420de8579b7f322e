"""Closed vocabularies of the ground floor."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person may do in the house; staff roles open the admin."""

    MANAGER = "manager", _("Partner manager")
    FINANCE = "finance", _("Finance")
    AUDITOR = "auditor", _("Auditor")
    MARKETER = "marketer", _("Marketer")
    OPERATOR = "operator", _("Operator")


STAFF_ROLES = frozenset({Role.MANAGER, Role.FINANCE, Role.AUDITOR, Role.MARKETER, Role.OPERATOR})
"""Roles granted one by one. `creator` follows from a seat in a party and `learner` from having an account."""


class PartyKind(models.TextChoices):
    """Who can earn or be charged."""

    CREATOR = "creator", _("Creator")
    AFFILIATE = "affiliate", _("Affiliate")
    CHANNEL_PARTNER = "channel_partner", _("Channel partner")
    SUPPLIER = "supplier", _("Technology supplier")
    ADVERTISER = "advertiser", _("Advertiser")


class SeatRole(models.TextChoices):
    """What a person may do inside one party."""

    OWNER = "owner", _("Owner")
    MEMBER = "member", _("Member")


class ConsentPurpose(models.TextChoices):
    """What a person agreed to."""

    ANALYTICS = "analytics", _("Measuring visits")
    PERSONALISATION = "personalisation", _("Personal suggestions")
    MAIL = "mail", _("News by mail")


class PayoutMethod(models.TextChoices):
    """How a party is paid."""

    BANK = "bank", _("Bank transfer")
    PAYPAL = "paypal", _("PayPal")
    ALIPAY = "alipay", _("Alipay")
    OTHER = "other", _("Another service")


class ErasureKind(models.TextChoices):
    """What was erased."""

    PERSON = "person", _("A person")
    TOUCHES = "touches", _("Old touches")


class BatchState(models.TextChoices):
    """Where an import stands."""

    COMMITTED = "committed", _("Imported")
    REVERSED = "reversed", _("Reversed")
