"""The transformer's own promises: its loss, its two ways of computing, its reasons, its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from recommender.engine.attention import Dropout, Learner, Lessons, SampledSoftmax
from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.errors import ArtefactError, ConfigError
from recommender.engine.models.blend import Blend, BlendSettings
from recommender.engine.models.sasrec import SasRec, SasRecSettings
from recommender.engine.split import split_leave_one_out
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU, NOBODY

SMALL: dict[str, Any] = {"dimension": 8, "epochs": 2, "dropout": 0.25, "negatives": 5, "learning_rate": 0.02}


def random_table() -> Interactions:
    rng = np.random.default_rng(5)
    users, items = rng.integers(0, 20, 160), rng.integers(0, 15, 160)
    return Interactions.build(users=users, items=items, times=np.arange(160), item_ids=range(16))


def learned(table: Interactions, **values: Any) -> SasRec:
    settings = settings_from(SasRecSettings, SMALL | values)
    return SasRec.fit(table, settings=settings, device=CPU, rng=np.random.default_rng(1))


@pytest.mark.parametrize(
    "values",
    [{"dimension": 7}, {"heads": 0}, {"blocks": 0}, {"dropout": 1.0}, {"precision": "float16"}, {"epochs": 0}],
)
def test_shapes_and_schedules_that_cannot_be_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings_from(SasRecSettings, values)


@pytest.mark.parametrize("drawn", [4, 9])
def test_the_loss_and_its_gradients_are_those_of_cross_entropy_over_target_and_scaled_negatives(drawn: int) -> None:
    generator = torch.Generator().manual_seed(0)
    hidden, items = (torch.randn(6, 3, generator=generator), torch.randn(9, 3, generator=generator))
    bias, weights = torch.randn(9, generator=generator), torch.rand(6, generator=generator)
    targets, negatives = torch.tensor([0, 1, 2, 3, 8, 8]), torch.randperm(9, generator=generator)[:drawn]
    ours = [value.clone().requires_grad_() for value in (hidden, items, bias)]
    plain = [value.clone().requires_grad_() for value in (hidden, items, bias)]
    apply, backward = SampledSoftmax.apply, torch.autograd.backward
    loss = apply(*ours, targets, weights / weights.sum(), negatives)  # type: ignore[no-untyped-call]
    backward(3 * loss)
    logits = plain[0] @ plain[1].T + plain[2]
    rivals = (logits[:, negatives] + np.log(9 / drawn)).masked_fill(negatives == targets[:, None], -torch.inf)
    table = torch.cat([logits.gather(1, targets[:, None]), rivals], dim=1)
    losses = functional.cross_entropy(table, torch.zeros(6, dtype=torch.long), reduction="none")
    expected = (losses * weights / weights.sum()).sum()
    backward(3 * expected)
    torch.testing.assert_close(loss, expected)
    for own, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(own.grad, other.grad)


def test_every_position_of_every_window_is_predicted_once_from_what_stands_before_it() -> None:
    table = random_table()
    settings = settings_from(SasRecSettings, {"window": 4, "batch_tokens": 10})
    lessons = Lessons(table, settings, CPU)
    seen = []
    for rows in lessons.groups(np.random.default_rng(0)):
        items, sources, places = lessons.batch(rows)
        flat = items.flatten() if places is None else items.flatten()[places]
        assert torch.equal(flat, lessons.items[sources - 1])
        seen.extend(sources.tolist())
    expected = [
        place
        for user in range(table.n_users)
        for place in range(max(table.pointers[user] + 1, table.pointers[user + 1] - 4), table.pointers[user + 1])
    ]
    assert sorted(seen) == expected
    assert len(expected) == lessons.positions


def test_dropout_empties_its_share_and_keeps_the_mean() -> None:
    drop = Dropout(0.25, room=50_000, device=CPU, rng=np.random.default_rng(0))
    drop.refill()
    values = drop(torch.ones(200, 200))
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(values.mean()) == pytest.approx(1, abs=0.01)


def test_what_follows_is_recommended_not_what_came_before() -> None:
    model = learned(chains(), epochs=25, dropout=0.0, negatives=0, batch_tokens=20)
    for item in range(9):
        assert model.top_k(np.array([item], dtype=np.int32), 1).items.tolist() == [(item + 1) % 9]


def test_numpy_and_torch_compute_the_same_scores_for_all_lengths() -> None:
    table = random_table()
    model = learned(table, window=5, blocks=3)
    users = np.arange(table.n_users)
    np.testing.assert_allclose(
        model._score_together(table, users, device=CPU).numpy(),
        model.score_batch(table, users, device=CPU).numpy(),
        atol=1e-5,
    )


def test_people_without_a_history_are_answered_together_by_popularity() -> None:
    table = random_table().keep(np.zeros(len(random_table()), dtype=np.bool_))
    model = learned(random_table(), epochs=1)
    together = model._score_together(table, np.arange(3), device=CPU).numpy()
    np.testing.assert_allclose(together, np.tile(model.score(NOBODY), (3, 1)), atol=1e-6)


def test_scores_are_logarithms_of_probabilities() -> None:
    model = learned(random_table())
    for history in (NOBODY, np.array([3, 4, 1], dtype=np.int32)):
        assert np.exp(model.score(history)).sum() == pytest.approx(1, abs=1e-5)


def test_a_reason_is_what_the_score_loses_without_the_item() -> None:
    model, targets = learned(random_table(), window=3), np.array([7, 2])
    history = np.array([9, 4, 15, 1, 6], dtype=np.int32)
    parts, _ = model.contributions(history, targets)
    without = model.score(np.array([4, 6], dtype=np.int32))
    np.testing.assert_allclose(parts[3], (model.score(history) - without)[targets], atol=1e-5)
    assert not parts[0].any(), "older than the window"
    assert not parts[2].any(), "an item nobody took"
    alone, rest = model.contributions(history[:1], targets)
    np.testing.assert_allclose(alone[0], (model.score(history[:1]) - model.score(NOBODY))[targets], atol=1e-5)
    np.testing.assert_allclose(rest, model.score(NOBODY)[targets], atol=1e-5)


class _Killed(Exception):
    pass


def _kill_after_the_second(step: str, done: int, total: int) -> None:
    if done == 2:
        raise _Killed


def test_a_training_killed_between_epochs_goes_on_to_the_same_model(tmp_path: Path) -> None:
    table, path = random_table(), tmp_path / "learning"
    settings = settings_from(SasRecSettings, SMALL | {"epochs": 4})
    with pytest.raises(_Killed):
        SasRec.fit(
            table,
            settings=settings,
            device=CPU,
            rng=np.random.default_rng(1),
            progress=_kill_after_the_second,
            checkpoint=path,
        )
    told: list[int] = []
    resumed = SasRec.fit(
        table,
        settings=settings,
        device=CPU,
        rng=np.random.default_rng(99),
        progress=lambda _, done, __: told.append(done),
        checkpoint=path,
    )
    assert told == [3, 4]
    whole = learned(table, epochs=4).state()
    for name, value in resumed.state().items():
        np.testing.assert_array_equal(value, whole[name])


def test_a_checkpoint_of_other_data_or_settings_or_a_broken_one_is_refused(tmp_path: Path) -> None:
    table, path = random_table(), tmp_path / "learning"
    learner = Learner(table, settings_from(SasRecSettings, SMALL), device=CPU, rng=np.random.default_rng(1))
    learner.save(path, data_sha256="one")
    with pytest.raises(ArtefactError, match="other settings or other data"):
        learner.load(path, data_sha256="two")
    other = Learner(
        table, settings_from(SasRecSettings, SMALL | {"epochs": 9}), device=CPU, rng=np.random.default_rng(1)
    )
    with pytest.raises(ArtefactError, match="other settings or other data"):
        other.load(path, data_sha256="one")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtefactError, match="cannot read the checkpoint"):
        learner.load(path, data_sha256="one")


def test_a_blend_gives_the_transformer_its_coefficient() -> None:
    stage = split_leave_one_out(chains(60, 12)).test
    parts: list[dict[str, Any]] = [
        {"model": "popularity"},
        {
            "model": "sasrec",
            "settings": SMALL | {"epochs": 12, "dropout": 0.0, "negatives": 0, "window": 2, "batch_tokens": 40},
        },
    ]
    model = Blend.fit_tuned(stage, settings=BlendSettings(components=parts), device=CPU, rng=np.random.default_rng(0))
    assert model.settings.coefficients[1] > 0.4
