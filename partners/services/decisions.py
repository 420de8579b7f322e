"""Keeping decisions about sales: one for every party considered on a line, many lines at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone

from accounts.columns import instants, numbers, texts
from accounts.statements import Statement, send


class LineDecided(NamedTuple):
    """What all decisions about one order line have in common; amounts in minor units of `currency`."""

    source_id: str
    version_id: int | None
    entry_id: int | None
    currency: str
    list_minor: int
    discount_minor: int
    tax_minor: int
    paid_minor: int
    order_code: str
    item_kind: str
    item_id: str
    item_title: str
    item_title_zh: str
    placed_at: datetime
    matures_at: datetime


class PartyDecided(NamedTuple):
    """What was decided for one party."""

    party_id: int
    channel_id: int | None
    reason: str
    amount_minor: int
    capped_minor: int
    credit_ppm: int | None


_INSERT = """
    INSERT INTO partners_earningdecision (source_kind, source_id, version_id, entry_id, currency, list_minor,
        discount_minor, tax_minor, paid_minor, order_code, item_kind, item_id, item_title, item_title_zh,
        placed_at, matures_at, party_id, channel_id, reason, amount_minor, capped_minor, credit_ppm, decided_at)
    SELECT 'order_line', l.source_id, l.version_id, l.entry_id, l.currency, l.list_minor, l.discount_minor,
        l.tax_minor, l.paid_minor, l.order_code, l.item_kind, l.item_id, l.item_title, l.item_title_zh,
        l.placed_at, l.matures_at, d.party_id, d.channel_id, d.reason, d.amount_minor, d.capped_minor,
        d.credit_ppm, %s::timestamptz
    FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::int[])
        WITH ORDINALITY
        AS d (line, party_id, channel_id, reason, amount_minor, capped_minor, credit_ppm, position)
    JOIN unnest(%s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
        %s::timestamptz[]) WITH ORDINALITY
        AS l (source_id, version_id, entry_id, currency, list_minor, discount_minor, tax_minor, paid_minor,
            order_code, item_kind, item_id, item_title, item_title_zh, placed_at, matures_at, line)
        ON l.line = d.line
    ORDER BY d.position
"""

_KEEP = Statement("decisions_keep", _INSERT + "ON CONFLICT DO NOTHING")
_KEEP_FRESH = Statement("decisions_keep_fresh", _INSERT)


def decisions_keep(*, lines: Sequence[tuple[LineDecided, Sequence[PartyDecided]]], fresh: bool = False) -> None:
    """Store what was decided, in the order given and in one statement; what was decided before stays as it is.

    `fresh`: the caller knows that nothing was, as who has just booked the sale; that takes two thirds of the time. A
    second decision is refused then.
    """
    rows = [(number, *party) for number, (_line, parties) in enumerate(lines, start=1) for party in parties]
    if not rows:
        return
    line, party, channel, reason, amount, capped, credit = zip(*rows, strict=True)
    common = list(zip(*(told for told, _parties in lines), strict=True))
    columns = [
        timezone.now(),
        *(numbers(column) for column in (line, party, channel)),
        texts(reason),
        *(numbers(column) for column in (amount, capped, credit)),
        texts(common[0]),
        *(numbers(column) for column in common[1:3]),
        texts(common[3]),
        *(numbers(column) for column in common[4:8]),
        *(texts(column) for column in common[8:13]),
        *(instants(column) for column in common[13:15]),
    ]
    send((_KEEP_FRESH if fresh else _KEEP, columns))
