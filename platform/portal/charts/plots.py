"""Places on an axis for marks and intervals."""

import math

from portal.charts.scale import number


def place_linear(value: float, low: float, high: float) -> str:
    """Return the place of a value between two ends in percent, kept inside them; equal ends give the middle."""
    if high <= low:
        return "50%"
    return f"{number(100 * min(max((value - low) / (high - low), 0.0), 1.0))}%"


def log_ticks(low: float, high: float) -> list[float]:
    """Return powers of two that reach from below ``low`` to above ``high``, with 1 among them.

    Values at or below zero count as one sixteenth.
    """
    first = math.floor(math.log2(max(low, 1 / 16)))
    last = math.ceil(math.log2(max(high, 1 / 16)))
    return [2.0**power for power in range(min(first, 0), max(last, 1) + 1)]


def place_log(value: float, ticks: list[float]) -> str:
    """Return the place of a value on a doubling axis in percent, kept inside the first and the last tick."""
    start, end = math.log2(ticks[0]), math.log2(ticks[-1])
    if value <= 0:
        return "0%"
    return place_linear(math.log2(value), start, end)
