"""The outbox: an event row is written in the business transaction that it tells of."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from events.choices import DeliveryState, Queue


class OutboxEvent(models.Model):
    """Something that happened, under a key that makes it happen once."""

    name = models.CharField(_("name"), max_length=64)
    key = models.CharField(pgettext_lazy("event", "key"), max_length=200)
    payload = models.JSONField(_("payload"))
    occurred_at = models.DateTimeField(_("occurred at"), default=timezone.now)
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["name", "key"], name="events_event_once")]
        indexes = [models.Index(fields=["recorded_at", "id"], name="events_event_recorded")]

    def __str__(self) -> str:
        return f"{self.name} {self.key}"


class Delivery(models.Model):
    """One event for one handler: due, done, or parked with the reason."""

    event = models.ForeignKey(
        OutboxEvent, on_delete=models.CASCADE, related_name="deliveries", db_index=False, verbose_name=_("event")
    )
    handler = models.CharField(_("handler"), max_length=120)
    queue = models.CharField(_("queue"), max_length=10, choices=Queue.choices, default=Queue.DEFAULT)
    state = models.CharField(_("state"), max_length=8, choices=DeliveryState.choices, default=DeliveryState.DUE)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due at"), default=timezone.now)
    begun_at = models.DateTimeField(
        _("begun at"), null=True, blank=True, help_text=_("A handler is at it, or died at it, since then.")
    )
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [models.UniqueConstraint(fields=["event", "handler"], name="events_delivery_once")]
        indexes = [
            models.Index(
                fields=["handler", "due_at", "id"], condition=models.Q(state="due"), name="events_delivery_due"
            ),
            models.Index(fields=["-state", "-id"], name="events_delivery_standing"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.handler}"
