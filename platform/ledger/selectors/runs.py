"""Payout runs as the desk reads them: sums, who is unusual, what to check before approving."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Count, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Party
from ledger.choices import ItemState
from ledger.models import Payout, PayoutItem, PayoutRun
from ledger.money import decimal_from_minor
from ledger.selectors.balances import balance_of
from ledger.selectors.files import csv_cell
from ledger.selectors.payable import RunTerms, payables
from ledger.splits.accounts import BANK, CLEARING

PAYABLE = (ItemState.PROPOSED, ItemState.APPROVED, ItemState.SENT, ItemState.ARRIVED, ItemState.FAILED)
"""States of items that are, or were, paid by their run."""

UNUSUAL = 3
"""How many times its usual payout an item must be to be pointed out."""

USUAL_OF = 6
"""Of how many earlier payouts the usual one is the mean."""

FRESH = timedelta(days=14)
"""How long changed payout details are pointed out."""


@dataclass(frozen=True, slots=True)
class RunSums:
    """A run in figures, in minor units: what its items have available, carry over, owe as tax, and what leaves."""

    items: int
    candidates: int
    available: int
    carried: int
    withheld: int
    taxed: int
    leaves: int
    booked: int
    arrived: int
    failed: int


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    """Parties that a run leaves out for one reason."""

    reason: str
    parties: int
    available: int
    items: tuple[PayoutItem, ...]


@dataclass(frozen=True, slots=True)
class RunCheck:
    """One thing that was looked at for the second person. `ok` None: to be looked at by a person."""

    code: str
    ok: bool | None
    count: int = 0
    minor: int = 0


def run_sums(run: PayoutRun) -> RunSums:
    """Sum a run; two queries."""
    rows = run.items.filter(state__in=PAYABLE)
    sums: dict[str, Any] = rows.aggregate(
        n=Count("pk"),
        available=Sum("available_minor"),
        amount=Sum("amount_minor"),
        withheld=Sum("withheld_minor"),
        taxed=Count("pk", filter=~_zero("withheld_minor")),
        booked=Count("pk", filter=_in(ItemState.SENT, ItemState.ARRIVED, ItemState.FAILED)),
        arrived=Count("pk", filter=_in(ItemState.ARRIVED)),
        failed=Count("pk", filter=_in(ItemState.FAILED)),
    )
    available, amount, withheld = (int(sums[key] or 0) for key in ("available", "amount", "withheld"))
    return RunSums(
        items=run.items.count(),
        candidates=sums["n"],
        available=available,
        carried=available - amount,
        withheld=withheld,
        taxed=sums["taxed"],
        leaves=amount - withheld,
        booked=sums["booked"],
        arrived=sums["arrived"],
        failed=sums["failed"],
    )


def run_items(run: PayoutRun, *, find: str = "") -> "QuerySet[PayoutItem]":
    """The items that a run pays, unusual ones first, then the largest; each with `usual_minor` (None: none before)."""
    before = Payout.objects.filter(party=OuterRef("party"), currency=OuterRef("currency"), created_at__lt=_since(run))
    mean = ExpressionWrapper(Sum("amount_minor") / Count("pk"), output_field=BigIntegerField())
    usual = before.order_by().values("party").annotate(mean=mean).values("mean")
    rows = (
        run.items.filter(state__in=[*PAYABLE, ItemState.FELL])
        .select_related("party", "details")
        .annotate(usual_minor=Subquery(usual, output_field=BigIntegerField()))
        .annotate(times=F("amount_minor") / Coalesce(F("usual_minor"), F("amount_minor")))
        .order_by("-times", "-amount_minor", "pk")
    )
    if find:
        rows = rows.filter(party__in=_named(find))
    return rows


def run_left_out(run: PayoutRun) -> list[LeftOutRow]:
    """Who is left out, by reason, the largest sums first."""
    found: dict[str, list[PayoutItem]] = {}
    rows = run.items.filter(state__in=[ItemState.EXCLUDED, ItemState.INELIGIBLE]).select_related("party")
    for item in rows.order_by("-available_minor", "pk"):
        found.setdefault(item.reason, []).append(item)
    left = [
        LeftOutRow(reason, len(items), sum(item.available_minor for item in items), tuple(items))
        for reason, items in found.items()
    ]
    return sorted(left, key=lambda row: -row.available)


def payouts_before(*, items: Sequence[PayoutItem]) -> dict[int, list[int]]:
    """The amounts of each party's last payouts before these items, the oldest first, by party; one query."""
    if not items:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.party_id, p.amount_minor
            FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) AS i (party_id, currency, payout_id)
            CROSS JOIN LATERAL (
                SELECT number, amount_minor FROM ledger_payout
                WHERE party_id = i.party_id AND currency = i.currency AND (i.payout_id IS NULL OR id < i.payout_id)
                ORDER BY number DESC LIMIT %s
            ) p ORDER BY i.party_id, p.number
            """,
            [
                [item.party_id for item in items],
                [item.currency for item in items],
                [item.payout_id for item in items],
                USUAL_OF,
            ],
        )
        found: dict[int, list[int]] = {}
        for party, amount in cursor.fetchall():
            found.setdefault(party, []).append(int(amount))
    return found


def run_checks(run: PayoutRun) -> list[RunCheck]:
    """What was looked at before an open run is approved. Call it where all rows are visible."""
    items = list(run.items.filter(state=ItemState.PROPOSED).select_related("details"))
    terms = RunTerms(run.currency, run.cut_off, run.minimum_minor, run.increment_minor, run.withholding_bp)
    now = {row.party_id: row for row in payables(terms=terms, parties=[i.party_id for i in items], but_run=run.pk)}
    stale = [i for i in items if i.party_id not in now or now[i.party_id].available < i.amount_minor]
    leaves = sum(item.amount_minor - item.withheld_minor for item in items)
    money = -sum(balance_of(code=code, currency=run.currency, visible_to=None) for code in (CLEARING, BANK))
    unusual = sum(1 for row in run_items(run) if is_unusual(row))
    fresh = [i for i in items if i.details and i.details.entered_at > timezone.now() - FRESH]
    return [
        RunCheck("still_there", not stale, len(stale), sum(i.amount_minor for i in items)),
        RunCheck("covered", money >= leaves, minor=money),
        RunCheck("unusual", None if unusual else True, unusual),
        RunCheck("details", None if fresh else True, len(fresh)),
    ]


def is_unusual(item: Any) -> bool:
    """Whether an item of `run_items` is much larger than its party's payouts usually are."""
    return item.usual_minor is not None and item.amount_minor >= UNUSUAL * item.usual_minor


def bank_rows(run: PayoutRun) -> Iterator[Sequence[str]]:
    """The bank file's rows: a head, then every payout that is on its way. Call it where all rows are visible."""
    yield ("payout", "party", "holder", "way", "bank", "account", "currency", "amount", "minor_units", "purpose")
    rows = run.items.filter(state=ItemState.SENT).select_related("party", "details").order_by("pk")
    for item in rows:
        assert item.details is not None
        yield (
            str(item.payout_id),
            csv_cell(item.party.code),
            csv_cell(item.details.holder),
            item.details.method,
            csv_cell(item.details.institution),
            csv_cell(item.details.reference),
            item.sent_currency,
            decimal_from_minor(item.sent_minor, item.sent_currency),
            str(item.sent_minor),
            f"payout run {run.number}",
        )


def runs_with_sums(rows: "QuerySet[PayoutRun]") -> "QuerySet[PayoutRun]":
    """Runs, each with `leaves_minor` and `payable_count`, for lists."""
    items = PayoutItem.objects.filter(run=OuterRef("pk"), state__in=PAYABLE).order_by().values("run")
    return rows.annotate(
        leaves_minor=Subquery(items.annotate(t=Sum(F("amount_minor") - F("withheld_minor"))).values("t")),
        payable_count=Coalesce(Subquery(items.annotate(n=Count("pk")).values("n")), 0),
    )


def _since(run: PayoutRun) -> Any:
    """Before when an earlier payout counts: before the run was approved, or now."""
    return run.approved_at or timezone.now()


def _in(*states: ItemState) -> Q:
    return Q(state__in=states)


def _zero(field: str) -> Q:
    return Q(**{field: 0})


def _named(find: str) -> "QuerySet[Party]":
    return Party.objects.filter(Q(name__icontains=find) | Q(name_zh__icontains=find) | Q(code__icontains=find))
