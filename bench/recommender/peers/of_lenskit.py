"""LensKit: item neighbours, EASE, alternating least squares. Run by `run.sh lenskit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from lenskit.als import ImplicitMFScorer
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer
from p1 import P1, folder, report


def scorer(model: Any, data: P1) -> Callable[[np.ndarray], np.ndarray]:
    """Ask for every item, a person at a time."""
    known = data.table.tocoo()
    frame = pd.DataFrame({"user_id": known.row, "item_id": known.col})
    model.train(from_interactions_df(frame))
    everything = ItemList(item_ids=np.arange(data.n_items))

    def score(users: np.ndarray) -> np.ndarray:
        asked = [RecQuery(user_id=user, history_items=ItemList(item_ids=data.histories[user])) for user in users]
        lists = [model(query=query, items=everything) for query in asked]
        return np.stack([found.scores() for found in lists])

    return score


if __name__ == "__main__":
    p1 = P1(folder())
    report("LensKit EASE, 100", p1, lambda: scorer(EASEScorer(regularization=100), p1))
    report("LensKit item neighbours, 200", p1, lambda: scorer(ItemKNNScorer(max_nbrs=200, feedback="implicit"), p1))
    report("LensKit ALS, 128", p1, lambda: scorer(ImplicitMFScorer(embedding_size=128, epochs=10), p1))
