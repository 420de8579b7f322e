"""The table of people and items as a graph: balanced by degree, its leading singular vectors, its items' neighbours."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from recommender.engine.data import Float32, Float64, Int32, Interactions

ROUNDS = 5
BESIDE = 16
"""Vectors beside those that are asked for, and passes over the table, that make the subspace converge."""

_BLOCK = 1024


def balanced(interactions: Interactions) -> tuple[sparse.csr_matrix, Float64]:
    """R, float32 [users, items]: weights over the roots of their person's and item's sums; and the items' sums."""
    weights = np.ones(len(interactions)) if interactions.weights is None else interactions.weights.astype(np.float64)
    people = np.bincount(interactions.rows, weights, minlength=interactions.n_users)
    counts = np.bincount(interactions.items, weights, minlength=interactions.n_items).astype(np.float64)
    values = weights / np.sqrt(people[interactions.rows] * counts[interactions.items])
    shape = (interactions.n_users, interactions.n_items)
    table = sparse.csr_matrix((values.astype(np.float32), interactions.items, interactions.pointers), shape=shape)
    return table, counts


def leading(table: sparse.csr_matrix, dimension: int, *, rng: np.random.Generator) -> Float64:
    """The `dimension` right singular vectors of the largest values, float64 [items, dimension]; fewer where rows are.

    Subspace iteration from random vectors (Halko, Martinsson, Tropp, SIAM Review 2011).
    """
    most = min(table.shape)
    basis = rng.normal(size=(table.shape[1], min(most, dimension + BESIDE))).astype(np.float32)
    turned = sparse.csr_matrix(table.T)
    for _ in range(ROUNDS):
        basis, _upper = np.linalg.qr(turned @ (table @ basis))
    seen = (table @ basis).astype(np.float64)
    _values, axes = np.linalg.eigh(seen.T @ seen)
    found: Float64 = basis.astype(np.float64) @ axes[:, ::-1][:, : min(dimension, most)]
    return found


def nearest(table: sparse.csr_matrix, neighbours: int) -> tuple[Int32, Float32]:
    """The largest entries of each row of RᵀR beside the diagonal: items int32 and values float32 [items, neighbours].

    Rows with fewer are filled up with the item itself, at 0; narrower where the catalogue is.
    """
    n = table.shape[1]
    width = min(neighbours, max(n - 1, 1))
    near = np.repeat(np.arange(n, dtype=np.int32)[:, None], width, axis=1)
    values = np.zeros((n, width), dtype=np.float32)
    turned = sparse.csr_matrix(table.T)
    for start in range(0, n, _BLOCK):
        block = sparse.csr_matrix(turned[start : start + _BLOCK] @ table)
        for row in range(block.shape[0]):
            own = slice(block.indptr[row], block.indptr[row + 1])
            items, likeness = block.indices[own], block.data[own]
            others = items != start + row
            items, likeness = items[others], likeness[others]
            if items.size > width:
                kept = np.argpartition(-likeness, width - 1)[:width]
                items, likeness = items[kept], likeness[kept]
            order = np.argsort(items)
            near[start + row, : items.size], values[start + row, : items.size] = items[order], likeness[order]
    return near, values
