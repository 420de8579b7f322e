"""Closes journeys into conversions, computes what each channel is credited, and settles what parties earn."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.columns import numbers
from accounts.savepoints import atomic_within
from accounts.statements import Statement, fetch
from analytics.choices import ConversionKind, MergeCause
from analytics.models import Conversion, Visitor
from analytics.selectors import RUN_MODELS, JourneyTouch, KnownRuns
from analytics.services.conversions import OrderConversion, OrderCredit, conversions_keep
from analytics.services.journeys import (
    USUAL,
    CreditKey,
    channel_credits,
    counting,
    credits_under,
    duplicates_in,
    journeys_of,
    links_in,
)
from analytics.services.visits import visitors_merge
from courses.choices import OrderState
from courses.models import Order
from courses.selectors import OrderFacts, order_facts
from partners.selectors import Terms, Versions, Weighing, paying_terms, valid_versions
from partners.services import SaleFacts, SaleLine, earnings_never_booked, earnings_settle


@dataclass(frozen=True)
class SignUp:
    """Somebody joined, in the browser with this key where one is known."""

    user_id: int
    visitor_key: UUID | None
    occurred_at: datetime
    import_batch_id: int | None = None


@atomic_within
def orders_settle(*, order_ids: Sequence[int]) -> list[int]:
    """Settle paid orders: conversion, credits, earnings and the ledger's entry, each order once.

    Orders that are settled already are passed over, so the call may be repeated. Orders that were voided before their
    turn came are not booked, because nobody would take such a booking back; everyone concerned is told so. Returns the
    orders settled now.
    """
    unsettled, gone = _lock(order_ids)
    if gone:
        _tell_voided(gone)
    facts = order_facts(ids=unsettled)
    if not facts:
        return []
    told, versions = _told(facts)
    conversions_keep(
        conversions=[_conversion(row.order, row.visitor_id) for row in told],
        credited=[
            OrderCredit(
                row.order.order_id,
                asked.model,
                asked.terms,
                channel,
                owner,
                ppm,
                row.run_id if asked.model in RUN_MODELS else None,
            )
            for row in told
            for asked, parts in row.weighed.items()
            for (channel, owner), ppm in parts.items()
        ],
    )
    visitors_merge(
        owners={
            key: buyer
            for row in told
            if row.stranger and (key := row.order.visitor_key) and (buyer := row.order.buyer_id)
        },
        cause=MergeCause.PURCHASE,
        at=timezone.now(),
    )
    earnings_settle(sales=[row.sale for row in told], versions=versions)
    return [order.order_id for order in facts]


_LOCK = Statement(
    "orders_lock", "SELECT id FROM courses_order WHERE id = ANY (%s::bigint[]) AND state = %s ORDER BY id FOR UPDATE"
)
_LOCKED = Statement(
    "orders_locked",
    """
    SELECT o.id, (SELECT c.id FROM analytics_conversion c WHERE c.order_id = o.id) IS NOT NULL
    FROM courses_order o WHERE o.id = ANY (%s::bigint[]) AND o.state = %s ORDER BY o.id
    """,
)


def _lock(order_ids: Sequence[int]) -> tuple[list[int], set[int]]:
    """Lock those of the orders that are paid; tell which of them nobody has settled yet, and which are not paid.

    Two relays may hold the same order: the second waits for the lock, and then, by a statement that begins after it,
    sees the first one's conversion.
    """
    asked = [numbers(order_ids), OrderState.PAID.value]
    rows = fetch((_LOCK, asked), (_LOCKED, asked))
    return [pk for pk, settled in rows if not settled], set(order_ids) - {pk for pk, _settled in rows}


@transaction.atomic
def sign_ups_settle(*, sign_ups: Sequence[SignUp]) -> None:
    """Record that people joined, once each, and that their browser is theirs."""
    keys = {sign_up.visitor_key: sign_up.user_id for sign_up in sign_ups if sign_up.visitor_key}
    visitors_merge(owners=keys, cause=MergeCause.SIGN_UP, at=timezone.now())
    visitors = {visitor.key: visitor for visitor in Visitor.objects.filter(key__in=keys).only("pk", "key")}
    Conversion.objects.bulk_create(
        [
            Conversion(
                kind=ConversionKind.SIGN_UP,
                user_id=sign_up.user_id,
                visitor=visitors.get(sign_up.visitor_key) if sign_up.visitor_key else None,
                occurred_at=sign_up.occurred_at,
                import_batch_id=sign_up.import_batch_id,
            )
            for sign_up in sign_ups
        ],
        batch_size=5_000,
        ignore_conflicts=True,
    )


class _Told(NamedTuple):
    """An order with its journey's credits by how they were weighed, and the sale as the floor below takes it.

    `stranger`: the browser that ordered is nobody's yet. `run_id`: the report that was known.
    """

    order: OrderFacts
    visitor_id: int | None
    weighed: Mapping[Weighing, Mapping[CreditKey, int]]
    sale: SaleFacts
    stranger: bool
    run_id: int | None


def _told(facts: Sequence[OrderFacts]) -> tuple[list[_Told], Versions]:
    """Compute what each channel is credited for some orders, under the versions that hold, which are held."""
    versions = valid_versions(
        items={("course", str(line.course_id)) for order in facts for line in order.lines}, hold=True
    )
    items = [(line.course_id, order.placed_at) for order in facts for line in order.lines]
    terms = paying_terms(items=items, versions=versions)
    journeys = journeys_of(facts)
    runs = _known_runs(facts, terms)
    found = []
    for order in facts:
        journey = journeys[order.order_id]
        known = runs.before(order.placed_at)
        touches = counting(order, journey)
        weighed = {asked: credits_under(touches, order.placed_at, asked, known) for asked in _weighings(order, terms)}
        visitor_id = journey[-1].visitor_id if journey else None
        stranger = order.buyer_id is not None and any(touch.user_id is None for touch in journey)
        sale = _sale(order, journey, touches, weighed)
        found.append(_Told(order, visitor_id, weighed, sale, stranger, known.run_id))
    return found, versions


def _tell_voided(order_ids: Iterable[int]) -> None:
    """Leave a decision for everyone concerned by orders that were voided before they were settled."""
    voided = Order.objects.select_for_update(of=("self",)).filter(
        pk__in=order_ids, state=OrderState.VOIDED, paid_at__isnull=False, conversion=None
    )
    ids = list(voided.order_by("pk").values_list("pk", flat=True))
    if ids:
        told, _versions = _told(order_facts(ids=ids))
        earnings_never_booked(sales=[row.sale for row in told])


def _weighings(order: OrderFacts, terms: Mapping[tuple[int, datetime], Terms]) -> list[Weighing]:
    """By what the agreements of an order's lines weigh it; last touch, 30 days, where no agreement is."""
    found = (terms.get((line.course_id, order.placed_at)) for line in order.lines)
    return list(dict.fromkeys(term.asked for term in found if term)) or [USUAL]


def _known_runs(facts: Sequence[OrderFacts], terms: Mapping[tuple[int, datetime], Terms]) -> KnownRuns:
    """What the models that pay these orders know of reports: each order of the last one finished before it."""
    placed = [order.placed_at for order in facts]
    return KnownRuns({term.asked.model for term in terms.values()}, since=min(placed), until=max(placed))


def _conversion(order: OrderFacts, visitor_id: int | None) -> OrderConversion:
    return OrderConversion(
        order_id=order.order_id,
        user_id=order.buyer_id,
        visitor_id=visitor_id,
        occurred_at=order.placed_at,
        value_minor=order.total_minor,
        currency=order.currency,
        import_batch_id=order.import_batch_id,
    )


def _sale(
    order: OrderFacts,
    journey: Sequence[JourneyTouch],
    counted: Sequence[JourneyTouch],
    weighed: Mapping[Weighing, Mapping[CreditKey, int]],
) -> SaleFacts:
    """The order as plain data for the floor below."""
    return SaleFacts(
        order_code=order.code,
        placed_at=order.placed_at,
        currency=order.currency,
        lines=[
            SaleLine(
                line_id=str(line.line_id),
                item_id=str(line.course_id),
                item_title=line.title,
                item_title_zh=line.title_zh,
                item_party_ids=line.creator_ids,
                list_minor=line.list_minor,
                discount_minor=line.discount_minor,
                tax_minor=line.tax_minor,
                payable_minor=line.payable_minor,
            )
            for line in order.lines
        ],
        tax_inclusive=order.tax_inclusive,
        processor_fee_minor=order.processor_fee_minor,
        discount_bearer=order.discount_bearer,
        buyer_id=order.buyer_id,
        credits={asked.key: channel_credits(parts) for asked, parts in weighed.items()},
        coupon_owner_id=order.coupon_owner_id,
        coupon_channel_id=order.coupon_channel_id,
        duplicate_lines=duplicates_in(order),
        **links_in(order, journey, counted, max(asked.window_days for asked in weighed)),
    )
