from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.engine import solve, tuning
from recommender.engine.config import settings_from, silent
from recommender.engine.data import Interactions
from recommender.engine.evaluate import evaluate
from recommender.engine.models import get_model
from recommender.engine.models.blend import Blend
from recommender.engine.split import Stage, split_leave_one_out
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU
from tests.recommender.engine.test_content import many_described


def choose(stage: Stage, *, budget: float = 600.0, **values: Any) -> tuple[str, dict[str, Any]]:
    return tuning.best(stage, budget=budget, select_by="ndcg@10", device=CPU, rng=np.random.default_rng(0), **values)


def families(stage: Stage) -> list[tuning.Family]:
    search = tuning._Search(
        stage, budget=1.0, select_by="ndcg@10", device=CPU, rng=np.random.default_rng(0), progress=silent
    )
    return list(search._families())


def test_walks_in_circles_are_answered_by_what_follows() -> None:
    """What is popular, and what goes together, cannot say which of its neighbours comes next."""
    split = split_leave_one_out(chains(80, 16))
    told: list[tuple[str, int, int]] = []
    name, values = choose(split.test, progress=lambda *step: told.append(step))
    kind = get_model(name)
    model = kind.fit(
        split.test.train, settings=settings_from(kind.Settings, values), device=CPU, rng=np.random.default_rng(0)
    )
    figures = evaluate(model, split.test, device=CPU, rng=np.random.default_rng(0), replicates=2)
    assert figures["hr@1"].value == 1.0
    assert told[-1][0] == "choose"


def test_the_choice_is_the_same_every_time() -> None:
    stage = split_leave_one_out(chains(20, 8)).test
    assert choose(stage) == choose(stage)


def test_without_time_popularity_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "FAMILIES", tuning.FAMILIES[2:])
    assert choose(split_leave_one_out(chains()).test, budget=-1.0) == ("popularity", {})


def test_what_only_some_data_have_is_tried_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "FAMILIES", (tuning.Family("hybrid", when="content"),))
    assert choose(split_leave_one_out(chains()).test) == ("popularity", {})
    name, values = choose(split_leave_one_out(many_described()).test)
    assert name == "newcomers"
    assert values["base"]["model"] == "hybrid"


def test_a_large_catalogue_is_squared_once_in_single_precision_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = split_leave_one_out(chains(30, 9)).test
    monkeypatch.setattr(solve, "LARGE", 8)
    monkeypatch.setattr(tuning, "FAMILIES", [family for family in tuning.FAMILIES if family.model != "sasrec"])
    assert {family.model for family in families(stage)} == {"ease", "ials", "graph_filter"}
    monkeypatch.setattr(tuning, "_free_memory", lambda: 2 * 9 * 9**2)
    assert {family.model for family in families(stage)} == {"ials", "graph_filter"}
    assert choose(stage)[0] in ("ials", "graph_filter", "blend")


def test_where_a_history_has_no_order_all_of_it_counts_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = replace(split_leave_one_out(chains(30, 9)).test, unordered=True)
    monkeypatch.setattr(tuning._Search, "_measured", lambda _search, model, cost: _reaching(model, cost))
    monkeypatch.setattr(tuning, "FAMILIES", [family for family in tuning.FAMILIES if family.model == "graph_filter"])
    name, values = choose(stage)
    assert (name, values["decay"], values["window"]) == ("graph_filter", 1.0, 1000)


def _reaching(model: Any, cost: float) -> tuning.Found:
    """The more of a history counts, the better."""
    return tuning.Found(model, float(model.settings.decay + model.settings.window / 1000), cost)


def test_a_stage_that_asks_nobody_gets_the_default() -> None:
    assert choose(split_leave_one_out(chains(3, 9)).valid.sample(0, rng=np.random.default_rng(0))) == ("blend", {})


def test_a_blend_stands_where_it_is_better_than_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the people walk round a circle, half take what goes together; nobody foresees both alone."""
    rng = np.random.default_rng(5)
    walks = [np.arange(start, start + 4) % 9 for start in range(40)]
    tastes = [9 + 5 * (user % 2) + rng.permutation(5)[:4] for user in range(40)]
    table = Interactions.of_histories([*walks, *tastes], item_ids=np.arange(19))
    monkeypatch.setattr(tuning, "FAMILIES", (tuning.Family("popularity"), tuning.Family("item_knn")))
    monkeypatch.setattr(Blend, "tuned", lambda blend, *_given, **_named: blend)
    monkeypatch.setattr(tuning._Search, "_measured", lambda _search, model, cost: _found(model, cost))
    assert choose(split_leave_one_out(table).test)[0] == "blend"


def _found(model: Any, cost: float) -> tuning.Found:
    return tuning.Found(model, {"popularity": 0.1, "item_knn": 0.2, "blend": 0.3}[model.name], cost)


def test_a_climb_ends_where_the_time_does(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = iter([True, False])
    monkeypatch.setattr(tuning._Search, "_left", lambda _search, _seconds: next(allowed, False))
    family = tuning.Family("sequence_ease", times={"ridge": (2.0, 4.0)})
    monkeypatch.setattr(tuning, "FAMILIES", (family,))
    name, values = choose(split_leave_one_out(chains(20, 8)).test)
    assert (name, values["ridge"]) == ("sequence_ease", 50.0)


def test_a_dear_model_is_left_out_where_not_all_could_be_fitted_again_beside_it() -> None:
    stage = split_leave_one_out(many_described()).test
    search = tuning._Search(
        stage, budget=100.0, select_by="ndcg@10", device=CPU, rng=np.random.default_rng(0), progress=silent
    )
    assert search._left(20)
    search.held = 50
    assert not search._left(20)
    towers = get_model("two_tower").Settings
    costs = [search._expected("two_tower", towers(epochs=epochs)) for epochs in (10, 20)]
    assert costs[0] > 0
    assert costs[1] == pytest.approx(2 * costs[0])


def test_where_the_machine_does_not_tell_its_memory_some_is_assumed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tuning._free_memory() > 2**26
    monkeypatch.setattr(tuning, "Path", lambda _name: Path("/nowhere/at/all"))
    assert tuning._free_memory() == 2**33
