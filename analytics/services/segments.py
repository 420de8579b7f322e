"""What each way, course and creator is credited in a stretch of days: sums that add up over stretches, packed."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analytics.attribution.credits import Known, Touch, credits_ppm
from analytics.attribution.uncertainty import block_of
from analytics.choices import ReportModel, Segment
from analytics.selectors.inputs import local_day
from analytics.selectors.segments import SoldLine, SoldOrder, key_of
from ledger.money import PPM, apportion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS = tuple(ReportModel.values)
FIGURES = ("orders", "buyers", "revenue", "refunds", "margin")
"""Columns of what is summed: orders and buyers in ppm, money in millionths of a minor unit."""

TREES = (Segment.WAYS, Segment.COURSES, Segment.CREATORS)


@dataclass(slots=True)
class Packed:
    """Sums by leaf, model and block of people: row i belongs to keys[leaf[i]], MODELS[model[i]] and block[i]."""

    keys: list[str]
    leaf: NDArray[np.int64]
    model: NDArray[np.int64]
    block: NDArray[np.int64]
    sums: NDArray[np.int64]

    def bytes(self) -> bytes:
        """As a part keeps it."""
        import numpy as np

        out = io.BytesIO()
        names = np.frombuffer(json.dumps(self.keys).encode(), np.uint8)
        np.savez_compressed(out, keys=names, leaf=self.leaf, model=self.model, block=self.block, sums=self.sums)
        return out.getvalue()


@dataclass(slots=True)
class Tally:
    """Adds up credit by leaf, model and block of people."""

    rows: dict[tuple[str, int, int], list[int]] = field(default_factory=dict)

    def add(self, key: str, model: int, block: int, figures: Sequence[int]) -> None:
        """Add the figures of one leaf."""
        row = self.rows.get((key, model, block))
        if row is None:
            self.rows[key, model, block] = list(figures)
            return
        for place, figure in enumerate(figures):
            row[place] += figure

    def packed(self) -> Packed:
        """All of it as columns, in one order."""
        import numpy as np

        held = sorted(self.rows.items())
        keys = sorted({key for (key, _model, _block), _figures in held})
        place = {key: number for number, key in enumerate(keys)}
        columns = np.array([(place[key], model, block) for (key, model, block), _ in held], np.int64).reshape(-1, 3)
        sums = np.array([figures for _key, figures in held], np.int64).reshape(-1, len(FIGURES))
        return Packed(keys, columns[:, 0], columns[:, 1], columns[:, 2], sums)


def unpacked(content: bytes) -> Packed:
    """What `Packed.bytes` kept."""
    import numpy as np

    with np.load(io.BytesIO(content)) as held:
        keys = json.loads(held["keys"].tobytes())
        return Packed(keys, held["leaf"], held["model"], held["block"], held["sums"])


def tallied(orders: Sequence[SoldOrder], segment: str, known: Known) -> Tally:
    """Credit the orders of a stretch in a segment, under every model; by what is `known` of the run."""
    tally = Tally()
    for order in orders:
        block = block_of(order.person)
        for number, model in enumerate(MODELS):
            if segment == Segment.WAYS:
                for key, ppm in _ways(order, model, known):
                    tally.add(key, number, block, _figures(ppm, order.lines, fresh=order.fresh))
            else:
                for key, ppm, line in _items(order, model, known, segment):
                    tally.add(key, number, block, line_figures(ppm, line, fresh=order.fresh))
    return tally


def _ways(order: SoldOrder, model: str, known: Known) -> Iterator[tuple[str, int]]:
    path = [Touch(key=way, occurred_at=at, channel=way.channel) for way, at in order.path]
    for way, ppm in credits_ppm(path, model=model, converted_at=order.occurred_at, known=known).items():
        yield (way.key if way else key_of([("channel", None)])), ppm


def _items(
    order: SoldOrder, model: str, known: Known, segment: str
) -> Iterator[tuple[str, int, tuple[int, SoldLine, int]]]:
    """Each course (or each creator, in equal parts) of an order under each channel.

    Yields the leaf's key, the channel's ppm, and (the part of the order in ppm, the line, how many share it).
    """
    path = [Touch(key=way.channel, occurred_at=at) for way, at in order.path]
    channels = credits_ppm(path, model=model, converted_at=order.occurred_at, known=known)
    values = [line.value_minor for line in order.lines]
    parts = apportion(PPM, values if any(values) else [1] * len(values)) if values else []
    for line, part in zip(order.lines, parts, strict=True):
        owners: Sequence[int] = (line.course_id,) if segment == Segment.COURSES else line.creator_ids or (0,)
        level = "course" if segment == Segment.COURSES else "creator"
        for owner in owners:
            for channel, ppm in channels.items():
                yield key_of([(level, owner), ("channel", channel)]), ppm, (part, line, len(owners))


def _figures(ppm: int, lines: Sequence[SoldLine], *, fresh: bool) -> list[int]:
    net = sum(line.net_minor for line in lines)
    back = sum(line.refunded_minor for line in lines)
    return [ppm, ppm if fresh else 0, ppm * net, ppm * back, ppm * sum(line.margin_minor for line in lines)]


def line_figures(ppm: int, of: tuple[int, SoldLine, int], *, fresh: bool) -> list[int]:
    """Figures of one line under one channel: `of` is its part of the order in ppm, the line, how many share it."""
    part, line, among = of
    orders = ppm * part // PPM // among
    amounts = (line.net_minor, line.refunded_minor, line.margin_minor)
    return [orders, orders if fresh else 0, *(ppm * amount // among for amount in amounts)]


def cohorts_of(orders: Sequence[SoldOrder]) -> dict[str, dict[str, Any]]:
    """New buyers of a stretch by the month and first channel of their first order, with what they brought since.

    Keys are `2026-03|CHANNEL` (empty: no touch in the look-back); values hold buyers, and net revenue and margin by
    whole months since the first order.
    """
    found: dict[str, dict[str, Any]] = {}
    for order in orders:
        if not order.fresh:
            continue
        channel = order.path[0][0].channel if order.path else ""
        cohort = found.setdefault(f"{local_day(order.occurred_at):%Y-%m}|{channel}", {"buyers": 0, "months": {}})
        cohort["buyers"] += 1
        for month, revenue, margin in order.later:
            sums = cohort["months"].setdefault(str(month), [0, 0])
            sums[0] += revenue
            sums[1] += margin
    return found


def cohorts_added(parts: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The cohorts of all stretches together, in order."""
    total: dict[str, dict[str, Any]] = {}
    for part in parts:
        for key, cohort in part.items():
            sums = total.setdefault(key, {"buyers": 0, "months": {}})
            sums["buyers"] += cohort["buyers"]
            for month, (revenue, margin) in cohort["months"].items():
                row = sums["months"].setdefault(month, [0, 0])
                row[0] += revenue
                row[1] += margin
    ordered = sorted(total.items())
    return {
        key: {"buyers": row["buyers"], "months": dict(sorted(row["months"].items(), key=lambda item: int(item[0])))}
        for key, row in ordered
    }
