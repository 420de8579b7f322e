"""What happens to a settled order: booked in the ledger, and told to every party whose earning it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Party
from ledger.errors import EventRejectedError, UnknownOrderError
from ledger.selectors import OrderKey
from ledger.services import BookedEvent, order_event_book
from ledger.splits.sale import Detail
from partners.choices import EFFECTS, DecisionReason
from partners.models import EarningDecision
from partners.services.settlement import SOURCE

REASONS = {
    "refund": DecisionReason.REFUNDED,
    "void": DecisionReason.VOIDED,
    "refund_reversal": DecisionReason.REFUND_REVERSED,
    "dispute_opened": DecisionReason.DISPUTED,
    "dispute_won": DecisionReason.DISPUTE_WON,
    "correct_rule": DecisionReason.CORRECTED,
}
"""What a party is told of an event. A lost dispute and a released reserve change nobody's earning."""


@transaction.atomic
def earnings_event(
    *, order_code: str, event: Mapping[str, Any], source: OrderKey, at: datetime, actor_id: int | None = None
) -> BookedEvent:
    """Book one event of an order (docs/reference/splits.md, "Afterwards"), once per source, and decide for each party.

    Every party whose line the event changes gets a decision over the difference, with the event's reason. Raises what
    `ledger.services.order_event_book` raises. Call it where all rows are visible.
    """
    booked = order_event_book(
        key=OrderKey(SOURCE, order_code), event=event, source=source, occurred_at=at, actor_id=actor_id
    )
    if booked.created and booked.entry_id is not None:
        reason = REASONS.get(str(event["type"]))
        if reason is not None:
            _decide(order_code, booked.entry_id, booked.details, reason, at)
    return booked


def earnings_void(*, order_codes: Sequence[str], at: datetime, actor_id: int | None, reason: str) -> list[str]:
    """Void settled orders; returns the codes voided now. What is not settled, or has nothing left, stays as it is."""
    voided = []
    for code in dict.fromkeys(order_codes):
        event = {"type": "void", "reason": reason}
        try:
            booked = earnings_event(
                order_code=code, event=event, source=OrderKey("order_void", code), at=at, actor_id=actor_id
            )
        except (UnknownOrderError, EventRejectedError):
            continue
        if booked.created:
            voided.append(code)
    return voided


def _decide(order_code: str, entry_id: int, details: Sequence[Detail], reason: DecisionReason, at: datetime) -> None:
    """Add a decision for each party and line over what an entry moved of it."""
    sums: dict[tuple[str, str], int] = {}
    for detail in details:
        if detail.account.startswith("party:"):
            key = detail.line, detail.account.split(":")[1]
            sums[key] = sums.get(key, 0) + detail.amount
    moved = {key: amount for key, amount in sums.items() if amount}
    if not moved:
        return
    parties = dict(Party.objects.filter(code__in={code for _, code in moved}).values_list("code", "pk"))
    rows = EarningDecision.objects.filter(order_code=order_code).exclude(reason__in=EFFECTS).order_by("pk")
    of_line: dict[str, EarningDecision] = {}
    of_party: dict[tuple[str, int], EarningDecision] = {}
    for row in rows:
        of_line.setdefault(row.source_id, row)
        of_party[row.source_id, row.party_id] = row
    EarningDecision.objects.bulk_create(
        [
            _effect(of_party.get((line, parties[code]), of_line[line]), parties[code], amount, entry_id, reason, at)
            for (line, code), amount in moved.items()
        ]
    )


def _effect(
    like: EarningDecision, party_id: int, amount: int, entry_id: int, reason: DecisionReason, at: datetime
) -> EarningDecision:
    """A decision about the same line as `like`, which may be another party's where this one had none."""
    own = like.party_id == party_id
    return EarningDecision(
        source_kind=like.source_kind,
        source_id=like.source_id,
        party_id=party_id,
        version_id=like.version_id,
        entry_id=entry_id,
        channel_id=like.channel_id if own else None,
        reason=reason,
        amount_minor=amount,
        currency=like.currency,
        list_minor=like.list_minor,
        discount_minor=like.discount_minor,
        tax_minor=like.tax_minor,
        paid_minor=like.paid_minor,
        credit_ppm=like.credit_ppm if own else None,
        order_code=like.order_code,
        item_kind=like.item_kind,
        item_id=like.item_id,
        item_title=like.item_title,
        item_title_zh=like.item_title_zh,
        placed_at=like.placed_at,
        matures_at=at,
        decided_at=at,
    )
