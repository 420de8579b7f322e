"""From scores to the k best: highest score first, equal scores by the lower index, never an item that is not finite."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recommender.engine.data import Float32, Int64

if TYPE_CHECKING:
    import torch


class Ranked(NamedTuple):
    """Item indices (int64) and their scores (float32), best first."""

    items: Int64
    scores: Float32


def select_top(scores: Float32, k: int) -> Ranked:
    """The `k` best finite scores of one user; fewer where fewer are finite."""
    if k < scores.size:
        worst = np.partition(scores, scores.size - k)[scores.size - k] if k > 0 else np.inf
        candidates = np.flatnonzero(scores >= worst)
    else:
        candidates = np.arange(scores.size)
    best = candidates[np.argsort(-scores[candidates], kind="stable")[: max(k, 0)]]
    best = best[np.isfinite(scores[best])]
    return Ranked(best, scores[best])


def select_top_batch(scores: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `k` best of every row of ``scores [users, items]``, as (items int64, scores), both [users, min(k, items)].

    Same order as `select_top`; places beyond a row's last finite score hold item -1 and score -inf. A topk of k + 1
    shows where the k-th score is tied with what it leaves out; only those rows are sorted in full.
    """
    import torch

    k = min(k, scores.shape[1])
    values, items = scores.topk(min(k + 1, scores.shape[1]))
    if values.shape[1] > k:
        tied = torch.nonzero(values[:, k - 1] == values[:, k]).flatten()
        values, items = values[:, :k].clone(), items[:, :k].clone()
        if tied.numel():
            whole = scores[tied].sort(dim=1, descending=True, stable=True)
            values[tied], items[tied] = whole.values[:, :k], whole.indices[:, :k]
    items, order = items.sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order).masked_fill(~torch.isfinite(values), -1)
    return items, values
