"""Drawings made of rectangles: forecast band, release bars, ranks, stacked columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from portal.charts.scale import nice_ticks, number


@dataclass(frozen=True)
class Bar:
    """One rectangle, in percent of the drawing's width and pixels of its height."""

    x: str
    width: str
    y: str
    height: str
    key: int = 0


@dataclass(frozen=True)
class BarStack:
    """The rectangles of one column from the axis upward, and the middle of the column in percent."""

    bars: tuple[Bar, ...]
    middle: str


@dataclass(frozen=True)
class Columns:
    """Stacked columns with their ticks as (value, y)."""

    stacks: tuple[BarStack, ...]
    ticks: tuple[tuple[float, str], ...]
    height: float


@dataclass(frozen=True)
class Pairs:
    """Two columns side by side for each place, from a zero line that may lie above the foot; ticks as (value, y)."""

    pairs: tuple[tuple[Bar, Bar], ...]
    middles: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    zero: str
    height: float


def band(have: float, soon: float, low: float, high: float, expected: float) -> dict[str, str]:
    """Place the forecast band on an axis that ends at the upper bound; all results in percent of its width.

    ``have`` is available now, ``soon`` will be released before the cut-off, ``low`` to ``high`` the interval of the
    total, ``expected`` its middle. Raises ``ValueError`` unless low <= expected <= high and all are non-negative.
    """
    if not 0 <= low <= expected <= high or have < 0 or soon < 0:
        raise ValueError("a forecast band needs 0 <= low <= expected <= high and amounts that are not negative")
    end = max(high, have + soon) or 1.0

    def at(value: float) -> str:
        return f"{number(100 * value / end)}%"

    return {
        "have": at(have),
        "soon_x": at(have),
        "soon": at(soon),
        "low": at(low),
        "span": at(high - low),
        "high": at(high),
        "expected": at(expected),
    }


def release(amounts: Sequence[float], *, height: float = 54.0, gap: float = 0.28) -> tuple[Bar, ...]:
    """Place one bar for each day; amounts above zero are at least 2 px high, others 0."""
    top = max(amounts, default=0) or 1.0
    step = 100 / max(len(amounts), 1)
    bars = []
    for place, amount in enumerate(amounts):
        tall = max(2.0, height * amount / top) if amount > 0 else 0.0
        bars.append(
            Bar(
                f"{number((place + gap / 2) * step)}%",
                f"{number(step * (1 - gap))}%",
                number(height - tall),
                number(tall),
            )
        )
    return tuple(bars)


def rank_widths(values: Sequence[float]) -> tuple[str, ...]:
    """Return each row's bar in percent of the largest; values at or below zero get none."""
    top = max(values, default=0)
    return tuple(f"{number(100 * value / top)}%" if top > 0 and value > 0 else "0%" for value in values)


def columns(stacks: Sequence[Sequence[float]], *, height: float = 200.0, gap: float = 0.32) -> Columns:
    """Place stacked columns; each stack lists its parts from the axis upward, at the slot of its place.

    Raises ``ValueError`` for a negative part.
    """
    if any(part < 0 for stack in stacks for part in stack):
        raise ValueError("a part of a stacked column is not negative")
    ticks = nice_ticks(max((sum(stack) for stack in stacks), default=0))
    scale, step = height / ticks[-1], 100 / max(len(stacks), 1)
    placed = []
    for place, stack in enumerate(stacks):
        base, bars = height, []
        for slot, part in enumerate(stack, start=1):
            tall = part * scale
            base -= tall
            if part > 0:
                bars.append(
                    Bar(
                        f"{number((place + gap / 2) * step)}%",
                        f"{number(step * (1 - gap))}%",
                        number(base),
                        number(tall),
                        slot,
                    )
                )
        placed.append(BarStack(tuple(bars), f"{number((place + 0.5) * step)}%"))
    return Columns(tuple(placed), tuple((tick, number(height - tick * scale)) for tick in ticks), height)


def pairs(values: Sequence[tuple[float, float]], *, height: float = 200.0, gap: float = 0.3) -> Pairs:
    """Place two columns for each pair; a value below zero hangs from the zero line."""
    top = max((max(pair) for pair in values), default=0)
    low = min((min(pair) for pair in values), default=0)
    step = nice_ticks(max(top, -low, 0))[1]
    first, last = (
        -math.ceil(max(-low, 0) / step - 1e-9),
        max(math.ceil(max(top, 0) / step - 1e-9), 1 if low >= 0 else 0),
    )
    scale = height / ((last - first) * step)
    zero, wide = last * step * scale, 100 / max(len(values), 1)
    bar = wide * (1 - gap) / 2
    placed = []
    for place, pair in enumerate(values):
        left = (place + gap / 2) * wide
        placed.append(
            tuple(
                Bar(
                    f"{number(left + side * bar)}%",
                    f"{number(bar)}%",
                    number(zero - max(value, 0) * scale),
                    number(abs(value) * scale),
                    side,
                )
                for side, value in enumerate(pair)
            )
        )
    return Pairs(
        tuple((a, b) for a, b in placed),
        tuple(f"{number((place + 0.5) * wide)}%" for place in range(len(values))),
        tuple((round(at * step, 10), number(zero - at * step * scale)) for at in range(first, last + 1)),
        number(zero),
        height,
    )


def swings(values: Sequence[float]) -> tuple[tuple[str, str], ...]:
    """Place one bar for each value on a common axis with zero in its middle: (x, width) in percent."""
    top = max((abs(value) for value in values), default=0)
    if not top:
        return tuple(("50%", "0%") for _value in values)
    wide = [50 * abs(value) / top for value in values]
    return tuple(
        (f"{number(50 - part if value < 0 else 50)}%", f"{number(part)}%")
        for value, part in zip(values, wide, strict=True)
    )
