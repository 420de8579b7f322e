"""Looking for answers in the question: leaks and defects that make an evaluation worthless.

Each check exists because a published data set or library fell for it: targets that also stand in training, repeated
rows, training lines whose last id is the target's id with its last digits cut off, and training events later than the
targets they should predict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from recommender.engine.data import Bool
from recommender.engine.errors import LeakError
from recommender.engine.split import Stage

# Chance makes a last item's id the beginning of the target's id for a few users in a hundred, never for a quarter.
TRUNCATED_SHARE = 0.25

MEANING = {
    "target_in_train": "items that are asked for stand in the history of who is asked",
    "truncated_target": "histories end with the first digits of the item that is asked for, as lists cut by letters do",
    "future_in_train": "events that are learned from come after the first one that is asked for",
}
"""What a fatal finding counts."""


@dataclass(frozen=True)
class Finding:
    """One defect: a code, how many rows or users show it, and whether results computed in spite of it are void."""

    code: str
    count: int
    fatal: bool


def check_columns(*, users: ArrayLike, items: ArrayLike) -> list[Finding]:
    """Look at raw columns before they are merged: `repeated_rows` counts (user, item) rows beyond the first."""
    pairs = np.stack([np.asarray(users), np.asarray(items)], axis=1)
    repeated = len(pairs) - len(np.unique(pairs, axis=0))
    return [Finding("repeated_rows", repeated, fatal=False)] if repeated else []


def check_stage(stage: Stage) -> list[Finding]:
    """Look for answers inside a stage.

    `target_in_train`: targets the user has already taken. `truncated_target`: users whose last training id is the
    beginning of their first target's id, where they are a quarter or more. `future_in_train`: training events at or
    after the earliest target's time, fatal unless the stage says that it sees the future.
    """
    found = [
        Finding("target_in_train", int(targets_known(stage).sum()), fatal=True),
        Finding("truncated_target", _truncated(stage), fatal=True),
        Finding("future_in_train", _future_events(stage), fatal=not stage.sees_future),
    ]
    return [finding for finding in found if finding.count]


def refuse_leaks(stage: Stage) -> None:
    """Raise LeakError naming every fatal finding of `check_stage`, and what it counts."""
    fatal = [f"{found.code} ({found.count}): {MEANING[found.code]}" for found in check_stage(stage) if found.fatal]
    if fatal:
        raise LeakError(f"the stage gives its answers away: {'; '.join(fatal)}")


def targets_known(stage: Stage) -> Bool:
    """Which targets stand in the history of the user who is asked for them, bool [targets]."""
    owners = np.repeat(stage.users, np.diff(stage.pointers))
    width, known = max(stage.train.n_items, 1), stage.known
    asked, taken = owners * width + stage.targets, np.sort(known.rows * width + known.items)
    if not taken.size:
        return np.zeros(asked.size, dtype=np.bool_)
    found: Bool = taken[np.minimum(np.searchsorted(taken, asked), taken.size - 1)] == asked
    return found


def _truncated(stage: Stage) -> int:
    """Count users whose last training id is a proper prefix, in decimal digits, of their first target's id."""
    known = stage.known
    asked = np.flatnonzero(known.lengths[stage.users] > 0)
    ids = known.item_ids
    last = ids[known.items[known.pointers[stage.users[asked] + 1] - 1]]
    rest = ids[stage.targets[stage.pointers[asked]]]
    prefix = np.zeros(asked.size, dtype=np.bool_)
    while (rest >= 10).any():
        rest = rest // 10
        prefix |= (rest == last) & (rest > 0)
    count = int(prefix.sum())
    return count if count >= TRUNCATED_SHARE * asked.size else 0


def _future_events(stage: Stage) -> int:
    """Count training events at or after the stage's first instant of asking; 0 where no times are known."""
    if stage.train.times is None or stage.target_times is None or not stage.target_times.size:
        return 0
    return int((stage.train.times >= stage.target_times.min()).sum())
