"""What in the books waits for a person, and what the books say of themselves."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Count
from django.utils import timezone

from accounts.models import User
from accounts.selectors import Waiting, waiting
from ledger.choices import ItemState, LeftOut, RunState
from ledger.models import JournalEntry, PayoutHold, PayoutItem, PayoutRun, Seal, Verification
from ledger.selectors.periods import open_months


@dataclass(frozen=True, slots=True)
class BooksHealth:
    """The last verification and the last seal, None before the first; `unsealed`: entries since."""

    verification: Verification | None
    seal: Seal | None
    unsealed: int


def runs_waiting(reader: User) -> Waiting:
    """Payout runs that a second person is to approve."""
    rows = PayoutRun.objects.filter(state=RunState.WAITING)
    return waiting(rows, since="prepared_at", begun_by="prepared_by", reader=reader)


def payouts_on_their_way(reader: User) -> Waiting:  # noqa: ARG001 - one shape for all of them
    """Payouts sent of which nobody has said whether they arrived."""
    return waiting(PayoutItem.objects.filter(state=ItemState.SENT), since="changed_at")


def payouts_refused(reader: User) -> Waiting:  # noqa: ARG001
    """Parties left out of the last run of their currency because a payout came back."""
    last = PayoutItem.objects.exclude(run__state=RunState.CANCELLED).order_by("party", "currency", "-pk")
    rows = PayoutItem.objects.filter(pk__in=last.distinct("party", "currency").values("pk"))
    return waiting(rows.filter(state=ItemState.FAILED) | rows.filter(reason=LeftOut.REFUSED), since="changed_at")


def holds_placed(reader: User) -> Waiting:  # noqa: ARG001
    """Parties whose payouts are held."""
    return waiting(PayoutHold.objects.filter(lifted_at=None), since="placed_at")


def months_to_close(reader: User) -> Waiting:
    """Months that are over and not closed; `own`: prepared by the reader, so that another person closes them."""
    zone = timezone.get_default_timezone()
    this = timezone.localdate().replace(day=1)
    over = [row for row in open_months() if row.month < this]
    if not over:
        return Waiting(count=0)
    ended = (over[0].month + timedelta(days=31)).replace(day=1)
    own = sum(row.prepared is not None and row.prepared.prepared_by_id == reader.pk for row in over)
    return Waiting(count=len(over), since=datetime.combine(ended, time.min, zone), own=own)


def books_health() -> BooksHealth:
    """What verification and seals say now."""
    seal = Seal.objects.order_by("-number").defer("marks").first()
    unsealed = JournalEntry.objects.filter(pk__gt=seal.upto_entry if seal else 0).aggregate(n=Count("pk"))["n"]
    return BooksHealth(Verification.objects.order_by("-pk").first(), seal, unsealed)
