"""Data with a known right answer, and small random data for properties."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from recommender.engine.data import Interactions

SIDE = 8


def checkerboard(side: int = SIDE) -> Interactions:
    """Users and items of two colours: user u takes every item of its own colour but item u, going round from u + 2.

    The only right recommendation to user u is item u: everybody else of the colour took it, and it is what follows.
    Item ids are 100, 101, ...; a step takes a minute.
    """
    events = [(u, 100 + (u + step) % side, 1_000_000 + 30 * step) for u in range(side) for step in range(2, side, 2)]
    users, items, times = zip(*events, strict=True)
    return Interactions.build(users=users, items=items, times=times, item_ids=range(100, 100 + side))


def chains(users: int = 30, items: int = 9) -> Interactions:
    """Everybody walks three steps round the circle of items, from a start of their own: item i + 1 follows item i."""
    walks = [[(start + step) % items for step in range(3)] for start in range(users)]
    return Interactions.build(
        users=np.repeat(np.arange(users), 3), items=np.concatenate(walks), item_ids=range(items), repeats="refuse"
    )


@st.composite
def interactions(
    draw: st.DrawFn, *, max_users: int = 6, max_items: int = 7, timed: bool | None = None, weighted: bool | None = None
) -> Interactions:
    """Any small table, empty users and untaken items included."""
    catalogue = draw(st.integers(1, max_items))
    event = st.tuples(
        st.integers(0, max_users - 1),
        st.integers(0, catalogue - 1),
        st.integers(0, 50),
        st.sampled_from([0.25, 0.5, 1.0, 3.0]),
    )
    events = draw(st.lists(event, min_size=1, max_size=30))
    users, items, times, weights = (list(column) for column in zip(*events, strict=True))
    return Interactions.build(
        users=users,
        items=items,
        times=times if (draw(st.booleans()) if timed is None else timed) else None,
        weights=weights if (draw(st.booleans()) if weighted is None else weighted) else None,
        item_ids=range(catalogue),
    )
