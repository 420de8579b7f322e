"""What each way, course and creator is credited in a stretch of days: sums that add up over stretches, packed."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from analytics.attribution.credits import Known, Touch, credits_ppm
from analytics.attribution.uncertainty import block_of
from analytics.choices import ReportModel, Segment
from analytics.selectors.inputs import local_day
from analytics.selectors.segments import Joined, SoldLine, SoldOrder, Way, key_of
from ledger.money import PPM, apportion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS = tuple(ReportModel.values)
FIGURES = ("orders", "buyers", "revenue", "refunds", "margin", "sign_ups")
"""Columns of what is summed: orders, buyers and sign-ups in ppm, money in millionths of a minor unit."""

Figures = tuple[int, int, int, int, int, int]

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
    """Gathers credit by leaf, model and block of people."""

    places: dict[str, int] = field(default_factory=dict)
    rows: list[tuple[int, int, int]] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)

    def add(self, key: str, model: int, block: int, figures: Figures) -> None:
        """Count the figures of one leaf."""
        self.rows.append((self.places.setdefault(key, len(self.places)), model, block))
        self.figures.append(figures)

    def packed(self) -> Packed:
        """The sums as columns, in one order whatever the order in which they came."""
        import numpy as np

        keys = sorted(self.places)
        order = np.empty(len(keys), np.int64)
        order[[self.places[key] for key in keys]] = np.arange(len(keys))
        rows = np.array(self.rows, np.int64).reshape(-1, 3)
        rows[:, 0] = order[rows[:, 0]]
        found, where = np.unique(rows, axis=0, return_inverse=True)
        sums = np.zeros((len(found), len(FIGURES)), np.int64)
        np.add.at(sums, where.ravel(), np.array(self.figures, np.int64).reshape(-1, len(FIGURES)))
        return Packed(keys, found[:, 0], found[:, 1], found[:, 2], sums)


def unpacked(content: bytes) -> Packed:
    """What `Packed.bytes` kept."""
    import numpy as np

    with np.load(io.BytesIO(content)) as held:
        keys = json.loads(held["keys"].tobytes())
        return Packed(keys, held["leaf"], held["model"], held["block"], held["sums"])


def tallied(orders: Sequence[SoldOrder], known: Known, joined: Sequence[Joined] = ()) -> dict[str, Tally]:
    """Credit the orders of a stretch in every segment, under every model; by what is `known` of the run.

    Who `joined` in the stretch is credited to ways alone: nobody signs up for a course.
    """
    tallies: dict[str, Tally] = {segment: Tally() for segment in TREES}
    for order in orders:
        block = block_of(order.person)
        kept = sum(line.net_minor for line in order.lines)
        back = sum(line.refunded_minor for line in order.lines)
        margin = sum(line.margin_minor for line in order.lines)
        items = {segment: _items(order, segment) for segment in (Segment.COURSES, Segment.CREATORS)}
        for number, model in enumerate(MODELS):
            ways = _ways(order, model, known)
            channels: dict[Any, int] = {}
            for way, ppm in ways.items():
                figures = ppm, ppm if order.fresh else 0, ppm * kept, ppm * back, ppm * margin, 0
                tallies[Segment.WAYS].add(_way_key(way), number, block, figures)
                channel = way.channel if way else ""
                channels[channel] = channels.get(channel, 0) + ppm
            for segment, parts in items.items():
                for key, part, line, among in parts:
                    for channel, ppm in channels.items():
                        figures = _line_figures(ppm, part, line, among, fresh=order.fresh)
                        tallies[segment].add(f"{key}/channel:{channel}", number, block, figures)
    for one in joined:
        for number, model in enumerate(MODELS):
            for way, ppm in _ways(one, model, known).items():
                tallies[Segment.WAYS].add(_way_key(way), number, block_of(one.person), (0, 0, 0, 0, 0, ppm))
    return tallies


def _ways(order: SoldOrder | Joined, model: str, known: Known) -> dict[Way | None, int]:
    ways = {way for way, _at in order.path}
    if len(ways) < 2 and model != ReportModel.COUNTERFACTUAL:  # all others leave nothing to the baseline
        return {next(iter(ways), None): PPM}
    path = [Touch(key=way, occurred_at=at, channel=way.channel) for way, at in order.path]
    return credits_ppm(path, model=model, converted_at=order.occurred_at, known=known)


@lru_cache(maxsize=65_536)
def _way_key(way: Way | None) -> str:
    return way.key if way else key_of([("channel", None)])


def _items(order: SoldOrder, segment: str) -> list[tuple[str, int, SoldLine, int]]:
    """Each course (or creator, in equal parts) of an order: key, part of the order in ppm, line, how many share it."""
    values = [line.value_minor for line in order.lines]
    parts = apportion(PPM, values if any(values) else [1] * len(values)) if values else []
    found = []
    for line, part in zip(order.lines, parts, strict=True):
        if segment == Segment.COURSES:
            found.append((f"course:{line.course_id}", part, line, 1))
            continue
        makers = line.creator_ids or (0,)
        found += [(f"creator:{maker}", part, line, len(makers)) for maker in makers]
    return found


def _line_figures(ppm: int, part: int, line: SoldLine, among: int, *, fresh: bool) -> Figures:
    """Figures of a line that is `part` of its order in ppm, under a channel of `ppm`; `among` share it."""
    orders = ppm * part // PPM // among
    kept, back, margin = line.net_minor, line.refunded_minor, line.margin_minor
    return orders, orders if fresh else 0, ppm * kept // among, ppm * back // among, ppm * margin // among, 0


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
