"""Paying parties: what is available leaves the payable, once, and every posting is settled by at most one payout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from ledger.choices import EntryKind
from ledger.errors import PayoutError
from ledger.models import Account, JournalEntry, Payout
from ledger.selectors.body import posting_bodies
from ledger.selectors.orders import OrderKey
from ledger.selectors.payout_events import FORMAT, arrival, payout_effect
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft
from ledger.splits.accounts import payable
from ledger.splits.sale import Detail


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutTerms:
    """How a payout is made, in minor units.

    `most`: what was approved; `fx`: currency and amount sent instead; `quote`: the rate that was used for it, the day
    it is of and who gave it, kept with the entry.
    """

    minimum: int = 0
    increment: int = 1
    withholding_bp: int = 0
    most: int | None = None
    fx: tuple[str, int] | None = None
    quote: tuple[str, date, str] | None = None


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
    standing = _standing(account, cut_off)
    inputs = {"format": FORMAT, "event": event, "balance": standing.balance, "held": standing.held}
    plan = payout_effect(inputs)
    if account is None or not plan.pay:
        return BookedPayout(None, 0, standing.balance - standing.held, created=False)
    entry = entries_post(
        drafts=[
            EntryDraft(
                kind=EntryKind.PAYOUT,
                source_kind=source.source_kind,
                source_id=source.source_id,
                occurred_at=at or cut_off,
                postings=posting_bodies(plan.details, placed_at=cut_off),
                inputs=inputs,
                trace=plan.trace,
                actor_id=actor_id,
            )
        ]
    )[0]
    payout = _settle(account, standing, plan.pay, plan.withheld, event, cut_off, entry.id)
    return BookedPayout(payout.pk, plan.pay, standing.balance - standing.held, created=True)


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
        if terms.quote is not None:
            rate, day, source = terms.quote
            event["fx"] |= {"rate": rate, "day": day.isoformat(), "source": source}
    return event


def _lock(party: str, currency: str) -> int | None:
    """Lock the payable's row; None where it was never opened."""
    rows = Account.objects.select_for_update(no_key=True).filter(code=payable(party), currency=currency)
    return rows.values_list("pk", flat=True).first()


def _booked(source: OrderKey) -> Payout | None:
    return Payout.objects.filter(
        entry__kind=EntryKind.PAYOUT, entry__source_kind=source.source_kind, entry__source_id=source.source_id
    ).first()


@dataclass(frozen=True, slots=True)
class _Standing:
    """A payable at one instant: its balance, what of it matures later, and the matured postings nobody settled yet."""

    balance: int = 0
    held: int = 0
    unsettled: int = 0
    postings: Sequence[int] = ()


def _standing(account: int | None, at: datetime) -> _Standing:
    """Read a payable in one statement: a booking that commits meanwhile is in all of it or in nothing."""
    if account is None:
        return _Standing()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT coalesce(sum(p.amount), 0), coalesce(sum(p.amount) FILTER (WHERE p.matures_at > %(at)s), 0),
                coalesce(sum(p.amount) FILTER (WHERE o.open), 0), coalesce(array_agg(p.id) FILTER (WHERE o.open), '{}')
            FROM ledger_posting p
            JOIN ledger_journalentry e ON e.id = p.entry_id
            LEFT JOIN ledger_payoutclaim c ON c.posting_id = p.id
            CROSS JOIN LATERAL (
                SELECT (p.matures_at IS NULL OR p.matures_at <= %(at)s) AND e.kind <> 'payout' AND c.id IS NULL AS open
            ) o
            WHERE p.account_id = %(account)s
            """,
            {"account": account, "at": at},
        )
        balance, held, unsettled, postings = cursor.fetchone()
    return _Standing(int(balance), int(held), int(unsettled), postings)


def _settle(
    account: int, standing: _Standing, pay: int, withheld: int, event: dict[str, Any], cut_off: datetime, entry_id: int
) -> Payout:
    """Record the payout with every matured posting that no payout settled yet, except payouts themselves."""
    party_id = Account.objects.values_list("party_id", flat=True).get(pk=account)
    assert party_id is not None
    before = (
        Payout.objects.filter(party_id=party_id, currency=event["currency"])
        .order_by("-number")
        .values_list("number", "carried_out_minor")
    ).first()
    number, carried = before or (0, 0)
    sent = event.get("fx") or {"currency": event["currency"], "amount": pay - withheld}
    payout = Payout.objects.create(
        party_id=party_id,
        number=number + 1,
        currency=event["currency"],
        amount_minor=pay,
        withheld_minor=withheld,
        sent_currency=sent["currency"],
        sent_minor=sent["amount"],
        claimed_minor=standing.unsettled,
        carried_in_minor=carried,
        carried_out_minor=standing.unsettled + carried - pay,
        cut_off=cut_off,
        entry_id=entry_id,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_payoutclaim (payout_id, posting_id) SELECT %s, unnest(%s::bigint[])",
            [payout.pk, list(standing.postings)],
        )
    return payout


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
        postings=posting_bodies(_concluding(payout, kind), placed_at=at),
        inputs={"format": FORMAT, "payout": payout.pk, "reason": reason},
        reverses_id=payout.entry_id,
        actor_id=actor_id,
    )
    return entries_post(drafts=[draft])[0].id


def _concluding(payout: Payout, kind: EntryKind) -> Sequence[Detail]:
    if kind == EntryKind.PAYOUT_SENT:
        return arrival(payout.sent_currency, payout.sent_minor)
    rows = payout.entry.postings.select_related("account").order_by("position")
    return [Detail(row.account.code, row.currency, -row.amount, "", "") for row in rows]
