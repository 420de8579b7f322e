"""Booking what concerns a party and no single order: advances, guarantees, subscription pools, adjustments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.choices import EntryKind
from ledger.models import Account, JournalEntry
from ledger.selectors.body import posting_bodies
from ledger.selectors.earned import earned_of_party
from ledger.selectors.orders import OrderKey
from ledger.selectors.party_events import FORMAT, PartyEffect, party_effect
from ledger.services.accounts import accounts_open
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft, PostedEntry
from ledger.splits.accounts import advance as advance_account
from ledger.splits.accounts import payable
from ledger.splits.reading import Reader


@transaction.atomic
def advance_book(
    *,
    party: str,
    currency: str,
    amount: int,
    recoup_bp: int,
    source: OrderKey,
    at: datetime,
    actor_id: int | None = None,
) -> PostedEntry:
    """Pay a party (by code) in advance, once per source; its later shares pay that back at `recoup_bp`.

    The rate then holds for all that is open. EventError names a value that is wrong.
    """
    event = {"party": party, "currency": currency, "amount": amount, "recoup_bp": recoup_bp}
    effect = party_effect(kind=EntryKind.ADVANCE, event=event)
    accounts_open(keys=[(advance_account(payable(party)), currency)])
    locked = Account.objects.select_for_update(no_key=True).get(code=advance_account(payable(party)), currency=currency)
    posted = _post(EntryKind.ADVANCE, event, effect, source, at, actor_id)
    if posted.created:
        locked.recoup_bp = recoup_bp
        locked.save(update_fields=["recoup_bp"])
    return posted


@dataclass(frozen=True, slots=True)
class GuaranteeResult:
    """What a party earned in a range, what tops it up to its guarantee, and the entry if there was something to do.

    `earned` includes what was earned of these orders beside their lines.
    """

    earned: int
    top_up: int
    entry_id: int | None
    created: bool


@transaction.atomic
def guarantee_book(
    *,
    party: str,
    currency: str,
    since: datetime,
    until: datetime,
    guarantee: int,
    source: OrderKey,
    at: datetime,
    beside: int = 0,
    actor_id: int | None = None,
) -> GuaranteeResult:
    """Top a party up to `guarantee` for orders placed in [since, until) with postings in `currency`, once per source.

    Earned are its payable and reserve shares less reversals, before recoupment, and `beside`: what was credited for
    these orders, and taken back again, beside their lines. What was found the first time holds, whatever came since.
    Call it where all rows are visible.
    """
    reader = Reader({"party": party, "currency": currency, "guarantee": guarantee})
    least = reader.integer("guarantee")
    if until < since:
        raise reader.fail("before", "to", other="from")
    asked = {**reader.raw, "from": since.isoformat(), "to": until.isoformat()}
    known = JournalEntry.objects.filter(
        kind=EntryKind.GUARANTEE, source_kind=source.source_kind, source_id=source.source_id
    ).first()
    if known is not None and asked.items() <= (told := known.inputs["event"]).items():
        return GuaranteeResult(told["earned"], least - told["earned"], known.pk, created=False)
    earned, orders = earned_of_party(
        party=reader.party("party"), currency=reader.currency("currency"), since=since, until=until
    )
    earned += beside
    if earned >= least:
        return GuaranteeResult(earned, 0, None, created=False)
    told = {**asked, "earned": earned, "orders": orders} | ({"beside": beside} if beside else {})
    effect = party_effect(kind=EntryKind.GUARANTEE, event=told)
    posted = _post(EntryKind.GUARANTEE, told, effect, source, at, actor_id)
    return GuaranteeResult(earned, least - earned, posted.id, posted.created)


@transaction.atomic
def pool_book(
    *,
    currency: str,
    amount: int,
    creator_bp: int,
    weights: Sequence[tuple[str, int]],
    source: OrderKey,
    at: datetime,
    actor_id: int | None = None,
) -> PostedEntry | None:
    """Share `creator_bp` of a subscription's revenue by weight, (account, weight) each; the rest is the platform's.

    Once per source; None where nothing moved.
    """
    event = {
        "currency": currency,
        "amount": amount,
        "creator_bp": creator_bp,
        "weights": [{"account": account, "weight": weight} for account, weight in weights],
    }
    effect = party_effect(kind=EntryKind.POOL, event=event)
    if not effect.details:
        return None
    return _post(EntryKind.POOL, event, effect, source, at, actor_id)


@transaction.atomic
def adjustment_book(
    *, party: str, currency: str, amount: int, reason: str, source: OrderKey, at: datetime, actor_id: int | None = None
) -> PostedEntry:
    """Credit (or, negative, debit) a party's payable against the platform's revenue, once per source, with a reason.

    Who approved it is for the caller to know: two persons above the house's limit.
    """
    event = {"party": party, "currency": currency, "amount": amount, "reason": reason}
    effect = party_effect(kind=EntryKind.ADJUSTMENT, event=event)
    return _post(EntryKind.ADJUSTMENT, event, effect, source, at, actor_id)


def _post(
    kind: EntryKind, event: dict[str, Any], effect: PartyEffect, source: OrderKey, at: datetime, actor_id: int | None
) -> PostedEntry:
    draft = EntryDraft(
        kind=kind,
        source_kind=source.source_kind,
        source_id=source.source_id,
        occurred_at=at,
        postings=posting_bodies(effect.details, placed_at=at),
        inputs={"format": FORMAT, "event": event},
        trace=dict(effect.trace),
        actor_id=actor_id,
    )
    return entries_post(drafts=[draft])[0]
