"""Networks over pooled histories: the conformance suite, cold items, and learning in private."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from recommender.engine.config import settings_from
from recommender.engine.content import content_of
from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models.ncf import Ncf, NcfSettings
from recommender.engine.models.two_tower import TwoTower, TwoTowerSettings
from recommender.engine.pooling import Lessons
from tests.recommender.engine.cases import chains, checkerboard
from tests.recommender.engine.conformance import CPU, NOBODY, ModelConformance


class TestNcfConforms(ModelConformance):
    name = "ncf"
    drift = 0.05
    settings: ClassVar[dict[str, Any]] = {
        "dimension": 8, "hidden": 8, "epochs": 12, "negatives": 0, "learning_rate": 0.08, "window": 4,
    }  # fmt: skip


class TestTwoTowerConforms(ModelConformance):
    name = "two_tower"
    drift = 0.05
    settings: ClassVar[dict[str, Any]] = {
        "dimension": 8, "epochs": 12, "negatives": 0, "learning_rate": 0.08, "window": 4,
    }  # fmt: skip


def test_an_item_nobody_took_stands_where_its_description_puts_it() -> None:
    board = checkerboard()
    everybody = np.ones(len(board), dtype=bool)
    table = board.keep(everybody & (board.items != 7))  # course 7 is new
    texts = ["even"] * 8
    for place in range(1, 8, 2):
        texts[place] = "odd"
    described = replace(table, content=content_of(texts=texts, tags=[[]] * 8, meaning=np.ones((8, 2), np.float32)))
    settings = TwoTowerSettings(dimension=8, epochs=30, negatives=0, learning_rate=0.03, hidden_id=0.5, window=4)
    model = TwoTower.fit(described, settings=settings, device=CPU, rng=np.random.default_rng(0))
    odd, even = model.score(np.array([1, 3, 5], dtype=np.int32)), model.score(np.array([0, 2, 4], dtype=np.int32))
    assert odd[7] > odd[[0, 2, 4, 6]].max()
    assert even[7] < even[6]
    bias = model.weights["bias"]
    assert bias[7] > bias[[1, 3, 5]].min() - 0.1  # it was nobody's rival, so it was not pushed down
    silent = board.keep(~everybody)
    np.testing.assert_array_equal(
        model._score_together(silent, np.arange(2), device=CPU)[0].numpy(), model.score(NOBODY)
    )
    words = replace(table, content=content_of(texts=texts, tags=[[]] * 8))
    short = replace(settings, epochs=1)
    assert TwoTower.fit(words, settings=short, device=CPU, rng=np.random.default_rng(0)).known.all()


def test_lessons_are_all_prefixes_fading() -> None:
    lessons = Lessons.of(Interactions.build(users=[0, 0, 0, 1], items=[4, 5, 6, 4]), window=2, decay=0.5)
    context, factors, targets = lessons.batch(np.array([0, 1]), CPU)
    assert targets.tolist() == [1, 2]
    assert (context[1].tolist(), context[0, 0].item()) == ([1, 0], 0)
    np.testing.assert_allclose(factors.numpy(), [[1, 0], np.array([1, 0.5]) / 1.25**0.5], rtol=1e-6)
    alone = Lessons.of(Interactions.build(users=[0], items=[1]), window=2, decay=0.5)
    assert list(alone.shuffled(8, np.random.default_rng(0))) == []


def test_noise_without_the_library_for_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    with pytest.raises(ConfigError, match="Opacus"):
        Ncf.fit(chains(), settings=NcfSettings(noise=1.0), device=CPU, rng=np.random.default_rng(0))


def test_in_private_each_person_is_drawn_by_chance_and_what_was_spent_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With stand-ins for Opacus, which is optional: what it is given is what its accountant needs."""
    told: dict[str, Any] = {}
    opacus, optimizers, rdp = ModuleType("opacus"), ModuleType("opacus.optimizers"), ModuleType("analysis")

    def noisy(optimiser: Any, **asked: Any) -> Any:
        told.update(asked)
        return optimiser

    def spent(*, orders: Any, rdp: Any, delta: float) -> tuple[float, float]:
        return 3.5, orders[0]

    opacus.GradSampleModule = lambda net: net  # type: ignore[attr-defined] # a stand-in
    optimizers.DPOptimizer = noisy  # type: ignore[attr-defined] # a stand-in
    rdp.rdp = SimpleNamespace(  # type: ignore[attr-defined] # a stand-in
        compute_rdp=lambda **asked: told.update(asked), get_privacy_spent=spent
    )
    names = {"opacus": opacus, "opacus.optimizers": optimizers, "opacus.accountants.analysis": rdp}
    for name, module in names.items():
        monkeypatch.setitem(sys.modules, name, module)
    settings = NcfSettings(noise=1.5, batch=6, epochs=2, dimension=4, hidden=4)
    model = Ncf.fit(chains(users=30), settings=settings, device=CPU, rng=np.random.default_rng(0))
    assert model.settings.epsilon == 3.5
    assert (told["noise_multiplier"], told["max_grad_norm"], told["expected_batch_size"]) == (1.5, 1.0, 6)
    assert (told["q"], told["steps"]) == (0.2, 10)
    assert told["generator"].initial_seed() >= 2**31  # no seed that could be tried out


@pytest.mark.parametrize("values", [{"dimension": 1}, {"noise": -1}])
def test_shapes_that_cannot_be_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings_from(NcfSettings, values)


def test_a_seed_for_torch_leaves_torch_as_it_was() -> None:
    from recommender.engine.networks import seeded

    before = torch.random.get_rng_state()
    with seeded(np.random.default_rng(0)):
        torch.rand(3)
    assert torch.equal(before, torch.random.get_rng_state())
