"""What refunds and disputes share: the order's lock, what is left of each line, and what follows for learners."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext as _

from courses.choices import EventKind, OrderState
from courses.errors import NotRefundableError
from courses.models import Dispute, LineReturn, Order, OrderLine, Refund
from courses.services.behaviour import NewBehaviour, behaviours_record
from ledger.money import apportion

MOMENTS = """
    SELECT occurred_at FROM courses_refund WHERE order_id = %s AND state = 'done'
    UNION ALL SELECT closed_at FROM courses_dispute WHERE order_id = %s AND state = 'lost'
"""


def order_locked(order_id: int) -> Order:
    """Lock an order until the transaction ends. NotRefundableError unless it is paid and was not voided."""
    order = Order.objects.select_for_update().get(pk=order_id)
    if order.state != OrderState.PAID:
        raise NotRefundableError(
            _("Order %(code)s is %(state)s; nothing can be given back or disputed.")
            % {"code": order.code, "state": order.get_state_display().lower()}
        )
    return order


def lines_of(order: Order) -> list[OrderLine]:
    """The order's lines as the split engine numbers them."""
    return list(OrderLine.objects.filter(order=order).select_related("course").order_by("position"))


def returned_of(lines: Sequence[OrderLine]) -> dict[int, int]:
    """What was given back of each line so far, in minor units. Call it where all rows are visible."""
    sums = LineReturn.objects.filter(line__in=lines).order_by().values("line").annotate(total=Sum("amount_minor"))
    found = dict(sums.values_list("line", "total"))
    return {line.pk: int(found.get(line.pk, 0)) for line in lines}


def parts_of(lines: Sequence[OrderLine], returned: Mapping[int, int], amount: int) -> dict[int, int]:
    """Divide what is given back of an order over its lines exactly as the split engine does."""
    parts = apportion(amount, [line.payable_minor for line in lines], [returned[line.pk] for line in lines])
    return {line.pk: part for line, part in zip(lines, parts, strict=True)}


def returns_record(
    *, order: Order, parts: Mapping[int, int], refund: Refund | None = None, dispute: Dispute | None = None
) -> None:
    """Write what each line gives back (below zero: gets back) and add it up on the order, which must be locked."""
    LineReturn.objects.bulk_create(
        LineReturn(line_id=line, refund=refund, dispute=dispute, amount_minor=amount)
        for line, amount in parts.items()
        if amount
    )
    order.returned_minor += sum(parts.values())


def number_next(order: Order) -> int:
    """Count one more event of a locked order; the caller saves it."""
    order.events_count += 1
    return order.events_count


def order_save(order: Order) -> None:
    """Write what refunds and disputes change of an order."""
    order.save(update_fields=["returned_minor", "disputed", "events_count"])


def enrolments_end(lines: Sequence[int], at: datetime) -> None:
    """Withdraw what these lines gave, unless another paid line of the same learner, not given back whole, gives it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE courses_enrolment AS held
            SET order_line_id = coalesce(kept.line, held.order_line_id),
                withdrawn_at = CASE WHEN kept.line IS NULL THEN %(at)s::timestamptz END
            FROM (
                SELECT e.id, (
                    SELECT min(l.id) FROM courses_orderline l JOIN courses_order o ON o.id = l.order_id
                    WHERE o.state = 'paid' AND o.buyer_id = e.user_id AND l.course_id = e.course_id
                        AND l.id <> ALL (%(lines)s)
                        AND (l.payable_minor = 0 OR l.payable_minor > (
                            SELECT coalesce(sum(r.amount_minor), 0) FROM courses_linereturn r WHERE r.line_id = l.id))
                ) AS line
                FROM courses_enrolment e WHERE e.order_line_id = ANY (%(lines)s) AND e.withdrawn_at IS NULL
            ) AS kept
            WHERE held.id = kept.id
            """,
            {"at": at, "lines": list(lines)},
        )


def enrolments_restore(order: Order, lines: Sequence[int]) -> None:
    """Give back what a refund or a lost dispute of this order took; what was withdrawn by hand stays withdrawn."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE courses_enrolment SET withdrawn_at = NULL
            WHERE order_line_id = ANY (%s) AND withdrawn_at IN ({MOMENTS})
            """,  # noqa: S608 - only constants are put in
            [list(lines), order.pk, order.pk],
        )


def given_back_whole(lines: Sequence[OrderLine], returned: Mapping[int, int], touched: Sequence[int]) -> list[int]:
    """Which of the touched lines nothing is left of."""
    return [line.pk for line in lines if line.pk in touched and returned[line.pk] == line.payable_minor]


def refund_witnessed(order: Order, lines: Sequence[OrderLine], touched: Sequence[int], at: datetime) -> None:
    """Tell behaviour that the learner got money back."""
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.REFUND,
                user_id=order.buyer_id,
                visitor_key=order.visitor_key,
                course_id=line.course_id,
                occurred_at=at,
                import_batch_id=order.import_batch_id,
            )
            for line in lines
            if line.pk in touched
        ]
    )
