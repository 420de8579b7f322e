"""Closed vocabularies of the ledger."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


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


class RunState(models.TextChoices):
    """Where a payout run stands; every step goes forward, only a waiting run can be sent back."""

    DRAFT = "draft", pgettext_lazy("payout run", "Being prepared")
    WAITING = "waiting", pgettext_lazy("payout run", "Waiting for approval")
    APPROVED = "approved", pgettext_lazy("payout run", "Approved, being booked")
    DONE = "done", pgettext_lazy("payout run", "Booked")
    CANCELLED = "cancelled", pgettext_lazy("payout run", "Cancelled")


class ItemState(models.TextChoices):
    """Where one party's payout in a run stands."""

    PROPOSED = "proposed", pgettext_lazy("payout", "To be paid")
    EXCLUDED = "excluded", pgettext_lazy("payout", "Taken out by hand")
    INELIGIBLE = "ineligible", pgettext_lazy("payout", "Cannot be paid")
    APPROVED = "approved", pgettext_lazy("payout", "Approved")
    SENT = "sent", pgettext_lazy("payout", "On its way")
    FELL = "fell", pgettext_lazy("payout", "Not paid, less was left")
    ARRIVED = "arrived", pgettext_lazy("payout", "Arrived")
    FAILED = "failed", pgettext_lazy("payout", "Came back")


class LeftOut(models.TextChoices):
    """Why a party is not paid by a run."""

    ON_HOLD = "on_hold", _("On hold")
    NO_DETAILS = "no_details", _("No payout details")
    REFUSED = "refused", _("The last payout came back")
    CLOSED = "closed", _("The party is closed")
    NO_RATE = "no_rate", _("No exchange rate is known")
    ELSEWHERE = "elsewhere", _("Stands in another payout run")
    BY_HAND = "by_hand", _("Taken out by hand")
    FELL = "fell", _("Less was left than was approved")
    MINIMUM = "minimum", _("Below the minimum")
    NEGATIVE = "negative", _("Balance below zero")


class RunStep(models.TextChoices):
    """What somebody did with a payout run."""

    PREPARED = "prepared", _("prepared the run")
    EXCLUDED = "excluded", _("took out")
    INCLUDED = "included", _("put back")
    REFRESHED = "refreshed", _("computed again")
    SUBMITTED = "submitted", _("asked for approval")
    SENT_BACK = "sent_back", _("sent the run back")
    APPROVED = "approved", _("approved the run")
    CANCELLED = "cancelled", _("cancelled the run")
    BOOKED = "booked", _("All payouts are booked")
    EXPORTED = "exported", _("took the bank file")
    ARRIVED = "arrived", _("marked as arrived")
    FAILED = "failed", _("marked as come back")
