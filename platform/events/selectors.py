"""Reads of the outbox: what waits, what was given up; and letters."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import User
from accounts.selectors import Waiting, waiting
from events.choices import DeliveryState
from events.models import Delivery, Letter


@dataclass(frozen=True, slots=True)
class Backlog:
    """Deliveries that are due and not done: how many, the oldest since when."""

    count: int
    since: datetime | None


def deliveries_parked() -> Waiting:
    """Deliveries that failed too often and wait for an operator."""
    return waiting(Delivery.objects.filter(state=DeliveryState.PARKED), since="due_at")


def backlog() -> Backlog:
    """News that should have been handed over by now."""
    due = Delivery.objects.filter(state=DeliveryState.DUE, due_at__lte=timezone.now())
    found = due.order_by().aggregate(n=Count("pk"), first=Min("due_at"))
    return Backlog(found["n"], found["first"])


def letters_of(*, party: int, visible_to: User) -> QuerySet[Letter]:
    """What this person was written about a party, the newest first; row-level security stands behind it."""
    return Letter.objects.filter(user=visible_to, party=party).order_by("-pk")


def letters_unread(*, visible_to: User) -> Coalesce:
    """How many letters about a party this person has not read, to annotate rows of parties with."""
    mine = Letter.objects.filter(user=visible_to, party=OuterRef("pk"), read_at=None)
    counted = mine.order_by().values("party").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)
