"""Alternating least squares: many small ridge systems of nearly one size, solved together (torch).

Each row of one side is the ridge solution over the rows it is connected with on the other side (Hu, Koren and Volinsky
2008 in the form of Rendle and others 2021): connected pairs should score 1, every pair at all is drawn towards 0 with
the weight `unobserved`, and a row's own penalty grows with how much is known of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recommender.engine.data import Float32, Int32, Int64, Interactions

# Floats of the largest intermediate: the batch of matrices, and the batch of gathered rows.
ROOM = 1 << 24


@dataclass(frozen=True, eq=False)
class Side:
    """Connections of every row of one side: rows of the other side and weights, as a compressed sparse row table."""

    pointers: Int64
    others: Int64
    weights: Float32

    @classmethod
    def of_users(cls, interactions: Interactions) -> Side:
        """Users, connected with the items they took."""
        return cls(interactions.pointers, interactions.items.astype(np.int64), event_weights(interactions))

    @classmethod
    def of_items(cls, interactions: Interactions) -> Side:
        """Items, connected with the users who took them."""
        order = np.argsort(interactions.items, kind="stable")
        pointers = np.concatenate([[0], np.cumsum(interactions.item_counts)]).astype(np.int64)
        return cls(pointers, interactions.rows[order], event_weights(interactions)[order])

    @classmethod
    def of_histories(cls, histories: list[tuple[Int32, Float32]]) -> Side:
        """Histories, each its items and their weights."""
        pointers = np.concatenate([[0], np.cumsum([items.size for items, _ in histories])]).astype(np.int64)
        others = np.concatenate([items for items, _ in histories]).astype(np.int64)
        return cls(pointers, others, np.concatenate([weights for _, weights in histories]))

    def groups(self, dimension: int) -> Iterator[Int64]:
        """Rows with connections, in groups of nearly one degree that fit into the room."""
        degrees = np.diff(self.pointers)
        order = np.argsort(degrees, kind="stable")
        order = order[degrees[order] > 0]
        start = 0
        while start < order.size:
            at_most = max(ROOM // dimension**2, 1)
            stop = min(start + at_most, order.size)
            widest = degrees[order[start:stop]] * np.arange(1, stop - start + 1) * dimension
            stop = start + max(int(np.searchsorted(widest, ROOM, side="right")), 1)
            yield order[start:stop]
            start = stop


def event_weights(interactions: Interactions) -> Float32:
    """Weight of every interaction, 1 where the table has none."""
    if interactions.weights is None:
        return np.ones(len(interactions), dtype=np.float32)
    return interactions.weights


def solve_side(fixed: torch.Tensor, side: Side, *, unobserved: float, ridge: float) -> torch.Tensor:
    """Best rows [rows, d] of `side` for the other side's rows ``fixed [others, d]``; zeros where nothing is known.

    A row's penalty is `ridge` times the sum of its weights and of `unobserved` for every row of the other side.
    """
    everywhere = unobserved * (fixed.T @ fixed)
    dimension, device = fixed.shape[1], fixed.device
    solved = torch.zeros(side.pointers.size - 1, dimension, dtype=fixed.dtype, device=device)
    for rows in side.groups(dimension):
        degrees = side.pointers[rows + 1] - side.pointers[rows]
        width = np.arange(degrees.max())
        inside = width < degrees[:, None]
        source = np.where(inside, side.pointers[rows, None] + width, 0)
        weights = torch.from_numpy(np.where(inside, side.weights[source], 0)).to(device, fixed.dtype)
        gathered = fixed[torch.from_numpy(side.others[source]).to(device)]
        weighted = gathered * weights[:, :, None]
        left = torch.baddbmm(everywhere, weighted.transpose(1, 2), gathered)
        left.diagonal(dim1=1, dim2=2).add_(ridge * (weights.sum(1, keepdim=True) + unobserved * fixed.shape[0]))
        right = weighted.sum(1)[:, :, None]
        answer = torch.cholesky_solve(right, torch.linalg.cholesky(left))[:, :, 0]
        solved[torch.from_numpy(rows).to(device)] = answer
    return solved
