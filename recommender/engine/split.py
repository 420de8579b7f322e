"""Past and future apart: what a model may see, and what it is asked for.

A `Stage` is one question: fit on `train`, then rank each user's targets among all items the user has not taken. Two
ways to ask it: by one instant for everybody (nothing of the future is seen: the default where times exist), or leaving
out each user's last item (which lets other users' future into training, and says so in `sees_future`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recommender.engine.data import Bool, Int32, Int64, Interactions
from recommender.engine.errors import DataError


@dataclass(frozen=True, eq=False)
class Stage:
    """Training part and the users to be ranked.

    `users` are rows of `known`, ascending; the targets of ``users[u]`` are ``targets[pointers[u]:pointers[u + 1]]``,
    in the order in which they were taken, never empty, with `target_times` beside them where times are known.
    `sees_future` marks a split in which training may hold events later than some target. `histories` is what is known
    of the users when they are asked, where that is not what is trained on (same catalogue). `unordered` says that a
    user's targets are a set of which none comes first.
    """

    train: Interactions
    users: Int64
    pointers: Int64
    targets: Int32
    target_times: Int64 | None
    sees_future: bool
    histories: Interactions | None = None
    unordered: bool = False

    @property
    def known(self) -> Interactions:
        """What is known of the users when they are asked; `users` are its rows."""
        return self.train if self.histories is None else self.histories

    def sample(self, size: int, *, rng: np.random.Generator) -> Stage:
        """At most `size` of the users, drawn without replacement; the same training part."""
        if size >= self.users.size:
            return self
        chosen = np.sort(rng.choice(self.users.size, size, replace=False))
        lengths = np.diff(self.pointers)[chosen]
        keep = np.repeat(np.isin(np.arange(self.users.size), chosen), np.diff(self.pointers))
        pointers = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return replace(
            self,
            users=self.users[chosen],
            pointers=pointers,
            targets=self.targets[keep],
            target_times=None if self.target_times is None else self.target_times[keep],
        )


@dataclass(frozen=True)
class Split:
    """`valid` chooses, `test` reports; what `test` trains on contains what `valid` asked for."""

    valid: Stage
    test: Stage


def split_leave_one_out(interactions: Interactions) -> Split:
    """Hold out each user's last item for test and the one before for valid (protocol P1).

    A user needs one remaining item to be ranked: two items for test, three for valid. Valid trains on everything but
    the last two.
    """
    left = np.repeat(interactions.lengths, interactions.lengths) - _positions(interactions)
    return Split(
        valid=_stage(interactions, train=left > 2, asked=left == 2, sees_future=True),
        test=_stage(interactions, train=left > 1, asked=left == 1, sees_future=True),
    )


def split_by_time(interactions: Interactions, *, valid_from: int, test_from: int) -> Split:
    """Cut at two instants in Unix seconds (protocol P3).

    Valid trains on what is older than `valid_from` and asks for what follows until `test_from`; test trains on what
    is older than `test_from` and asks for the rest. Users need an item on both sides. Raises DataError without times.
    """
    if interactions.times is None:
        raise DataError("a split by time needs times")
    if valid_from > test_from:
        raise DataError("valid_from lies after test_from")
    times = interactions.times
    return Split(
        valid=_stage(
            interactions,
            train=times < valid_from,
            asked=(times >= valid_from) & (times < test_from),
            sees_future=False,
        ),
        test=_stage(interactions, train=times < test_from, asked=times >= test_from, sees_future=False),
    )


def cut_times(interactions: Interactions, *, valid_share: float, test_share: float) -> tuple[int, int]:
    """Instants that leave about `test_share` of all events after the second and `valid_share` between the two."""
    if interactions.times is None or not len(interactions):
        raise DataError("cutting by time needs interactions with times")
    valid_from, test_from = np.quantile(
        interactions.times, [1 - valid_share - test_share, 1 - test_share], method="higher"
    )
    return int(valid_from), int(test_from)


def _positions(interactions: Interactions) -> Int64:
    """Place of every interaction in its user's history, from 0."""
    starts = np.repeat(interactions.pointers[:-1], interactions.lengths)
    return np.arange(len(interactions), dtype=np.int64) - starts


def _stage(interactions: Interactions, *, train: Bool, asked: Bool, sees_future: bool) -> Stage:
    known = interactions.keep(train)
    future = interactions.keep(asked & (known.lengths > 0)[interactions.rows])
    users = np.flatnonzero(future.lengths)
    pointers = np.concatenate([[0], np.cumsum(future.lengths[users])]).astype(np.int64)
    return Stage(known, users.astype(np.int64), pointers, future.items, future.times, sees_future)
