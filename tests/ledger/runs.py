"""A small school on payday: parties with balances and payout details, a maker and a checker."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Party, User
from accounts.services import payout_details_set, seat_give
from ledger.models import PayoutItem, PayoutRun
from ledger.selectors import RunTerms
from ledger.services import EntryDraft, PostingDraft, entries_post, run_approve, run_prepare, run_submit
from tests.ledger.desk import party


def payee(code: str, earned: int, owner: User | None = None, *, days: int = 30, **facts: str) -> Party:
    """A party that earned an amount some days ago, seven of which were its hold; paid where `owner` said."""
    made = party(code)
    if facts.get("currency"):
        Party.objects.filter(pk=made.pk).update(currency=facts["currency"])
    if owner is not None:
        seat_give(user=owner, party=made)
        details(made, owner)
    if earned:
        earn(made, earned, days=days)
    return made


def details(of: Party, owner: User, reference: str = "6222 0000 4471") -> None:
    """Where the party is paid."""
    payout_details_set(party=of, method="bank", holder=of.name, institution="ICBC", reference=reference, by=owner)


def earn(who: Party, amount: int, *, days: int = 30, source: str = "") -> None:
    """A sale's share of so many days ago, held for seven; or, negative, something taken back, which counts at once."""
    at = timezone.now() - timedelta(days=days)
    matures = at + timedelta(days=7) if amount > 0 else None
    entries_post(
        drafts=[
            EntryDraft(
                kind="sale" if amount > 0 else "adjustment",
                source_kind="order",
                source_id=source or f"{who.code}{amount}d{days}",
                occurred_at=at,
                postings=[
                    PostingDraft("processor:clearing", -amount, "CNY", line="L1"),
                    PostingDraft(f"party:{who.code}", amount, "CNY", line="L1", matures_at=matures),
                ],
                inputs={"price": amount},
            )
        ]
    )


def terms(**changes: object) -> RunTerms:
    """What a run of today pays by."""
    return RunTerms(**({"currency": "CNY", "cut_off": timezone.now()} | changes))  # type: ignore[arg-type]


def waiting(maker: User, **changes: object) -> PayoutRun:
    """A run that waits for its approval."""
    run = run_prepare(terms=terms(**changes), by=maker)
    return run_submit(run_id=run.pk, by=maker)


def approved(maker: User, checker: User, **changes: object) -> PayoutRun:
    """A run that may be booked."""
    run = waiting(maker, **changes)
    total = sum(item.amount_minor - item.withheld_minor for item in run.items.filter(state="proposed"))
    assert run_approve(run_id=run.pk, total_minor=total, by=checker).approved
    return PayoutRun.objects.get(pk=run.pk)


def standing(run: PayoutRun) -> dict[str, tuple[str, str, int]]:
    """Party code to (state, reason, amount)."""
    rows = PayoutItem.objects.filter(run=run).select_related("party")
    return {row.party.code: (row.state, row.reason, row.amount_minor) for row in rows}
