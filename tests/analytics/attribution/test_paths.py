"""Tables of paths: what is no table is refused, and nothing changes under a model."""

from typing import Any

import pytest

from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import path_table
from analytics.attribution.registry import MODELS, attribute


@pytest.mark.parametrize(
    ("problem", "arguments"),
    [
        ("at least one touch", {"conversions": [1, 1], "journeys": [("a",), ()]}),
        ("one count of each kind", {"conversions": [1], "journeys": [("a",), ("b",)]}),
        ("one count of each kind", {"conversions": [1], "values": [1, 2], "journeys": [("a",)]}),
        ("conversions .* must lie between 0", {"conversions": [-1], "journeys": [("a",)]}),
        ("conversions .* must lie between 0", {"conversions": [float("nan")], "journeys": [("a",)]}),
        ("nulls .* must lie between 0", {"conversions": [1], "nulls": [float("inf")], "journeys": [("a",)]}),
        ("values .* must lie between -1e\\+15", {"conversions": [1], "values": [-2e15], "journeys": [("a",)]}),
    ],
)
def test_an_impossible_table_is_refused(problem: str, arguments: dict[str, Any]) -> None:
    journeys = arguments.pop("journeys")
    with pytest.raises(AttributionError, match=problem):
        path_table(journeys, **arguments)


def test_an_empty_table_credits_nobody() -> None:
    empty = path_table([], conversions=[])
    for model in MODELS:
        found = attribute(empty, model=model)
        assert found.conversions.tolist() == []


def test_a_table_cannot_be_changed_under_a_model() -> None:
    with pytest.raises(ValueError, match="read-only"):
        path_table([("a",)], conversions=[1]).conversions[0] = 5
