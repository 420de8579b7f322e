"""Taking into the books what happened to orders after their payment, in the order in which it happened."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db import transaction

from analytics.services.settlement import orders_settle
from courses.choices import OrderState
from courses.models import Order
from courses.selectors import Happening, happenings
from events.errors import UselessRetryError
from ledger.errors import EventRejectedError, UnknownOrderError
from ledger.selectors import OrderKey, booked_events, refund_index
from partners.services import earnings_event, earnings_void


class BooksRefusedError(UselessRetryError):
    """The books take an order's event never, as they stand; the order and the reason are named."""


@transaction.atomic
def order_events_book(*, wanted: Mapping[int, Collection[int]]) -> None:
    """Book refunds and disputes, by order: the numbers of its events that must be in the books afterwards.

    Orders that are not settled yet are settled first, and earlier events of an order that are not booked yet are
    booked before; so the news may arrive in any order, and twice. BooksRefusedError: one of `wanted` is refused for
    good. An order that was voided before its turn is not in the books, and nothing of it is booked.
    """
    ids = sorted(wanted)
    orders_settle(order_ids=ids)
    codes = dict(Order.objects.filter(pk__in=ids).values_list("pk", "code"))
    told = happenings(order_ids=ids)
    known = booked_events(sources=[OrderKey(*row.source) for rows in told.values() for row in rows])
    for pk in ids:
        last = max(wanted[pk], default=0)
        for row in told[pk]:
            if row.number <= last and OrderKey(*row.source) not in known:
                _book(codes[pk], row, must=row.number in wanted[pk])


@transaction.atomic
def orders_void_book(*, order_ids: Collection[int]) -> list[str]:
    """Take out of the books what is left of voided orders, after all that happened to them before; returns codes."""
    ids = sorted(order_ids)
    order_events_book(wanted={pk: _numbers(rows) for pk, rows in happenings(order_ids=ids).items()})
    voided = Order.objects.filter(pk__in=ids, state=OrderState.VOIDED).order_by("pk")
    together: dict[tuple[datetime, int | None, str], list[str]] = {}
    for order in voided:
        assert order.voided_at is not None  # a check of the table
        together.setdefault((order.voided_at, order.voided_by_id, order.void_reason), []).append(order.code)
    done: list[str] = []
    for (at, actor_id, reason), codes in together.items():
        done += earnings_void(order_codes=codes, at=at, actor_id=actor_id, reason=reason)
    return done


def _numbers(rows: Collection[Happening]) -> set[int]:
    return {row.number for row in rows}


def _book(code: str, row: Happening, *, must: bool) -> None:
    event = dict(row.event)
    key = OrderKey("order", code)
    try:
        with transaction.atomic():
            if row.reverses is not None:
                event["refund_index"] = refund_index(key=key, source=OrderKey(*row.reverses))
            earnings_event(
                order_code=code,
                event=event,
                source=OrderKey(*row.source),
                at=row.occurred_at,
                note=row.note,
                actor_id=row.actor_id,
            )
    except UnknownOrderError:
        return
    except EventRejectedError as error:
        if must:
            raise BooksRefusedError(f"Order {code}, event {row.number}: {error}.") from error
