"""Taking whole orders back: the exact opposite of what was booked, and a decision that says so to each party."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from ledger.choices import EntryKind
from ledger.selectors import booked_sources
from ledger.services import ReversalDraft, entries_reverse
from partners.choices import DecisionReason
from partners.models import EarningDecision
from partners.services.settlement import SOURCE


@transaction.atomic
def earnings_void(*, order_codes: Sequence[str], at: datetime, actor_id: int | None, reason: str) -> list[str]:
    """Void settled orders; returns the codes voided now. What is voided already, or moved no money, stays as it is.

    Every posting is reversed exactly; every party that earned (or bore) something gets a decision `voided` over the
    opposite amount. A constant number of queries.
    """
    codes = list(dict.fromkeys(order_codes))
    booked = booked_sources(kind=EntryKind.SALE, source_kind=SOURCE, source_ids=codes, visible_to=None)
    voided = booked_sources(kind=EntryKind.VOID, source_kind=SOURCE, source_ids=codes, visible_to=None)
    due = [code for code in codes if code in booked and code not in voided]
    if not due:
        return []
    posted = entries_reverse(
        drafts=[
            ReversalDraft(
                of_kind=EntryKind.SALE,
                source_kind=SOURCE,
                source_id=code,
                kind=EntryKind.VOID,
                occurred_at=at,
                reason=reason,
                actor_id=actor_id,
            )
            for code in due
        ]
    )
    entries = {code: row.id for code, row in zip(due, posted, strict=True)}
    decisions = EarningDecision.objects.filter(order_code__in=due).exclude(reason=DecisionReason.VOIDED)
    EarningDecision.objects.bulk_create(
        [_opposite(row, entries[row.order_code], at) for row in decisions.exclude(amount_minor=0)]
    )
    return due


def _opposite(row: EarningDecision, entry: int, at: datetime) -> EarningDecision:
    return EarningDecision(
        source_kind=row.source_kind,
        source_id=row.source_id,
        party_id=row.party_id,
        version_id=row.version_id,
        entry_id=entry,
        channel_id=row.channel_id,
        reason=DecisionReason.VOIDED,
        amount_minor=-row.amount_minor,
        currency=row.currency,
        list_minor=row.list_minor,
        discount_minor=row.discount_minor,
        tax_minor=row.tax_minor,
        paid_minor=row.paid_minor,
        credit_ppm=row.credit_ppm,
        order_code=row.order_code,
        item_kind=row.item_kind,
        item_id=row.item_id,
        item_title=row.item_title,
        item_title_zh=row.item_title_zh,
        placed_at=row.placed_at,
        matures_at=max(row.matures_at, at),
        decided_at=at,
    )
