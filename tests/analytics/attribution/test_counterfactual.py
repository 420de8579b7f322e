"""What channels cause by a fitted model: the fit, the games that are played on it, and what is known to be true."""

import json
from itertools import permutations
from math import exp, factorial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from analytics.attribution import counterfactual as caused
from analytics.attribution import logit
from analytics.attribution.counterfactual import Counterfactual, counterfactual
from analytics.attribution.errors import AttributionError
from analytics.attribution.logit import CERTAIN, fit, sets_of
from analytics.attribution.paths import PathTable, path_table, read_only
from analytics.attribution.reading import read_paths
from analytics.attribution.registry import Terms, as_json, attribute
from analytics.attribution.resampling import attribution_intervals
from tests.analytics.attribution.oracle import Rows
from tests.analytics.attribution.test_models import rows_of_paths, table
from tests.examples import examples

SIDES = [(False, False), (True, False), (False, True), (True, True)]
each_side = pytest.mark.parametrize(("recency", "pairs"), SIDES)


class Definition:
    """The model once more, from its definition, of journeys one by one."""

    def __init__(self, found: Counterfactual, channels: tuple[Any, ...]) -> None:
        self.model, self.code = found.model, {channel: code for code, channel in enumerate(channels)}

    def chance(self, path: tuple[str, ...], kept: frozenset[str]) -> float:
        """Of a journey on `path` that keeps only some channels."""
        eta = self.model.intercept
        for channel in kept & set(path):
            code = self.code[channel]
            last = max(i for i, met in enumerate(path) if met == channel)
            eta += self.model.effects[code]
            eta += self.model.recency[code] * 2 ** (-(len(path) - 1 - last) / logit.HALF_LIFE)
            for other in kept & set(path):
                if len(self.model.pairs) and self.code[other] > code:
                    eta += self.model.pairs[code, self.code[other]]
        return 1 / (1 + exp(-eta))

    def shapley(self, path: tuple[str, ...], channel: str) -> float:
        """Over all orders in which the path's channels may come."""
        players, total = sorted(set(path)), 0.0
        for order in permutations(players):
            before = frozenset(order[: order.index(channel)])
            total += self.chance(path, before | {channel}) - self.chance(path, before)
        return total / factorial(len(players))


@each_side
@given(rows=rows_of_paths)
@settings(max_examples=examples(12), deadline=None)
def test_lost_and_added_are_what_their_definitions_say(recency: bool, pairs: bool, rows: Rows) -> None:
    paths = table(rows)
    found = counterfactual(paths, recency=recency, pairs=pairs)
    told = Definition(found, paths.channels)
    lost, added = ({str(channel): [0.0, 0.0] for channel in paths.channels} for _ in range(2))
    for path, conversions, value, nulls in rows:
        everything = frozenset(path)
        whole = told.chance(path, everything)
        for channel in everything:
            for amounts, part in (
                (lost, whole - told.chance(path, everything - {channel})),
                (added, told.shapley(path, channel)),
            ):
                amounts[channel][0] += (conversions + nulls) * part
                amounts[channel][1] += value * part / whole
    for expected, (conversions_of, value_of) in ((lost, found.lost), (added, found.added)):
        assert value_of is not None
        for code, name in enumerate(paths.channels):
            assert (conversions_of[code], value_of[code]) == pytest.approx(expected[str(name)], rel=1e-9, abs=1e-9)


@each_side
@given(rows=rows_of_paths)
@settings(max_examples=examples(12), deadline=None)
def test_what_channels_add_and_the_baseline_sum_to_the_total(recency: bool, pairs: bool, rows: Rows) -> None:
    paths = table(rows)
    found = counterfactual(paths, recency=recency, pairs=pairs)
    assert found.added[1] is not None
    assert found.baseline[1] is not None
    for column, (added, rest) in enumerate(zip(found.added, found.baseline, strict=True)):
        amounts = (paths.conversions, paths.values)[column]
        whole = float(np.sum(amounts))  # type: ignore[arg-type]
        assert np.sum(added) + rest == pytest.approx(whole, rel=1e-9, abs=1e-9)  # type: ignore[arg-type, operator]


@each_side
@given(rows=rows_of_paths)
@settings(max_examples=examples(12), deadline=None)
def test_the_fit_leaves_no_slope(recency: bool, pairs: bool, rows: Rows) -> None:
    """At the optimum each effect, shrunk, is what its channel's conversions exceed the expected ones by."""
    paths = table(rows)
    model = fit(sets_of(paths, recency=recency), pairs=pairs)
    if abs(model.intercept) == CERTAIN:
        return
    told = Definition(Counterfactual(model, *([None] * 3)), paths.channels)  # type: ignore[arg-type]
    over: dict[Any, float] = dict.fromkeys((None, *paths.channels), 0.0)
    for path, conversions, _, nulls in rows:
        excess = conversions - (conversions + nulls) * told.chance(path, frozenset(path))
        for met in {None, *path}:
            over[met] += excess
    assert over.pop(None) == pytest.approx(0, abs=1e-8)
    assert [over[channel] for channel in paths.channels] == pytest.approx(model.effects.tolist(), abs=1e-8)


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
@pytest.mark.parametrize("channels", [2, 5, 13])
def test_long_paths_are_shared_by_an_integral_that_is_exact(
    channels: int, form: str, request: pytest.FixtureRequest
) -> None:
    if form == "interpreted":
        request.getfixturevalue("interpreted")
        channels = min(channels, 4)
    pull = np.random.Generator(np.random.PCG64(channels)).normal(0, 1.5, channels)
    subsets, integral = np.empty(channels), np.empty(channels)
    codes, nobody = read_only(np.arange(channels, dtype=np.int32)), read_only(np.zeros((0, 0)))
    caused.enumerated(codes, 0, channels, -2.2, pull, nobody, subsets)
    caused.integrated(channels, -2.2, pull, caused.rule(channels // 2 + 1), integral)
    assert integral == pytest.approx(subsets, rel=1e-11, abs=1e-14)


def test_a_path_of_fifty_channels_is_shared_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = path_table([range(50), *[[c] for c in range(50)]], conversions=[5] * 51, nulls=[*range(7, 58)])
    found = counterfactual(paths)
    assert found.added[0].sum() + found.baseline[0] == pytest.approx(5 * 51, rel=1e-12)
    sets = sets_of(paths)
    monkeypatch.setattr(caused, "FEW", 1)
    assert caused.added_by(sets, found.model)[:-1, 0] == pytest.approx(found.added[0], rel=1e-11)


def test_with_pairs_a_path_of_many_channels_is_refused() -> None:
    paths = path_table([range(21)], conversions=[5], nulls=[5])
    with pytest.raises(AttributionError, match="with pairs takes 20 channels on a path, not 21"):
        counterfactual(paths, pairs=True)


@pytest.mark.parametrize(("conversions", "nulls", "rest"), [(0, 5, 0), (5, 0, 10)])
def test_where_all_or_none_convert_no_channel_causes_anything(conversions: int, nulls: int, rest: int) -> None:
    found = counterfactual(path_table(["ab", "b"], conversions=[conversions] * 2, nulls=[nulls] * 2))
    assert found.lost[0].tolist() == found.added[0].tolist() == [0, 0]
    assert found.baseline[0] == pytest.approx(rest, abs=1e-300)
    assert found.baseline[1] is None


def test_a_channel_that_drives_people_away_takes_from_the_total() -> None:
    found = counterfactual(path_table(["a", "ab", "c"], conversions=[300, 30, 50], nulls=[700, 970, 500]))
    assert found.lost[0][1] < -200
    assert found.added[0][1] < -200


def test_the_fit_ends_also_where_the_matrix_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = path_table(["a", "ab", "c"], conversions=[300, 30, 50], nulls=[700, 970, 500])
    polished = counterfactual(paths)
    monkeypatch.setattr(logit, "MOST_POLISHED", 0)
    assert counterfactual(paths).model.effects == pytest.approx(polished.model.effects, rel=1e-5)


def truth(shared_data: Path, name: str) -> tuple[PathTable, list[float], dict[str, Any]]:
    folder = shared_data / "data/attribution"
    paths, told = read_paths(folder / f"{name}.parquet"), json.loads((folder / f"{name}.truth.json").read_text())
    lost = [told["channels"][channel]["true_removal_incremental_conversions"] for channel in paths.channels]
    return paths, lost, told


def test_it_finds_the_truth_that_other_models_miss(shared_data: Path) -> None:
    """The journeys are drawn from a logit; `docs/reference/attribution.md` tells where that is not so."""
    paths, lost, told = truth(shared_data, "synth_r1_12_1000000")
    found = counterfactual(paths)

    def apart(credit: Any) -> float:
        one, other = (np.clip(amounts, 0, None) for amounts in (np.array(credit), np.array(lost)))
        return float(np.abs(one / one.sum() - other / other.sum()).sum())

    assert apart(found.lost[0]) < 0.06
    assert found.lost[0].sum() == pytest.approx(sum(lost), rel=0.05)
    assert found.baseline[0] == pytest.approx(told["conversions_without_any_channel"], rel=0.01)
    assert all(mine < 0 for mine, true in zip(found.lost[0], lost, strict=True) if true < -1_000)
    for model in ("last_touch", "shapley", "markov"):
        assert apart(attribute(paths, model=model).conversions) > 0.9


def test_the_command_tells_the_baseline_beside_the_channels() -> None:
    paths = path_table(["a", "ab"], conversions=[30, 60], nulls=[70, 40], values=[90, 240])
    found = counterfactual(paths)
    told = as_json(paths, attribute(paths, model="counterfactual"))
    assert list(told) == ["baseline", "channels"]
    assert told["baseline"] == {"conversions": found.baseline[0], "value": found.baseline[1]}
    assert told["channels"]["b"]["conversions"] == found.lost[0][1]
    assert told["channels"]["b"]["shapley_value"] == found.added[1][1]  # type: ignore[index]


@pytest.mark.parametrize(("recency", "pairs"), [(False, False), (True, True)])
def test_intervals_of_what_is_lost_are_as_wide_as_worlds_are_apart(recency: bool, pairs: bool) -> None:
    draw = np.random.Generator(np.random.PCG64(8))
    kinds, often = ["a", "b", "ab", "ba", "cab", "c"], np.array([900, 700, 500, 400, 300, 900])
    chances = np.array([0.2, 0.1, 0.3, 0.28, 0.35, 0.12])

    def world() -> PathTable:
        converted = draw.binomial(often, chances)
        counts = (converted.tolist(), (often - converted).tolist(), (converted * 2.0).tolist())
        return path_table(kinds, conversions=counts[0], nulls=counts[1], values=counts[2])

    found = [counterfactual(world(), recency=recency, pairs=pairs).lost[0] for _ in range(25)]
    told = attribution_intervals(world(), model="counterfactual", terms=Terms(recency=recency, pairs=pairs))
    assert told.value is not None
    assert told.value[1] == pytest.approx(2 * told.conversions[1], rel=0.02)
    width = (told.conversions[1] - told.conversions[0]) / 3.92
    assert width == pytest.approx(np.std(found, axis=0), rel=0.45)


@each_side
def test_the_kernels_mean_the_same_interpreted(
    recency: bool, pairs: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = np.random.default_rng(3)
    rows: Rows = [(tuple(draw.choice(list("abcde"), draw.integers(1, 7))), 1 + i % 3, i, i % 4) for i in range(25)]
    rows.append((tuple("abcdefghijklm"), 2, 5, 3))
    rows += [(("b", "a", "b"), 0, 0, 6), (("a", "b"), 2, 9, 1), (("e", "d"), 0, 0, 0)]
    compiled = counterfactual(table(rows), recency=recency, pairs=pairs)
    request.getfixturevalue("interpreted")
    monkeypatch.setattr(caused, "CLOSE", -1.0 if recency else caused.CLOSE)  # also by the finer integral
    again = counterfactual(table(rows), recency=recency, pairs=pairs)
    for found, expected in zip((*again.lost, *again.added), (*compiled.lost, *compiled.added), strict=True):
        assert found is not None
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_where_everybody_converts_intervals_are_as_narrow_as_can_be() -> None:
    told = attribution_intervals(path_table(["a", "ab"], conversions=[5, 4]), model="counterfactual")
    assert [end.tolist() for end in told.conversions] == [[0.0, 0.0], [0.0, 0.0]]
