"""Position models beyond those that need nothing but the path."""

import numpy as np
import pytest
from hypothesis import given, settings

from analytics.attribution import heuristics
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import PathTable, path_table
from analytics.attribution.registry import POSITION_MODELS, Terms, as_json, attribute, attributions
from tests.analytics.attribution.oracle import Rows
from tests.analytics.attribution.test_models import rows_of_paths, table
from tests.examples import examples


def credited(paths: PathTable, model: str, terms: Terms) -> dict[object, float]:
    found = attribute(paths, model=model, terms=terms)
    return dict(zip(paths.channels, found.conversions.tolist(), strict=True))


FORMS = pytest.mark.parametrize("form", ["compiled", "interpreted"])


def as_form(form: str, request: pytest.FixtureRequest) -> None:
    """Run kernels interpreted where that is the form."""
    if form == "interpreted":
        request.getfixturevalue("interpreted")


def test_which_channels_are_direct_is_for_the_asker_to_say() -> None:
    paths = path_table([["mail", "direct", "typed"], ["direct"], ["mail", "search"]], conversions=[1, 2, 4])
    assert credited(paths, "last_non_direct", Terms()) == {"mail": 0, "direct": 2, "typed": 1, "search": 4}
    typed = Terms(direct=("direct", "typed"))
    assert credited(paths, "last_non_direct", typed) == {"mail": 1, "direct": 2, "typed": 0, "search": 4}
    assert credited(paths, "last_non_direct", Terms(direct=())) == credited(paths, "last_touch", Terms())


@pytest.mark.parametrize(
    ("weights", "path", "expected"),
    [
        ((3, 2, 5), "abcd", {"a": 3, "b": 1, "c": 1, "d": 5}),
        ((3, 2, 5), "ad", {"a": 3.75, "d": 6.25}),
        ((3, 2, 5), "a", {"a": 10}),
        ((0, 1, 0), "ad", {"a": 5, "d": 5}),
        ((6, 2), "abc", {"a": 6, "b": 2, "c": 2}),
        ((1,), "abab", {"a": 5, "b": 5}),
        ((0, 0, 1, 1), "abcd", {"a": 0, "b": 0, "c": 5, "d": 5}),
        ((0, 0, 1, 1), "ab", {"a": 5, "b": 5}),
    ],
)
@FORMS
def test_weights_are_of_the_ends_and_between_or_by_position(
    form: str, weights: tuple[float, ...], path: str, expected: dict[object, float], request: pytest.FixtureRequest
) -> None:
    as_form(form, request)
    assert credited(path_table([path], conversions=[10]), "position_weights", Terms(weights=weights)) == expected


@given(rows=rows_of_paths)
@settings(max_examples=examples(30))
def test_forty_twenty_forty_is_the_u_shape(rows: Rows) -> None:
    paths = table(rows)
    one, other = (credited(paths, model, Terms()) for model in ("position_weights", "u_shape"))
    assert one == pytest.approx(other, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("weights", [(), (0.0,), (0, 0, 0), (-1, 2), (float("nan"), 1), (float("inf"),)])
def test_weights_that_share_nothing_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(AttributionError, match="numbers of at least 0, and one of them above 0"):
        attribute(path_table(["a"], conversions=[1]), model="position_weights", terms=Terms(weights=weights))


@FORMS
def test_decay_halves_with_each_half_life_of_positions_or_of_age(form: str, request: pytest.FixtureRequest) -> None:
    as_form(form, request)
    paths = path_table(["ab", "abc"], conversions=[9, 0], values=[90, 0])
    assert credited(paths, "time_decay", Terms(half_life=1)) == pytest.approx({"a": 3, "b": 6, "c": 0})
    counts, value = heuristics.decay_by_age(paths, ages=np.array([9.0, 2.0, 1.0, 1.0, 1.0]), half_life=7)
    assert counts == pytest.approx([3, 6, 0])
    assert value == pytest.approx([30, 60, 0])


def test_a_touch_of_long_ago_fades_to_nothing_and_the_newest_never_does() -> None:
    paths = path_table(["ab"], conversions=[1])
    counts, value = heuristics.decay_by_age(paths, ages=np.array([9e9, 5e6]), half_life=7)
    assert counts.tolist() == [0, 1]
    assert value is None


def test_ages_and_half_lives_that_mean_nothing_are_refused() -> None:
    paths = path_table(["ab"], conversions=[1])
    for ages in ([1.0], [1.0, float("nan")]):
        with pytest.raises(AttributionError, match="one finite age for each touch"):
            heuristics.decay_by_age(paths, ages=np.array(ages), half_life=7)
    for half_life in (0, -1, float("inf")):
        with pytest.raises(AttributionError, match="a half-life must be a number above 0"):
            attribute(paths, model="time_decay", terms=Terms(half_life=half_life))


def test_ordered_shapley_tells_at_which_position_a_channel_helps() -> None:
    paths = path_table(["aba", "b"], conversions=[4, 3], values=[8, -3])
    told = as_json(paths, attribute(paths, model="ordered_shapley"))["channels"]
    assert told["a"]["conversions_by_position"] == [1, 0, 1]
    assert told["b"]["conversions_by_position"] == [3, 2, 0]
    assert told["b"]["value_by_position"] == [-3, 4, 0]
    assert told["b"]["conversions"] == 5


@given(rows=rows_of_paths)
@settings(max_examples=examples(30))
def test_ordered_shapley_sums_over_positions_to_shapley(rows: Rows) -> None:
    paths = table(rows)
    both = attributions(paths, models=["ordered_shapley", "shapley"])
    assert both["ordered_shapley"].conversions == pytest.approx(both["shapley"].conversions, rel=1e-12, abs=1e-12)


def test_positions_beyond_the_last_that_is_told_count_as_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heuristics, "MOST_POSITIONS", 2)
    told = attribute(path_table(["abc"], conversions=[3]), model="ordered_shapley")
    assert told.positions is not None
    assert told.positions[0].tolist() == [[1, 0], [0, 1], [0, 1]]


@given(rows=rows_of_paths)
@settings(max_examples=examples(20))
def test_models_run_together_say_what_each_says_alone(rows: Rows) -> None:
    paths = table(rows)
    for model, found in attributions(paths, models=[*reversed(POSITION_MODELS), "last_non_direct"]).items():
        alone = attribute(paths, model=model)
        assert alone.conversions.tobytes() == found.conversions.tobytes()
