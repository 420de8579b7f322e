"""Alternating least squares: every row solves its own ridge problem, and a request finds what training would have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from recommender.engine import factors
from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.factors import Side, solve_side
from recommender.engine.models.ials import Ials, IalsSettings
from tests.recommender.engine.cases import checkerboard
from tests.recommender.engine.conformance import CPU


def random_table() -> Interactions:
    rng = np.random.default_rng(5)
    users, items = rng.integers(0, 20, 160), rng.integers(0, 15, 160)
    return Interactions.build(
        users=users, items=items, times=np.arange(160), weights=rng.uniform(0.5, 2, 160), item_ids=range(16)
    )


def learned(table: Interactions, **values: Any) -> Ials:
    settings = settings_from(IalsSettings, {"dimension": 5, "epochs": 3} | values)
    return Ials.fit(table, settings=settings, device=CPU, rng=np.random.default_rng(1))


@pytest.mark.parametrize(("room", "dimension"), [(1, 3), (200, 30), (1 << 20, 3), (1 << 20, 30)])
def test_every_row_is_the_ridge_solution_over_its_connections(
    room: int, dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written out pair by pair, whatever is solved together, with more connections than dimensions and with fewer."""
    monkeypatch.setattr(factors, "ROOM", room)
    table = random_table()
    fixed = torch.randn(20, dimension, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    side = Side.of_items(table)
    solved = solve_side(fixed, side, unobserved=0.2, ridge=0.05).numpy()
    x = fixed.numpy()
    for item in range(16):
        own = table.items == item
        weights = np.zeros(20)
        weights[table.rows[own]] = np.asarray(table.weights)[own]
        left = x.T @ np.diag(0.2 + weights) @ x + 0.05 * (weights.sum() + 0.2 * 20) * np.eye(dimension)
        np.testing.assert_allclose(solved[item], np.linalg.solve(left, x.T @ weights), atol=1e-6)


def test_a_request_finds_the_vector_that_training_would_have_found() -> None:
    table = random_table()
    model = learned(table, decay=1.0, window=100)
    vectors = torch.from_numpy(model.vectors).double()
    people = solve_side(
        vectors, Side.of_users(table), unobserved=model.settings.unobserved, ridge=model.settings.ridge
    ).numpy()
    for user in range(table.n_users):
        expected = model.vectors @ people[user]
        np.testing.assert_allclose(model.score(table.history(user), table.history_weights(user)), expected, atol=1e-4)


def test_items_are_stored_along_the_axes_of_their_gram_matrix() -> None:
    vectors = learned(random_table()).vectors.astype(np.float64)
    gram = vectors.T @ vectors
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-4 * np.diag(gram).max())


def test_what_somebody_took_long_ago_counts_less() -> None:
    """Both colours were taken; the newer one decides."""
    model = learned(checkerboard(), decay=0.5, ridge=0.2)
    assert model.top_k(np.array([0, 2, 4, 1, 3, 5], dtype=np.int32), 1).items.tolist() == [7]
    assert model.top_k(np.array([1, 3, 5, 0, 2, 4], dtype=np.int32), 1).items.tolist() == [6]
