"""Closed vocabularies of the catalogue and of learning."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Level(models.TextChoices):
    """How much a course asks for."""

    BEGINNER = "beginner", _("Beginner")
    INTERMEDIATE = "intermediate", _("Intermediate")
    ADVANCED = "advanced", _("Advanced")


class CourseState(models.TextChoices):
    """Whether a course is on sale."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", pgettext_lazy("course", "Retired")


class CreatorRole(models.TextChoices):
    """A creator's part in a course."""

    LEAD = "lead", _("Lead")
    CO = "co", _("Co-creator")


class LessonKind(models.TextChoices):
    """What a lesson is."""

    VIDEO = "video", _("Video")
    TEXT = "text", _("Text")
    EXERCISE = "exercise", _("Exercise")


class OrderState(models.TextChoices):
    """Where an order stands."""

    PLACED = "placed", pgettext_lazy("order", "Placed")
    PAID = "paid", pgettext_lazy("order", "Paid")
    CANCELLED = "cancelled", _("Cancelled")
    VOIDED = "voided", _("Voided")


class Standing(models.TextChoices):
    """What became of an order and its payment, in one word."""

    PLACED = "placed", pgettext_lazy("order", "Placed")
    PAID = "paid", pgettext_lazy("order", "Paid")
    PARTLY_REFUNDED = "partly_refunded", _("Partly refunded")
    REFUNDED = "refunded", _("Refunded")
    DISPUTED = "disputed", _("Disputed")
    CANCELLED = "cancelled", _("Cancelled")
    VOIDED = "voided", _("Voided")


class RefundState(models.TextChoices):
    """Where a refund stands."""

    REQUESTED = "requested", _("Waits for approval")
    DONE = "done", pgettext_lazy("refund", "Done")
    DECLINED = "declined", _("Declined")


class DisputeState(models.TextChoices):
    """Where a dispute stands."""

    OPEN = "open", pgettext_lazy("dispute", "Open")
    WON = "won", pgettext_lazy("dispute", "Won")
    LOST = "lost", pgettext_lazy("dispute", "Lost")


class EventKind(models.TextChoices):
    """What a learner or visitor did."""

    VIEW = "view", _("Viewed")
    DWELL = "dwell", _("Stayed")
    CART = "cart", _("Put in the cart")
    PURCHASE = "purchase", _("Bought")
    REFUND = "refund", _("Got money back")
    LESSON = "lesson", _("Opened a lesson")
    PROGRESS = "progress", _("Made progress")
    COMPLETE = "complete", _("Finished")
    RATING = "rating", _("Rated")
    COMMENT = "comment", _("Commented")
    FAVOURITE = "favourite", _("Saved for later")
    SEARCH = "search", _("Searched")
