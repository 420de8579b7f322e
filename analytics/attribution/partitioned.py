"""The paths of job P1 as one expression that any engine of Ibis runs, cut by a hash of people.

What happens to one person lies in one part, and counts of paths add up: so parts may be computed one after the other on
one machine (memory holds one of them), or side by side on many. The expression uses windows alone, no join by ranges.
It is compiled to the engine's own SQL; DuckDB is the default, ClickHouse, Spark and BigQuery take the same.
The compiled builder (`builder`) is the quick way on one machine; this is for logs that no longer fit one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from analytics.attribution.errors import AttributionError

if TYPE_CHECKING:
    import ibis.expr.types as ir

Rows = Iterable[tuple[str, int, int, int]]
"""(path, conversions, value in minor units, nulls); a path is its channels' codes joined by '>', '' without a touch."""

MOST_CHANNELS = 1_000_000
"""Codes of channels are below this: a touch's place and code are one whole number while a path is put in order."""

_MIX, _LOW = 2_654_435_761, 2**20
"""Knuth's multiplicative hash; what is multiplied stays within 63 bits."""

SCHEMA = {"id": "int64", "person": "int64", "moment": "int64", "what": "int64"}
"""Columns of both tables: `what` is a touch's channel code, or a sale's value in minor units."""


def paths_expression(*, lookback: int, parts: int = 1, part: int = 0) -> ir.Table:
    """Paths over the unbound tables `touches` and `sales`, of the people of one of `parts` parts.

    Columns: path, conversions, value, nulls; repeats in a row are told once. `lookback` is in the unit of the moments.
    Raises AttributionError on a part that is not among the parts, or a negative look-back.
    """
    import ibis
    from ibis import _

    if not 0 <= part < parts:
        raise AttributionError(f"part {part} is not among {parts} parts")
    if lookback < 0:
        raise AttributionError("a look-back cannot be negative")
    touches, sales = (ibis.table(SCHEMA, name=name) for name in ("touches", "sales"))
    none, one, zero = (ibis.literal(number, "int64") for number in (-1, 1, 0))
    sides = [
        touches.select("id", "person", "moment", code=_.what, sale=zero, value=zero),
        sales.select("id", "person", "moment", code=none, sale=one, value=_.what),
    ]
    if parts > 1:
        sides = [side.filter((side.person % _LOW * _MIX) // 65_536 % parts == part) for side in sides]
    events = ibis.union(*sides)
    # Of one instant a touch comes before the sale, which it belongs to.
    before = ibis.cumulative_window(group_by="person", order_by=["moment", "sale", "id"])
    numbered = events.mutate(journey=events.sale.sum().over(before) - events.sale)
    whole = ibis.window(group_by=["person", "journey"])
    ended = numbered.mutate(ended=numbered.moment.max().over(whole))
    inside = ended.mutate(kept=(ended.sale == 0) & (ended.moment >= ended.ended - lookback))
    ordered = ibis.window(group_by=["person", "journey", "kept"], order_by=["moment", "id"])
    placed = inside.mutate(place=ibis.row_number().over(ordered), behind=inside.code.lag().over(ordered))
    told = placed.mutate(step=placed.place * MOST_CHANNELS + placed.code)
    # What lies behind the first is nothing in one engine and 0 in another.
    steps = told.step.collect(where=told.kept & ((told.place == 0) | (told.code != told.behind)))
    journeys = told.group_by("person", "journey").agg(
        conversions=told.sale.sum(), value=told.value.sum(), touched=told.kept.sum(), steps=steps
    )
    held = journeys.filter((journeys.conversions > 0) | (journeys.touched > 0))
    codes = held.steps.sort().map(lambda step: (step % MOST_CHANNELS).cast("string")).join(">").fill_null("")
    named = held.select(path=codes, conversions=held.conversions, value=held.value)
    return named.group_by("path").agg(
        conversions=named.conversions.sum(),
        value=named.value.sum(),
        nulls=(named.conversions == 0).cast("int64").sum(),
    )


def sql_of(expression: ir.Table, *, dialect: str) -> str:
    """The expression in an engine's own SQL; names of dialects are Ibis's."""
    import ibis

    return str(ibis.to_sql(expression, dialect=dialect))


def paths_by_parts(run: Callable[[str], Rows], *, dialect: str, lookback: int, parts: int) -> dict[str, list[int]]:
    """Run the job part by part (`run` takes SQL) and add up: path -> [conversions, value, nulls]."""
    total: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for part in range(parts):
        expression = paths_expression(lookback=lookback, parts=parts, part=part)
        for path, *counts in run(sql_of(expression, dialect=dialect)):
            sums: list[Any] = total[path]
            for place, count in enumerate(counts):
                sums[place] += int(count)
    return dict(total)
