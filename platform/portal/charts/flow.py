"""Path flow: columns of nodes joined by ribbons as wide as what passes."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.charts.scale import number

NODE = 9.0
"""Width of a node, px."""


@dataclass(frozen=True)
class Node:
    """A node: its key, x in drawing units, y, height and total."""

    key: Hashable
    x: float
    y: float
    height: float
    total: float

    @property
    def middle(self) -> str:
        """Return y of the node's middle."""
        return number(self.y + self.height / 2)


@dataclass(frozen=True)
class Ribbon:
    """A ribbon between two nodes and whether it touches the chosen key."""

    path: str
    chosen: bool
    total: float


@dataclass(frozen=True)
class Flow:
    """Columns of nodes and the ribbons between them; chosen ribbons come last so that they lie on top."""

    columns: tuple[tuple[Node, ...], ...]
    ribbons: tuple[Ribbon, ...]
    width: float
    height: float


def flow(
    links: Sequence[Mapping[tuple[Any, Any], float]],
    *,
    chosen: Hashable = None,
    width: float = 1000.0,
    height: float = 400.0,
    gap: float = 12.0,
) -> Flow:
    """Place a flow of as many columns as there are steps plus one.

    ``links`` maps (from, to) to an amount for each step. Order inside a column is that of first mention. Raises
    ``ValueError`` when a step has no links or a negative amount.
    """
    if not links or any(not step for step in links) or any(v < 0 for step in links for v in step.values()):
        raise ValueError("a flow needs links in each step, none negative")
    totals: list[dict[Hashable, float]] = [{} for _ in range(len(links) + 1)]
    for place, step in enumerate(links):
        for (source, target), amount in step.items():
            totals[place][source] = totals[place].get(source, 0.0) + amount
            totals[place + 1][target] = totals[place + 1].get(target, 0.0) + amount
    for place in range(1, len(links)):  # a middle node is as tall as the larger of what arrives and leaves
        arrives = _sums(links[place - 1], 1)
        leaves = _sums(links[place], 0)
        totals[place] = {key: max(arrives.get(key, 0.0), leaves.get(key, 0.0)) for key in totals[place]}
    scale = min((height - gap * (len(column) - 1)) / (sum(column.values()) or 1.0) for column in totals)
    columns = tuple(
        _column(column, x=(width - NODE) * place / len(links), scale=scale, gap=gap, height=height)
        for place, column in enumerate(totals)
    )
    ribbons = [ribbon for place, step in enumerate(links) for ribbon in _ribbons(step, columns, place, scale, chosen)]
    ribbons.sort(key=lambda ribbon: ribbon.chosen)
    return Flow(columns, tuple(ribbons), width, height)


def _sums(step: Mapping[tuple[Any, Any], float], side: int) -> dict[Hashable, float]:
    sums: dict[Hashable, float] = {}
    for key, amount in step.items():
        sums[key[side]] = sums.get(key[side], 0.0) + amount
    return sums


def _column(totals: Mapping[Hashable, float], *, x: float, scale: float, gap: float, height: float) -> tuple[Node, ...]:
    used = sum(totals.values()) * scale
    spare = (height - used) / (len(totals) - 1) if len(totals) > 1 else 0.0
    space, y, nodes = max(min(spare, 4 * gap), 0.0), 0.0, []
    for key, total in totals.items():
        nodes.append(Node(key, x, y, max(total * scale, 1.0), total))
        y += total * scale + space
    return tuple(nodes)


def _ribbons(
    step: Mapping[tuple[Any, Any], float],
    columns: Sequence[Sequence[Node]],
    place: int,
    scale: float,
    chosen: Hashable,
) -> list[Ribbon]:
    sources = {node.key: node for node in columns[place]}
    targets = {node.key: node for node in columns[place + 1]}
    order = {node.key: rank for rank, node in enumerate(columns[place + 1])}
    out = {key: node.y for key, node in sources.items()}
    into = {key: node.y for key, node in targets.items()}
    starts: dict[tuple[Hashable, Hashable], float] = {}
    for key in sorted(step, key=lambda pair: order[pair[1]]):
        starts[key] = out[key[0]]
        out[key[0]] += step[key] * scale
    ribbons = []
    for rank in sources:
        for key, amount in step.items():
            if key[0] != rank or amount == 0:
                continue
            wide = amount * scale
            x1, x2 = sources[key[0]].x + NODE, targets[key[1]].x
            y1, y2 = starts[key], into[key[1]]
            into[key[1]] += wide
            half = number((x1 + x2) / 2)
            path = (
                f"M{number(x1)} {number(y1)}C{half} {number(y1)} {half} {number(y2)} {number(x2)} {number(y2)}"
                f"V{number(y2 + wide)}C{half} {number(y2 + wide)} {half} {number(y1 + wide)} "
                f"{number(x1)} {number(y1 + wide)}Z"
            )
            ribbons.append(Ribbon(path, chosen is not None and chosen in key, amount))
    return ribbons
