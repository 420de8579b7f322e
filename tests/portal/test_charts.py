"""Geometry: areas, ends and edges of the drawings are the figures' own proportions."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import charts

amounts = st.lists(st.integers(0, 10**9), min_size=1, max_size=9)


def coordinates(path: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path)]


def test_a_coordinate_has_no_trailing_zeros_and_no_negative_zero() -> None:
    assert [charts.number(value) for value in (1.0, 2.5, 3.14159, -0.001, 120)] == ["1", "2.5", "3.14", "0", "120"]


@pytest.mark.parametrize(
    ("top", "ticks"),
    [(600, [0, 200, 400, 600]), (95, [0, 50, 100]), (1, [0, 0.5, 1]), (0, [0, 1]), (-3, [0, 1]), (7, [0, 2, 4, 6, 8])],
)
def test_ticks_are_round_and_reach_the_top(top: float, ticks: list[float]) -> None:
    assert charts.nice_ticks(top) == ticks


@given(st.floats(1e-6, 1e12))
def test_ticks_always_reach_the_top_in_few_steps(top: float) -> None:
    ticks = charts.nice_ticks(top)
    assert ticks[-1] >= top * (1 - 1e-6)
    assert 2 <= len(ticks) <= 6


def test_your_band_is_your_share_of_the_height() -> None:
    drawn = charts.stream(1_373_600, [111_875, 71_401, 39_410, 56_229, 328_409, 77_416])
    assert drawn.band == pytest.approx(120 * 688_860 / 1_373_600)
    assert drawn.height == 176
    assert len(drawn.parts) == 6


def test_a_part_leaves_where_the_rule_says_and_is_as_wide_as_its_amount() -> None:
    drawn = charts.stream(100, [30, 20], width=200)
    # First of two: x = .42 * 100; 30 of 100 is 36 px deep, so the tail runs from x + 12 to x + 12 + 36.
    assert drawn.parts[0].startswith("M0 60H42V84A48 48 0 0 1 90 132V176H54V132A12 12 0 0 0 42 120H0Z")
    assert "H142V60" in drawn.parts[1]


def test_a_zero_part_is_left_out_and_the_others_close_up() -> None:
    with_zero = charts.stream(100, [30, 0, 20], width=200)
    without = charts.stream(100, [30, 20], width=200)
    assert with_zero.parts == (without.parts[0], "", without.parts[1])
    assert charts.upright(100, [30, 0, 20]).parts[1] == ""
    assert charts.upright(100, [30, 0, 20]).height == charts.upright(100, [30, 20]).height


def test_a_tiny_part_stays_visible() -> None:
    drawn = charts.stream(10**9, [1], width=100)
    start, *_rest = coordinates(drawn.parts[0])
    assert start == 0
    assert "V118.8" in drawn.parts[0]


@pytest.mark.parametrize("draw", [charts.stream, charts.upright])
@pytest.mark.parametrize(("total", "parts"), [(0, [1]), (-5, []), (100, [-1]), (100, [60, 41])])
def test_a_stream_that_does_not_tie_is_refused(draw: object, total: int, parts: list[int]) -> None:
    with pytest.raises(ValueError, match="stream"):
        draw(total, parts)  # type: ignore[operator]


@given(amounts, st.integers(0, 10**9))
def test_a_stream_never_leaves_its_drawing(parts: list[int], yours: int) -> None:
    total = sum(parts) + yours
    if total == 0:
        return
    wide, tall = charts.stream(total, parts), charts.upright(total, parts)
    assert 0 <= wide.band <= 120
    assert 0 <= tall.band <= 82
    for path in tall.parts:
        assert all(value <= tall.height + 24 for value in coordinates(path))


def test_an_upright_part_ends_in_the_middle_of_its_row() -> None:
    drawn = charts.upright(100, [40, 10], row=50, thick=80, width=124)
    assert drawn.height == 150
    # 40 of 100 is 32 px; the row's middle is 25, so it leaves between 9 and 41.
    assert "V9H" in drawn.parts[0]
    assert "124V" in drawn.parts[0]


def test_the_forecast_band_lies_on_one_axis() -> None:
    at = charts.band(717_637, 150_408, 858_000, 947_000, 900_000)
    assert at["high"] == "100%"
    assert at["have"] == at["soon_x"] == f"{charts.number(100 * 717_637 / 947_000)}%"
    assert charts.band(0, 0, 0, 0, 0)["have"] == "0%"


@pytest.mark.parametrize(
    "bad", [(1, 1, 5, 4, 4), (1, 1, 2, 4, 5), (-1, 1, 2, 4, 3), (1, -1, 2, 4, 3), (1, 1, -2, 4, 3)]
)
def test_a_forecast_that_contradicts_itself_is_refused(bad: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="forecast"):
        charts.band(*bad)


def test_release_bars_are_proportional_and_small_ones_visible() -> None:
    bars = charts.release([0, 1, 5000, 10_000], height=50)
    assert [bar.height for bar in bars] == ["0", "2", "25", "50"]
    assert [bar.y for bar in bars] == ["50", "48", "25", "0"]
    assert charts.release([]) == ()
    assert charts.release([0])[0].height == "0"


def test_ranks_are_shares_of_the_largest() -> None:
    assert charts.rank_widths([200, 100, 0, -5]) == ("100%", "50%", "0%", "0%")
    assert charts.rank_widths([]) == ()
    assert charts.rank_widths([-1, -2]) == ("0%", "0%")


def test_stacked_columns_begin_at_zero_and_keep_their_slots() -> None:
    drawn = charts.columns([[31, 22, 0], [50, 0, 50]], height=200)
    assert drawn.ticks[0] == (0, "200")
    assert drawn.ticks[-1] == (100, "0")
    first, second = drawn.stacks
    assert [(bar.key, bar.y, bar.height) for bar in first.bars] == [(1, "138", "62"), (2, "94", "44")]
    assert [bar.key for bar in second.bars] == [1, 3]
    with pytest.raises(ValueError, match="negative"):
        charts.columns([[1, -1]])
    assert charts.columns([]).stacks == ()


def test_a_sparkline_uses_its_own_range() -> None:
    assert charts.spark([0, 10], width=10, height=20).line == "M0 18L10 2"
    assert charts.spark([5, 5, 5], width=10, height=20).line == "M0 10L5 10L10 10"
    assert charts.spark([7], width=10, height=20).line == "M0 10L10 10"
    with pytest.raises(ValueError, match="sparkline"):
        charts.spark([])


def test_a_line_starts_its_axis_at_zero() -> None:
    drawn = charts.line([100, 400], width=100, height=100)
    assert drawn.ticks == ((0, "100"), (100, "75"), (200, "50"), (300, "25"), (400, "0"))
    assert drawn.line == "M0 75L100 0"
    assert drawn.area.endswith("V100H0Z")
    assert charts.line([100], top=400, width=100, height=100).line == "M0 75L100 75"
    for bad in ([], [1, -1]):
        with pytest.raises(ValueError, match="line"):
            charts.line(bad)


def test_decay_halves_at_the_half_life() -> None:
    _curve, marks = charts.decay([0, 7, 14], half_life=7, window=14, height=100)
    assert [x for x, _y in marks] == ["100%", "50%", "0%"]
    assert [100 - float(y) for _x, y in marks] == pytest.approx([90, 45, 22.5])


@pytest.mark.parametrize("bad", [{"half_life": 0, "window": 1}, {"half_life": 1, "window": 0}])
def test_decay_needs_a_half_life_and_a_window(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        charts.decay([], **bad)


def test_a_touch_outside_the_window_is_refused() -> None:
    for age in (-1, 31):
        with pytest.raises(ValueError, match="outside"):
            charts.decay([age], half_life=7, window=30)


def test_a_doubling_axis_has_one_on_it_and_equal_steps() -> None:
    ticks = charts.log_ticks(0.56, 29.9)
    assert ticks == [0.5, 1, 2, 4, 8, 16, 32]
    assert [charts.place_log(tick, ticks) for tick in (0.5, 4, 32)] == ["0%", "50%", "100%"]
    assert charts.place_log(0, ticks) == "0%"
    assert charts.place_log(99, ticks) == "100%"
    assert charts.log_ticks(3, 5) == [1, 2, 4, 8]
    assert charts.log_ticks(0, 0) == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2]


def test_a_linear_place_stays_between_its_ends() -> None:
    assert [charts.place_linear(value, 0, 10) for value in (-1, 5, 11)] == ["0%", "50%", "100%"]
    assert charts.place_linear(3, 4, 4) == "50%"


def test_a_flow_is_as_tall_as_what_passes() -> None:
    links = [
        {("a", "x"): 30.0, ("b", "x"): 10.0, ("b", "y"): 20.0},
        {("x", "yes"): 15.0, ("x", "no"): 25.0, ("y", "no"): 20.0},
    ]
    drawn = charts.flow(links, chosen="x", height=400, gap=10)
    heights = [{node.key: node.total for node in column} for column in drawn.columns]
    assert heights == [{"a": 30, "b": 30}, {"x": 40, "y": 20}, {"yes": 15, "no": 45}]
    scale = drawn.columns[0][0].height / 30
    for column in drawn.columns:
        for node in column:
            assert node.height == pytest.approx(node.total * scale)
            assert node.y + node.height <= 400 + 1e-6
    assert [ribbon.chosen for ribbon in drawn.ribbons] == [False, False, True, True, True, True]
    assert float(drawn.columns[0][0].middle) == pytest.approx(drawn.columns[0][0].height / 2, abs=0.01)


def test_a_middle_node_is_as_tall_as_the_larger_side() -> None:
    drawn = charts.flow([{("a", "x"): 30.0}, {("x", "yes"): 10.0}])
    assert drawn.columns[1][0].total == 30
    assert drawn.columns[2][0].total == 10


def test_a_zero_link_draws_no_ribbon() -> None:
    drawn = charts.flow([{("a", "x"): 1.0, ("b", "x"): 0.0}])
    assert len(drawn.ribbons) == 1


@pytest.mark.parametrize("bad", [[], [{}], [{("a", "b"): -1.0}]])
def test_a_flow_without_links_is_refused(bad: list[dict[tuple[str, str], float]]) -> None:
    with pytest.raises(ValueError, match="flow"):
        charts.flow(bad)


def test_a_cover_is_the_same_for_the_same_course_and_uses_every_kind_and_hue() -> None:
    assert charts.cover("course-7") == charts.cover("course-7")
    covers = [charts.cover(f"course-{number}") for number in range(120)]
    assert {cover.hue for cover in covers} == {1, 2, 3, 4, 5, 6}
    assert {shape.kind for cover in covers for shape in cover.shapes} == {"path", "rect", "dot", "ring"}
    assert all(len(cover.shapes) > 5 for cover in covers)


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)), min_size=1, max_size=9))
def test_pairs_stand_on_the_zero_line_or_hang_from_it(values: list[tuple[int, int]]) -> None:
    drawn = charts.pairs(values)
    zero = float(drawn.zero)
    scale = drawn.height / (drawn.ticks[-1][0] - drawn.ticks[0][0])
    for pair, bars in zip(values, drawn.pairs, strict=True):
        for value, bar in zip(pair, bars, strict=True):
            top, tall = float(bar.y), float(bar.height)
            assert tall == pytest.approx(abs(value) * scale, abs=0.02)
            assert (top if value < 0 else top + tall) == pytest.approx(zero, abs=0.03)
            assert -0.02 <= top <= top + tall <= drawn.height + 0.02
    assert [y for tick, y in drawn.ticks if tick == 0] == [drawn.zero]


def test_nothing_compared_still_has_an_axis() -> None:
    assert charts.pairs([]).ticks == ((0, "200"), (1, "0"))


def test_a_change_leaves_zero_towards_its_side_by_its_part_of_the_largest() -> None:
    assert charts.swings([4, -2, 0]) == (("50%", "50%"), ("25%", "25%"), ("50%", "0%"))
    assert charts.swings([0]) == (("50%", "0%"),)
