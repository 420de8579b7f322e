"""Settings searched, figures for TensorBoard."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.engine import study
from recommender.engine.board import Board
from recommender.engine.config import TrainConfig
from recommender.engine.errors import ConfigError
from recommender.engine.metrics import Estimate
from recommender.engine.split import split_leave_one_out
from recommender.engine.study import SPACES, search
from recommender.engine.train import train
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU

pytestmark = pytest.mark.filterwarnings("ignore")  # Optuna and TensorBoard warn of libraries of their own


def found(**asked: Any) -> Any:
    stage = split_leave_one_out(chains(users=40)).valid
    return search(
        stage, **{"model": "ease", "start": {}, "budget": 60, "device": CPU, "rng": np.random.default_rng(1), **asked}
    )


def test_a_search_is_no_worse_than_where_it_began_and_goes_on_under_its_name() -> None:
    import optuna

    kept, told = optuna.storages.InMemoryStorage(), []
    first = found(storage=kept, name="s", trials=1, progress=lambda *step: told.append(step))
    assert (first.trials, first.settings["ridge"], told) == (1, 100.0, [("search", 1, 1)])
    more = found(storage=kept, name="s", trials=9)
    assert more.value >= first.value
    assert more.trials + more.pruned == 10
    assert isinstance(more.settings["window"], int)
    assert len(more.tried) == 10
    assert more.tried[0] == first.value


def test_a_trial_that_lags_behind_the_others_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    falling = itertools.count(100, -1)
    figure = {"ndcg@10": Estimate(0.0, 0.0, 1, 0.0, 0.0)}
    monkeypatch.setattr(
        study, "evaluate", lambda *_, **__: {"ndcg@10": replace(figure["ndcg@10"], value=next(falling) / 100)}
    )
    told = found(trials=8)
    assert (told.trials, told.pruned) == (4, 4)
    assert told.value == 0.98


def test_a_spent_budget_ends_the_search_after_the_trial_at_hand() -> None:
    assert found(budget=0).trials == 1


def test_what_is_not_searched_is_refused() -> None:
    with pytest.raises(ConfigError, match="not searched"):
        found(model="popularity")
    with pytest.raises(ConfigError, match="not searched"):
        found(select_by="coverage@10")


def test_every_searched_setting_is_one_of_its_model() -> None:
    from recommender.engine.models import get_model

    for model, space in SPACES.items():
        assert set(space) <= set(get_model(model).Settings.__dataclass_fields__)


def test_a_run_leaves_scalars_and_hyperparameters(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told: list[tuple[str, int, int]] = []
    config = TrainConfig(model="blend", settings={"components": [{"model": "ease"}, {"model": "popularity"}]})
    with Board(tmp_path) as board:
        progress = board.progress(lambda *step: told.append(step))
        result = train(config, chains(), device=CPU, rng=np.random.default_rng(0), progress=progress)
        board.result("blend", result)
    events = EventAccumulator(str(tmp_path)).Reload()
    scalars = set(events.Tags()["scalars"])
    assert {"valid/ndcg@10", "test/hr@10", "progress/test", "cpu_seconds/fit", "tried/valid/ndcg@10"} <= scalars
    assert not {name for name in scalars if name.startswith("loss/")}, "closed forms have none"
    assert told
    assert any(b"hparams" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "settings", "name"),
    [
        ("sasrec", {"dimension": 8, "epochs": 3, "dropout": 0.0}, "sasrec"),
        ("ncf", {"dimension": 8, "hidden": 8, "epochs": 3}, "ncf"),
        ("two_tower", {"dimension": 8, "epochs": 3}, "two_tower"),
        ("blend", {"components": [{"model": "ease"}, {"model": "ncf", "settings": {"epochs": 3}}]}, "1/ncf"),
    ],
)
def test_the_loss_of_every_epoch_is_shown(tmp_path: Path, model: str, settings: dict[str, Any], name: str) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Board(tmp_path) as board:
        config = TrainConfig(model=model, settings=settings)
        board.result(model, train(config, chains(), device=CPU, rng=np.random.default_rng(0)))
    told = EventAccumulator(str(tmp_path)).Reload().Scalars(f"loss/{name}")
    assert [row.step for row in told] == [1, 2, 3]
    assert told[-1].value < told[0].value
