"""How far models are apart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.disagreement import AGREE, APART, FAR, disagreement
from analytics.attribution.errors import AttributionError
from tests.examples import examples

figures = st.dictionaries(
    st.sampled_from(["first", "last", "markov"]),
    st.dictionaries(st.sampled_from("abcd"), st.integers(-5, 100), max_size=4),
    min_size=1,
)


def test_models_that_say_the_same_agree() -> None:
    told = disagreement({"one": {"mail": 30, "search": 60}, "other": {"mail": 3, "search": 6}})
    assert told.index == 0
    assert told.channels["mail"].factor == 10, "amounts differ where shares do not"


def test_models_that_name_no_channel_in_common_are_wholly_apart() -> None:
    assert disagreement({"one": {"mail": 5}, "other": {"search": 7}}).index == 1


def test_the_index_is_the_part_that_would_have_to_move_averaged_over_pairs() -> None:
    told = disagreement({"a": {"x": 50, "y": 50}, "b": {"x": 80, "y": 20}, "c": {"x": 50, "y": 50}})
    assert told.index == pytest.approx((0.3 + 0.3 + 0.0) / 3)


def test_a_channel_is_told_by_its_least_its_middle_and_its_most() -> None:
    told = disagreement({"a": {"x": 10}, "b": {"x": 40}, "c": {"x": 25}, "d": {"x": 0}}).channels["x"]
    assert (told.low, told.middle, told.high, told.factor) == (0, 17.5, 40, 4)


@pytest.mark.parametrize(
    ("amounts", "level"),
    [((10, 21), AGREE), ((10, 22), APART), ((10, 33), APART), ((10, 34), FAR), ((-1, 2), FAR), ((0, 0), AGREE)],
)
def test_how_far_is_one_of_three_words(amounts: tuple[int, int], level: str) -> None:
    told = disagreement({"a": {"x": amounts[0]}, "b": {"x": amounts[1]}})
    assert told.channels["x"].level == level


def test_what_is_taken_away_counts_as_nothing_in_shares_and_a_model_without_credit_in_no_pair() -> None:
    assert disagreement({"a": {"x": 5, "y": -5}, "b": {"x": 5}, "c": {"x": 0}}).index == 0


@given(told=figures)
@settings(max_examples=examples(60))
def test_the_index_lies_between_nothing_and_all_and_does_not_depend_on_order(told: dict[str, dict[str, int]]) -> None:
    found = disagreement(told)
    assert 0 <= found.index <= 1
    assert disagreement(dict(reversed(told.items()))).index == pytest.approx(found.index)
    assert set(found.channels) == {channel for row in told.values() for channel in row}
    assert all(spread.low <= spread.middle <= spread.high for spread in found.channels.values())


def test_without_a_model_there_is_nothing_to_compare() -> None:
    with pytest.raises(AttributionError, match="at least one model"):
        disagreement({})
