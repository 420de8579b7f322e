"""Alternating least squares: many small ridge systems of nearly one size, solved together (torch).

Each row of one side is the ridge solution over the rows it is connected with on the other side (Hu, Koren and Volinsky
2008 in the form of Rendle and others 2021): connected pairs should score 1, every pair at all is drawn towards 0 with
the weight `unobserved`, and a row's own penalty grows with how much is known of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from recommender.engine.data import Float32, Int32, Int64, Interactions

# Floats of the largest intermediate, the batch of matrices and the batch of gathered rows: what a processor's cache
# holds, and what keeps an accelerator busy.
ROOM = 1 << 20
ROOM_THERE = 1 << 28


class Group(NamedTuple):
    """Rows int64 [rows], what each is connected with int64 [rows, widest], weights float32, 0 where there is less."""

    rows: torch.Tensor
    others: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True, eq=False)
class Side:
    """Connections of every row of one side: rows of the other side and weights, as a compressed sparse row table.

    What is cut into groups is kept, on its device, for the epochs that follow.
    """

    pointers: Int64
    others: Int64
    weights: Float32
    kept: dict[tuple[int, torch.device], list[Group]] = field(default_factory=dict)

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

    def groups(self, dimension: int, device: torch.device) -> list[Group]:
        """Rows with connections, in groups of nearly one degree that fit into the room, on `device`."""
        if (dimension, device) not in self.kept:
            room = ROOM if device.type == "cpu" else ROOM_THERE
            self.kept[dimension, device] = [self._group(rows, device) for rows in self._cut(dimension, room)]
        return self.kept[dimension, device]

    def _group(self, rows: Int64, device: torch.device) -> Group:
        degrees = self.pointers[rows + 1] - self.pointers[rows]
        width = np.arange(degrees.max())
        inside = width < degrees[:, None]
        source = np.where(inside, self.pointers[rows, None] + width, 0)
        weights = np.where(inside, self.weights[source], np.float32(0))
        return Group(*(torch.from_numpy(part).to(device) for part in (rows, self.others[source], weights)))

    def _cut(self, dimension: int, room: int) -> Iterator[Int64]:
        degrees = np.diff(self.pointers)
        order = np.argsort(degrees, kind="stable")
        order = order[degrees[order] > 0]
        start = 0
        while start < order.size:
            at_most = max(room // dimension**2, 1)
            stop = min(start + at_most, order.size)
            widest = degrees[order[start:stop]] * np.arange(1, stop - start + 1) * dimension
            stop = start + max(int(np.searchsorted(widest, room, side="right")), 1)
            yield order[start:stop]
            start = stop


def event_weights(interactions: Interactions) -> Float32:
    """Weight of every interaction, 1 where the table has none."""
    if interactions.weights is None:
        return np.ones(len(interactions), dtype=np.float32)
    return interactions.weights


def solve_side(fixed: torch.Tensor, side: Side, *, unobserved: float, ridge: float) -> torch.Tensor:
    """Best rows [rows, d] of `side` for the other side's rows ``fixed [others, d]``; zeros where nothing is known.

    A row's penalty is `ridge` times the sum of its weights and of `unobserved` for every row of the other side. Along
    the axes of the Gram matrix what all rows share is diagonal, so a row with n < d connections needs a system of n.
    """
    dimension, device = fixed.shape[1], fixed.device
    spectrum, axes = torch.linalg.eigh(unobserved * (fixed.double().T @ fixed.double()))
    shared, axes = spectrum.clamp(min=0).to(fixed.dtype), axes.to(fixed.dtype)
    turned = fixed @ axes
    solved = torch.zeros(side.pointers.size - 1, dimension, dtype=fixed.dtype, device=device)
    for rows, others, strength in side.groups(dimension, device):
        weights, own = strength.to(fixed.dtype), turned[others]
        diagonal = shared + ridge * (weights.sum(1, keepdim=True) + unobserved * fixed.shape[0])
        solve = _solve_small if others.shape[1] < dimension else _solve_wide
        solved[rows] = solve(own, weights, diagonal)
    rows_found: torch.Tensor = solved @ axes.T
    return rows_found


def _solve_wide(own: torch.Tensor, weights: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
    """(XᵀWX + D)⁻¹ XᵀW1 for every X of own [rows, n, d], W of weights [rows, n] and D of diagonal [rows, d]."""
    weighted = own * weights[:, :, None]
    left = torch.bmm(weighted.transpose(1, 2), own)
    left.diagonal(dim1=1, dim2=2).add_(diagonal)
    return torch.cholesky_solve(weighted.sum(1)[:, :, None], torch.linalg.cholesky(left))[:, :, 0]


def _solve_small(own: torch.Tensor, weights: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
    """The same as D⁻¹Xᵀ (X D⁻¹ Xᵀ + W⁻¹)⁻¹ 1; a connection that only pads has the weight 0 and no say."""
    real = weights > 0
    own = own * real[:, :, None]
    narrowed = own / diagonal[:, None, :]
    left = torch.bmm(narrowed, own.transpose(1, 2))
    left.diagonal(dim1=1, dim2=2).add_(torch.where(real, 1 / weights, 1.0))
    pulls = torch.cholesky_solve(real.to(own.dtype)[:, :, None], torch.linalg.cholesky(left))
    return (pulls * narrowed).sum(1)
