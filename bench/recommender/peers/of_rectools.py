"""RecTools: EASE. Run by `run.sh rectools`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from p1 import P1, folder, report
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import EASEModel


def ease(data: P1) -> Callable[[np.ndarray], np.ndarray]:
    """The library's matrix; scores as rows of the table times it."""
    known = data.table.tocoo()
    frame = pd.DataFrame({Columns.User: known.row, Columns.Item: known.col, Columns.Weight: 1.0})
    frame[Columns.Datetime] = "2020-01-01"
    dataset = Dataset.construct(frame)
    model = EASEModel(regularization=100.0)
    model.fit(dataset)
    ids = dataset.item_id_map.external_ids.astype(int)
    matrix = np.zeros((data.n_items, data.n_items), dtype=np.float32)
    matrix[np.ix_(ids, ids)] = model.weight
    return lambda users: data.table[users] @ matrix


if __name__ == "__main__":
    p1 = P1(folder())
    report("RecTools EASE, 100", p1, lambda: ease(p1))
