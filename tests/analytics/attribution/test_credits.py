"""How one order is paid: whole parts per million that sum, by every paying model."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import permutations
from math import exp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.counterfactual import added_by
from analytics.attribution.credits import MOST_PLAYERS, Known, Touch, credits_ppm
from analytics.attribution.errors import AttributionError
from analytics.attribution.heuristics import weighted
from analytics.attribution.logit import fit, sets_of
from analytics.attribution.paths import path_table
from analytics.attribution.registry import MODELS, PAYING_MODELS, attribute
from partners.choices import PayingModel
from tests.examples import examples

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def path(*keys: Any, days: float = 1.0) -> list[Touch]:
    """Touches `days` apart, the last of them one day before NOON."""
    return [Touch(key, NOON - timedelta(days=1 + days * (len(keys) - 1 - place))) for place, key in enumerate(keys)]


def paid(touches: list[Touch], model: str, half_life_days: int = 7, **known: Any) -> dict[Any, int]:
    """What each key gets, by what is known: the model's own figures, and who is direct."""
    told = Known(**known)
    return credits_ppm(touches, model=model, converted_at=NOON, known=told, half_life_days=half_life_days)


paths = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from([None, 1, 2]), st.integers(0, 10**13)), min_size=1, max_size=12
).map(
    lambda touches: [
        Touch((channel, owner), NOON - timedelta(microseconds=age), channel)
        for channel, owner, age in sorted(touches, key=lambda touch: -touch[2])
    ]
)


def test_every_paying_model_of_an_agreement_is_known_here() -> None:
    assert set(PayingModel.values) == set(PAYING_MODELS) < set(MODELS)


@pytest.mark.parametrize("model", PAYING_MODELS)
@given(touches=paths, effects=st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1)))
@settings(deadline=None)
def test_credit_always_sums_to_a_million_and_goes_to_touches_of_the_path(
    model: str, touches: list[Touch], effects: dict[str, float]
) -> None:
    parts = paid(touches, model, removal_effects=effects, intercept=-2.2, effects=effects, direct="b")
    assert sum(parts.values()) == 1_000_000
    assert all(type(ppm) is int and ppm > 0 for ppm in parts.values())
    baseline = {None} if model == "counterfactual" else set()
    assert parts.keys() <= {touch.key for touch in touches} | baseline


@pytest.mark.parametrize("model", sorted({*PAYING_MODELS} - {"time_decay", "markov", "counterfactual"}))
@given(keys=st.lists(st.sampled_from("abcd"), min_size=1, max_size=12))
@settings(deadline=None)
def test_credit_is_the_models_report_of_that_one_path_in_ppm(model: str, keys: list[str]) -> None:
    table = path_table([keys], conversions=[1_000_000])
    report = dict(zip(table.channels, attribute(table, model=model).conversions, strict=True))
    parts = paid(path(*keys), model)
    assert all(abs(parts.get(key, 0) - ppm) < 1.000001 for key, ppm in report.items())


@pytest.mark.parametrize("model", PAYING_MODELS)
def test_without_a_touch_all_is_unattributed(model: str) -> None:
    assert paid([], model) == {None: 1_000_000}


@pytest.mark.parametrize("model", sorted({*PAYING_MODELS} - {"counterfactual"}))
def test_a_lone_touch_takes_all(model: str) -> None:
    assert paid(path("a"), model) == {"a": 1_000_000}


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        ("first_touch", "abc", {"a": 1_000_000}),
        ("last_touch", "abc", {"c": 1_000_000}),
        ("linear", "abc", {"a": 333_334, "b": 333_333, "c": 333_333}),
        ("linear", "abca", {"a": 500_000, "b": 250_000, "c": 250_000}),
        ("u_shape", "ab", {"a": 500_000, "b": 500_000}),
        ("u_shape", "abc", {"a": 400_000, "b": 200_000, "c": 400_000}),
        ("u_shape", "abcda", {"a": 800_000, "b": 66_667, "c": 66_667, "d": 66_666}),
        ("position_weights", "ab", {"a": 500_000, "b": 500_000}),
        ("position_weights", "abcd", {"a": 400_000, "b": 100_000, "c": 100_000, "d": 400_000}),
        ("shapley", "aaab", {"a": 500_000, "b": 500_000}),
        ("shapley", "cabca", {"c": 333_334, "a": 333_333, "b": 333_333}),
    ],
)
def test_position_models_pay_by_their_formula(model: str, keys: str, expected: dict[str, int]) -> None:
    assert paid(path(*keys), model) == expected


@given(
    keys=st.lists(st.sampled_from("abcd"), min_size=1, max_size=9),
    weights=st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any),
)
@settings(deadline=None)
def test_weights_of_ones_own_pay_as_the_models_report_of_that_path(keys: list[str], weights: list[int]) -> None:
    credit = weighted(path_table([keys], conversions=[1_000_000]), weights=weights)[0]
    report = dict(zip(dict.fromkeys(keys), credit, strict=True))
    parts = credits_ppm(path(*keys), model="position_weights", converted_at=NOON, weights=weights)
    assert all(abs(parts.get(key, 0) - ppm) < 1.000001 for key, ppm in report.items())


@pytest.mark.parametrize("weights", [(), (0, 0, 0), (1, -1)])
def test_weights_that_weigh_nothing_are_refused(weights: tuple[int, ...]) -> None:
    with pytest.raises(AttributionError, match="one of them above 0"):
        credits_ppm(path("a"), model="position_weights", converted_at=NOON, weights=weights)


def test_four_hundred_touches_are_paid_to_the_last_millionth() -> None:
    touches = path(*(f"c{i}" for i in range(400)), days=0.1)
    for model in PAYING_MODELS:
        assert sum(paid(touches, model).values()) == 1_000_000


def test_decay_halves_with_each_half_life_of_age() -> None:
    assert paid(path("a", "b", days=7), "time_decay") == {"a": 333_333, "b": 666_667}
    assert paid(path("a", "b", days=14), "time_decay") == {"a": 200_000, "b": 800_000}
    assert paid(path("a", "b", days=14), "time_decay", half_life_days=14) == {"a": 333_333, "b": 666_667}


def test_decay_goes_by_time_and_not_by_position() -> None:
    """Three at once weigh alike; the time from the last touch to the order concerns all and cancels out."""
    same = [Touch(key, NOON - timedelta(days=30)) for key in "abc"]
    assert paid(same, "time_decay") == {"a": 333_334, "b": 333_333, "c": 333_333}


def test_a_touch_of_years_ago_fades_to_nothing() -> None:
    assert paid(path("a", "b", days=3000), "time_decay") == {"b": 1_000_000}


@given(days=st.integers(0, 60), half_life=st.integers(1, 30))
@settings(deadline=None)
def test_decay_agrees_with_the_formula_in_floats(days: int, half_life: int) -> None:
    older = 2 ** (-days / half_life)
    parts = paid(path("a", "b", days=days), "time_decay", half_life_days=half_life)
    assert abs(parts.get("a", 0) - 1e6 * older / (1 + older)) < 0.5000001


def test_markov_pays_removal_effects_normalised_over_the_path() -> None:
    effects = {"a": 0.3, "b": 0.1, "z": 0.9}
    assert paid(path("a", "b", "a"), "markov", removal_effects=effects) == {"a": 750_000, "b": 250_000}
    assert paid(path("b"), "markov", removal_effects=effects) == {"b": 1_000_000}


def test_markov_pays_nothing_to_a_channel_the_run_has_not_seen() -> None:
    assert paid(path("a", "new"), "markov", removal_effects={"a": 0.3}) == {"a": 1_000_000}


def test_markov_without_any_known_effect_pays_the_channels_alike() -> None:
    assert paid(path("a", "b", "a"), "markov") == {"a": 500_000, "b": 500_000}


@given(effects=st.lists(st.floats(1e-9, 1), min_size=2, max_size=4, unique=True))
@settings(deadline=None)
def test_markov_ppm_are_the_exact_quotas_rounded(effects: list[float]) -> None:
    keys = "abcd"[: len(effects)]
    parts = paid(path(*keys), "markov", removal_effects=dict(zip(keys, effects, strict=True)))
    total = sum(map(Fraction, effects))
    for key, effect in zip(keys, effects, strict=True):
        assert abs(parts.get(key, 0) - 1_000_000 * Fraction(effect) / total) < 1


def test_last_non_direct_passes_over_who_came_by_themselves() -> None:
    assert paid(path("a", "b", "c"), "last_non_direct", direct={"c", "z"}) == {"b": 1_000_000}
    assert paid(path("a", "c"), "last_non_direct", direct={"a", "c"}) == {"c": 1_000_000}
    assert paid([Touch(("x", 1), NOON, "x"), Touch(("y", 2), NOON, "y")], "last_non_direct", direct={"y"}) == {
        ("x", 1): 1_000_000
    }


@given(intercept=st.floats(-4, 1), effects=st.lists(st.floats(-2, 2), min_size=1, max_size=5))
@settings(deadline=None, max_examples=examples(40))
def test_counterfactual_pays_what_channels_add_on_this_path_and_nobody_for_what_comes_anyway(
    intercept: float, effects: list[float]
) -> None:
    keys = "abcde"[: len(effects)]
    parts = paid(path(*keys), "counterfactual", intercept=intercept, effects=dict(zip(keys, effects, strict=True)))

    def chance(channels: tuple[str, ...]) -> float:
        return 1 / (1 + exp(-intercept - sum(effects[keys.index(channel)] for channel in channels)))

    orders = list(permutations(keys))
    added = dict.fromkeys(keys, 0.0)
    for order in orders:
        for place, channel in enumerate(order):
            added[channel] += (chance(order[: place + 1]) - chance(order[:place])) / len(orders)
    whole = chance(()) + sum(max(0.0, amount) for amount in added.values())
    for channel, amount in added.items():
        assert abs(parts.get(channel, 0) - 1e6 * max(0.0, amount) / whole) < 1.0001
    assert abs(parts[None] - 1e6 * chance(()) / whole) < 1.0001


def test_what_counterfactual_pays_is_what_its_report_says_of_the_path() -> None:
    paths = path_table(["a", "ab", "bc", "c"], conversions=[90, 60, 40, 30], nulls=[300, 90, 200, 400])
    model = fit(sets_of(paths))
    known: dict[str, Any] = {"intercept": model.intercept, "effects": dict(zip("abc", model.effects, strict=True))}
    told = dict.fromkeys([*"abc", None], 0.0)
    for keys, conversions in zip(["a", "ab", "bc", "c"], [90, 60, 40, 30], strict=True):
        for key, ppm in paid(path(*keys), "counterfactual", **known).items():
            told[key] += conversions * ppm / 1e6
    sets = sets_of(path_table(["a", "ab", "bc", "c"], conversions=[1] * 4, values=[90, 60, 40, 30]))
    assert list(told.values()) == pytest.approx(added_by(sets, model)[:, 2], abs=3e-4)


def test_without_a_finished_run_counterfactual_pays_nobody() -> None:
    assert paid(path("a", "b"), "counterfactual") == {None: 1_000_000}
    assert paid(path("a"), "counterfactual", intercept=-700.0, effects={"a": 0.0}) == {None: 1_000_000}
    assert paid(path("new"), "counterfactual", intercept=-2.0, effects={"a": 1.0}) == {None: 1_000_000}


def test_on_a_path_of_very_many_channels_the_weakest_play_as_one() -> None:
    keys = [f"c{i}" for i in range(MOST_PLAYERS + 5)]
    effects = dict.fromkeys(keys, 0.01) | {"c3": 0.9, "c7": 0.5}
    parts = paid(path(*keys), "counterfactual", intercept=-2.0, effects=effects)
    assert sum(parts.values()) == 1_000_000
    assert parts["c3"] > parts["c7"] > parts["c0"]
    assert parts["c0"] == pytest.approx(parts["c12"], rel=0.01)
    fewer = paid(path("c3", "c7"), "counterfactual", intercept=-2.0, effects=effects)
    assert abs(parts[None] - fewer[None]) < 40_000


@pytest.mark.parametrize("effect", [float("nan"), float("inf")])
def test_an_effect_that_is_no_number_is_refused(effect: float) -> None:
    with pytest.raises(AttributionError, match=r"the effect of 'a' is .*, not a number"):
        paid(path("a"), "counterfactual", intercept=-2.0, effects={"a": effect})


@pytest.mark.parametrize("model", ["shapley", "markov"])
def test_owners_of_one_channel_share_what_the_channel_gets(model: str) -> None:
    touches = [Touch((channel, owner), NOON, channel) for channel, owner in [("x", 1), ("x", 2), ("y", None), ("x", 1)]]
    assert paid(touches, model, removal_effects={"x": 0.2, "y": 0.2}) == {
        ("x", 1): 250_000,
        ("x", 2): 250_000,
        ("y", None): 500_000,
    }


@pytest.mark.parametrize("effect", [-0.1, float("nan"), float("inf")])
def test_an_impossible_removal_effect_is_refused(effect: float) -> None:
    with pytest.raises(AttributionError, match=r"the removal effect of 'a' is .*, not a number >= 0"):
        paid(path("a"), "markov", removal_effects={"a": effect})


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(AttributionError, match="unknown paying model 'guess', choose among first_touch"):
        paid(path("a"), "guess")


def test_a_path_out_of_order_or_past_its_order_is_refused() -> None:
    with pytest.raises(AttributionError, match="ordered by time"):
        paid([Touch("a", NOON), Touch("b", NOON - timedelta(days=1))], "linear")
    with pytest.raises(AttributionError, match="ordered by time"):
        paid([Touch("a", NOON + timedelta(seconds=1))], "linear")


def test_a_half_life_below_a_day_is_refused() -> None:
    with pytest.raises(AttributionError, match="at least one day, not 0"):
        paid(path("a"), "time_decay", half_life_days=0)
