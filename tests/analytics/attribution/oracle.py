"""The models once more, from their definitions, in exact fractions: slow, and sharing no code with the product."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

Rows = list[tuple[tuple[str, ...], int, int, int]]
"""(path, conversions, value, nulls)"""

DIRECT, WEIGHTS = ("b", 3), (0, 3, 1, 2)
"""The terms under which models are tried: channel b (3 where it is renamed) is direct."""

Credit = dict[str, tuple[Fraction, Fraction]]


def shares(path: Sequence[str], model: str) -> list[tuple[str, Fraction]]:
    length = len(path)
    one = Fraction(1)
    if model == "first_touch":
        return [(path[0], one)]
    if model == "last_touch":
        return [(path[-1], one)]
    if model == "linear":
        return [(channel, one / length) for channel in path]
    if model == "last_non_direct":
        return [(([channel for channel in path if channel not in DIRECT] or path)[-1], one)]
    if model == "position_weights":
        own = [WEIGHTS[min(i, len(WEIGHTS) - 1)] for i in range(length)]
        own = own if any(own) else [1] * length
        return [(channel, Fraction(weight, sum(own))) for channel, weight in zip(path, own, strict=True)]
    if model in ("shapley", "ordered_shapley"):
        return [(channel, one / len(set(path))) for channel in sorted(set(path))]
    if model == "u_shape":
        if length <= 2:
            return [(channel, one / length) for channel in path]
        middle = [(channel, one / 5 / (length - 2)) for channel in path[1:-1]]
        return [(path[0], 2 * one / 5), *middle, (path[-1], 2 * one / 5)]
    weights = [Fraction(2 ** (-i / 7)) for i in range(length)][::-1]
    return [(channel, weight / sum(weights)) for channel, weight in zip(path, weights, strict=True)]


def position_credit(rows: Rows, model: str) -> Credit:
    credit: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0), Fraction(0)])
    for path, conversions, value, _ in rows:
        for channel in path:
            credit[channel][0] += 0
        for channel, share in shares(path, model):
            credit[channel][0] += share * conversions
            credit[channel][1] += share * value
    return {channel: (count, money) for channel, (count, money) in credit.items()}


def windows(path: Sequence[str], order: int) -> list[tuple[str, ...]]:
    all_windows = [tuple(path[i : i + order]) for i in range(max(1, len(path) - order + 1))]
    return [here for i, here in enumerate(all_windows) if i == 0 or here != all_windows[i - 1]]


def solve(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Gauss-Jordan elimination."""
    size = len(right)
    table = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(size):
        pivot = next(r for r in range(i, size) if table[r][i])
        table[i], table[pivot] = table[pivot], table[i]
        table[i] = [x / table[i][i] for x in table[i]]
        for r in range(size):
            if r != i and table[r][i]:
                factor = table[r][i]
                table[r] = [x - factor * y for x, y in zip(table[r], table[i], strict=True)]
    return [row[-1] for row in table]


def absorbed(rows: Rows, order: int, without: str | None) -> tuple[Fraction, Fraction]:
    """Chance to convert and expected value of a journey in the chain; visits to `without` end it with nothing."""
    start: tuple[str, ...] = ()
    steps: dict[tuple[str, ...], dict[tuple[str, ...], int]] = defaultdict(lambda: defaultdict(int))
    ends: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for path, conversions, value, nulls in rows:
        weight = conversions + nulls
        if not weight:
            continue
        states = [start, *windows(path, order)]
        for here, there in pairwise(states):
            steps[here][there] += weight
        ends[states[-1]][0] += conversions
        ends[states[-1]][1] += nulls
        ends[states[-1]][2] += value if conversions else 0
    names = sorted({start, *ends, *steps, *(there for target in steps.values() for there in target)})
    gone = {name for name in names if without in name}
    kept = [name for name in names if name not in gone]
    matrix, chance, money = [], [], []
    for here in kept:
        out = sum(steps[here].values()) + ends[here][0] + ends[here][1] or 1
        matrix.append([Fraction(here == there) - Fraction(steps[here][there], out) for there in kept])
        chance.append(Fraction(ends[here][0], out))
        money.append(Fraction(ends[here][2], out))
    at = kept.index(start)
    return solve(matrix, chance)[at], solve(matrix, money)[at]


def removal_effects(rows: Rows, order: int) -> dict[str, tuple[Fraction, Fraction]]:
    p, v = absorbed(rows, order, None)
    channels = dict.fromkeys(channel for path, *_ in rows for channel in path)
    effects = {}
    for channel in channels:
        less_p, less_v = absorbed(rows, order, channel)
        effects[channel] = (1 - less_p / p if p else Fraction(0), 1 - less_v / v if v else Fraction(0))
    return effects
