"""P1 without the portal: the split, full ranking with mean rank on ties, and the JSON line. numpy and scipy alone."""

from __future__ import annotations

import gzip
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import sparse

CHUNK = 1000


class P1:
    """Test stage: everything but the last item of each line is known, the last is asked for."""

    def __init__(self, folder: str) -> None:
        with gzip.open(Path(folder) / "sequences.txt.gz", "rt") as lines:
            rows = [np.array(line.split(), dtype=np.int64) for line in lines]
        self.histories = [row[:-1] for row in rows]
        self.targets = np.array([row[-1] for row in rows])
        self.n_items = int(max(row.max() for row in rows)) + 1
        users = np.repeat(np.arange(len(rows)), [row.size for row in self.histories])
        items = np.concatenate(self.histories)
        shape = (len(rows), self.n_items)
        self.table = sparse.csr_matrix((np.ones(items.size, dtype=np.float32), (users, items)), shape=shape)


def report(name: str, data: P1, fit: Callable[[], Callable[[np.ndarray], np.ndarray]]) -> None:
    """Fit, rank everybody, print. `fit` returns a function from user rows to scores [users, items]."""
    began = time.process_time()
    score = fit()
    fitted = time.process_time()
    ranks = np.empty(data.targets.size)
    everybody = asked(data.targets.size)
    for start in range(0, everybody.size, CHUNK):
        users = everybody[start : start + CHUNK]
        scores = np.array(score(users), dtype=np.float32)
        scores[~np.isfinite(scores)] = -np.inf
        wanted = scores[np.arange(users.size), data.targets[users]][:, None]
        known = data.table[users].tocoo()
        scores[known.row, known.col] = -np.inf
        ranks[users] = 1 + (scores > wanted).sum(1) + 0.5 * ((scores == wanted).sum(1) - 1)
    ranks = ranks[everybody]
    figures = {
        "hr@10": np.mean(ranks <= 10),
        "ndcg@10": np.mean(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0)),
        "recall@20": np.mean(ranks <= 20),
        "mrr": np.mean(1 / ranks),
    }
    print(json.dumps({
        "peer": name,
        "users": int(everybody.size),
        "metrics": {key: round(float(value), 4) for key, value in figures.items()},
        "fit_cpu_seconds": round(fitted - began, 2),
        "rank_cpu_seconds": round(time.process_time() - fitted, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }), flush=True)  # fmt: skip


def asked(users: int) -> np.ndarray:
    """Rows of the people who are ranked: all, or as many as the command line says, drawn (a slow peer takes hours)."""
    if len(sys.argv) < 3:
        return np.arange(users)
    return np.sort(np.random.default_rng(0).choice(users, int(sys.argv[2]), replace=False))


def folder() -> str:
    """The folder named on the command line."""
    return sys.argv[1]
