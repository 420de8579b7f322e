"""Normal equations of item-to-item models: counted on the CPU, solved in double precision on the device at hand.

Double precision throughout makes the CPU and an accelerator agree far below the single precision in which weights are
stored, so no iterative refinement is needed; a modern accelerator's double-precision rate is ample for it.
Memory: about three square matrices of float64, 24 bytes per pair of items. Above `LARGE` items that is too much for a
common machine: there, on the CPU, one float32 matrix is inverted in place, 4 bytes per pair and as many while it is
counted; a ridge of hundreds keeps what single precision loses below what changes a list.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.linalg import lapack

from recommender.engine.data import Float32, Float64, Interactions
from recommender.engine.errors import DataError

LARGE = 16_384
"""Items above which normal equations are solved in single precision and in place: 2 GiB in double precision."""

LARGEST = 46_000
"""Items above which no square matrix is made: LAPACK counts its elements in 32 bits."""

_CHUNK_USERS = 4096
_BLOCK = 1024


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


def item_predictors_in_place(matrix: Float32, ridge: float) -> Float32:
    """EASE's matrix -P / diag(P) with a zero diagonal, where P = (matrix + ridge I)⁻¹, in the memory of `matrix`.

    `matrix` is symmetric, float32 [items, items], C order. Raises DataError where it is not positive definite.
    """
    np.einsum("ii->i", matrix)[:] += np.float32(ridge)
    factor, fault = lapack.spotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
    inverse, later = lapack.spotri(factor, lower=1, overwrite_c=1) if not fault else (factor, 0)
    if fault or later:
        raise DataError("the items' table cannot be inverted in single precision; a larger ridge helps")
    # Fortran's lower triangle is the upper one here.
    predictors: Float32 = inverse.T
    scale = -1 / predictors.diagonal()
    for start in range(0, predictors.shape[0], _BLOCK):
        rows = slice(start, start + _BLOCK)
        below = predictors[:start, rows]
        predictors[rows, :start] = below.T
        square = predictors[rows, rows]
        square[:] = np.triu(square) + np.triu(square, 1).T
    for start in range(0, predictors.shape[0], _BLOCK):
        predictors[start : start + _BLOCK] *= scale
    np.einsum("ii->i", predictors)[:] = 0.0
    return predictors


def gram_single(interactions: Interactions) -> Float32:
    """`gram_sparse` in single precision, float32 [items, items]."""
    table = _table(interactions, 0, interactions.n_users).astype(np.float32)
    found: Float32 = (table.T @ table).toarray(order="C")
    return found


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


def latest_step_moments(interactions: Interactions, *, decay: float, window: int) -> tuple[Float64, Float64, Float64]:
    """Moments of the newest item L of every prefix: SᵀL and LᵀT, float64 [items, items], and the diagonal of LᵀL.

    S and T are those of `decayed_prefix_moments`, over the same prefixes; L counts the item just before the target.
    """
    n = interactions.n_items
    items = interactions.items.astype(np.int64)
    strength = np.ones(items.size) if interactions.weights is None else interactions.weights.astype(np.float64)
    before = np.arange(items.size) - np.repeat(interactions.pointers[:-1], interactions.lengths)
    shared, cross, own = np.zeros(n * n), np.zeros(n * n), np.zeros(n)
    for lag in range(1, window + 1):
        target = np.flatnonzero(before >= lag)
        older, latest = target - lag, target - 1
        weight = decay ** (lag - 1) * strength[older] * strength[latest]
        np.add.at(shared, items[older] * n + items[latest], weight)
        if lag == 1:
            np.add.at(cross, items[latest] * n + items[target], strength[latest])
            np.add.at(own, items[latest], weight)
    return shared.reshape(n, n), cross.reshape(n, n), own


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
