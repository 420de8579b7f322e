"""Reads the detail of a finished report: channels, the ways in them, courses and creators, as rows that sum."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import Party
from analytics.attribution.disagreement import disagreement
from analytics.attribution.report import ChannelRow
from analytics.choices import Goal, Segment
from analytics.models import Campaign, ReportNode, ReportRun
from analytics.selectors.segments import steps_of
from courses.models import Course
from partners.models import Channel, TrackingLink

MOST_ROWS = 20
"""Rows that are shown below one row; what is beyond them stands together in one more."""

SUMMED = (
    "touches", "spend_minor", "orders_ppm", "buyers_ppm", "revenue_minor", "refunds_minor", "margin_minor",
    "sign_ups_ppm",
)  # fmt: skip

_COLUMNS = (
    "parent", "key", "depth", "has_rows", "model", *SUMMED,
    "revenue_low_minor", "revenue_high_minor", "buyers_low_ppm", "buyers_high_ppm", "orders_low_ppm", "orders_high_ppm",
    "sign_ups_low_ppm", "sign_ups_high_ppm",
)  # fmt: skip


class _Goal(NamedTuple):
    figure: str
    ends: str


GOALS: Mapping[str, _Goal] = {
    Goal.REVENUE: _Goal("revenue_minor", "revenue_ends"),
    Goal.ORDERS: _Goal("orders_ppm", "orders_ends"),
    Goal.BUYERS: _Goal("buyers_ppm", "buyers_ends"),
    Goal.SIGN_UPS: _Goal("sign_ups_ppm", "sign_ups_ends"),
}
"""What each goal shows of a row."""


@dataclass
class NodeRow(ChannelRow):
    """The figures of a row under one model, with what the house keeps; `*_ends` are 95 % intervals, None on sums."""

    touches: int = 0
    margin_minor: int = 0
    sign_ups_ppm: int = 0
    revenue_ends: tuple[int, int] | None = None
    buyers_ends: tuple[int, int] | None = None
    orders_ends: tuple[int, int] | None = None
    sign_ups_ends: tuple[int, int] | None = None

    @property
    def net_margin_minor(self) -> int:
        """What is left of the margin after spend."""
        return self.margin_minor - self.spend_minor


@dataclass
class NodeLine:
    """One row of the detail. `key` is empty where it sums several; `slot` is the channel's colour."""

    key: str
    depth: int = 1
    name: str = ""
    slot: int = 0
    has_rows: bool = False
    is_open: bool = False
    models: dict[str, NodeRow] = field(default_factory=dict)

    @property
    def channel_id(self) -> int | None:
        """The channel that the row stands for itself; None for ways in it, courses, creators and sums."""
        steps = steps_of(self.key)
        return int(steps[0][1]) if len(steps) == 1 and steps[0][0] == "channel" and steps[0][1] else None

    @property
    def is_unattributed(self) -> bool:
        """Whether it is what no channel is credited with, or (spend) no course."""
        return self.key == "channel:"

    def revenue(self, model: str) -> int:
        """Revenue under a model, in minor units."""
        return self.told(Goal.REVENUE, model)

    def told(self, goal: str, model: str) -> int:
        """The figure of a goal under a model, in minor units or ppm."""
        return int(getattr(self.models[model], GOALS[goal].figure)) if model in self.models else 0

    def ends(self, goal: str, model: str) -> tuple[int, int] | None:
        """The 95 % interval of that figure."""
        found: tuple[int, int] | None = getattr(self.models.get(model), GOALS[goal].ends, None)
        return found

    def spread(self, goal: str) -> float | None:
        """The largest figure over the smallest among models that give any; None where none does."""
        told = {model: {None: self.told(goal, model)} for model in self.models}
        return disagreement(told).channels[None].factor if told else None


@dataclass(frozen=True)
class Detail:
    """The rows that are shown, from top to bottom, and the sums of those on the highest level; all `within` one row."""

    run: ReportRun
    segment: str
    lines: list[NodeLine]
    total: NodeLine
    within: NodeLine | None = None


def report_detail(
    run: ReportRun, *, segment: str, model: str, goal: str = Goal.REVENUE, opened: Collection[str] = (), only: str = ""
) -> Detail:
    """The highest level of a segment by the goal's figure under `model`, and the rows below each key in `opened`.

    Every figure of a row is the sum of the rows below it. "Unattributed" and what has no further detail come last.
    `only` is the key of a channel, course or creator: all figures are then of what lies in it. Within a course or
    creator rows are channels; within a channel they are its ways, or its part of every course or creator.
    """
    below = _below(ReportNode.objects.filter(run=run), segment, only, opened)
    total = _sum("", below[""].values())
    lines = list(_in_order("", below, model, goal))
    within = NodeLine(only) if only else None
    _name([*lines, within] if within else lines)
    return Detail(run, segment, lines, total, within)


def node_rows(
    run: ReportRun,
    *,
    segment: str,
    model: str,
    goal: str = Goal.REVENUE,
    only: str = "",
    side_by_side: bool = False,
) -> list[NodeLine]:
    """Every row of a segment (within `only`) by the goal's figure under `model`, each above those below it, named.

    With figures under this model, or `side_by_side` under all.
    """
    rows = ReportNode.objects.filter(run=run)
    below = _below(rows if side_by_side else rows.filter(model=model), segment, only)
    lines = list(_in_order("", below, model, goal, most=None))
    _name(lines)
    return lines


def _below(
    rows: QuerySet[ReportNode], segment: str, only: str, opened: Collection[str] | None = None
) -> dict[str, dict[str, NodeLine]]:
    """Rows by the key of the one above them; at the top, and below each key in `opened` (None: below every one)."""
    level = only.partition(":")[0]
    segment = {"course": Segment.COURSES, "creator": Segment.CREATORS}.get(level, segment)
    rows, above = rows.filter(segment=segment), ""
    if level == "channel" and segment != Segment.WAYS:  # this channel's part of each course or creator
        rows = rows.filter(depth=2, key__endswith=f"/{only}")
    else:
        above = only
        rows = rows.filter(parent__startswith=above) if opened is None else rows.filter(parent__in=[above, *opened])
    below: dict[str, dict[str, NodeLine]] = defaultdict(dict)
    for parent, key, depth, has_rows, of, *figures in rows.values_list(*_COLUMNS):
        told = _within((parent, key, depth, has_rows), segment, only, above)
        if told is None:
            continue
        above_it, shown, deep, opens = told
        line = below[above_it].setdefault(shown, NodeLine(shown, deep, has_rows=opens))
        line.models[of] = _figures(figures)
    return below


def _within(
    place: tuple[str, str, int, bool], segment: str, only: str, above: str
) -> tuple[str, str, int, bool] | None:
    """Parent, key, depth and whether there are rows below, as told within `only`; None of what lies beside it."""
    parent, key, depth, has_rows = place
    if above and parent != above and not parent.startswith(f"{above}/"):
        return None
    if only and segment != Segment.WAYS:  # "course:5/channel:3" is told by the step that is not given
        return "", key.replace(only, "").strip("/"), 1, False
    return "" if parent == above else parent, key, depth - bool(above), has_rows


def _figures(figures: Sequence[int]) -> NodeRow:
    """The figures of a row in the order of `_COLUMNS`."""
    touches, spend, orders, buyers, revenue, refunds, margin, sign_ups, *ends = figures
    told = [(ends[place], ends[place + 1]) for place in (0, 2, 4, 6)]
    return NodeRow(spend, revenue, refunds, orders, buyers, touches, margin, sign_ups, *told)


def _sum(key: str, lines: Iterable[NodeLine], depth: int = 1) -> NodeLine:
    total = NodeLine(key, depth)
    for line in lines:
        for model, row in line.models.items():
            sums = total.models.setdefault(model, NodeRow())
            for name in SUMMED:
                setattr(sums, name, getattr(sums, name) + getattr(row, name))
    return total


def _in_order(
    parent: str, below: Mapping[str, Mapping[str, NodeLine]], model: str, goal: str, most: int | None = MOST_ROWS
) -> Iterable[NodeLine]:
    """Rows depth first, the largest figure first; a long tail in one row of its own."""

    def place(line: NodeLine) -> tuple[Any, ...]:
        last = line.is_unattributed or line.key.endswith("rest:")
        return last, -line.told(goal, model), -line.models[model].spend_minor if model in line.models else 0, line.key

    rows = sorted(below.get(parent, {}).values(), key=place)
    tail: list[NodeLine] = []
    if most is not None and len(rows) > most + 1:
        kept = [row for row in rows if row.is_unattributed]
        rest = [row for row in rows if not row.is_unattributed]
        rows, tail = [*rest[:most], *kept], rest[most:]
    for line in rows:
        if line.is_unattributed and tail:
            yield _more(tail)
            tail = []
        yield line
        line.is_open = line.key in below
        if line.is_open:
            yield from _in_order(line.key, below, model, goal, most)
    if tail:
        yield _more(tail)


def _more(tail: Sequence[NodeLine]) -> NodeLine:
    line = _sum("", tail, tail[0].depth)
    line.name = ngettext("%(number)s more", "%(number)s more", len(tail)) % {"number": len(tail)}
    return line


def _name(lines: Sequence[NodeLine]) -> None:
    """Give every line its name and colour, with one query for each kind of thing that is named."""
    last = {line.key: steps_of(line.key)[-1] for line in lines if line.key}
    ids: dict[str, set[int]] = defaultdict(set)
    for level, value in last.values():
        if value.isdecimal():
            ids[level].add(int(value))
    channels = Channel.objects.in_bulk(ids["channel"]) if ids["channel"] else {}
    names: dict[str, dict[int, str]] = {"channel": {pk: channel.local_name for pk, channel in channels.items()}}
    for level, model in (("campaign", Campaign), ("partner", Party), ("creator", Party)):
        found = model.objects.in_bulk(ids[level]) if ids[level] else {}
        names[level] = {pk: row.local_name for pk, row in found.items()}
    courses = Course.objects.in_bulk(ids["course"]) if ids["course"] else {}
    names["course"] = {pk: course.local_title for pk, course in courses.items()}
    links = TrackingLink.objects.in_bulk(ids["link"]) if ids["link"] else {}
    names["link"] = {pk: f"/go/{link.code}" for pk, link in links.items()}
    for line in lines:
        if not line.key:
            continue
        level, value = last[line.key]
        known = names.get(level, {}).get(int(value)) if value.isdecimal() else None
        line.name = known or _unnamed(level, value)
        if level == "channel" and value:
            line.slot = channels[int(value)].slot if int(value) in channels else 0


def _unnamed(level: str, value: str) -> str:
    if level == "channel" and not value:
        return _("Unattributed")
    if level == "rest":
        return _("Without more detail")
    if level == "creator":
        return _("No creator")
    return value
