"""Booking what concerns a party and no single order: advances, guarantees, subscription pools, adjustments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.choices import EntryKind
from ledger.models import Account
from ledger.selectors.earned import earned_of_party
from ledger.selectors.orders import OrderKey
from ledger.services.accounts import accounts_open
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft, PostedEntry
from ledger.services.sales import posting_drafts
from ledger.splits.accounts import GUARANTEES, REVENUE, payable
from ledger.splits.accounts import advance as advance_account
from ledger.splits.payouts import advance, pool
from ledger.splits.reading import Reader
from ledger.splits.sale import Detail
from ledger.splits.state import State

FORMAT = "party-event/1"


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
    result = advance(State(rules=()), Reader(event))
    accounts_open(keys=[(advance_account(payable(party)), currency)])
    locked = Account.objects.select_for_update(no_key=True).get(code=advance_account(payable(party)), currency=currency)
    posted = _post(EntryKind.ADVANCE, event, source, at, result.details, result.trace, actor_id)
    if posted.created:
        locked.recoup_bp = recoup_bp
        locked.save(update_fields=["recoup_bp"])
    return posted


@dataclass(frozen=True, slots=True)
class GuaranteeResult:
    """What a party earned in a range, what tops it up to its guarantee, and the entry if there was something to do."""

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
    actor_id: int | None = None,
) -> GuaranteeResult:
    """Top a party up to `guarantee` for orders placed in [since, until) with postings in `currency`, once per source.

    Earned are its payable and reserve shares less reversals, before recoupment. Call it where all rows are visible.
    """
    event = {"party": party, "currency": currency, "guarantee": guarantee}
    reader = Reader(event)
    account, least = payable(reader.party("party")), reader.integer("guarantee")
    reader.currency("currency")
    if until < since:
        raise reader.fail("before", "to", other="from")
    earned, orders = earned_of_party(party=party, currency=currency, since=since, until=until)
    top_up = max(0, least - earned)
    if not top_up:
        return GuaranteeResult(earned, 0, None, created=False)
    details = [Detail(GUARANTEES, currency, -top_up, "", ""), Detail(account, currency, top_up, "", "")]
    told = {**event, "from": since.isoformat(), "to": until.isoformat(), "earned": earned, "orders": orders}
    trace = {"format": FORMAT, "event": "period_close", **told, "amount": top_up}
    posted = _post(EntryKind.GUARANTEE, told, source, at, details, trace, actor_id)
    return GuaranteeResult(earned, top_up, posted.id, posted.created)


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
    result = pool(State(rules=()), Reader(event))
    if not result.details:
        return None
    return _post(EntryKind.POOL, event, source, at, result.details, result.trace, actor_id)


@transaction.atomic
def adjustment_book(
    *, party: str, currency: str, amount: int, reason: str, source: OrderKey, at: datetime, actor_id: int | None = None
) -> PostedEntry:
    """Credit (or, negative, debit) a party's payable against the platform's revenue, once per source, with a reason.

    Who approved it is for the caller to know: two persons above the house's limit.
    """
    reader = Reader({"party": party, "currency": currency, "amount": amount, "reason": reason})
    account, cur = payable(reader.party("party")), reader.currency("currency")
    units = reader.integer("amount", least=None)
    details = [Detail(account, cur, units, "", ""), Detail(REVENUE, cur, -units, "", "")]
    trace = {"format": FORMAT, "event": "adjustment", "account": account, "currency": cur, "amount": units}
    return _post(EntryKind.ADJUSTMENT, dict(reader.raw), source, at, details, trace, actor_id)


def _post(
    kind: EntryKind,
    event: dict[str, Any],
    source: OrderKey,
    at: datetime,
    details: Sequence[Detail],
    trace: Any,
    actor_id: int | None,
) -> PostedEntry:
    draft = EntryDraft(
        kind=kind,
        source_kind=source.source_kind,
        source_id=source.source_id,
        occurred_at=at,
        postings=posting_drafts(details, placed_at=at),
        inputs={"format": FORMAT, "event": event},
        trace=dict(trace),
        actor_id=actor_id,
    )
    return entries_post(drafts=[draft])[0]
