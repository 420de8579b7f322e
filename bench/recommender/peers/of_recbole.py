"""RecBole: EASE. Run by `run.sh recbole`; its own SASRec takes half an hour an epoch on one core (RESULTS.md)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from p1 import P1, folder, report
from recbole.config import Config
from recbole.data import create_dataset
from recbole.model.general_recommender import EASE


def ease(data: P1, place: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The library's matrix over its own numbering of items."""
    known = data.table.tocoo()
    (place / "p1").mkdir()
    with (place / "p1" / "p1.inter").open("w") as file:
        file.write("user_id:token\titem_id:token\n")
        file.writelines(f"{user}\t{item}\n" for user, item in zip(known.row, known.col, strict=True))
    asked = {"data_path": str(place), "load_col": {"inter": ["user_id", "item_id"]}, "reg_weight": 100.0,
             "use_gpu": False, "show_progress": False}  # fmt: skip
    config = Config(model="EASE", dataset="p1", config_dict=asked)
    dataset = create_dataset(config)
    model = EASE(config, dataset)
    ids = np.array([int(token) for token in dataset.field2id_token["item_id"][1:]])
    matrix = np.zeros((data.n_items, data.n_items), dtype=np.float32)
    matrix[np.ix_(ids, ids)] = np.asarray(model.item_similarity)[1:, 1:]
    return lambda users: data.table[users] @ matrix


if __name__ == "__main__":
    p1 = P1(folder())
    with tempfile.TemporaryDirectory() as name:
        report("RecBole EASE, 100", p1, lambda: ease(p1, Path(name)))
