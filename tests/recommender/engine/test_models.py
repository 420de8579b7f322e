"""Each model: the conformance suite, and what is its own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError, DataError
from recommender.engine.evaluate import chunks, rank_targets
from recommender.engine.models import MODELS, get_model
from recommender.engine.models.base import Model
from recommender.engine.models.blend import Blend, BlendSettings, _climb, _gain
from recommender.engine.models.linear import LinearModel
from recommender.engine.solve import decayed_prefix_moments, gram_dense, gram_sparse, ridge_inverse, ridge_solve
from recommender.engine.split import split_leave_one_out
from tests.examples import examples
from tests.recommender.engine.cases import chains, checkerboard, interactions
from tests.recommender.engine.conformance import CPU, NOBODY, ModelConformance


def fitted(name: str, table: Interactions, **values: Any) -> Model:
    kind = get_model(name)
    return kind.fit(table, settings=settings_from(kind.Settings, values), device=CPU, rng=np.random.default_rng(0))


class TestPopularityConforms(ModelConformance):
    name = "popularity"
    personal = False


class TestItemKnnConforms(ModelConformance):
    name = "item_knn"
    settings: ClassVar[dict[str, Any]] = {"neighbours": 4, "shrink": 0.5}


class TestEaseConforms(ModelConformance):
    name = "ease"
    settings: ClassVar[dict[str, Any]] = {"ridge": 1.0}


class TestPlainEaseConforms(ModelConformance):
    name = "ease"
    settings: ClassVar[dict[str, Any]] = {"ridge": 1.0, "decay": 1.0, "window": 5}


class TestPrivateEaseConforms(ModelConformance):
    name = "private_ease"
    # So little privacy that the noise changes no order; its own tests ask for some.
    settings: ClassVar[dict[str, Any]] = {"epsilon": 1e9, "delta": 0.1, "ridge": 0.1}


class TestSequenceEaseConforms(ModelConformance):
    name = "sequence_ease"
    settings: ClassVar[dict[str, Any]] = {"ridge": 0.5, "window": 3}


class TestIalsConforms(ModelConformance):
    name = "ials"
    drift = 0.01
    settings: ClassVar[dict[str, Any]] = {"dimension": 4, "epochs": 4, "ridge": 0.01}


class TestSasRecConforms(ModelConformance):
    name = "sasrec"
    drift = 0.05
    # All items as rivals and nothing left out: a device's own rounding is then the only difference between devices.
    settings: ClassVar[dict[str, Any]] = {
        "dimension": 8,
        "blocks": 2,
        "heads": 2,
        "window": 2,
        "dropout": 0.0,
        "negatives": 0,
        "epochs": 30,
        "learning_rate": 0.03,
    }


class TestBlendConforms(ModelConformance):
    name = "blend"
    settings: ClassVar[dict[str, Any]] = {
        "components": [
            {"model": "ease", "settings": {"ridge": 1.0}},
            {"model": "sequence_ease", "settings": {"ridge": 0.5}},
            {"model": "popularity"},
        ],
        "coefficients": [0.6, 0.4, 0.0],
    }


def test_every_registered_model_has_its_conformance_suite() -> None:
    import tests.recommender.engine.test_content
    import tests.recommender.engine.test_graph
    import tests.recommender.engine.test_neural  # noqa: F401 - as well

    tested = {suite.name for suite in ModelConformance.__subclasses__()}
    assert tested == set(MODELS)


def test_an_unknown_model_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="unknown model 'sasrek'"):
        get_model("sasrek")


def test_popularity_counts_event_weights() -> None:
    table = Interactions.build(users=[0, 1, 2], items=[0, 0, 1], weights=[1.0, 1.0, 3.0])
    assert fitted("popularity", table).score(NOBODY).tolist() == pytest.approx([0.4, 0.6])


def test_popularity_over_a_window_forgets_what_is_older() -> None:
    table = Interactions.build(users=[0, 1, 2, 3], items=[0, 0, 0, 1], times=[10, 11, 100, 105])
    assert fitted("popularity", table, window_seconds=6).score(NOBODY).tolist() == pytest.approx([0.5, 0.5])
    assert fitted("popularity", table, window_seconds=5).score(NOBODY).tolist() == pytest.approx([0.0, 1.0])


def test_popularity_over_a_window_needs_times() -> None:
    with pytest.raises(DataError, match="needs times"):
        fitted("popularity", Interactions.build(users=[0], items=[0]), window_seconds=6)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("popularity", {"window_seconds": 0}),
        ("ease", {"ridge": 0}),
        ("ease", {"decay": 1.5}),
        ("ease", {"window": 0}),
        ("ease", {"ridge": "100"}),
        ("ease", {"ridge": True}),
        ("ease", {"lambda": 3}),
        ("sequence_ease", {"window": 201}),
        ("item_knn", {"neighbours": 0}),
        ("ials", {"decay": 0.4}),
        ("ials", {"window": 1001}),
        ("item_knn", {"shrink": -1}),
        ("blend", {"components": []}),
        ("blend", {"coefficients": [1.0]}),
        ("blend", {"coefficients": [2.0, 0.0, 0.0]}),
    ],
)
def test_settings_out_of_range_are_refused(name: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        settings_from(get_model(name).Settings, values)


def test_ease_solves_the_ridge_problem_with_a_zero_diagonal() -> None:
    """Column j of B is the ridge regression of item j on all other items: solved here one by one."""
    table = checkerboard()
    x = np.zeros((table.n_users, table.n_items))
    x[table.rows, table.items] = 1
    expected = np.zeros((8, 8))
    for j in range(8):
        others = np.delete(np.arange(8), j)
        expected[others, j] = np.linalg.solve(x[:, others].T @ x[:, others] + 2 * np.eye(7), x[:, others].T @ x[:, j])
    model = fitted("ease", table, ridge=2.0)
    assert isinstance(model, LinearModel)
    np.testing.assert_allclose(model.matrix, expected, atol=1e-6)


def test_a_fading_history_counts_the_newest_event_fully_and_older_ones_less() -> None:
    model = fitted("ease", checkerboard(), ridge=1.0, decay=0.5, window=2)
    assert isinstance(model, LinearModel)
    m = model.matrix
    scores = model.score(np.array([4, 0, 2], dtype=np.int32))
    np.testing.assert_allclose(scores, m[2] + 0.5 * m[0], atol=1e-5)


def test_event_weights_scale_their_part_of_a_score() -> None:
    model = fitted("ease", checkerboard(), ridge=1.0, decay=0.5)
    assert isinstance(model, LinearModel)
    m = model.matrix
    scores = model.score(np.array([0, 2], dtype=np.int32), np.array([3.0, 0.25], dtype=np.float32))
    np.testing.assert_allclose(scores, 1.5 * m[0] + 0.25 * m[2], atol=1e-5)


def test_sequence_ease_predicts_the_next_item_not_the_one_before() -> None:
    model = fitted("sequence_ease", chains(), ridge=1.0)
    for item in range(9):
        assert model.top_k(np.array([item], dtype=np.int32), 1).items.tolist() == [(item + 1) % 9]


def test_item_knn_keeps_only_the_nearest() -> None:
    model = fitted("item_knn", checkerboard(), neighbours=1, shrink=0.0)
    assert isinstance(model, LinearModel)
    assert (np.count_nonzero(model.matrix, axis=1) == 1).all()
    assert model.matrix.max() == pytest.approx(2 / 3)


def prefix_tables(table: Interactions, decay: float, window: int) -> tuple[np.ndarray, np.ndarray]:
    """S and T of every prefix, written out."""
    sources, targets = [], []
    for user in range(table.n_users):
        history, weights = table.history(user), table.history_weights(user)
        for place in range(1, history.size):
            source, target = np.zeros(table.n_items), np.zeros(table.n_items)
            for lag in range(1, min(window, place) + 1):
                weight = 1.0 if weights is None else weights[place - lag]
                source[history[place - lag]] += decay ** (lag - 1) * weight
            target[history[place]] = 1
            sources.append(source)
            targets.append(target)
    shape = (-1, table.n_items)
    return np.array(sources).reshape(shape), np.array(targets).reshape(shape)


@given(interactions(max_users=3), st.sampled_from([0.3, 0.7, 1.0]), st.integers(1, 4))
@settings(max_examples=examples(60))
def test_prefix_moments_equal_those_of_the_written_out_tables(table: Interactions, decay: float, window: int) -> None:
    source, target = prefix_tables(table, decay, window)
    squares, cross = decayed_prefix_moments(table, decay=decay, window=window)
    np.testing.assert_allclose(squares, source.T @ source, atol=1e-9)
    np.testing.assert_allclose(cross, source.T @ target, atol=1e-9)


@given(interactions())
@settings(max_examples=examples(40))
def test_both_ways_of_counting_pairs_agree(table: Interactions) -> None:
    dense = gram_dense(table, device=CPU)
    torch.testing.assert_close(gram_sparse(table), dense)
    x = np.zeros((table.n_users, table.n_items))
    x[table.rows, table.items] = 1 if table.weights is None else table.weights
    np.testing.assert_allclose(dense.numpy(), x.T @ x, atol=1e-9)


def test_ridge_systems_are_solved() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(size=(5, 5))
    square, right = half @ half.T, rng.normal(size=(5, 3))
    inverse = ridge_inverse(torch.from_numpy(square.copy()), 0.5).numpy()
    np.testing.assert_allclose(inverse @ (square + 0.5 * np.eye(5)), np.eye(5), atol=1e-10)
    solved = ridge_solve(torch.from_numpy(square.copy()), torch.from_numpy(right), 0.5).numpy()
    np.testing.assert_allclose((square + 0.5 * np.eye(5)) @ solved, right, atol=1e-10)


def test_a_blend_adds_standardised_scores() -> None:
    table = checkerboard()
    blend = fitted(
        "blend",
        table,
        components=[{"model": "ease", "settings": {"ridge": 1.0}}, {"model": "popularity"}],
        coefficients=[0.75, 0.25],
    )
    history = table.history(3)
    ease, popularity = fitted("ease", table, ridge=1.0).score(history), fitted("popularity", table).score(history)
    expected = 0.75 * (ease - ease.mean()) / ease.std()
    if popularity.std() > 1e-6:
        expected = expected + 0.25 * (popularity - popularity.mean()) / popularity.std()
    np.testing.assert_allclose(blend.score(history), expected, atol=1e-5)


def test_a_component_that_says_the_same_of_all_items_adds_nothing() -> None:
    """On the checkerboard all items are equally popular."""
    alone = {"components": [{"model": "popularity"}]}
    blend = fitted("blend", checkerboard(), **alone)
    assert blend.score(NOBODY).tolist() == [0.0] * 8
    assert blend._score_together(checkerboard(), np.arange(3), device=CPU).abs().max() == 0


def test_a_blend_within_a_blend_is_refused() -> None:
    with pytest.raises(ConfigError, match="component of a blend"):
        fitted("blend", checkerboard(), components=[{"model": "blend"}])


def test_tuning_gives_the_weight_to_the_component_that_knows() -> None:
    """Walks in circles are foreseen by what follows, not by what is popular."""
    stage = split_leave_one_out(chains(60, 12)).test
    model = Blend.fit_tuned(
        stage,
        settings=BlendSettings(
            components=[{"model": "popularity"}, {"model": "sequence_ease", "settings": {"ridge": 1.0}}]
        ),
        device=CPU,
        rng=np.random.default_rng(0),
    )
    assert sum(model.settings.coefficients) == pytest.approx(1)
    assert model.settings.coefficients[1] > 0.4
    hits = [
        model.top_k(stage.train.history(user), 1).items[0] == target
        for user, target in zip(stage.users, stage.targets, strict=True)
    ]
    assert np.mean(hits) == 1


def test_gains_of_coefficients_equal_the_blends_own_ranking() -> None:
    rng = np.random.default_rng(8)
    table = Interactions.build(users=rng.integers(0, 50, 400), items=rng.integers(0, 40, 400), item_ids=range(40))
    stage = split_leave_one_out(table).test
    components: list[dict[str, Any]] = [{"model": "ease", "settings": {"ridge": 1.0}}, {"model": "sequence_ease"}]
    own = fitted("blend", stage.train, components=components)
    assert isinstance(own, Blend)
    grid = [(1.0, 0.0), (0.5, 0.5), (0.25, 0.75)]
    seen = []
    for chunk in chunks(stage, 20):
        lead = own._leads(stage.train, chunk, device=CPU)
        gains = []
        for coefficients in grid:
            blend = Blend(
                settings=BlendSettings(components=components, coefficients=coefficients),
                item_ids=own.item_ids,
                components=own.components,
            )
            ranks = rank_targets(blend.score_batch(stage.train, chunk.users, device=CPU), chunk)
            gains.append(_gain(lead, coefficients))
            assert gains[-1] == pytest.approx(np.where(ranks <= 10, 1 / np.log2(ranks + 1), 0.0).sum(), abs=1e-5)
        seen.append(gains)
    assert np.ptp(np.sum(seen, axis=0)) > 0.1


def test_climbing_finds_the_top_of_a_smooth_hill() -> None:
    top = (0.35, 0.05, 0.6)
    found = _climb(lambda shares: -sum((a - b) ** 2 for a, b in zip(shares, top, strict=True)), 3)
    assert found == pytest.approx(top)
    assert _climb(lambda shares: shares[0], 1) == (1.0,)


def test_coefficients_are_sought_from_every_single_component_not_only_the_best() -> None:
    """The first alone is better than the second alone, but only the second's slope leads to the summit."""

    def gain(shares: tuple[float, ...]) -> float:
        if shares[0] == 1:
            return 0.6
        return 1 - 5 * abs(shares[1] - 0.9) if shares[1] > 0.5 else shares[0] / 2

    assert _climb(gain, 2) == (0.1, 0.9)


def test_models_with_nothing_to_tune_are_fitted_as_given() -> None:
    kind, stage = get_model("ease"), split_leave_one_out(chains()).valid
    wanted = settings_from(kind.Settings, {"ridge": 5.0})
    tuned = kind.fit_tuned(stage, settings=wanted, device=CPU, rng=np.random.default_rng(0))
    plain = kind.fit(stage.train, settings=wanted, device=CPU, rng=np.random.default_rng(0))
    assert tuned.settings is wanted
    np.testing.assert_array_equal(tuned.state()["matrix"], plain.state()["matrix"])


@pytest.mark.parametrize("name", ["ease", "hybrid"])
def test_a_large_catalogue_is_solved_in_place_to_single_precision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from recommender.engine import solve
    from recommender.engine.models import ease
    from tests.recommender.engine.test_content import many_described

    table = many_described()
    double = fitted(name, table, ridge=5.0).state()["matrix"]
    monkeypatch.setattr(solve, "LARGE", 10)
    monkeypatch.setattr(solve, "_BLOCK", 7)
    monkeypatch.setattr(ease, "BLOCK", 7)
    single = fitted(name, table, ridge=5.0).state()["matrix"]
    np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)
    assert not single.diagonal().any()
    monkeypatch.setattr(solve, "LARGEST", 20)
    with pytest.raises(DataError, match="30 items are too many to hold each against each"):
        fitted(name, table)


def test_a_table_that_cannot_be_inverted_is_refused() -> None:
    from recommender.engine.solve import item_predictors_in_place

    with pytest.raises(DataError, match="a larger ridge helps"):
        item_predictors_in_place(np.array([[1.0, 2.0], [2.0, 1.0]], dtype=np.float32), 0.0)


class TestSteppedEaseConforms(ModelConformance):
    name = "stepped_ease"
    settings: ClassVar[dict[str, Any]] = {"ridge": 0.5, "latest_ridge": 2.0, "window": 3}


@settings(max_examples=examples(15))
@given(interactions(timed=False), st.sampled_from([0.5, 0.8, 1.0]), st.integers(1, 5))
def test_stepped_ease_is_the_ridge_regression_on_past_and_newest(
    table: Interactions, decay: float, window: int
) -> None:
    """Prefix by prefix, against a solver of the whole system."""
    past: list[Any] = []
    newest: list[Any] = []
    target: list[Any] = []
    for user in range(table.n_users):
        history = table.history(user)
        weights = table.history_weights(user)
        strength = np.ones(history.size) if weights is None else weights.astype(np.float64)
        for place in range(1, history.size):
            rows = np.zeros((3, table.n_items))
            for lag in range(1, min(window, place) + 1):
                rows[0, history[place - lag]] += decay ** (lag - 1) * strength[place - lag]
            rows[1, history[place - 1]] = strength[place - 1]
            rows[2, history[place]] = 1
            for kept, row in zip((past, newest, target), rows, strict=True):
                kept.append(row)
    model = fitted("stepped_ease", table, ridge=2.0, latest_ridge=3.0, decay=decay, window=window)
    inputs = np.hstack([np.reshape(past, (-1, table.n_items)), np.reshape(newest, (-1, table.n_items))])
    ridge = np.diag([2.0] * table.n_items + [3.0] * table.n_items)
    wanted = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ np.reshape(target, (-1, table.n_items)))
    found = np.vstack([model.state()["matrix"], model.state()["latest"]])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
