"""Normal equations of item-to-item models: counted on the CPU, solved in double precision on the device at hand.

Double precision throughout makes the CPU and an accelerator agree far below the single precision in which weights are
stored, so no iterative refinement is needed; a modern accelerator's double-precision rate is ample for it.
Memory: about three square matrices of float64, 24 bytes per pair of items.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from recommender.engine.data import Float64, Interactions

_CHUNK_USERS = 4096


def gram(interactions: Interactions, *, device: torch.device) -> torch.Tensor:
    """XᵀX of the weighted user-by-item table X, float64 [items, items] on `device`."""
    if device.type == "cuda":  # cuda-only
        return gram_dense(interactions, device=device)
    return gram_sparse(interactions)


def gram_sparse(interactions: Interactions) -> torch.Tensor:
    """`gram` by sparse products on the CPU: cost grows with the sum of squared history lengths."""
    table = _table(interactions, 0, interactions.n_users)
    return torch.from_numpy((table.T @ table).toarray())


def gram_dense(interactions: Interactions, *, device: torch.device) -> torch.Tensor:
    """`gram` by dense products of user blocks: what an accelerator does faster than anything sparse."""
    total = torch.zeros(interactions.n_items, interactions.n_items, dtype=torch.float64, device=device)
    for start in range(0, interactions.n_users, _CHUNK_USERS):
        block = torch.from_numpy(_table(interactions, start, start + _CHUNK_USERS).toarray()).to(device)
        total.addmm_(block.T, block)
    return total


def ridge_inverse(matrix: torch.Tensor, ridge: float) -> torch.Tensor:
    """Inverse of ``matrix + ridge I`` by Cholesky, float64; `matrix` is overwritten."""
    matrix.diagonal().add_(ridge)
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))


def ridge_solve(matrix: torch.Tensor, right: torch.Tensor, ridge: float) -> torch.Tensor:
    """Solve ``(matrix + ridge I) B = right`` by Cholesky, float64; `matrix` is overwritten."""
    matrix.diagonal().add_(ridge)
    return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))


def decayed_prefix_moments(interactions: Interactions, *, decay: float, window: int) -> tuple[Float64, Float64]:
    """Moments SᵀS and SᵀT over all prefixes of all histories, each float64 [items, items].

    For every position but the first of a history, T holds the item there and S the `window` items before it, the
    nearest counting 1 and each step further back `decay` times as much (times the event's weight). Neither table is
    built: a pair of events at positions q <= r, g = r - q apart, meets in m = min(window - g, events after r) prefixes
    and adds the geometric sum ``decay^g (1 + decay^2 + ... + decay^(2(m-1)))`` to SᵀS.
    """
    n = interactions.n_items
    items = interactions.items.astype(np.int64)
    strength = np.ones(items.size) if interactions.weights is None else interactions.weights.astype(np.float64)
    ends = np.repeat(interactions.pointers[1:], interactions.lengths)
    after = ends - np.arange(items.size) - 1
    squares = np.cumsum(decay ** (2.0 * np.arange(window)))
    moments, cross = np.zeros(n * n), np.zeros(n * n)
    for lag in range(1, window + 1):
        older = np.flatnonzero(after >= lag)
        newer = older + lag - 1
        shared = np.minimum(window - lag + 1, after[newer])
        weight = decay ** (lag - 1) * squares[shared - 1] * strength[older] * strength[newer]
        # The diagonal is counted half because the transpose is added below.
        np.add.at(moments, items[older] * n + items[newer], weight / 2 if lag == 1 else weight)
        np.add.at(cross, items[older] * n + items[older + lag], decay ** (lag - 1) * strength[older])
    half = moments.reshape(n, n)
    return half + half.T, cross.reshape(n, n)


def _table(interactions: Interactions, start: int, stop: int) -> sparse.csr_matrix:
    """User rows start..stop-1 as a float64 sparse table [users, items]."""
    stop = min(stop, interactions.n_users)
    pointers = interactions.pointers[start : stop + 1]
    rows = slice(pointers[0], pointers[-1])
    values = np.ones(pointers[-1] - pointers[0]) if interactions.weights is None else interactions.weights[rows]
    return sparse.csr_matrix(
        (values.astype(np.float64), interactions.items[rows], pointers - pointers[0]),
        shape=(stop - start, interactions.n_items),
    )
