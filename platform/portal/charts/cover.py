"""Generated course covers: flow lines, bars, dots or rings on a two-tone ground, chosen by the course's id."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import exp, pi, sin
from typing import NamedTuple

from portal.charts.scale import number

WIDTH, HEIGHT = 320.0, 200.0
HUES = 6
STEPS = 25
STRIDE = WIDTH / (STEPS - 1)
_CURVE = (
    "M0 %.1f"
    + "".join(f"Q{step * STRIDE:.1f} %.1f {(step + 0.5) * STRIDE:.1f} %.1f" for step in range(1, STEPS - 1))
    + f"T{WIDTH:.0f} %.1f"
)
"""Quadratic curves between points at even distances; only their heights are missing."""

_OPENED = {"path": "<path", "rect": "<rect", "dot": '<circle class="dot"', "ring": '<circle class="ring"'}


class Shape(NamedTuple):
    """One mark: ``kind`` is path, rect, dot or ring; the rest are SVG attributes by name."""

    kind: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Cover:
    """A cover: hue 1 to 6 and its marks, in a drawing of 320 by 200."""

    hue: int
    shapes: tuple[Shape, ...]

    @property
    def marks(self) -> str:
        """The marks as SVG; a template's loops over some hundred attributes would take longer than drawing them."""
        written = []
        for kind, attributes in self.shapes:
            written.append(_OPENED[kind])
            written += [f' {name}="{value}"' for name, value in attributes]
            written.append("/>")
        return "".join(written)


def cover(key: str) -> Cover:
    """Draw the cover of a course; the same key always gives the same cover."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    dice = random.Random(digest)  # noqa: S311 - a picture, not a secret
    kinds: tuple[Callable[[random.Random], list[Shape]], ...] = (_waves, _bars, _waves, _dots, _rings)
    return Cover(digest[0] % HUES + 1, tuple(kinds[digest[1] % len(kinds)](dice)))


def _waves(dice: random.Random) -> list[Shape]:
    knot, pinch = dice.uniform(0.35, 0.75), dice.uniform(0.5, 1.6)
    phase, tilt, lift = dice.uniform(0, 6.28), dice.uniform(-26, 26), dice.uniform(6, 16)
    lines, shapes, steps = 20, [], []
    for x in (step / (STEPS - 1) for step in range(STEPS)):
        middle, wide = 0.52 * HEIGHT + tilt * (x - knot) * 2, 0.10 + abs(x - knot) ** 1.35 * 2.1 * pinch
        steps.append((6.3 * x, middle, 0.78 * HEIGHT * wide, lift * (0.35 + abs(x - knot))))
    for rank in range(lines):
        off = rank / (lines - 1) - 0.5
        turn = phase + 1.7 * off
        heights = [middle + off * wide + high * sin(turn + angle) for angle, middle, wide, high in steps]
        near = 1 - abs(off) * 2
        shapes.append(_stroke(_smooth(heights), 0.7 + 1.1 * near, 0.22 + 0.68 * near))
    return shapes


def _smooth(heights: list[float]) -> str:
    """Join points by quadratic curves through their middles, so that no corner shows.

    Tenths are a fraction of a pixel; all of them are written at once, which takes a tenth of writing each.
    """
    numbers = [heights[0]]
    for one, next_ in pairwise(heights[1:]):
        numbers += (one, (one + next_) / 2)
    return _CURVE % (*numbers, heights[-1])


def _stroke(path: str, width: float, opacity: float) -> Shape:
    return Shape("path", (("d", path), ("stroke-width", number(width)), ("stroke-opacity", number(opacity))))


def _bars(dice: random.Random) -> list[Shape]:
    phase, turns, count = dice.uniform(0, 6.28), dice.uniform(1.2, 2.1), 26
    shapes = []
    for rank in range(count):
        wave = 0.5 + 0.5 * sin(phase + turns * 6.28 * rank / count)
        tall = 28 + 108 * wave + dice.uniform(-5, 5)
        attributes = (
            ("x", number(6 + rank * (WIDTH - 12) / count)),
            ("y", number(HEIGHT - 26 - tall)),
            ("width", "4.6"),
            ("height", number(tall)),
            ("rx", "2.3"),
            ("fill-opacity", number(0.28 + 0.55 * (0.4 * wave + 0.6 * rank / count))),
        )
        shapes.append(Shape("rect", attributes))
    return shapes


def _dots(dice: random.Random) -> list[Shape]:
    centres = [(dice.uniform(0.1, 0.9), dice.uniform(0.1, 0.9), dice.uniform(0.10, 0.22)) for _ in range(3)]
    along, down = [(place + 0.5) / 15 for place in range(15)], [(row + 0.5) / 9 for row in range(9)]
    # How warm a dot is to a centre is a product of what its column and what its row are.
    columns = [[exp(-1.2 * ((x - a) / c) ** 2) for a, _b, c in centres] for x in along]
    rows = [[exp(-0.5 * ((y - b) / c) ** 2) for _a, b, c in centres] for y in down]
    xs, shapes = [number(x * WIDTH) for x in along], []
    for y, (one, two, three) in zip(down, rows, strict=True):
        cy = number(y * HEIGHT)
        for cx, (left, middle, right) in zip(xs, columns, strict=True):
            heat = min(left * one + middle * two + right * three, 1.0)
            radius, opacity = f"{0.9 + 4.6 * heat:.2f}", f"{0.25 + 0.65 * heat:.2f}"
            shapes.append(Shape("dot", (("cx", cx), ("cy", cy), ("r", radius), ("fill-opacity", opacity))))
    return shapes


def _rings(dice: random.Random) -> list[Shape]:
    cx, cy = dice.uniform(0.4, 0.72) * WIDTH, dice.uniform(0.38, 0.62) * HEIGHT
    shapes = []
    for rank in range(1, 12):
        radius, gap = 9.0 * rank, dice.uniform(0.12, 0.45)
        round_ = 2 * pi * radius
        attributes = (
            ("cx", number(cx)),
            ("cy", number(cy)),
            ("r", number(radius)),
            ("stroke-width", number(1.9 - 0.09 * rank)),
            ("stroke-opacity", number(0.95 - 0.072 * rank)),
            ("stroke-dasharray", f"{number(round_ * (1 - gap))} {number(round_ * gap)}"),
            ("transform", f"rotate({number(dice.uniform(0, 360))} {number(cx)} {number(cy)})"),
        )
        shapes.append(Shape("ring", attributes))
    return shapes
