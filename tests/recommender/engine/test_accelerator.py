"""What runs on an accelerator beside single models (`conformance`); `bench.recommender.accelerator` times it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.evaluate import rank_stage
from recommender.engine.factors import Side, solve_side
from recommender.engine.models import get_model
from recommender.engine.models.base import Model
from recommender.engine.split import split_leave_one_out
from tests.recommender.engine.conformance import CPU

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]
THERE = torch.device("cuda")


def tastes(users: int, items: int) -> Interactions:  # cuda-only
    """Seven different items each, popular ones more often."""
    rng = np.random.default_rng(2)
    taken = (items * rng.random((users, 40)) ** 2).astype(np.int64)
    return Interactions.of_histories([rng.permutation(np.unique(row))[:7] for row in taken], item_ids=np.arange(items))


def fitted(name: str, table: Interactions, device: torch.device) -> Model:  # cuda-only
    kind = get_model(name)
    return kind.fit(table, settings=settings_from(kind.Settings, {}), device=device, rng=np.random.default_rng(0))


@pytest.mark.parametrize("name", ["ease", "item_knn", "sequence_ease", "stepped_ease", "blend"])
def test_lists_and_figures_agree_for_99_of_100_people(name: str) -> None:  # cuda-only
    stage = split_leave_one_out(tastes(3_000, 500)).test
    here, there = (rank_stage(fitted(name, stage.train, device), stage, device=device) for device in (CPU, THERE))
    assert (here.top == there.top).all(axis=1).mean() >= 0.99
    gains = [np.where(found.ranks <= 10, 1 / np.log2(found.ranks + 1), 0).mean() for found in (here, there)]
    assert gains[0] == pytest.approx(gains[1], abs=0.003)


def test_factors_are_solved_alike_in_large_groups() -> None:  # cuda-only
    table = tastes(4_000, 700)
    fixed = torch.randn(700, 128, generator=torch.Generator().manual_seed(0)) / 10
    here, there = (
        solve_side(fixed.to(device), Side.of_users(table), unobserved=0.1, ridge=0.003).cpu() for device in (CPU, THERE)
    )
    torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-3)


def test_a_catalogue_of_20000_is_inverted_there() -> None:  # cuda-only
    table = tastes(30_000, 20_000)
    model = fitted("ease", table, THERE)
    scores = model.score_batch(table, np.arange(64), device=THERE).cpu().numpy()
    for user in range(64):
        np.testing.assert_allclose(scores[user], model.score(table.history(user)), rtol=1e-3, atol=1e-4)
