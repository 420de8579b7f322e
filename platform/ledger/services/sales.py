"""Booking sales: the split engine's result as one entry each, with all that it was computed from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.columns import texts
from accounts.savepoints import atomic_within
from accounts.statements import Statement, fetch
from ledger.choices import EntryKind
from ledger.errors import IdempotencyConflictError, SaleRefusedError
from ledger.models import BookedOrder, OrderEvent
from ledger.selectors.body import digest_of, posting_bodies
from ledger.selectors.orders import OrderKey
from ledger.selectors.rules import BookRule
from ledger.services.advances import Payable, advances_lock, still_open
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft
from ledger.services.rules import rules_keep
from ledger.splits.accounts import is_payable, payable
from ledger.splits.facts import parse_sale
from ledger.splits.lines import Sale
from ledger.splits.problems import EventError
from ledger.splits.rule import rule_accounts
from ledger.splits.sale import Advance, NoRuleError, SaleResult, sale_lines

FORMAT = "sale/2"

_KNOWN = Statement(
    "sales_known",
    """
    SELECT e.source_kind, e.source_id, e.id, e.inputs FROM ledger_journalentry e
    WHERE e.kind = %(sale)s AND e.source_kind = ANY (%(kinds)s::text[]) AND e.source_id = ANY (%(ids)s::text[])
    UNION ALL
    SELECT o.source_kind, o.source_id, NULL, v.body
    FROM ledger_bookedorder o JOIN ledger_orderevent v ON v.order_id = o.id AND v.kind = %(sale)s
    WHERE o.source_kind = ANY (%(kinds)s::text[]) AND o.source_id = ANY (%(ids)s::text[])
    """,
)
"""Sales in the books: by their entries, or (nothing moved) by the event that was kept. Of every kind with every id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleDraft:
    """One order to be booked: the engine's sale event, one rule for each of its lines, and what else explains it.

    `in_order`: the names of every object in event and context stand as `jsonb` has them, so they need not be sorted.
    """

    key: OrderKey
    placed_at: datetime
    event: Mapping[str, Any]
    rules: Sequence[BookRule]
    context: Mapping[str, Any] = field(default_factory=dict)
    actor_id: int | None = None
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class BookedSale:
    """What became of a draft: its entry (None where nothing moved); `result` is None where it was booked before."""

    key: OrderKey
    entry_id: int | None
    result: SaleResult | None

    @property
    def created(self) -> bool:
        """Tell whether this call booked it."""
        return self.result is not None


@atomic_within
def sales_book(*, drafts: Sequence[SaleDraft]) -> list[BookedSale]:
    """Book sales, each order once, in the order given; in a constant number of queries.

    Shares pay back open advances first, whose accounts stay locked until the end. SaleRefusedError names an order whose
    facts are wrong or for which no variant is; IdempotencyConflictError: the order is in the books with other facts or
    rules. All or nothing. Call it where all rows are visible.
    """
    known = _known(drafts) if drafts else {}
    fresh = list({draft.key: draft for draft in drafts if draft.key not in known}.values())
    results = _settle(fresh) if fresh else {}
    if fresh:
        rules_keep(rules=[rule for draft in fresh for rule in draft.rules])
    moved = [draft for draft in fresh if results[draft.key].details]
    posted = entries_post(drafts=[_entry(draft, results[draft.key]) for draft in moved])
    entries: dict[OrderKey, int | None] = {draft.key: row.id for draft, row in zip(moved, posted, strict=True)}
    for draft, row in zip(moved, posted, strict=True):
        if not row.created:  # by somebody else, while this call waited for them
            del results[draft.key]
    for draft in fresh:
        if draft.key not in entries:
            _record_unmoved(draft, results[draft.key])
            entries[draft.key] = None
    told: set[OrderKey] = set()
    found = []
    for draft in drafts:
        result = results.get(draft.key) if draft.key not in told else None
        found.append(BookedSale(draft.key, known.get(draft.key, entries.get(draft.key)), result))
        told.add(draft.key)
    return found


def _known(drafts: Sequence[SaleDraft]) -> dict[OrderKey, int | None]:
    """Entries of orders that are in the books; the same facts and rules, or IdempotencyConflictError."""
    kinds, ids = {draft.key.source_kind for draft in drafts}, {draft.key.source_id for draft in drafts}
    rows = fetch((_KNOWN, {"sale": EntryKind.SALE.value, "kinds": texts(kinds), "ids": texts(ids)}))
    stored = {OrderKey(kind, pk): (entry, json.loads(inputs)) for kind, pk, entry, inputs in rows}
    known = {}
    for draft in drafts:
        if draft.key in stored:
            entry, inputs = stored[draft.key]
            if inputs["sale"] != draft.event or inputs["rules"] != [rule.digest for rule in draft.rules]:
                raise IdempotencyConflictError(
                    f"Order {draft.key.source_id} is in the books with other facts or rules."
                )
            known[draft.key] = entry
    return known


def _settle(drafts: Sequence[SaleDraft]) -> dict[OrderKey, SaleResult]:
    """Run each sale through its rules, one after the other over the open advances of all parties concerned."""
    sales = {draft.key: _parsed(draft) for draft in drafts}
    earning: dict[str, tuple[str, ...]] = {}
    for rule in (rule for draft in drafts for rule in draft.rules):
        if rule.digest not in earning:
            earning[rule.digest] = tuple(account for account in rule_accounts(rule.rule) if is_payable(account))
    wanted = {draft.key: _payables(draft, sales[draft.key], earning) for draft in drafts}
    found = advances_lock(payables={pair for pairs in wanted.values() for pair in pairs})
    open_now: dict[Payable, Advance] = {pair: o for pair, row in found.items() if (o := still_open(row)) is not None}
    results = {}
    for draft in drafts:
        sale = sales[draft.key]
        mine = {a: open_ for (a, cur), open_ in open_now.items() if cur == sale.settled_currency} if open_now else {}
        mine = {account: mine[account] for account, _ in wanted[draft.key] if account in mine} if mine else {}
        try:
            result = sale_lines([rule.rule for rule in draft.rules], sale, advances=mine)
        except NoRuleError as error:
            raise SaleRefusedError(draft.key.source_id, "no variant of the rule is for this sale.") from error
        results[draft.key] = result
        if mine:
            _count_recouped(result, open_now)
    return results


def _parsed(draft: SaleDraft) -> Sale:
    try:
        return parse_sale(draft.event)
    except EventError as error:
        raise SaleRefusedError(draft.key.source_id, f"{error}.") from error


def _payables(draft: SaleDraft, sale: Sale, earning: Mapping[str, Sequence[str]]) -> dict[Payable, None]:
    """Every payable that could earn by this sale; `earning`: those that a rule names, by its digest."""
    found: dict[Payable, None] = {}
    for rule in draft.rules:
        for account in earning[rule.digest]:
            found[account, sale.settled_currency] = None
    for line in sale.lines:
        for channel in line.channels:
            if channel.party is not None:
                found[payable(channel.party), sale.settled_currency] = None
    return found


def _count_recouped(result: SaleResult, open_now: dict[Payable, Advance]) -> None:
    for line in result.lines:
        for back in line.recouped:
            key = line.shares[back.share].account, result.sale.settled_currency
            was = open_now[key]
            open_now[key] = Advance(was.outstanding - back.amount, was.recoup_bp)
            if open_now[key].outstanding <= 0:
                del open_now[key]


def _inputs(draft: SaleDraft, result: SaleResult) -> dict[str, Any]:
    told: dict[str, Any] = {
        "sale": dict(draft.event),
        **draft.context,
        "rules": [rule.digest for rule in draft.rules],
        "format": FORMAT,
    }
    if result.advances:
        told["advances"] = {account: [a.outstanding, a.recoup_bp] for account, a in result.advances.items()}
    return told


def _entry(draft: SaleDraft, result: SaleResult) -> EntryDraft:
    return EntryDraft(
        kind=EntryKind.SALE,
        source_kind=draft.key.source_kind,
        source_id=draft.key.source_id,
        occurred_at=draft.placed_at,
        postings=posting_bodies(result.details, placed_at=draft.placed_at),
        inputs=_inputs(draft, result),
        trace=result.sums(),
        actor_id=draft.actor_id,
        in_order=draft.in_order and not result.advances,
    )


def _record_unmoved(draft: SaleDraft, result: SaleResult) -> None:
    """Keep a sale that moved nothing, so that it can still be voided or corrected."""
    order, _created = BookedOrder.objects.get_or_create(
        source_kind=draft.key.source_kind,
        source_id=draft.key.source_id,
        defaults={
            "placed_at": draft.placed_at,
            "currency": result.sale.currency,
            "settled_currency": result.sale.settled_currency,
            "paid_minor": sum(line.payable for line in result.sale.lines),
            "settled_minor": 0,
        },
    )
    body = _inputs(draft, result)
    OrderEvent.objects.create(
        order=order,
        number=0,
        kind=EntryKind.SALE,
        source_kind=draft.key.source_kind,
        source_id=draft.key.source_id,
        body=body,
        body_hash=digest_of(body),
        occurred_at=draft.placed_at,
        actor_id=draft.actor_id,
    )
