"""Small cases worked by hand, one figure per touch."""

import pytest

from analytics.attribution.paths import path_table
from analytics.attribution.registry import as_json, attribute

DECAY = [2 ** (-i / 7) for i in range(4)]


@pytest.mark.parametrize(
    ("model", "path", "expected"),
    [
        ("first_touch", "a", {"a": 1}),
        ("first_touch", "ab", {"a": 1, "b": 0}),
        ("first_touch", "abca", {"a": 1, "b": 0, "c": 0}),
        ("last_touch", "ab", {"a": 0, "b": 1}),
        ("last_touch", "abca", {"a": 1, "b": 0, "c": 0}),
        ("linear", "a", {"a": 1}),
        ("linear", "ab", {"a": 1 / 2, "b": 1 / 2}),
        ("linear", "abca", {"a": 1 / 2, "b": 1 / 4, "c": 1 / 4}),
        ("u_shape", "a", {"a": 1}),
        ("u_shape", "ab", {"a": 1 / 2, "b": 1 / 2}),
        ("u_shape", "abc", {"a": 0.4, "b": 0.2, "c": 0.4}),
        ("u_shape", "abca", {"a": 0.8, "b": 0.1, "c": 0.1}),
        ("u_shape", "aa", {"a": 1}),
        ("time_decay", "a", {"a": 1}),
        ("time_decay", "ab", {"a": DECAY[1] / sum(DECAY[:2]), "b": 1 / sum(DECAY[:2])}),
        ("time_decay", "aba", {"a": (1 + DECAY[2]) / sum(DECAY[:3]), "b": DECAY[1] / sum(DECAY[:3])}),
        ("shapley", "ab", {"a": 1 / 2, "b": 1 / 2}),
        ("shapley", "abca", {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}),
        ("shapley", "aab", {"a": 1 / 2, "b": 1 / 2}),
        ("markov", "a", {"a": 1}),
        ("markov", "abb", {"a": 1 / 2, "b": 1 / 2}),
    ],
)
def test_one_conversion_is_shared_by_the_formula(model: str, path: str, expected: dict[str, float]) -> None:
    paths = path_table([path], conversions=[1], values=[10])
    rows = as_json(paths, attribute(paths, model=model))["channels"]
    assert {channel: row["conversions"] for channel, row in rows.items()} == pytest.approx(expected, rel=1e-15)
    assert {channel: row["value"] for channel, row in rows.items()} == pytest.approx(
        {channel: 10 * part for channel, part in expected.items()}, rel=1e-14
    )


def test_markov_of_the_three_path_example() -> None:
    """START -> a 2/3 (then b 1/2, null 1/2) or b 1/3; b converts half the time (one of its two visits).

    p = 1/3. Without a only START -> b -> converted is left: 1/3 * 1/2 = 1/6, so RE_a = 1/2. Without b nothing converts.
    """
    paths = path_table(["ab", "a", "b"], conversions=[1, 0, 0], nulls=[0, 1, 1], values=[9, 0, 0])
    found = as_json(paths, attribute(paths, model="markov"))
    assert found["order"] == 1
    assert found["p_conversion"] == pytest.approx(1 / 3)
    assert found["value_per_journey"] == pytest.approx(3)
    a, b = found["channels"]["a"], found["channels"]["b"]
    assert (a["removal_effect_conversions"], b["removal_effect_conversions"]) == pytest.approx((1 / 2, 1))
    assert (a["conversions"], b["conversions"]) == pytest.approx((1 / 3, 2 / 3))
    assert (a["value"], b["value"]) == pytest.approx((3, 6))
    assert (a["removal_effect_value"], b["removal_effect_value"]) == pytest.approx((1 / 2, 1))


def test_a_second_order_chain_remembers_where_a_touch_came_from() -> None:
    """With two touches remembered, the b after a always converts and the lone b never does: a is worth as much as b."""
    paths = path_table(["ab", "a", "b"], conversions=[1, 0, 0], nulls=[0, 1, 1])
    found = attribute(paths, model="markov", order=2).markov
    assert found is not None
    assert found.removal_effect_conversions == pytest.approx([1, 1])
    assert found.conversions == pytest.approx([1 / 2, 1 / 2])
