"""implicit: TF-IDF neighbours, alternating least squares, BPR. Run by `run.sh implicit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import implicit.als
import implicit.bpr
import implicit.nearest_neighbours as near
import numpy as np
from p1 import P1, folder, report


def factors(model: Any, data: P1) -> Callable[[np.ndarray], np.ndarray]:
    """Scores as inner products."""
    model.fit(data.table, show_progress=False)
    people, items = np.asarray(model.user_factors), np.asarray(model.item_factors)
    return lambda users: people[users] @ items.T


def neighbours(model: Any, data: P1) -> Callable[[np.ndarray], np.ndarray]:
    """Scores as rows of the table times the likeness of items."""
    model.fit(data.table, show_progress=False)
    likeness = model.similarity
    return lambda users: (data.table[users] @ likeness).toarray()


if __name__ == "__main__":
    p1 = P1(folder())
    report("implicit TF-IDF, K 200", p1, lambda: neighbours(near.TFIDFRecommender(K=200, num_threads=1), p1))
    als = implicit.als.AlternatingLeastSquares(
        factors=128, alpha=10.0, regularization=0.05, iterations=15, num_threads=1, random_state=1
    )
    report("implicit ALS, 128 factors, alpha 10", p1, lambda: factors(als, p1))
    bpr = implicit.bpr.BayesianPersonalizedRanking(factors=63, iterations=100, num_threads=1, random_state=1)
    report("implicit BPR, 64 factors", p1, lambda: factors(bpr, p1))
