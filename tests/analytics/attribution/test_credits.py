"""How one order is paid: whole parts per million that sum, by every paying model."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.credits import Touch, credits_ppm
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import path_table
from analytics.attribution.registry import MODELS, PAYING_MODELS, attribute
from partners.choices import PayingModel

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


def path(*keys: Any, days: float = 1.0) -> list[Touch]:
    """Touches `days` apart, the last of them one day before NOON."""
    return [Touch(key, NOON - timedelta(days=1 + days * (len(keys) - 1 - place))) for place, key in enumerate(keys)]


def paid(touches: list[Touch], model: str, **terms: Any) -> dict[Any, int]:
    return credits_ppm(touches, model=model, converted_at=NOON, **terms)


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
    parts = paid(touches, model, removal_effects=effects)
    assert sum(parts.values()) == 1_000_000
    assert all(type(ppm) is int and ppm > 0 for ppm in parts.values())
    assert parts.keys() <= {touch.key for touch in touches}


@pytest.mark.parametrize("model", sorted({*PAYING_MODELS} - {"time_decay", "markov"}))
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


@pytest.mark.parametrize("model", PAYING_MODELS)
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
        ("shapley", "aaab", {"a": 500_000, "b": 500_000}),
        ("shapley", "cabca", {"c": 333_334, "a": 333_333, "b": 333_333}),
    ],
)
def test_position_models_pay_by_their_formula(model: str, keys: str, expected: dict[str, int]) -> None:
    assert paid(path(*keys), model) == expected


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
