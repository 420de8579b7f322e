"""From the sums of all stretches to the tree that a report shows: whole numbers, each row the sum of those below."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analytics.attribution.uncertainty import BLOCKS, draws, interval, resampled
from analytics.choices import Segment
from analytics.models import ReportNode
from analytics.services.segments import FIGURES, MODELS, Packed
from ledger.money import PPM, apportion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REST = "rest:"
"""The step under which a row keeps what has no further detail, beside rows that have."""

_AT_ONCE = 4_000
"""Columns that are drawn anew at once."""

ORDERS, BUYERS, REVENUE, REFUNDS, MARGIN, SIGN_UPS, SPEND, TOUCHES = range(len(FIGURES) + 2)

SURE = (
    ("orders_{}_ppm", ORDERS), ("buyers_{}_ppm", BUYERS), ("revenue_{}_minor", REVENUE), ("sign_ups_{}_ppm", SIGN_UPS),
)  # fmt: skip
"""Figures with an interval, and the names of its ends."""

ENDS = tuple(name.format(end) for name, figure in SURE if figure != SIGN_UPS for end in ("low", "high"))
"""Those that a channel's own row has."""


@dataclass(slots=True)
class Tree:
    """The nodes of one segment: keys in order of depth, the children of each, and what lies on each leaf itself."""

    leaves: list[str]
    nodes: list[str] = field(default_factory=list)
    children: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    below: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, keys: Sequence[str]) -> Tree:
        """The tree over these leaves; a leaf that also has rows below it becomes the rest beside them."""
        inner = {parent for key in keys for parent in _above(key)}
        tree = cls([f"{key}/{REST}" if key in inner else key for key in keys])
        for place, leaf in enumerate(tree.leaves):
            for key in (*_above(leaf), leaf):
                tree.below[key].append(place)
        tree.nodes = sorted(tree.below, key=lambda key: (key.count("/"), key))
        for key in tree.nodes:
            tree.children[key.rpartition("/")[0]].append(key)
        return tree


def _above(key: str) -> list[str]:
    steps = key.split("/")
    return ["/".join(steps[:depth]) for depth in range(1, len(steps))]


@dataclass(frozen=True, slots=True)
class Whole:
    """What a segment must sum to: by figure, and (for ways) what each channel's row says by its key, with intervals."""

    totals: Mapping[str, Sequence[int]]
    channels: Mapping[str, Mapping[str, Sequence[int]]]
    ends: Mapping[str, Mapping[str, Mapping[str, int]]]


def nodes_of(
    *,
    run_id: int,
    segment: str,
    parts: Sequence[Packed],
    whole: Whole,
    touches: Mapping[str, int],
    spend: Mapping[str, int],
) -> list[ReportNode]:
    """The rows of a segment under every model. `whole.totals[model]` are as `FIGURES` (margin left at 0), then spend
    and touches.

    Rows are divided from above: what a row shows is divided over the rows below in proportion to their credit, so that
    columns sum on every level, also where a model (Markov) credits channels as a whole. Intervals come from drawing
    blocks of people anew; a channel has that of its own row, for which models were fitted anew, below it what Markov
    and the conversion model have learnt is held as it is.
    """
    told = {*touches, *spend, *(key for part in parts for key in part.keys), "channel:"}
    rows = {key for channels in whole.channels.values() for key in channels}
    keys = sorted(told | (rows - {key.partition("/")[0] for key in told}))
    tree = Tree.of(keys)
    flat = _flat(tree, touches, spend, whole)
    found = []
    for number, model in enumerate(MODELS):
        blocks = _blocks(keys, parts, number)
        sums = blocks.sum(axis=1)
        weights = {key: [int(figure) for figure in sums[tree.below[key]].sum(axis=0)] for key in tree.nodes}
        figures = _divided(tree, weights, whole.totals[model], whole.channels.get(model, {}), touches=flat)
        ends = _ends(tree, blocks, weights, figures)
        found += [
            ReportNode(
                run_id=run_id,
                segment=segment,
                model=model,
                key=key,
                parent=key.rpartition("/")[0],
                depth=1 + key.count("/"),
                has_rows=bool(tree.children.get(key)),
                touches=flat[key][0],
                spend_minor=flat[key][1],
                orders_ppm=figures[key][ORDERS],
                buyers_ppm=figures[key][BUYERS],
                revenue_minor=figures[key][REVENUE],
                refunds_minor=figures[key][REFUNDS],
                margin_minor=figures[key][MARGIN],
                sign_ups_ppm=figures[key][SIGN_UPS],
                **{**ends[key], **whole.ends.get(model, {}).get(key, {})},
            )
            for key in tree.nodes
        ]
    return found


def _blocks(keys: Sequence[str], parts: Sequence[Packed], model: int) -> NDArray[np.int64]:
    """What blocks of people add to leaves under one model: (leaves, blocks, figures)."""
    import numpy as np

    place = {key: number for number, key in enumerate(keys)}
    sums = np.zeros((len(keys), BLOCKS, len(FIGURES)), np.int64)
    for part in parts:
        if len(part.keys):
            own, rows = np.array([place[key] for key in part.keys]), part.model == model
            np.add.at(sums, (own[part.leaf[rows]], part.block[rows]), part.sums[rows])
    return sums


def _flat(tree: Tree, touches: Mapping[str, int], spend: Mapping[str, int], whole: Whole) -> dict[str, tuple[int, int]]:
    """Touches and spend of each node; what a channel's own row says of both is divided over what lies below.

    Touches go on coming while a report is computed: what came after the channels' rows were is in none of them.
    """
    leaf_touches, leaf_spend = ([of.get(_plain(leaf), 0) for leaf in tree.leaves] for of in (touches, spend))
    weights = {key: [sum(leaf_spend[place] for place in tree.below[key])] for key in tree.nodes}
    came = {key: [sum(leaf_touches[place] for place in tree.below[key])] for key in tree.nodes}
    rows, total = next(iter(whole.channels.values()), {}), next(iter(whole.totals.values()))
    touched, spent = (
        _divided(
            tree, by, total[of : of + 1], {key: row[of : of + 1] for key, row in rows.items()}, scale=1, touches=came
        )
        for by, of in ((came, TOUCHES), (weights, SPEND))
    )
    return {key: (touched[key][0], spent[key][0]) for key in tree.nodes}


def _plain(leaf: str) -> str:
    return leaf.removesuffix(f"/{REST}")


def _divided(
    tree: Tree,
    weights: Mapping[str, Sequence[int]],
    totals: Sequence[int],
    channels: Mapping[str, Sequence[int]],
    *,
    scale: int = PPM,
    touches: Mapping[str, Sequence[int]],
) -> dict[str, list[int]]:
    """Every node's figures, from the totals down; margin may be below zero.

    What a model gives a channel whose touches are on no order's path is divided by touches.
    """
    width = len(next(iter(weights.values())))
    found: dict[str, list[int]] = {"": [*totals[:width]]}
    if width == len(FIGURES):
        found[""][MARGIN] = _rounded([sum(weights[key][MARGIN] for key in tree.children[""])], scale)[0]
    for parent in ("", *tree.nodes):
        below = tree.children.get(parent, [])
        if not below:
            continue
        columns = []
        for place in range(width):
            amounts = [weights[key][place] for key in below]
            if place == MARGIN:
                columns.append(_rounded(amounts, scale, total=found[parent][place]))
            elif not parent and channels:
                columns.append([channels[key][place] if key in channels else 0 for key in below])
            else:
                columns.append(_shared(found[parent][place], amounts, [touches[key][0] for key in below]))
        for row, key in enumerate(below):
            found[key] = [column[row] for column in columns]
    return found


def _shared(total: int, weights: Sequence[int], otherwise: Sequence[int]) -> list[int]:
    return apportion(total, next((some for some in (weights, otherwise) if any(some)), [1] * len(weights)))


def _rounded(amounts: Sequence[int], scale: int, *, total: int | None = None) -> list[int]:
    """Amounts of either sign in whole units: rounded so that they sum to `total`, the largest remainders upwards."""
    parts = [amount // scale for amount in amounts]
    rest = (sum(amounts) + scale // 2) // scale if total is None else total
    rest -= sum(parts)
    order = sorted(range(len(amounts)), key=lambda place: (-(amounts[place] % scale), place))
    for place in order[: max(0, rest)]:
        parts[place] += 1
    return parts


def _ends(
    tree: Tree,
    blocks: NDArray[np.int64],
    weights: Mapping[str, Sequence[int]],
    figures: Mapping[str, Sequence[int]],
) -> dict[str, dict[str, int]]:
    """The intervals of the figures that have one, of every node; each holds the figure itself."""
    import numpy as np

    drawn = draws()
    found: dict[str, dict[str, int]] = {}
    for first in range(0, len(tree.nodes), _AT_ONCE // len(SURE)):
        some = tree.nodes[first : first + _AT_ONCE // len(SURE)]
        own = np.stack(
            [blocks[tree.below[key]].sum(axis=0)[:, [figure for _name, figure in SURE]] for key in some], axis=1
        )
        low, high = interval(resampled(own.reshape(BLOCKS, -1).astype(np.float64), drawn))
        ends = np.stack([low, high]).reshape(2, len(some), len(SURE))
        for place, key in enumerate(some):
            told: dict[str, int] = {}
            for column, (name, figure) in enumerate(SURE):
                value, weight = figures[key][figure], weights[key][figure]
                factor = value / weight if weight else 0.0
                below, above = (round(float(ends[side, place, column]) * factor) for side in (0, 1))
                told[name.format("low")], told[name.format("high")] = min(below, value), max(above, value)
            found[key] = told
    return found


def whole_of(rows: Sequence[Any], *, segment: str) -> Whole:
    """What the rows of the channels say that a segment must sum to; for ways, also each of them."""
    totals: dict[str, list[int]] = {model: [0] * (len(FIGURES) + 2) for model in MODELS}
    channels: dict[str, dict[str, list[int]]] = {model: {} for model in MODELS}
    ends: dict[str, dict[str, dict[str, int]]] = {model: {} for model in MODELS}
    for row in rows:
        # Nobody signs up for a course, and no touch is one of a course.
        sign_ups, touches = (row.sign_ups_ppm, row.touches) if segment == Segment.WAYS else (0, 0)
        said = [
            row.orders_ppm,
            row.buyers_ppm,
            row.revenue_minor,
            row.refunds_minor,
            0,
            sign_ups,
            row.spend_minor,
            touches,
        ]
        totals[row.model] = [a + b for a, b in zip(totals[row.model], said, strict=True)]
        channels[row.model][f"channel:{row.channel_id or ''}"] = said
        ends[row.model][f"channel:{row.channel_id or ''}"] = {name: getattr(row, name) for name in ENDS}
    return Whole(totals, *((channels, ends) if segment == Segment.WAYS else ({}, {})))
