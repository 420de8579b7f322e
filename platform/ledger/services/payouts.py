"""Paying parties: what is available leaves the payable, once, and every posting is settled by at most one payout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from ledger.choices import EntryKind
from ledger.errors import PayoutError
from ledger.models import Account, JournalEntry, Payout
from ledger.selectors.orders import OrderKey
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft
from ledger.services.sales import posting_drafts
from ledger.splits.accounts import BANK, IN_TRANSIT, payable
from ledger.splits.payouts import Available, payout_details
from ledger.splits.reading import Reader
from ledger.splits.sale import Detail

FORMAT = "payout/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTerms:
    """How a payout is made, in minor units. `most`: what was approved; `fx`: currency and amount sent instead."""

    minimum: int = 0
    increment: int = 1
    withholding_bp: int = 0
    most: int | None = None
    fx: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class BookedPayout:
    """A payout as booked; `payout_id` None: there was nothing to pay."""

    payout_id: int | None
    amount: int
    available: int
    created: bool


@transaction.atomic
def payout_book(
    *,
    party: str,
    currency: str,
    cut_off: datetime,
    terms: PayoutTerms,
    source: OrderKey,
    at: datetime | None = None,
    actor_id: int | None = None,
) -> BookedPayout:
    """Pay what is available at `cut_off`: the balance less what matures later; booked at `at` (None: the cut-off).

    Once per source.

    The payable's row is locked, so two payouts of one party never pay the same money; bookings go on meanwhile. Call it
    where all rows are visible.
    """
    account = _lock(party, currency)
    done = _booked(source)
    if done is not None:
        return BookedPayout(done.pk, done.amount_minor, done.amount_minor, created=False)
    event = _event(party, currency, cut_off, terms)
    balance, held = _balance(account, cut_off) if account is not None else (0, 0)
    plan = payout_details(Reader(event), Available(payable(party), currency, balance, held))
    if account is None or not plan.pay:
        return BookedPayout(None, 0, balance - held, created=False)
    entry = entries_post(
        drafts=[
            EntryDraft(
                kind=EntryKind.PAYOUT,
                source_kind=source.source_kind,
                source_id=source.source_id,
                occurred_at=at or cut_off,
                postings=posting_drafts(plan.details, placed_at=cut_off),
                inputs={"format": FORMAT, "event": event, "balance": balance, "held": held},
                trace=plan.trace,
                actor_id=actor_id,
            )
        ]
    )[0]
    payout = _settle(account, plan.pay, plan.withheld, event, cut_off, entry.id)
    return BookedPayout(payout.pk, plan.pay, balance - held, created=True)


@transaction.atomic
def payout_arrived(*, payout_id: int, at: datetime, actor_id: int | None = None) -> int:
    """Book that a payout reached the payee: it left the bank. Returns the entry. PayoutError where it failed before."""
    return _conclude(payout_id, EntryKind.PAYOUT_SENT, at, actor_id)


@transaction.atomic
def payout_failed(*, payout_id: int, at: datetime, reason: str, actor_id: int | None = None) -> int:
    """Book that a payout came back: tax and money return to the payable as new postings. Returns the entry."""
    return _conclude(payout_id, EntryKind.PAYOUT_FAILED, at, actor_id, reason)


def _event(party: str, currency: str, cut_off: datetime, terms: PayoutTerms) -> dict[str, Any]:
    event: dict[str, Any] = {
        "party": party,
        "currency": currency,
        "at": cut_off.isoformat(),
        "minimum": terms.minimum,
        "increment": terms.increment,
        "withholding_bp": terms.withholding_bp,
    }
    if terms.most is not None:
        event["most"] = terms.most
    if terms.fx is not None:
        event["fx"] = {"currency": terms.fx[0], "amount": terms.fx[1]}
    return event


def _lock(party: str, currency: str) -> int | None:
    """Lock the payable's row; None where it was never opened."""
    rows = Account.objects.select_for_update(no_key=True).filter(code=payable(party), currency=currency)
    return rows.values_list("pk", flat=True).first()


def _booked(source: OrderKey) -> Payout | None:
    return Payout.objects.filter(
        entry__kind=EntryKind.PAYOUT, entry__source_kind=source.source_kind, entry__source_id=source.source_id
    ).first()


def _balance(account: int, at: datetime) -> tuple[int, int]:
    """Balance of a payable and what of it matures after `at`, of one instant."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(amount), 0), coalesce(sum(amount) FILTER (WHERE matures_at > %s), 0)
            FROM ledger_posting WHERE account_id = %s
            """,
            [at, account],
        )
        balance, held = cursor.fetchone()
    return int(balance), int(held)


def _settle(account: int, pay: int, withheld: int, event: dict[str, Any], cut_off: datetime, entry_id: int) -> Payout:
    """Record the payout with every matured posting that no payout settled yet, except payouts themselves."""
    before = (
        Payout.objects.filter(entry__postings__account=account)
        .order_by("-number")
        .values_list("number", "carried_out_minor")
    ).first()
    number, carried = before or (0, 0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum(p.amount), 0) {_UNSETTLED}",
            {"account": account, "at": cut_off},
        )
        claimed = int(cursor.fetchone()[0])
    party_id = Account.objects.values_list("party_id", flat=True).get(pk=account)
    assert party_id is not None
    sent = event.get("fx") or {"currency": event["currency"], "amount": pay - withheld}
    payout = Payout.objects.create(
        party_id=party_id,
        number=number + 1,
        currency=event["currency"],
        amount_minor=pay,
        withheld_minor=withheld,
        sent_currency=sent["currency"],
        sent_minor=sent["amount"],
        claimed_minor=claimed,
        carried_in_minor=carried,
        carried_out_minor=claimed + carried - pay,
        cut_off=cut_off,
        entry_id=entry_id,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO ledger_payoutclaim (payout_id, posting_id) SELECT %(payout)s, p.id {_UNSETTLED}",
            {"account": account, "at": cut_off, "payout": payout.pk},
        )
    return payout


_UNSETTLED = """
FROM ledger_posting p JOIN ledger_journalentry e ON e.id = p.entry_id
WHERE p.account_id = %(account)s AND (p.matures_at IS NULL OR p.matures_at <= %(at)s)
    AND e.kind <> 'payout'
    AND NOT EXISTS (SELECT 1 FROM ledger_payoutclaim c WHERE c.posting_id = p.id)
"""


def _conclude(payout_id: int, kind: EntryKind, at: datetime, actor_id: int | None, reason: str = "") -> int:
    payout = Payout.objects.select_related("entry", "party").get(pk=payout_id)
    Account.objects.select_for_update(no_key=True).get(code=payable(payout.party.code), currency=payout.currency)
    source = ("payout", str(payout.pk))
    other = EntryKind.PAYOUT_FAILED if kind == EntryKind.PAYOUT_SENT else EntryKind.PAYOUT_SENT
    if JournalEntry.objects.filter(kind=other, source_kind=source[0], source_id=source[1]).exists():
        raise PayoutError(f"Payout {payout} has arrived or failed before; it cannot do the other now.")
    known = JournalEntry.objects.filter(kind=kind, source_kind=source[0], source_id=source[1]).first()
    if known is not None:
        return known.pk
    draft = EntryDraft(
        kind=kind,
        source_kind=source[0],
        source_id=source[1],
        occurred_at=at,
        postings=posting_drafts(_concluding(payout, kind), placed_at=at),
        inputs={"format": FORMAT, "payout": payout.pk, "reason": reason},
        reverses_id=payout.entry_id,
        actor_id=actor_id,
    )
    return entries_post(drafts=[draft])[0].id


def _concluding(payout: Payout, kind: EntryKind) -> Sequence[Detail]:
    if kind == EntryKind.PAYOUT_SENT:
        return [
            Detail(IN_TRANSIT, payout.sent_currency, -payout.sent_minor, "", ""),
            Detail(BANK, payout.sent_currency, payout.sent_minor, "", ""),
        ]
    rows = payout.entry.postings.select_related("account").order_by("position")
    return [Detail(row.account.code, row.currency, -row.amount, "", "") for row in rows]
