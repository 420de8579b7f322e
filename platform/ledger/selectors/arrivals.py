"""When a sale's money reaches its party: what counts from when, what stays in reserve, which payout took it along."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from accounts.models import PayoutDetails
from ledger.choices import EntryKind
from ledger.models import JournalEntry, OrderEvent, PayoutClaim, PayoutHold, Posting
from ledger.splits.accounts import advance, payable, reserve


class Hold(NamedTuple):
    """Why a party's payouts are held back, and by when that is decided."""

    reason: str
    decide_by: date | None


@dataclass(frozen=True, slots=True)
class PaidOut:
    """A payout that settled some of the line. `arrived_at`, `failed_at`: None where that did not happen."""

    at: datetime
    amount: int
    arrived_at: datetime | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Arrivals:
    """In minor units: what went to the payable (`free_at`: from when it counts), to the reserve, to an advance.

    `released`: when the reserve was released and how much of it. `hold`: on the
    party's payouts, now. `payee`: whether it is known where the party is paid.
    """

    free: int
    free_at: datetime | None
    reserved: int
    repaid: int
    released: tuple[tuple[datetime, int], ...]
    payouts: tuple[PaidOut, ...]
    hold: Hold | None
    payee: bool = True


def line_arrivals(*, entry_id: int, line: str, party: str) -> Arrivals:
    """Follow a party's money of one order line of a sale. Call it where all rows are visible."""
    own = payable(party)
    rows = list(
        Posting.objects.filter(entry=entry_id, line=line, party__code=party).select_related("account").order_by("pk")
    )
    free = [row for row in rows if row.account.code == own]
    hold = PayoutHold.objects.filter(party__code=party, lifted_at=None).values_list("reason", "decide_by").first()
    claims = PayoutClaim.objects.filter(posting__in=free).select_related("payout__entry", "posting")
    return Arrivals(
        free=sum(row.amount for row in free),
        free_at=max((row.matures_at for row in free if row.matures_at), default=None),
        reserved=sum(row.amount for row in rows if row.account.code == reserve(own)),
        repaid=sum(row.amount for row in rows if row.account.code == advance(own)),
        released=tuple(_released(entry_id, line, reserve(own))),
        payouts=tuple(_payouts(claims)),
        hold=Hold(*hold) if hold else None,
        payee=PayoutDetails.objects.filter(party__code=party).exists(),
    )


def _released(entry_id: int, line: str, account: str) -> Iterable[tuple[datetime, int]]:
    events = OrderEvent.objects.filter(order__sale=entry_id, kind=EntryKind.RELEASE).values("entry")
    rows = Posting.objects.filter(entry__in=events, line=line, account__code=account)
    return ((at, -amount) for at, amount in rows.order_by("pk").values_list("occurred_at", "amount"))


def _payouts(claims: Iterable[PayoutClaim]) -> Iterable[PaidOut]:
    found: dict[int, list[PayoutClaim]] = {}
    for claim in claims:
        found.setdefault(claim.payout.entry_id, []).append(claim)
    ends = {
        (reverses, kind): at
        for reverses, kind, at in JournalEntry.objects.filter(reverses__in=found).values_list(
            "reverses", "kind", "occurred_at"
        )
    }
    for entry, some in sorted(found.items()):
        yield PaidOut(
            at=some[0].payout.entry.occurred_at,
            amount=sum(claim.posting.amount for claim in some),
            arrived_at=ends.get((entry, EntryKind.PAYOUT_SENT)),
            failed_at=ends.get((entry, EntryKind.PAYOUT_FAILED)),
        )
