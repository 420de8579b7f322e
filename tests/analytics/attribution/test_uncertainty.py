"""Intervals: people drawn in blocks, models refitted, ends where the replicates' middle ends."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from analytics.attribution import resampling
from analytics.attribution.errors import AttributionError
from analytics.attribution.markov import markov
from analytics.attribution.paths import PathTable, path_table
from analytics.attribution.registry import MODELS, as_json, attribute
from analytics.attribution.resampling import attribution_intervals, journey_blocks
from analytics.attribution.uncertainty import BLOCKS, block_of, draws, interval, resampled, resampled_markov
from tests.analytics.attribution.test_models import rows_of_paths, table
from tests.examples import examples

ONCE = np.ones((1, BLOCKS))
"""One replicate, which draws each block once: the data themselves."""


def test_people_spread_evenly_over_the_blocks_whatever_their_sign() -> None:
    for people in (range(20_000), range(-20_000, 0), range(0, 2_000_000, 100)):
        held = np.bincount([block_of(person) for person in people], minlength=BLOCKS)
        assert len(held) == BLOCKS
        assert 55 < held.min() <= held.max() < 150
    assert [block_of(person) for person in (0, 1, 2, -1)] == [135, 65, 110, 136], (
        "a stored interval can be computed again"
    )


def test_every_replicate_draws_as_many_blocks_as_there_are_and_each_block_is_drawn_once_on_average() -> None:
    drawn = draws()
    assert drawn.shape == (500, BLOCKS)
    assert set(drawn.sum(axis=1)) == {BLOCKS}
    assert drawn.mean(axis=0) == pytest.approx(np.ones(BLOCKS), abs=0.2)
    assert (draws() == drawn).all(), "the same input gives the same interval"


def test_an_interval_holds_the_middle() -> None:
    low, high = interval(np.stack([np.arange(1_001.0), np.full(1_001, 7.0)], axis=1))
    assert low == pytest.approx([25.0, 7.0])
    assert high == pytest.approx([975.0, 7.0])
    assert interval(np.arange(101.0)[:, None], level=0.5)[0].tolist() == [25.0]


@settings(max_examples=examples(25), deadline=None)
@given(rows=rows_of_paths)
def test_blocks_divide_a_table_and_lose_nothing(rows: Any) -> None:
    whole = table(rows)
    blocks = journey_blocks(whole)
    assert len(blocks) == BLOCKS
    assert all(block.channels == whole.channels for block in blocks)

    def told(*tables: PathTable) -> dict[tuple[int, ...], np.ndarray]:
        found: dict[tuple[int, ...], np.ndarray] = {}
        for part in tables:
            for row in range(len(part.conversions)):
                path = tuple(part.codes[part.starts[row] : part.starts[row + 1]].tolist())
                assert part.values is not None
                amounts = np.array([part.conversions[row], part.nulls[row], part.values[row]])
                found[path] = found.get(path, np.zeros(3)) + amounts
        return {path: amounts for path, amounts in found.items() if amounts.any()}

    before, after = told(whole), told(*blocks)
    assert before.keys() == after.keys()
    for path, amounts in before.items():
        assert after[path] == pytest.approx(amounts, rel=1e-9, abs=1e-9)


@settings(max_examples=examples(25), deadline=None)
@given(rows=rows_of_paths)
def test_the_replicate_that_draws_each_block_once_says_what_the_model_says(rows: Any) -> None:
    whole = table(rows)
    run = markov(whole)
    shares, worth = resampled_markov(journey_blocks(whole), ONCE)
    assert run.value is not None
    assert shares[0] * whole.conversions.sum() == pytest.approx(run.conversions, rel=1e-9, abs=1e-9)
    if abs(whole.values.sum()) > 1e-6:  # type: ignore[union-attr]
        assert worth[0] * whole.values.sum() == pytest.approx(run.value, rel=1e-6, abs=1e-6)  # type: ignore[union-attr]


def test_many_channels_are_solved_a_few_replicates_at_a_time_with_the_same_result(monkeypatch: Any) -> None:
    blocks = journey_blocks(path_table(["ab", "bca", "c"], conversions=[40, 30, 20], nulls=[9, 8, 7]))
    at_once = resampled_markov(blocks, draws())
    monkeypatch.setattr("analytics.attribution.uncertainty._CELLS", 100)
    assert np.allclose(resampled_markov(blocks, draws())[0], at_once[0], rtol=1e-12)


def test_nothing_is_shared_out_where_nobody_converted() -> None:
    told = attribution_intervals(path_table(["ab", "b"], conversions=[0, 0], nulls=[5, 5]), model="markov")
    assert [end.tolist() for end in told.conversions] == [[0, 0], [0, 0]]
    assert told.value is None


@pytest.mark.parametrize("model", MODELS)
def test_every_model_tells_where_its_figures_lie(model: str) -> None:
    paths = path_table(
        ["ab", "bca", "c", "a"], conversions=[400, 300, 200, 100], values=[900, 800, 100, 300], nulls=[9, 800, 7, 90]
    )
    credit, told = attribute(paths, model=model), attribution_intervals(paths, model=model)
    assert told.value is not None
    assert credit.value is not None
    for figures, (low, high) in ((credit.conversions, told.conversions), (credit.value, told.value)):
        assert (low <= figures).all()
        assert (figures <= high).all()
        assert (low < high).all()
    row = as_json(paths, credit, intervals=told)["channels"]["a"]
    assert row["conversions_95"] == [told.conversions[0][0], told.conversions[1][0]]
    assert row["value_95"] == [told.value[0][0], told.value[1][0]]


def test_a_table_without_value_has_intervals_of_conversions_alone() -> None:
    paths = path_table(["ab", "b"], conversions=[50, 40])
    for model in ("linear", "markov"):
        told = attribution_intervals(paths, model=model)
        assert told.value is None
        assert as_json(paths, attribute(paths, model=model), intervals=told)["channels"]["a"]["value_95"] is None


def test_what_cannot_be_resampled_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = path_table(["ab", "b"], conversions=[1, 1])
    with pytest.raises(AttributionError, match="for order 1, not 2"):
        attribution_intervals(paths, model="markov", order=2)
    with pytest.raises(AttributionError, match="whole numbers of journeys"):
        attribution_intervals(path_table(["a"], conversions=[0.5]), model="linear")
    monkeypatch.setattr(resampling, "MOST_STEPS", 100)
    with pytest.raises(AttributionError, match="for few channels, not 2"):
        attribution_intervals(paths, model="markov")


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """`make bench ARGS=attribution` does this at length; here the level is only not absurd."""
    draw, held, of = np.random.Generator(np.random.PCG64(1)), 0, 0
    drawn = draws(replicates=200)
    for _world in range(40):
        people = draw.poisson(2.0, size=(3_000, 2)) * np.array([1.0, 3.0])
        sums = np.zeros((BLOCKS, 2))
        np.add.at(sums, [block_of(person) for person in range(3_000)], people)
        low, high = interval(resampled(sums, drawn))
        truth = np.array([6_000.0, 18_000.0])
        held += int(((low <= truth) & (truth <= high)).sum())
        of += 2
    assert 0.85 * of <= held <= of
