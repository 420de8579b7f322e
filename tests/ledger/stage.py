"""Books in which everything that can happen has happened once, made by the services alone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connections

from accounts.models import User
from ledger.selectors import OrderKey, book_rule, proofs
from ledger.selectors.derivation import Derived, derive
from ledger.services import (
    BookedEvent,
    PayoutTerms,
    SaleDraft,
    adjustment_book,
    advance_book,
    guarantee_book,
    order_event_book,
    payout_arrived,
    payout_book,
    payout_failed,
    pool_book,
    sales_book,
)
from tests.ledger.desk import party
from tests.ledger.splits.desk import raw_rule, split

PLACED = datetime(2026, 3, 1, 12, tzinfo=UTC)
THIRTY = {"take": "percent", "account": "platform:revenue", "bp": 3_000}
RULE = book_rule(body=raw_rule(THIRTY, split(alice=2, bob=1), reserve_bp=1_000, hold_days=7))
CORRECTED = raw_rule({**THIRTY, "bp": 2_000}, split(alice=2, bob=1), version=2, reserve_bp=1_000, hold_days=7)
NOTHING_BUT_ALICE = book_rule(body=raw_rule(split(alice=1), hold_days=7))
CODES = ("alice", "bob", "carol")


def day(number: int) -> datetime:
    """Noon of a day after the first order."""
    return PLACED + timedelta(days=number)


def key(order: str) -> OrderKey:
    return OrderKey("test", order)


def clerk(name: str = "fay") -> User:
    """A person who books by hand."""
    email = f"{name}@example.org"
    return User.objects.filter(email=email).first() or User.objects.create_user(email=email, password="x")


def sell(order: str, *prices: int, at: datetime = PLACED, rule: Any = RULE, tax: int = 0, **facts: Any) -> int | None:
    """Sell one line for each price; returns the entry."""
    lines: list[dict[str, Any]] = [{"id": f"L{i}", "list_price": price} for i, price in enumerate(prices, 1)]
    for line in lines:
        if tax:
            line["tax"] = {"mode": "exclusive", "amount": tax}
    event = {"currency": "CNY", "processor_fee": 3, "lines": lines, **facts}
    draft = SaleDraft(key=key(order), placed_at=at, event=event, rules=[rule] * len(lines))
    return sales_book(drafts=[draft])[0].entry_id


def happen(order: str, kind: str, at: datetime, /, source: str = "", **event: Any) -> BookedEvent:
    """Book one event of an order."""
    return order_event_book(
        key=key(order),
        event={"type": kind, **event},
        source=OrderKey("test", source or f"{order}/{kind}/{event.get('line', '')}/{at:%d}"),
        occurred_at=at,
    )


def pay(code: str, at: datetime, *, source: str = "", currency: str = "CNY", **terms: Any) -> int | None:
    """Pay a party what it can have; returns the payout."""
    return payout_book(
        party=code,
        currency=currency,
        cut_off=at,
        terms=PayoutTerms(**terms),
        source=OrderKey("test", source or f"{code}/{at.isoformat()}"),
        actor_id=clerk().pk,
    ).payout_id


def parties(codes: Sequence[str] = CODES) -> None:
    for code in codes:
        party(code)


def everything() -> None:
    """Sales with tax, discounts and settlement; refunds, voids, disputes, releases, corrections; advances, payouts."""
    parties()
    fay = clerk().pk
    sell("plain", 1_000)
    sell("two", 999, 501, tax=60)
    sell("dear", 10_007, settlement={"currency": "USD", "amount": 1_400})
    sell("off", 500, discounts=[{"amount": 100, "borne_by": "platform:promotions"}])
    sell("free", 300, discounts=[{"amount": 300, "borne_by": "platform:promotions"}], processor_fee=0)
    sell("nothing", 0, rule=NOTHING_BUT_ALICE, processor_fee=0)
    for order in ("voided", "disputed", "won", "fixed", "kept"):
        sell(order, 1_111, at=day(1))
    happen("plain", "refund", day(2), amount=333)
    happen("plain", "refund", day(3), amount=667)
    happen("two", "refund", day(2), amount=100, line="L2")
    happen("two", "refund", day(3), amount=200)
    happen("two", "refund_reversal", day(4), refund_index=0)
    happen("dear", "refund", day(2), amount=5_000, settlement_amount=710)
    happen("off", "refund", day(2), amount=77)
    happen("free", "void", day(2))
    happen("nothing", "void", day(2))
    happen("voided", "refund", day(2), amount=11)
    happen("voided", "void", day(3))
    happen("disputed", "dispute_opened", day(2), amount=1_111, fee=15)
    happen("disputed", "dispute_lost", day(5))
    happen("won", "dispute_opened", day(2), amount=600, fee=15)
    happen("won", "dispute_won", day(6), fee_returned=15)
    happen("fixed", "refund", day(2), amount=300)
    happen("fixed", "correct_rule", day(4), rule=CORRECTED)
    happen("kept", "release_reserve", day(6))
    happen("kept", "refund", day(7), amount=500)
    who: dict[str, Any] = {"currency": "CNY", "actor_id": fay}
    advance_book(party="alice", amount=400, recoup_bp=5_000, source=OrderKey("test", "adv"), at=day(7), **who)
    sell("recouped", 800, at=day(8))
    happen("recouped", "refund", day(9), amount=100)
    sell("recouped2", 900, at=day(8))
    pool_book(amount=1_000, creator_bp=5_500, weights=[("party:bob", 2), ("party:alice", 1)],
              source=OrderKey("test", "pool"), at=day(9), **who)  # fmt: skip
    adjustment_book(party="bob", amount=-25, reason="wrong", source=OrderKey("test", "adj"), at=day(9), **who)
    guarantee_book(party="carol", guarantee=250, since=PLACED, until=day(9), source=OrderKey("test", "gar"),
                   at=day(9), **who)  # fmt: skip
    first = pay("bob", day(10), withholding_bp=1_000)
    assert first
    payout_arrived(payout_id=first, at=day(11))
    sell("again", 2_000, at=day(5))
    back = pay("alice", day(15), increment=7)
    assert back
    payout_failed(payout_id=back, at=day(16), reason="account closed")
    assert pay("alice", day(17))
    assert pay("bob", day(17), minimum=10, fx=("USD", 31))
    failed = pay("carol", day(17), fx=("USD", 9))
    assert failed
    payout_failed(payout_id=failed, at=day(18), reason="no such bank")


def violations(*codes: str, using: str = "default") -> dict[str, list[tuple[str, str]]]:
    """Run proofs (all, and the derivation, unless codes are given) on a connection as it stands; what they found."""
    found: dict[str, list[tuple[str, str]]] = {}
    with connections[using].cursor() as cursor:
        for proof in proofs():
            if not codes or proof.code in codes:
                cursor.execute(proof.sql)
                found[proof.code] = cursor.fetchall()
    if not codes or "derivation" in codes:
        found["derivation"] = list(derive(using=using, derived=Derived()))
    return {code: rows for code, rows in found.items() if rows}
