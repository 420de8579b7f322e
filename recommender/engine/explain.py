"""Why this course: the parts of its score, largest first.

A reason is a history item's exact contribution. Parts and baseline add up to the score, so a reason is never a story
told afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommender.engine.data import Float32, Int32, Int64
from recommender.engine.models.base import Model


@dataclass(frozen=True)
class Reason:
    """A history item (its index) and what it added to the score, above zero."""

    item: int
    contribution: float


@dataclass(frozen=True)
class Explanation:
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
    scores = parts.sum(axis=0) + baseline
    best = np.argsort(-parts, axis=0, kind="stable")[:top]
    return [
        Explanation(
            item=int(target),
            score=float(scores[place]),
            baseline=float(baseline[place]),
            reasons=tuple(
                Reason(int(history[row]), float(parts[row, place])) for row in best[:, place] if parts[row, place] > 0
            ),
        )
        for place, target in enumerate(targets)
    ]
