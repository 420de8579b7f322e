"""Closed vocabularies of the ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class EntryKind(models.TextChoices):
    """What a journal entry books."""

    SALE = "sale", _("Sale")
    VOID = "void", _("Void")
    REFUND = "refund", _("Refund")
    REFUND_REVERSAL = "refund_reversal", _("Refund taken back")
    DISPUTE = "dispute", _("Dispute opened")
    DISPUTE_WON = "dispute_won", _("Dispute won")
    DISPUTE_LOST = "dispute_lost", _("Dispute lost")
    CORRECTION = "correction", _("Correction")
    RELEASE = "release", _("Reserve released")
    ADVANCE = "advance", _("Advance")
    GUARANTEE = "guarantee", _("Guarantee")
    POOL = "pool", _("Subscription pool")
    PAYOUT = "payout", _("Payout")
    PAYOUT_SENT = "payout_sent", _("Payout arrived")
    PAYOUT_FAILED = "payout_failed", _("Payout failed")
    ADJUSTMENT = "adjustment", _("Adjustment")


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
