"""The stream: money as a band that narrows as parts peel off (README of the face, section 7)."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.charts.scale import number

INNER = 12.0
"""Inner radius of the quarter turn by which a part leaves."""
THINNEST = 1.2
"""A part is never drawn thinner than this."""
HEIGHT = 120.0
"""Height of the start amount in the wide drawing."""
TAIL = 176.0
"""Where the parts have faded out, below the band, in the wide drawing."""


@dataclass(frozen=True)
class Stream:
    """The wide drawing: your band, and one path for each part that leaves."""

    width: float
    height: float
    band: float
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Upright:
    """The same turned upright: your band at the left, parts leaving to the right into rows."""

    width: float
    height: float
    band: float
    parts: tuple[str, ...]


def _check(total: float, parts: Sequence[float]) -> float:
    if total <= 0:
        raise ValueError("the start amount of a stream is above zero")
    if any(part < 0 for part in parts):
        raise ValueError("a part that leaves a stream is not negative")
    yours = total - sum(parts)
    if yours < -1e-9 * total:
        raise ValueError("the parts of a stream exceed its start amount")
    return max(yours, 0.0)


def stream(total: float, parts: Sequence[float], *, width: float = 840.0) -> Stream:
    """Place a stream in a drawing ``width`` wide.

    ``total`` is the start amount, ``parts`` what leaves in the order of the rule's steps; zero parts get an empty
    path. What remains is yours: a rectangle of that share of 120 px along the top. Raises ``ValueError`` for a start
    amount that is not above zero, a negative part, or parts above the total.
    """
    yours = _check(total, parts)
    scale = HEIGHT / total
    top, bottom = yours * scale, HEIGHT
    live = [part for part in parts if part > 0]
    step = width / max(len(live), 1)
    paths, place = [], 0
    for part in parts:
        if part == 0:
            paths.append("")
            continue
        deep = max(part * scale, THINNEST)
        x, low = (place + 0.42) * step, bottom
        high = low - deep
        paths.append(
            f"M0 {number(min(top, high))}H{number(x)}V{number(high)}"
            f"A{number(INNER + deep)} {number(INNER + deep)} 0 0 1 {number(x + INNER + deep)} {number(low + INNER)}"
            f"V{number(TAIL)}H{number(x + INNER)}V{number(low + INNER)}"
            f"A{number(INNER)} {number(INNER)} 0 0 0 {number(x)} {number(low)}H0Z"
        )
        bottom -= part * scale
        place += 1
    return Stream(width, TAIL, top, tuple(paths))


def upright(
    total: float, parts: Sequence[float], *, row: float = 50.0, thick: float = 82.0, width: float = 124.0
) -> Upright:
    """Place a stream upright beside rows ``row`` high: one row for each part above zero and one for yours.

    ``thick`` is the width of the start amount. Raises ``ValueError`` as ``stream`` does.
    """
    yours = _check(total, parts)
    scale = thick / total
    left, right = yours * scale, thick
    paths, place = [], 0
    for part in parts:
        if part == 0:
            paths.append("")
            continue
        deep = max(part * scale, THINNEST)
        inner = right - deep
        y = (place + 0.5) * row + deep / 2
        turn = max(min(INNER, y - deep - 1), 1.0)
        paths.append(
            f"M{number(min(left, inner))} 0V{number(y - turn - deep)}H{number(inner)}V{number(y - turn - deep)}"
            f"A{number(turn + deep)} {number(turn + deep)} 0 0 0 {number(right + turn)} {number(y)}"
            f"H{number(width)}V{number(y - deep)}H{number(right + turn)}"
            f"A{number(turn)} {number(turn)} 0 0 1 {number(right)} {number(y - deep - turn)}V0Z"
        )
        right -= part * scale
        place += 1
    return Upright(width, (place + 1) * row, left, tuple(paths))
