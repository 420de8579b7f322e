"""Lists for many at once."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine import bulk
from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models import get_model
from recommender.engine.models.linear import LinearModel
from tests.recommender.engine.conformance import CPU


def fitted(name: str, table: Interactions) -> LinearModel:
    kind = get_model(name)
    settings = settings_from(kind.Settings, {"window": 3})
    model = kind.fit(table, settings=settings, device=CPU, rng=np.random.default_rng(0))
    assert isinstance(model, LinearModel)
    return model


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("weighed", [True, False])
def test_many_lists_are_the_single_ones(compiled: bool, weighed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        monkeypatch.setattr(bulk, "_compiled", lambda: bulk._sift)
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.2, 2, 60) if weighed else None
    table = Interactions.build(users=rng.integers(0, 9, 60), items=rng.integers(0, 8, 60), weights=weights)
    model, users = fitted("ease", table), np.arange(table.n_users)
    items, scores = bulk.top_k_many(model, table, users, 5)
    for user in range(table.n_users):
        alone = model.top_k(table.history(user), 5, weights=table.history_weights(user))
        kept = items[user] >= 0
        assert items[user][kept].tolist() == alone.items.tolist()
        np.testing.assert_allclose(scores[user][kept], alone.scores, rtol=1e-5, atol=1e-7)
        assert np.isneginf(scores[user][~kept]).all()


def test_a_model_of_more_than_one_matrix_is_refused() -> None:
    table = Interactions.build(users=[0, 0, 1], items=[0, 1, 1])
    with pytest.raises(ConfigError, match="not one matrix"):
        bulk.top_k_many(fitted("stepped_ease", table), table, np.array([0]), 2)
