"""The noise of a private release."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.privacy import gaussian_sigma, private_gram
from tests.recommender.engine.cases import checkerboard


def test_the_noise_is_that_of_the_analytic_mechanism() -> None:
    # epsilon 1, delta 1e-5: 3.7304 by the authors' own program; the classical formula asks for 4.8448.
    assert gaussian_sigma(1.0, 1e-5) == pytest.approx(3.7304, rel=1e-3)
    assert gaussian_sigma(8.0, 1e-5) < gaussian_sigma(1.0, 1e-5) < gaussian_sigma(0.1, 1e-5)
    for epsilon, delta in ((0.0, 0.1), (1.0, 0.0), (1.0, 1.0)):
        with pytest.raises(ConfigError, match="epsilon"):
            gaussian_sigma(epsilon, delta)


def test_one_person_moves_the_released_table_by_one_at_most() -> None:
    rng = np.random.default_rng(4)
    users, items = np.repeat(np.arange(9), 30), rng.integers(0, 25, 270)
    table = Interactions.build(users=users, items=items)
    with_and_without = [
        private_gram(of, epsilon=1e9, delta=0.1, clip=4, rng=np.random.default_rng(0))
        for of in (table, table.of_people(table.user_ids != 3))
    ]
    moved = with_and_without[0] - with_and_without[1]
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-6)
    assert np.count_nonzero(np.abs(moved) > 1e-9) == 16


def test_noise_is_symmetric_and_as_strong_as_promised() -> None:
    board = checkerboard(20)
    noisy = private_gram(board, epsilon=1.0, delta=1e-5, clip=50, rng=np.random.default_rng(0))
    exact = private_gram(board, epsilon=1e9, delta=0.1, clip=50, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(noisy, noisy.T)
    assert np.std((noisy - exact)[np.triu_indices(20)]) == pytest.approx(3.73, rel=0.15)
