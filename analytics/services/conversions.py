"""Keeping conversions of orders and what each channel is credited for them, many at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from accounts.columns import instants, numbers, texts
from accounts.statements import Statement, send
from analytics.choices import ConversionKind


class OrderConversion(NamedTuple):
    """The end of a journey: an order, in minor units of its currency."""

    order_id: int
    user_id: int | None
    visitor_id: int | None
    occurred_at: datetime
    value_minor: int
    currency: str
    import_batch_id: int | None


class OrderCredit(NamedTuple):
    """A channel's part of an order under one model with its `Weighing.terms`; no channel: unattributed.

    `run_id`: the report that it knew.
    """

    order_id: int
    model: str
    terms: str
    channel_id: int | None
    owner_id: int | None
    ppm: int
    run_id: int | None


_KEEP = Statement(
    "conversions_keep",
    """
    WITH kept AS (
        INSERT INTO analytics_conversion (kind, order_id, user_id, visitor_id, occurred_at, value_minor,
            currency, import_batch_id, settled_at)
        SELECT %s::text, c.*, %s::timestamptz FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
            %s::bigint[], %s::text[], %s::bigint[]) AS c
        RETURNING id, order_id
    )
    INSERT INTO analytics_credit (conversion_id, model, terms, channel_id, owner_id, ppm, run_id)
    SELECT kept.id, c.model, c.terms, c.channel_id, c.owner_id, c.ppm, c.run_id
    FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::int[],
        %s::bigint[]) WITH ORDINALITY
        AS c (order_id, model, terms, channel_id, owner_id, ppm, run_id, position)
    JOIN kept ON kept.order_id = c.order_id
    ORDER BY c.position
    """,
)


def conversions_keep(*, conversions: Sequence[OrderConversion], credited: Sequence[OrderCredit]) -> None:
    """Store the conversions of some orders, each of which has none yet, and all their credits, in one statement."""
    order, user, visitor, occurred, value, currency, batch = zip(*conversions, strict=True)
    credit_order, model, terms, channel, owner, ppm, run = zip(*credited, strict=True)
    columns = [
        ConversionKind.ORDER.value,
        timezone.now(),
        *(numbers(column) for column in (order, user, visitor)),
        instants(occurred),
        numbers(value),
        texts(currency),
        numbers(batch),
        numbers(credit_order),
        texts(model),
        texts(terms),
        *(numbers(column) for column in (channel, owner, ppm, run)),
    ]
    send((_KEEP, columns))
