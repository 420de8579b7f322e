"""Drawings made of one line: sparkline, line chart, decay curve."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.charts.scale import nice_ticks, number


@dataclass(frozen=True)
class Curve:
    """A line and the area under it as SVG paths, its end as (x percent, y), and ticks as (value, y)."""

    line: str
    area: str
    end: tuple[str, str]
    ticks: tuple[tuple[float, str], ...] = ()


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)


def _spread(count: int, width: float) -> list[float]:
    return [width * place / (count - 1) for place in range(count)] if count > 1 else [0.0] * count


def spark(values: Sequence[float], *, width: float = 64.0, height: float = 20.0) -> Curve:
    """Place a sparkline on its own range, two pixels of air above and below; a flat series lies in the middle.

    Raises ``ValueError`` for no values.
    """
    if not values:
        raise ValueError("a sparkline needs a value")
    low, high = min(values), max(values)
    reach = high - low
    y = [height / 2 if reach == 0 else height - 2 - (height - 4) * (value - low) / reach for value in values]
    x = _spread(len(values), width) if len(values) > 1 else [width]
    points = [(0.0, y[0]), (width, y[0])] if len(values) == 1 else list(zip(x, y, strict=True))
    area = f"{_path(points)}V{number(height)}H0Z"
    return Curve(_path(points), area, ("100%", number(points[-1][1])))


def line(values: Sequence[float], *, top: float | None = None, width: float = 1000.0, height: float = 160.0) -> Curve:
    """Place a line whose axis starts at 0 in a drawing stretched to its width.

    ``top`` fixes the end of the axis so that two lines share it. Raises ``ValueError`` for no values or a negative one.
    """
    if not values or min(values) < 0:
        raise ValueError("a line needs values, none below zero")
    ticks = nice_ticks(max(*values, top or 0))
    scale = height / ticks[-1]
    xs = _spread(len(values), width) if len(values) > 1 else [width]
    points = list(zip(xs, (height - value * scale for value in values), strict=True))
    if len(points) == 1:
        points.insert(0, (0.0, points[0][1]))
    placed = tuple((tick, number(height - tick * scale)) for tick in ticks)
    return Curve(_path(points), f"{_path(points)}V{number(height)}H0Z", ("100%", number(points[-1][1])), placed)


def stems(
    ages: Sequence[float], weights: Sequence[int], *, window: float, height: float = 64.0
) -> tuple[tuple[str, str], ...]:
    """Place a mark for each touch over the last ``window`` days, as high as its weight; the largest fills 0.9 of it.

    ``ages`` are days before the order. Returns (x in percent, y) of each. Raises ``ValueError`` for an age outside.
    """
    if window <= 0 or any(not 0 <= age <= window for age in ages):
        raise ValueError("a touch lies outside the window")
    top = max([*weights, 1])
    return tuple(
        (f"{number(100 * (1 - age / window))}%", number(height * (1 - 0.9 * weight / top)))
        for age, weight in zip(ages, weights, strict=True)
    )


def decay(
    ages: Sequence[float], *, half_life: float, window: float, width: float = 1000.0, height: float = 64.0
) -> tuple[Curve, tuple[tuple[str, str], ...]]:
    """Place the weight curve 2^(-age / half-life) over the last ``window`` days, and a mark for each touch.

    ``ages`` are days before the order. Returns the curve and for each touch (x in percent, y). Raises ``ValueError``
    for a half-life or window that is not above zero, or an age outside the window.
    """
    if half_life <= 0 or window <= 0:
        raise ValueError("half-life and window are above zero")
    if any(not 0 <= age <= window for age in ages):
        raise ValueError("a touch lies outside the window")

    def at(age: float) -> float:
        return height * (1 - 0.9 * float(2 ** (-age / half_life)))

    points = [(width * place / 60, at(window * (1 - place / 60))) for place in range(61)]
    marks = tuple((f"{number(100 * (1 - age / window))}%", number(at(age))) for age in ages)
    return Curve(_path(points), f"{_path(points)}V{number(height)}H0Z", ("100%", number(points[-1][1]))), marks
