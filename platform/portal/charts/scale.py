"""Numbers as coordinates, and round steps for an axis."""

import math


def number(value: float) -> str:
    """Write a coordinate with at most two decimals and no trailing zeros; never ``-0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def nice_ticks(top: float, count: int = 4) -> list[float]:
    """Return ticks from 0 to at least ``top`` in steps of 1, 2 or 5 times a power of ten; at most ``count`` + 1.

    A top of zero or less gives the axis 0 to 1.
    """
    if top <= 0:
        return [0.0, 1.0]
    raw = top / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    steps = math.ceil(top / step - 1e-9)
    return [round(step * place, 10) for place in range(steps + 1)]
