"""What journeys of a report looked like: from which channel they began, by which they ended, and what came of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from analytics.selectors import ReportPath

ORDERED = 0
"""Stands for the order or sign-up at the end of a path of channels."""

MOST_PATHS = 12
"""Most frequent paths that a report keeps."""


def path_facts(reached: Sequence[ReportPath], null_paths: Mapping[tuple[int, ...], int]) -> dict[str, Any]:
    """Count journeys with a touch, as plain data: those that `reached` the goal (orders or sign-ups), and the others.

    `ends`: [first channel, last channel, orders, journeys without one]; `top`: the same of the commonest paths, with
    their channels (repeats told once) in front; `touches`: orders by the number of touches before them; `days`: orders
    by whole days from the first touch to the order; `steps`: [channel, next channel, how often], an order being 0.
    """
    ends: dict[tuple[int, int], list[int]] = {}
    paths: dict[tuple[int, ...], list[int]] = {}
    touches: Counter[int] = Counter()
    days = Counter((order.occurred_at - order.path[0][1]).days for order in reached if order.path)
    steps: Counter[tuple[int, int]] = Counter()
    journeys = [(tuple(channel for channel, _at in order.path), 1, 0) for order in reached]
    journeys += [(path, 0, count) for path, count in null_paths.items()]
    for path, orders, nulls in journeys:
        if not path:
            continue
        if orders:
            touches[len(path)] += orders
        for step in pairwise((*path, ORDERED) if orders else path):
            steps[step] += orders or nulls
        told = tuple(channel for place, channel in enumerate(path) if not place or path[place - 1] != channel)
        for counts in (ends.setdefault((path[0], path[-1]), [0, 0]), paths.setdefault(told, [0, 0])):
            counts[0] += orders
            counts[1] += nulls
    often = sorted(paths.items(), key=lambda row: (-sum(row[1]), row[0]))[:MOST_PATHS]
    return {
        "ends": [[*pair, *counts] for pair, counts in sorted(ends.items())],
        "top": [[list(path), *counts] for path, counts in often],
        "touches": {str(number): orders for number, orders in sorted(touches.items())},
        "days": {str(number): orders for number, orders in sorted(days.items())},
        "steps": [[*pair, count] for pair, count in sorted(steps.items())],
    }
