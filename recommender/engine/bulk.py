"""Lists for many people at once on the CPU: the sum of matrix rows and the choice of the best, fused in one pass.

One person's scores fit into the processor's nearest cache, so they are summed, masked and sifted there and never
written out. Scores equal those of `Model.top_k` up to rounding of float32; items whose scores are equal go by index.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from recommender.engine.data import Float32, Int64, Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models.linear import LinearModel


def top_k_many(model: LinearModel, histories: Interactions, users: Int64, k: int) -> tuple[Int64, Float32]:
    """The `k` best items for the given rows of `histories`, none of their own: items and scores, [users, k].

    Places beyond what the catalogue has hold -1 and -inf. Raises ConfigError for a model that is more than one matrix.
    """
    if type(model).score is not LinearModel.score:
        raise ConfigError(f"{model.name} is not one matrix; top_k_batch takes any model")
    items = np.full((users.size, k), -1, dtype=np.int64)
    scores = np.full((users.size, k), -np.inf, dtype=np.float32)
    weights = np.ones(1, dtype=np.float32) if histories.weights is None else histories.weights
    _compiled()(
        histories.items,
        weights,
        histories.pointers,
        users.astype(np.int64),
        model.matrix,
        model.faded,
        model.baseline,
        items,
        scores,
    )
    return items, scores


@cache
def _compiled() -> Any:
    import numba

    return numba.njit(cache=True, nogil=True)(_sift)


def _sift(
    history: Any,
    weights: Any,
    pointers: Any,
    users: Any,
    matrix: Any,
    faded: Any,
    baseline: Any,
    items: Any,
    scores: Any,
) -> None:
    """Fill `items` and `scores`; a weight column of one entry stands for weights of 1."""
    sums = np.empty(matrix.shape[1], dtype=np.float32)
    window, k = faded.size, items.shape[1]
    weighed = weights.size == history.size
    for place in range(users.size):
        first, last = pointers[users[place]], pointers[users[place] + 1]
        sums[:] = baseline
        for event in range(max(first, last - window), last):
            factor = faded[window - (last - event)]
            if weighed:
                factor *= weights[event]
            row = matrix[history[event]]
            for item in range(sums.size):
                sums[item] += factor * row[item]
        for event in range(first, last):
            sums[history[event]] = -np.inf
        found = 0
        for item in range(sums.size):
            score = sums[item]
            if score > (scores[place, k - 1] if found == k else np.float32(-np.inf)):
                at = min(found, k - 1)
                while at > 0 and scores[place, at - 1] < score:
                    scores[place, at], items[place, at] = scores[place, at - 1], items[place, at - 1]
                    at -= 1
                scores[place, at], items[place, at] = score, item
                found = min(found + 1, k)
