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
