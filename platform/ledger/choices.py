"""Closed vocabularies of the ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryKind(models.TextChoices):
    """What a journal entry books."""

    SALE = "sale", _("Sale")
    VOID = "void", _("Void")


class AccountKind(models.TextChoices):
    """The accounts of the books, as the first part of their code."""

    PROCESSOR = "processor", _("Payment processor")
    BANK = "bank", _("Bank")
    TAX = "tax", _("Tax")
    PLATFORM = "platform", _("Platform")
    SUBSCRIPTION = "subscription", _("Subscriptions")
    FX = "fx", _("Foreign exchange")
    PAYOUTS = "payouts", _("Payouts")
    PARTY = "party", _("Party")
