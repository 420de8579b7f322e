"""Orders in the books: what they were sold under, and every event since."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from ledger.choices import EntryKind
from ledger.models.entry import JournalEntry


class SplitRule(models.Model):
    """The body of a rule version, once, by its digest: entries name it, so that the books explain themselves."""

    digest = models.CharField(_("digest"), max_length=64, unique=True)
    body = models.JSONField(_("rule"))
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)

    class Meta:
        verbose_name = _("rule in the books")
        verbose_name_plural = _("rules in the books")

    def __str__(self) -> str:
        return self.digest[:12]


class BookedOrder(models.Model):
    """An order to which something happened after its sale; opened by the first such event.

    The row is what its events lock, and carries their sums so that the database can bound them. `paid`, `refunded`:
    customer's currency, tax included. `settled`, `reversed`: the currency of the postings. All in minor units.
    """

    source_kind = models.CharField(_("source"), max_length=32)
    source_id = models.CharField(_("source id"), max_length=64)
    sale = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="order", verbose_name=_("sale")
    )
    placed_at = models.DateTimeField(_("placed at"))
    currency = models.CharField(_("currency"), max_length=3)
    settled_currency = models.CharField(_("currency of the postings"), max_length=3)
    paid_minor = models.BigIntegerField(_("paid"))
    refunded_minor = models.BigIntegerField(_("refunded"), default=0)
    settled_minor = models.BigIntegerField(_("settled"))
    reversed_minor = models.BigIntegerField(_("settled and reversed"), default=0)
    reserve_minor = models.BigIntegerField(_("in reserve"), default=0)
    disputed = models.BooleanField(_("in dispute"), default=False)
    events_count = models.PositiveIntegerField(_("events"), default=0)

    class Meta:
        verbose_name = _("order in the books")
        verbose_name_plural = _("orders in the books")
        constraints = [
            models.UniqueConstraint(fields=["source_kind", "source_id"], name="ledger_order_once"),
            models.CheckConstraint(
                condition=models.Q(refunded_minor__gte=0, refunded_minor__lte=models.F("paid_minor")),
                name="ledger_order_refund_bound",
            ),
            models.CheckConstraint(
                condition=models.Q(reversed_minor__gte=0, reversed_minor__lte=models.F("settled_minor")),
                name="ledger_order_reversal_bound",
            ),
            models.CheckConstraint(condition=models.Q(reserve_minor__gte=0), name="ledger_order_reserve_bound"),
        ]
        indexes = [
            models.Index(fields=["placed_at"], condition=models.Q(reserve_minor__gt=0), name="ledger_order_in_reserve"),
        ]

    def __str__(self) -> str:
        return self.source_id


class OrderEvent(models.Model):
    """One event of an order after its sale (or a sale that moved nothing), with all that it was computed from."""

    order = models.ForeignKey(BookedOrder, on_delete=models.PROTECT, related_name="events", verbose_name=_("order"))
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=16, choices=EntryKind.choices)
    source_kind = models.CharField(_("source"), max_length=32)
    source_id = models.CharField(_("source id"), max_length=64)
    body = models.JSONField(_("event"))
    body_hash = models.CharField(_("hash of the event"), max_length=64)
    entry = models.OneToOneField(
        JournalEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="event", verbose_name=_("entry")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    actor = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("booked by")
    )

    class Meta:
        verbose_name = _("event of an order")
        verbose_name_plural = _("events of orders")
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="ledger_order_event_number"),
            models.UniqueConstraint(fields=["source_kind", "source_id"], name="ledger_order_event_once"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.number} {self.get_kind_display()}"
