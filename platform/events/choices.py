"""Closed vocabularies of the outbox."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DeliveryState(models.TextChoices):
    """Where one event stands with one handler."""

    DUE = "due", _("Due")
    DONE = "done", _("Done")
    PARKED = "parked", _("Parked")


class Queue(models.TextChoices):
    """Celery queues; each delivery names the one that wakes its handler."""

    DEFAULT = "default", _("Default")
    MONEY = "money", _("Money")
    TRAINING = "training", _("Training")


class EventName(models.TextChoices):
    """Every event there is; docs/reference/events.md describes key and payload of each."""

    USER_SIGNED_UP = "user.signed_up", _("Person signed up")
    ORDER_PAID = "order.paid", _("Order paid")
    ORDER_VOIDED = "order.voided", _("Order voided")
    ORDER_REFUNDED = "order.refunded", _("Order refunded")
    ORDER_REFUND_REVERSED = "order.refund_reversed", _("Refund taken back")
    ORDER_DISPUTED = "order.disputed", _("Order disputed")
    ORDER_DISPUTE_WON = "order.dispute_won", _("Dispute won")
    ORDER_DISPUTE_LOST = "order.dispute_lost", _("Dispute lost")
    COURSE_PUBLISHED = "course.published", _("Course published")
    AGREEMENT_IN_FORCE = "agreement.in_force", _("Agreement in force")
    CLAIM_FILED = "claim.filed", _("Claim filed")
    CLAIM_DECIDED = "claim.decided", _("Claim decided")
    ADJUSTMENT_BOOKED = "adjustment.booked", _("Adjustment booked")
    LETTER_WRITTEN = "letter.written", _("Letter written")
    PAYOUT_SENT = "payout.sent", _("Payout on its way")
    PAYOUT_ARRIVED = "payout.arrived", _("Payout arrived")
    PAYOUT_FAILED = "payout.failed", _("Payout came back")
    PAYOUTS_HELD = "payouts.held", _("Payouts put on hold")
    PAYOUTS_LET_GO = "payouts.let_go", _("Payouts let go again")
    PERIOD_CLOSED = "period.closed", _("Month closed")
    STATEMENT_ISSUED = "statement.issued", _("Statement issued")
    SUGGESTION_OPENED = "suggestion.opened", _("Suggestion opened")
    TRAINING_FINISHED = "training.finished", _("Training finished")
