"""A training run end to end, its configuration and its device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from recommender.engine.config import TrainConfig
from recommender.engine.data import Interactions
from recommender.engine.device import choose_device, describe_device
from recommender.engine.errors import ConfigError, DataError
from recommender.engine.models.blend import Blend
from recommender.engine.train import train, valid_stage
from tests.recommender.engine.cases import chains, checkerboard

CPU = torch.device("cpu")


def run(config: TrainConfig, table: Interactions, **extra: Any) -> Any:
    return train(config, table, device=CPU, rng=np.random.default_rng(0), **extra)


def circles() -> Interactions:
    """Long walks round a circle of items, with times: what comes next is always known."""
    rng = np.random.default_rng(5)
    starts = rng.integers(0, 20, 60)
    users = np.repeat(np.arange(60), 8)
    items = (np.repeat(starts, 8) + np.tile(np.arange(8), 60)) % 20
    times = np.tile(np.arange(8), 60) * 1000 + np.repeat(rng.integers(0, 900, 60), 8)
    return Interactions.build(users=users, items=items, times=times)


def test_where_times_exist_the_split_is_by_time_and_figures_come_for_valid_and_test() -> None:
    told: list[tuple[str, int, int]] = []
    config = TrainConfig(model="sequence_ease", settings={"ridge": 1.0})
    result = run(config, circles(), progress=lambda *step: told.append(step))
    assert result.split == "temporal"
    assert result.metrics["valid"]["hr@1"].value == 1.0
    assert result.metrics["test"]["hr@1"].value == 1.0
    assert result.metrics["test"]["ndcg@10"].count > 10
    assert result.curves == {"valid/ndcg@10": [1.0]}
    assert result.settings == {"content": 0.0, "decay": 0.7, "ridge": 1.0, "window": 20}
    assert result.data_sha256 == circles().fingerprint()
    assert result.device == "cpu"
    assert set(result.cpu_seconds) == {"choose", "test", "fit"}
    assert [step for step, done, total in told if done == total] == ["choose", "test", "fit"]


def test_the_returned_model_has_seen_everything() -> None:
    """The last walks only exist in the held-out end; a model of the past alone could not know them."""
    table = circles()
    result = run(TrainConfig(model="popularity"), table)
    assert result.model.counts == pytest.approx(table.item_counts / len(table))


def test_without_times_the_last_items_are_held_out() -> None:
    config = TrainConfig(model="popularity")
    assert run(config, chains()).split == "leave_one_out"
    assert valid_stage(config, chains()).sees_future
    assert not valid_stage(config, circles()).sees_future
    assert run(TrainConfig(model="popularity", split="leave_one_out"), checkerboard()).split == "leave_one_out"
    with pytest.raises(DataError, match="times"):
        run(TrainConfig(model="popularity", split="temporal"), chains())


def test_the_candidate_that_does_best_on_valid_wins() -> None:
    config = TrainConfig(
        model="sequence_ease",
        settings={"window": 3},
        candidates=({"ridge": 1e9}, {"ridge": 1.0}, {"ridge": 1e8}),
        select_by="hr@1",
    )
    result = run(config, circles())
    assert result.settings == {"content": 0.0, "decay": 0.7, "ridge": 1.0, "window": 3}
    assert len(result.curves["valid/hr@1"]) == 3
    assert max(result.curves["valid/hr@1"]) == result.curves["valid/hr@1"][1]


def test_a_blend_is_trained_with_fitted_coefficients() -> None:
    components = [{"model": "popularity"}, {"model": "sequence_ease", "settings": {"ridge": 1.0}}]
    result = run(TrainConfig(model="blend", settings={"components": components}), circles())
    assert isinstance(result.model, Blend)
    assert sum(result.settings["coefficients"]) == pytest.approx(1)
    assert result.settings["coefficients"][1] >= 0.5
    assert result.metrics["test"]["hr@1"].value == 1.0


def test_a_metric_of_a_slice_that_is_empty_chooses_the_first_candidate() -> None:
    users = np.repeat(np.arange(300), 3)
    items = np.tile([0, 1, 2, 1, 0, 2], 150)
    config = TrainConfig(model="ease", candidates=({"ridge": 1.0}, {"ridge": 2.0}), select_by="tail100_hr@10")
    result = run(config, Interactions.build(users=users, items=items))
    assert result.settings["ridge"] == 1.0
    assert result.curves == {"valid/tail100_hr@10": [0.0, 0.0]}


def test_data_too_small_to_ask_anybody_still_give_a_model() -> None:
    result = run(TrainConfig(model="ease", candidates=({"ridge": 7.0},)), Interactions.build(users=[1], items=[4]))
    assert result.metrics == {"valid": {}, "test": {}}
    assert result.curves == {"valid/ndcg@10": []}
    assert result.settings["ridge"] == 7.0
    assert result.model.item_ids.tolist() == [4]


def test_no_interactions_are_refused() -> None:
    with pytest.raises(DataError, match="no interactions"):
        run(TrainConfig(), Interactions.build(users=[], items=[], times=[]))


def test_whoever_raises_in_progress_stops_the_training() -> None:
    class Cancelled(Exception):
        pass

    def cancel(step: str, done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(TrainConfig(model="ease"), circles(), progress=cancel)


def test_two_runs_with_one_seed_are_equal() -> None:
    one, two = (run(TrainConfig(model="ease", max_valid_users=9), circles()) for _ in range(2))
    assert one.metrics == two.metrics
    np.testing.assert_array_equal(one.model.matrix, two.model.matrix)


@pytest.mark.parametrize(
    "values",
    [
        {"select_by": "sampled_hr@10"},
        {"select_by": "coverage@10"},
        {"split": "random"},
        {"valid_share": 0.9},
        {"test_share": -0.1},
        {"max_valid_users": 0},
        {"replicates": 1},
    ],
)
def test_a_run_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        TrainConfig(**values)


def test_an_unknown_model_is_refused_before_any_work() -> None:
    with pytest.raises(ConfigError, match="unknown model"):
        run(TrainConfig(model="oracle"), circles())


def test_the_device_is_what_was_asked_for_or_the_best_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("cpu") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == choose_device("auto") == choose_device("") == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ConfigError, match="not present"):
        choose_device("cuda:3")
    assert describe_device(CPU) == "cpu"


@pytest.mark.parametrize("wanted", ["abacus", "meta", "cpu:x"])
def test_an_unknown_device_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError):
        choose_device(wanted)
