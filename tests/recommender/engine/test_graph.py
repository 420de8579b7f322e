"""Filters on the graph of people and items."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from recommender.engine.errors import DataError
from recommender.engine.models.graph_filter import GraphFilter, GraphFilterSettings
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU, ModelConformance


class TestGraphFilterConforms(ModelConformance):
    name = "graph_filter"
    settings: ClassVar[dict[str, Any]] = {"dimension": 3, "neighbours": 6}


def test_the_graph_filter_is_its_definition() -> None:
    """Against dense algebra: S without its diagonal, and the vectors of the two largest singular values."""
    table = chains(12, 7)
    taken = np.zeros((table.n_users, table.n_items))
    taken[table.rows, table.items] = 1
    counts = taken.sum(0)
    balanced = taken / np.sqrt(taken.sum(1, keepdims=True) * counts)
    near = balanced.T @ balanced
    np.fill_diagonal(near, 0)
    axes = np.linalg.svd(balanced)[2][:2].T
    wide = 0.5 * (axes / np.sqrt(counts)[:, None]) @ (axes * np.sqrt(counts)[:, None]).T
    model = GraphFilter.fit(
        table,
        settings=GraphFilterSettings(dimension=2, smooth=0.5, neighbours=50),
        device=CPU,
        rng=np.random.default_rng(0),
    )
    history = table.history(3)
    expected = (near + wide)[history].sum(0) + 1e-6 * counts / table.n_users
    np.testing.assert_allclose(model.score(history), expected, atol=1e-5)
    arrays = model.state()
    with pytest.raises(DataError, match="near is int32"):
        type(model).from_state(
            settings=model.settings, item_ids=model.item_ids, arrays={**arrays, "near": arrays["near"] + 7}
        )
