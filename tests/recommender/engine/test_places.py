from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recommender.engine import places, tuning
from recommender.engine.config import settings_from
from recommender.engine.content import content_of
from recommender.engine.data import Float32, Int32, Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.evaluate import rank_stage
from recommender.engine.layouts import stage_of
from recommender.engine.models import get_model
from recommender.engine.models.newcomers import Newcomers, NewcomersSettings
from recommender.engine.models.popularity import Popularity, PopularitySettings
from recommender.engine.places import EVERY, NONE, Loss, Trial, choose_places, decide
from recommender.engine.split import Stage
from tests.recommender.engine.conformance import CPU

FREE, CHEAP, CLOSE, COSTLY = Loss(0, 0.001), Loss(0.01, 0.005), Loss(0.015, 0.01), Loss(0.1, 0.01)
OLD, NEW = 40, 3


def trials(**changed: Trial) -> list[Trial]:
    """All that is tried, without any gain or loss, but for those that are named `every_N`."""
    usual = {f"every_{every}": Trial(every, 0.5, FREE, FREE, 0) for every in EVERY}
    return list({**usual, **changed}.values())


def lovers(targets: list[int], *, people: int = 300) -> Stage:
    """`people` who took what few take, asked in turns for `targets`; item 0 is the most popular, 40 to 42 are new."""
    fillers = [np.arange(most) for most in range(1, 21) for _ in range(3)]
    own = [np.array([20 + person % 20]) for person in range(people)]
    train = Interactions.of_histories([*fillers, *own], item_ids=np.arange(OLD + NEW))
    texts = [f"art course {'abc'[item % 3]}" for item in range(OLD + NEW)]
    asked = [np.array([targets[person % len(targets)]]) for person in range(people)]
    nothing = [np.empty(0, dtype=np.int64)] * len(fillers)
    table = replace(train, content=content_of(texts=texts, tags=[[] for _ in texts]))
    return stage_of(table, Interactions.of_histories([*nothing, *asked], item_ids=np.arange(OLD + NEW)))


def around_popularity(stage: Stage, **values: Any) -> Newcomers:
    base = Popularity.fit(stage.train, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))
    settings = NewcomersSettings(base={"model": "popularity"}, **values)
    return Newcomers.around(base, stage.train, settings=settings)


def chosen(stage: Stage, *, select_by: str = "ndcg@10") -> NewcomersSettings | None:
    return choose_places(around_popularity(stage), stage, select_by=select_by, device=CPU, rng=np.random.default_rng(0))


def every_of(stage: Stage) -> int:
    found = chosen(stage)
    assert found is not None
    return found.every


def test_without_evidence_every_tenth_place_is_kept() -> None:
    assert decide(trials()).every == 10


def test_more_places_are_kept_where_more_new_items_are_found_and_the_figures_hold() -> None:
    five = Trial(5, 0.49, CHEAP, CHEAP, 3)
    assert decide(trials(every_5=five)).every == 5
    assert decide(trials(every_5=five, every_10=Trial(10, 0.5, FREE, FREE, 3))).every == 10


def test_the_figure_that_chooses_holds_one_standard_error_below_and_hits_as_measured() -> None:
    assert decide(trials(every_5=Trial(5, 0.49, CLOSE, FREE, 3))).every == 10
    assert decide(trials(every_5=Trial(5, 0.49, FREE, CLOSE, 3))).every == 5
    assert decide(trials(every_5=Trial(5, 0.49, FREE, Loss(0.021, 0.01), 3))).every == 10


def test_of_those_that_find_as_many_the_better_figure_stands_and_then_the_rarer_places() -> None:
    four, five = Trial(4, 0.48, FREE, FREE, 3), Trial(5, 0.49, FREE, FREE, 3)
    assert decide(trials(every_4=four, every_5=five)).every == 5
    assert decide(trials(every_4=four, every_5=replace(five, figure=0.48))).every == 5
    assert decide(trials(every_4=replace(four, new=4), every_5=five)).every == 4


def test_where_the_tenth_is_shown_to_cost_too_much_rarer_places_stand_or_none() -> None:
    assert decide(trials(every_10=Trial(10, 0.4, COSTLY, FREE, 0))).every == 15
    assert decide(trials(every_10=Trial(10, 0.4, FREE, COSTLY, 0))).every == 15
    rare = {f"every_{every}": Trial(every, 0.4, COSTLY, COSTLY, 0) for every in EVERY if every != NONE}
    assert decide(trials(**rare)).every == NONE


def test_a_base_that_finds_more_new_items_by_itself_is_left_alone() -> None:
    assert decide(trials(every_0=Trial(NONE, 0.5, FREE, FREE, 5), every_5=Trial(5, 0.5, FREE, FREE, 4))).every == NONE


def test_few_people_prove_nothing() -> None:
    found = Loss.of(np.array([1.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert found.value == 0
    assert found.error == pytest.approx(0.5)
    assert Loss.of(np.zeros(3), np.ones(3)) == Loss(0, np.inf)


def test_places_multiply_where_new_items_are_asked_for_and_nothing_is_lost() -> None:
    """Who asks for something known asks for the first of the list; three new items have places 2, 4 and 6."""
    assert every_of(lovers([0, 40, 0, 41, 0, 42])) == 2


def test_where_nothing_new_is_asked_for_the_tenth_stands_as_long_as_it_costs_nothing() -> None:
    assert every_of(lovers([0])) == 10
    assert every_of(lovers([9])) == 15


def test_a_handful_of_people_change_nothing() -> None:
    assert every_of(lovers([0, 40, 0, 41, 0, 42], people=6)) == 10


def test_a_stage_that_asks_nobody_changes_nothing() -> None:
    nobody = lovers([0]).sample(0, rng=np.random.default_rng(0))
    assert chosen(nobody) == around_popularity(nobody).settings


def test_a_base_is_answered_alone_where_the_rule_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "decide", lambda _trials: Trial(NONE, 0.5, FREE, FREE, 0))
    assert chosen(lovers([0])) is None


def test_what_is_no_figure_of_every_person_gives_way_to_ndcg() -> None:
    stage = lovers([0, 40, 0, 41, 0, 42])
    assert chosen(stage, select_by="tail100_hr@10") == chosen(stage)


def test_what_is_tried_ranks_as_the_model_does() -> None:
    stage = lovers([3, 40, 12, 41, 0, 42], people=40)
    lists = places._Lists(around_popularity(stage), stage, device=CPU)
    for own in places.OWN:
        [(chunk, scores)] = lists.blocks
        found = lists._ranks(chunk, scores, own)
        for every in (value for value in EVERY if value != NONE):
            model = around_popularity(stage, every=every, own=own)
            np.testing.assert_array_equal(found[every], rank_stage(model, stage, device=CPU).ranks)
        np.testing.assert_array_equal(found[NONE], rank_stage(lists.model.base, stage, device=CPU).ranks)


def test_no_more_people_are_asked_than_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = lovers([0])
    assert places.people_asked(stage) == 300
    monkeypatch.setattr(places, "CELLS", 43 * 7 + 5)
    assert places.people_asked(stage) == 7


class Foreseeing(Popularity):
    """Popularity that knows of the last new item what nobody else does."""

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        scores = super().score(history, weights)
        scores[42] = 1e-6
        return scores


def test_what_the_base_says_of_newcomers_counts_where_that_brings_them_forward() -> None:
    stage = lovers([0, 42])
    plain = places._Lists(around_popularity(stage), stage, device=CPU)
    assert plain.own() == 0
    base = Foreseeing.fit(stage.train, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))
    model = Newcomers.around(base, stage.train, settings=plain.model.settings)
    assert places._Lists(model, stage, device=CPU).own() > 0
    assert places._Lists(model, lovers([0]), device=CPU).own() == 0


def best_of_popularity(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, Any]]:
    monkeypatch.setattr(tuning, "FAMILIES", (tuning.Family("popularity"),))
    return tuning.best(stage, budget=600, select_by="ndcg@10", device=CPU, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("targets", "every"), [([0, 40, 0, 41, 0, 42], 2), ([0], 10), ([9], 15)])
def test_best_keeps_as_many_places_as_the_rule_says(
    targets: list[int], every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, values = best_of_popularity(lovers(targets), monkeypatch)
    assert (name, values["every"], values["base"]["model"]) == ("newcomers", every, "popularity")
    kind = get_model(name)
    assert settings_from(kind.Settings, values).every == every


def test_best_keeps_the_tenth_where_no_time_is_left_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "PLACES", 1e9)
    assert best_of_popularity(lovers([0, 40, 0, 41, 0, 42]), monkeypatch)[1]["every"] == 10


def test_best_answers_the_champion_alone_where_no_place_should_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "choose_places", lambda *_given, **_named: None)
    assert best_of_popularity(lovers([0]), monkeypatch)[0] == "popularity"


@pytest.mark.parametrize("values", [{"own": -0.1}, {"own": 101}, {"own": float("nan")}, {"every": 1}, {"every": 0}])
def test_settings_out_of_bounds_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings_from(NewcomersSettings, values)
