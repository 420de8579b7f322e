"""Why this course: the parts of its score, largest first.

A reason is a history item's exact contribution. Parts and baseline add up to the score, so a reason is never a story
told afterwards.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recommender.engine.data import Float32, Int32, Int64
from recommender.engine.models.base import Model


class Reason(NamedTuple):
    """A history item (its index) and what it added to the score, above zero."""

    item: int
    contribution: float


class Explanation(NamedTuple):
    """A scored item with its baseline (what it would score without the history's parts) and its best reasons."""

    item: int
    score: float
    baseline: float
    reasons: tuple[Reason, ...]


def explain(
    model: Model, history: Int32, targets: Int64, *, weights: Float32 | None = None, top: int = 2
) -> list[Explanation]:
    """The `top` largest positive contributions to each target; none where the history added nothing."""
    parts, baseline = model.contributions(history, targets, weights)
    scores = (parts.sum(axis=0) + baseline).tolist()
    rows = np.argsort(-parts, axis=0, kind="stable")[:top]
    raised = np.take_along_axis(parts, rows, axis=0).T.tolist()
    taken = history[rows].T.tolist()
    return [
        Explanation(
            item, score, rest, tuple(Reason(*pair) for pair in zip(sources, amounts, strict=True) if pair[1] > 0)
        )
        for item, score, rest, sources, amounts in zip(
            targets.tolist(), scores, baseline.tolist(), taken, raised, strict=True
        )
    ]
