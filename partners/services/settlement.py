"""Settling paid orders: each line under its version, one entry an order, one decision for every party considered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.columns import texts
from accounts.savepoints import atomic_within
from accounts.statements import Statement, fetch
from ledger.choices import EntryKind
from ledger.errors import SaleRefusedError
from ledger.selectors import OrderKey
from ledger.services import BookedSale, SaleDraft, sales_book
from ledger.splits.accounts import CHANNEL, POOL, payable
from ledger.splits.sale import Detail, LineResult
from partners.choices import DecisionReason
from partners.errors import SettlementError
from partners.selectors.terms import Versions
from partners.services.context import Context, LineTerms, context_of
from partners.services.decisions import LineDecided, PartyDecided, decisions_keep
from partners.services.facts import SaleFacts, SaleLine, Settled
from partners.services.journeys import Journey, journey_of
from partners.services.meters import (
    MeteredLine,
    MeteredSale,
    Meters,
    Needs,
    capped_by_party,
    meters_lock,
    needs_of,
)

SOURCE = "order"

Decided = tuple[LineDecided, list[PartyDecided]]
"""An order line, and what was decided about it for each party considered."""


@dataclass(slots=True)
class _LineUnderway:
    """One line on its way into the books."""

    facts: SaleLine
    terms: LineTerms
    journey: Journey


@dataclass(slots=True)
class _SaleUnderway:
    """One order on its way into the books."""

    facts: SaleFacts
    lines: list[_LineUnderway]
    draft: SaleDraft


@atomic_within
def earnings_settle(*, sales: Sequence[SaleFacts], versions: Versions | None = None) -> list[Settled]:
    """Settle paid orders in a constant number of queries; in the order given. Settled ones are left as they are.

    Each line runs under the agreement's version in force when the order was placed. Books one entry an order (none
    where no money moves) and one EarningDecision for every party considered, also for nothing, with the reason.
    `versions`: what `valid_versions(hold=True)` told the caller, in the same transaction, of what the sales cover.
    SettlementError names an order whose facts contradict one another; all or nothing. Call it where all rows are
    visible.
    """
    known = _settled_before([sale.order_code for sale in sales])
    fresh = {sale.order_code: sale for sale in sales if sale.order_code not in known}
    if fresh:
        context = context_of(list(fresh.values()), versions=versions)
        underway = [_underway(sale, context) for sale in fresh.values()]
        meters = _lock_meters(underway, context)
        if meters is not None:
            # Who waited for a counter may find its order settled by whom it waited for.
            known |= _settled_before(list(fresh))
            underway = [sale for sale in underway if sale.facts.order_code not in known]
            fresh = {sale.facts.order_code: sale.facts for sale in underway}
            for sale in underway:
                meters.freeze(_metered(sale, meters.needs, context))
                sale.draft = replace(sale.draft, in_order=False)  # what counters tell stands last
        known |= _book(underway, context)
        if meters is not None:
            meters.save()
    return [Settled(sale.order_code, known[sale.order_code], sale.order_code in fresh) for sale in sales]


@transaction.atomic
def earnings_never_booked(*, sales: Sequence[SaleFacts]) -> None:
    """Tell everyone whom orders concerned that were voided before they were booked; each order once.

    They are decided as if they were settled, for nothing, with the reason `voided`. Call it where all rows are visible.
    """
    known = _settled_before([sale.order_code for sale in sales])
    fresh = [sale for sale in sales if sale.order_code not in known]
    if not fresh:
        return
    context = context_of(fresh, versions=None)
    decisions_keep(
        lines=[
            (
                _line_decided(sale.facts, line, None),
                [
                    PartyDecided(party, line.journey.through(party), DecisionReason.VOIDED.value, 0, 0, None)
                    for party in _considered(sale.facts, line, ())
                ],
            )
            for sale in (_underway(facts, context) for facts in fresh)
            for line in sale.lines
        ]
    )


_SETTLED = Statement(
    "orders_settled",
    """
    SELECT source_id, id FROM ledger_journalentry
    WHERE kind = %(kind)s AND source_kind = %(source)s AND source_id = ANY (%(codes)s::text[])
    UNION ALL
    SELECT DISTINCT order_code, NULL::bigint FROM partners_earningdecision WHERE order_code = ANY (%(codes)s::text[])
    """,
)


def _settled_before(codes: Sequence[str]) -> dict[str, int | None]:
    """Orders that were settled: by their entry, or (nothing moved) by their decisions."""
    known: dict[str, int | None] = {}
    for code, entry in fetch((_SETTLED, {"kind": EntryKind.SALE.value, "source": SOURCE, "codes": texts(codes)})):
        known[code] = entry or known.get(code)
    return known


def _underway(sale: SaleFacts, context: Context) -> _SaleUnderway:
    """Find the terms and the journey of every line of an order; touches no row."""
    own = context.buyers_parties(sale)
    terms = [context.terms_of(sale, line) for line in sale.lines]
    lines = [
        _LineUnderway(facts, row, _journey(sale, facts.line_id, row, own, context))
        for facts, row in zip(sale.lines, terms, strict=True)
    ]
    draft = SaleDraft(
        key=OrderKey(SOURCE, sale.order_code),
        placed_at=sale.placed_at,
        event=split_sale(sale, terms, [line.journey for line in lines], context),
        rules=[row.rule for row in terms],
        context={"lines": [_explains(line, context) for line in lines]},
        in_order=True,
    )
    return _SaleUnderway(sale, lines, draft)


def _lock_meters(underway: Sequence[_SaleUnderway], context: Context) -> Meters | None:
    """Lock the counters of tiers and caps; None where no agreement of the batch has any."""
    needs = {rows[0].agreement_id: needs_of(rows) for rows in context.versions.values() if rows}
    needs = {agreement: need for agreement, need in needs.items() if need.volumes or need.limits}
    if not needs:
        return None
    return meters_lock(sales=[_metered(sale, needs, context) for sale in underway], needs=needs)


def _metered(sale: _SaleUnderway, needs: Mapping[int, Needs], context: Context) -> MeteredSale:
    """An order as its counters see it; lines of agreements without any are none."""
    event = dict(sale.draft.event)
    lines = [
        MeteredLine(
            version=line.terms.version,
            rule=line.terms.rule.rule,
            event=told,
            owners={context.codes[pk]: pk for pk in line.journey.owned()},
        )
        if line.terms.version is not None and line.terms.version.agreement_id in needs
        else None
        for line, told in zip(sale.lines, event["lines"], strict=True)
    ]
    return MeteredSale(sale.facts.placed_at, event, lines)


def _journey(sale: SaleFacts, line_id: str, terms: LineTerms, own: frozenset[int], context: Context) -> Journey:
    version, asked = terms.version, terms.asked
    if version is None or asked is None:
        return Journey([], "", frozenset())
    return journey_of(
        sale,
        asked=asked,
        precedence=version.precedence,
        self_purchase=version.self_purchase,
        own=own,
        members=context.members,
        duplicate=line_id in sale.duplicate_lines,
    )


def split_sale(
    sale: SaleFacts, terms: Sequence[LineTerms], journeys: Sequence[Journey], context: Context
) -> dict[str, Any]:
    """Write the order as the sale event of the split engine, line by line; only the fee is divided there.

    The names stand in the order of `SaleDraft.in_order`.
    """
    mode = "inclusive" if sale.tax_inclusive else "exclusive"
    lines = []
    for facts, row, journey in zip(sale.lines, terms, journeys, strict=True):
        owner = row.version.owner_id if row.version is not None else None
        came = journey.line_fields(owner_id=owner, codes=context.codes, kinds=context.kinds)
        line: dict[str, Any] = {"id": facts.line_id}
        if facts.tax_minor:
            line["tax"] = {"mode": mode, "amount": facts.tax_minor}
        for name in ("refused", "channels"):
            if name in came:
                line[name] = came[name]
        if facts.discount_minor:
            line["discounts"] = [{"amount": facts.discount_minor, "borne_by": sale.discount_bearer or POOL}]
        line["brought_by"] = came["brought_by"]
        line["list_price"] = facts.list_minor
        line["channel_kind"] = came["channel_kind"]
        lines.append(line)
    return {"lines": lines, "currency": sale.currency, "processor_fee": sale.processor_fee_minor}


def _explains(line: _LineUnderway, context: Context) -> dict[str, Any]:
    """What explains a line beside the sale and its rule: the version, and how the learner came."""
    version = line.terms.version
    return {
        "item": [line.facts.item_kind, line.facts.item_id],
        "line": line.facts.line_id,
        "journey": {
            "model": version.paying_model if version else "",
            "credits": [[c.channel_id, context.codes.get(c.owner_id or 0), c.ppm] for c in line.journey.credits],
            "decided_by": line.journey.decided_by,
        },
        "version": version.pk if version else None,
    }


def _book(underway: Sequence[_SaleUnderway], context: Context) -> dict[str, int | None]:
    try:
        booked = sales_book(drafts=[sale.draft for sale in underway])
    except SaleRefusedError as error:
        raise SettlementError(str(error)) from error
    now = timezone.now()
    decisions_keep(
        lines=[
            decided
            for sale, row in zip(underway, booked, strict=True)
            for decided in _sale_decisions(sale, row, context, now)
        ],
        fresh=True,
    )
    return {sale.facts.order_code: row.entry_id for sale, row in zip(underway, booked, strict=True)}


def _sale_decisions(sale: _SaleUnderway, booked: BookedSale, context: Context, now: datetime) -> list[Decided]:
    result = booked.result
    if result is None:
        return []
    details: dict[str, list[Detail]] = {line.facts.line_id: [] for line in sale.lines}
    for detail in result.details:
        details[detail.line].append(detail)
    found: list[Decided] = []
    for line, settled in zip(sale.lines, result.lines, strict=True):
        facts = line.facts
        if settled.facts.payable != facts.payable_minor:
            raise SettlementError(
                _("%(order)s, line %(line)s: the learner paid %(paid)d, but price, discount and tax make %(made)d.")
                % {
                    "order": sale.facts.order_code,
                    "line": facts.line_id,
                    "paid": facts.payable_minor,
                    "made": settled.facts.payable,
                }
            )
        capped = {context.ids[code]: amount for code, amount in capped_by_party(settled).items()}
        decided = _line_decided(sale.facts, line, booked.entry_id)
        held = decided.matures_at > now
        outcome = _Outcome(settled, details[facts.line_id], capped, held)
        found.append((decided, _decisions(sale.facts, line, outcome, context)))
    return found


def _line_decided(sale: SaleFacts, line: _LineUnderway, entry: int | None) -> LineDecided:
    version, facts = line.terms.version, line.facts
    return LineDecided(
        source_id=facts.line_id,
        version_id=version.pk if version else None,
        entry_id=entry,
        currency=sale.currency,
        list_minor=facts.list_minor,
        discount_minor=facts.discount_minor,
        tax_minor=facts.tax_minor,
        paid_minor=facts.payable_minor,
        order_code=sale.order_code,
        item_kind=facts.item_kind,
        item_id=facts.item_id,
        item_title=facts.item_title[:200],
        item_title_zh=facts.item_title_zh[:200],
        placed_at=sale.placed_at,
        matures_at=sale.placed_at + timedelta(days=version.hold_days) if version else sale.placed_at,
    )


class _Outcome(NamedTuple):
    """What became of one line in the books; `capped` is what caps kept from whom, `held` whether shares wait."""

    settled: LineResult
    details: Sequence[Detail]
    capped: Mapping[int, int]
    held: bool


def _decisions(sale: SaleFacts, line: _LineUnderway, outcome: _Outcome, context: Context) -> list[PartyDecided]:
    """One decision for every party considered on one line."""
    sums: dict[int, int] = {}
    borne = False
    for account, _currency, amount, _line, clause, _hold in outcome.details:
        if account.startswith("party:"):
            party = context.ids[account.split(":")[1]]
            sums[party] = sums.get(party, 0) + amount
        borne = borne or ".discounts[" in clause
    journey = line.journey
    owned = journey.owned()
    through = journey.through()
    return [
        PartyDecided(
            party_id=party,
            channel_id=journey.through(party) if party in owned or party in journey.barred else through,
            reason=_reason(party, line, sums, outcome, context, borne=borne).value,
            amount_minor=sums.get(party, 0),
            capped_minor=outcome.capped.get(party, 0),
            credit_ppm=owned.get(party),
        )
        for party in _considered(sale, line, sums)
    ]


def _considered(sale: SaleFacts, line: _LineUnderway, paid: Iterable[int]) -> dict[int, None]:
    """Everyone who is told about a line; `paid` are parties that it moved something of."""
    journey = line.journey
    told = [*line.terms.party_ids, *journey.owned(), *journey.barred, *journey.lost, *paid]
    return dict.fromkeys([*told, *_unagreed(sale, line)])


def _unagreed(sale: SaleFacts, line: _LineUnderway) -> list[int]:
    """Who is told that no agreement was in force: the makers, and everyone the journey or the coupon names."""
    if line.terms.version is not None:
        return []
    owners = [credit.owner_id for parts in sale.credits.values() for credit in parts]
    told = [*sale.touched, *sale.flagged]
    named = [*line.facts.item_party_ids, *owners, sale.link_owner_id, sale.coupon_owner_id, *told]
    return [pk for pk in named if pk is not None]


def _reason(
    party: int,
    line: _LineUnderway,
    sums: dict[int, int],
    outcome: _Outcome,
    context: Context,
    *,
    borne: bool,
) -> DecisionReason:
    journey = line.journey
    if sums.get(party, 0) > 0:
        return DecisionReason.HELD if outcome.held else DecisionReason.EARNED
    if party in sums and borne:
        return DecisionReason.DISCOUNT_BORNE
    if line.terms.version is None:
        return DecisionReason.NOT_IN_FORCE
    if party in journey.refused:
        return DecisionReason.SELF_PURCHASE
    if party in journey.barred:
        return journey.barred[party]
    return _why_nothing(party, journey, outcome, context)


def _why_nothing(party: int, journey: Journey, outcome: _Outcome, context: Context) -> DecisionReason:
    """Why the agreement gave nothing to a party that may earn."""
    if party in journey.owned() and outcome.capped.get(party):
        return DecisionReason.CAP_REACHED
    if outcome.settled.has_part(payable(context.codes[party])):
        return DecisionReason.NOTHING_LEFT
    if party in journey.owned():
        return DecisionReason.NOTHING_LEFT if outcome.settled.has_part(CHANNEL) else DecisionReason.NO_SHARE
    # A side of the agreement to which it gives nothing of this sale reads why the learner's way gave nothing either.
    return journey.lost.get(party, DecisionReason.NO_PART)
