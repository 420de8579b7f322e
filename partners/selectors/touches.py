"""How a learner came, touch by touch: asked of the floor that keeps touches, which says so when it starts.

The books keep credits by channel, because those pay. Dates and links of touches stay where touches are kept: a person
may have them erased, and the line is explained without them then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from partners.selectors.weighing import Weighing


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchTold:
    """One touch before an order. `weight`: how the paying model weighs it among all touches, 0 where it gives nothing.

    `link` is the tracking link's code, `marks` what its owner wrote behind it ("sub1=stand-3"), `words` what was
    searched for or the campaign's name; empty where unknown.
    """

    at: datetime
    channel_id: int
    owner_id: int | None
    weight: int
    link: str = ""
    words: str = ""
    marks: str = ""


Teller = Callable[[str, Weighing], Sequence[TouchTold]]
"""(order code, by what it was weighed) to the touches inside, oldest first, as known when it was settled."""

_tellers: list[Teller] = []


def touches_told_by(teller: Teller) -> Teller:
    """Let `teller` answer for touches; the last one to say so does."""
    _tellers[:] = [teller]
    return teller


def touches_of(*, order: str, asked: Weighing) -> Sequence[TouchTold]:
    """Return the touches before an order; none where nobody keeps any. Call it where all rows are visible."""
    return _tellers[0](order, asked) if _tellers else ()
