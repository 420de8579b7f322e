"""What happens to a settled order: booked in the ledger, and told to every party whose earning it changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Party
from ledger.selectors import OrderKey
from ledger.services import BookedEvent, OrderEventDraft, order_events_book
from partners.choices import EFFECTS, DecisionReason
from partners.models import EarningDecision
from partners.services.claims.crediting import claims_follow
from partners.services.settlement import SOURCE

REASONS = {
    "refund": DecisionReason.REFUNDED,
    "void": DecisionReason.VOIDED,
    "refund_reversal": DecisionReason.REFUND_REVERSED,
    "dispute_opened": DecisionReason.DISPUTED,
    "dispute_won": DecisionReason.DISPUTE_WON,
    "correct_rule": DecisionReason.CORRECTED,
}
"""What a party is told of an event that moves its earning. A released reserve moves nobody's."""

_DISPUTE = (DecisionReason.DISPUTED, DecisionReason.DISPUTE_WON, DecisionReason.DISPUTE_LOST)


def earnings_event(
    *,
    order_code: str,
    event: Mapping[str, Any],
    source: OrderKey,
    at: datetime,
    note: str = "",
    actor_id: int | None = None,
) -> BookedEvent:
    """Book one event of an order (docs/reference/splits.md, "Afterwards"), once per source, and decide for each party.

    Every party whose line the event changes gets a decision over the difference, with the event's reason. Raises what
    `ledger.services.order_event_book` raises. Call it where all rows are visible.
    """
    key = OrderKey(SOURCE, order_code)
    draft = OrderEventDraft(key=key, event=event, source=source, occurred_at=at, note=note, actor_id=actor_id)
    return earnings_events(drafts=[draft])[0]


def earnings_void(*, order_codes: Sequence[str], at: datetime, actor_id: int | None, reason: str) -> list[str]:
    """Void settled orders; returns the codes voided now. What is not settled, or has nothing left, stays as it is.

    A constant number of queries. Call it where all rows are visible.
    """
    codes = list(dict.fromkeys(order_codes))
    drafts = [
        OrderEventDraft(
            key=OrderKey(SOURCE, code),
            event={"type": "void"},
            source=OrderKey("order_void", code),
            occurred_at=at,
            note=reason,
            actor_id=actor_id,
        )
        for code in codes
    ]
    booked = earnings_events(drafts=drafts, skip=True)
    return [code for code, row in zip(codes, booked, strict=True) if row.created]


@transaction.atomic
def earnings_events(*, drafts: Sequence[OrderEventDraft], skip: bool = False) -> list[BookedEvent]:
    """Book events of different orders, and decide for each party, as `earnings_event` does for one; all or nothing.

    With `skip` unknown orders and rejected events are passed over and say why. A constant number of queries. Call it
    where all rows are visible.
    """
    booked = order_events_book(drafts=drafts, skip=skip)
    moved = [
        (draft, row)
        for draft, row in zip(drafts, booked, strict=True)
        if row.created and row.entry_id is not None and draft.event["type"] in REASONS
    ]
    if moved:
        _decide(moved)
        claims_follow(drafts=[(draft, REASONS[str(draft.event["type"])]) for draft, _row in moved])
    over = [
        draft
        for draft, row in zip(drafts, booked, strict=True)
        if row.created and draft.event["type"] == "dispute_lost"
    ]
    if over:
        _tell_lost(over)
    return booked


def _tell_lost(drafts: Sequence[OrderEventDraft]) -> None:
    """Tell everybody whom a dispute charged that it is lost: nothing moves, but it stays so."""
    at = {draft.key.source_id: draft.occurred_at for draft in drafts}
    rows = EarningDecision.objects.filter(order_code__in=at, reason__in=_DISPUTE)
    last = {(row.order_code, row.source_kind, row.source_id, row.party_id): row for row in rows.order_by("pk")}
    EarningDecision.objects.bulk_create(
        _effect(row, row.party_id, 0, None, DecisionReason.DISPUTE_LOST, at[row.order_code])
        for row in last.values()
        if row.reason == DecisionReason.DISPUTED
    )


def _decide(moved: Sequence[tuple[OrderEventDraft, BookedEvent]]) -> None:
    """Add a decision for each party and line over what an entry moved of it."""
    sums: dict[tuple[str, str, str], int] = {}
    for draft, row in moved:
        for detail in row.details:
            if detail.account.startswith("party:"):
                key = draft.key.source_id, detail.line, detail.account.split(":")[1]
                sums[key] = sums.get(key, 0) + detail.amount
    told = {key: amount for key, amount in sums.items() if amount}
    parties = dict(Party.objects.filter(code__in={code for *_, code in told}).values_list("code", "pk"))
    of_line: dict[tuple[str, str], EarningDecision] = {}
    of_party: dict[tuple[str, str, int], EarningDecision] = {}
    orders = {order for order, *_ in told}
    bases = EarningDecision.objects.filter(order_code__in=orders, source_kind="order_line").exclude(reason__in=EFFECTS)
    for base in bases.order_by("pk"):
        of_line.setdefault((base.order_code, base.source_id), base)
        of_party[base.order_code, base.source_id, base.party_id] = base
    events = {draft.key.source_id: (draft, row) for draft, row in moved}
    rows = []
    for (order, line, code), amount in told.items():
        draft, row = events[order]
        like = of_party.get((order, line, parties[code])) or of_line[order, line]
        reason = REASONS[str(draft.event["type"])]
        rows.append(_effect(like, parties[code], amount, row.entry_id, reason, draft.occurred_at))
    EarningDecision.objects.bulk_create(rows)


def _effect(
    like: EarningDecision, party_id: int, amount: int, entry_id: int | None, reason: DecisionReason, at: datetime
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
