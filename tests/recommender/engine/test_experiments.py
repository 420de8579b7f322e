"""Experiments as pure figures: against reference numbers of scipy, and by simulation (longer runs: bench/)."""

import math
from collections.abc import Collection
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.engine.errors import ConfigError, DataError
from recommender.engine.experiments.assign import BUCKETS, arm_of, bucket, free_range
from recommender.engine.experiments.compare import (
    Difference,
    always_valid,
    cuped,
    fixed_horizon,
    gini_difference,
    guardrail,
    people_needed,
    sample_ratio,
)
from recommender.engine.experiments.interleave import (
    preference,
    readers_needed,
    share_always,
    share_now,
    team_draft,
    winner,
)
from recommender.engine.experiments.moments import Sums
from recommender.engine.experiments.replay import replay

KEY = b"0123456789abcdef"
FIRST = [1, 2, 3, 4, 5, 6, 7, 8.5]
SECOND = [2, 4, 4, 6, 8, 9, 9, 12, 3.5]
WELCH_P, WELCH_LOW, WELCH_HIGH = 0.2189182546213929, -1.2096015195907528, 4.862379297368531
SRM = (0.6744854536964989, 6.334248366623988e-05, 0.6055766163353462)
SIGN_P = 0.11531829833984375
CLOPPER = (0.4572108177235281, 0.8810684095942724)
PEOPLE = (3_841, 31_234)
"""scipy 1.17: stats.ttest_ind(equal_var=False), chisquare, binomtest; the planner by norm.ppf."""


def test_an_arm_is_the_same_at_every_visit_and_shares_are_as_weighed() -> None:
    found = [
        arm_of(KEY, layer="home", first=0, share=6_000, salt="s", weights=(1, 2), unit=f"u{n}") for n in range(2_000)
    ]
    assert found == [
        arm_of(KEY, layer="home", first=0, share=6_000, salt="s", weights=(1, 2), unit=f"u{n}") for n in range(2_000)
    ]
    inside = [arm for arm in found if arm is not None]
    assert len(inside) / 2_000 == pytest.approx(0.6, abs=0.03)
    assert sample_ratio([inside.count(0), inside.count(1)], (1, 2)) > 0.001
    assert arm_of(KEY, layer="home", first=0, share=BUCKETS, salt="s", weights=(1,), unit="u") == 0
    assert bucket(KEY, "a", "u1") != bucket(b"another key here", "a", "u1")


def test_experiments_of_a_layer_never_meet_and_other_layers_are_independent() -> None:
    def arm(unit: int, layer: str, first: int, salt: str) -> int | None:
        return arm_of(KEY, layer=layer, first=first, share=5_000, salt=salt, weights=(1, 1), unit=f"u{unit}")

    rows = [(arm(n, "a", 0, "x"), arm(n, "a", 5_000, "y"), arm(n, "b", 0, "x")) for n in range(3_000)]
    assert all((one is None) != (two is None) for one, two, _other in rows)
    both = sum(one is not None and other is not None for one, _two, other in rows)
    assert both / len(rows) == pytest.approx(0.25, abs=0.03)


def test_ranges_are_given_where_there_is_room() -> None:
    assert free_range([], BUCKETS) == 0
    assert free_range([(0, 2_000), (5_000, 1_000)], 3_000) == 2_000
    assert free_range([(0, 2_000), (5_000, 1_000)], 3_001) == 6_000
    assert free_range([(0, 2_000), (5_000, 1_000)], 4_001) is None
    for bad in ({"first": -1}, {"share": 0}, {"first": 9_000, "share": 2_000}, {"weights": ()}, {"weights": (1, 0)}):
        with pytest.raises(ConfigError):
            arm_of(KEY, **{"layer": "a", "first": 0, "share": 1, "salt": "s", "weights": (1,), "unit": "u", **bad})  # type: ignore[arg-type]  # wrong on purpose


def test_welch_answers_as_scipy_does() -> None:
    found = fixed_horizon(Sums.of(FIRST), Sums.of(SECOND))
    assert (found.estimate, found.p) == pytest.approx((1.826388889, WELCH_P))
    assert (found.low, found.high) == pytest.approx((WELCH_LOW, WELCH_HIGH))
    assert not found.is_certain
    assert Difference(1, 0.5, 1.5, 0.01).is_certain
    for nothing in (fixed_horizon, lambda a, b: always_valid(a, b, tau=1.0)):
        unknown = nothing(Sums(), Sums.of([1.0, 2.0]))
        assert (unknown.p, unknown.low, unknown.high) == (1.0, -math.inf, math.inf)


def test_sizes_that_chance_does_not_make_are_told() -> None:
    assert sample_ratio([5_021, 4_979], [1, 1]) == pytest.approx(SRM[0])
    assert sample_ratio([5_200, 4_800], [1, 1]) == pytest.approx(SRM[1])
    assert sample_ratio([510, 1_490], [1, 3]) == pytest.approx(SRM[2])
    assert sample_ratio([0, 0], [1, 1]) == 1.0
    for counts, weights in (([1], [1]), ([1, 2], [1, 0]), ([1, 2], [1])):
        with pytest.raises(ConfigError):
            sample_ratio(counts, weights)


def test_the_planner_says_how_many_people_a_lift_needs() -> None:
    assert people_needed(0.10, 0.20) == PEOPLE[0]
    assert people_needed(0.05, 0.10) == PEOPLE[1]
    assert people_needed(0.05, -0.10) < people_needed(0.05, -0.05)
    for rate, lift in ((0.0, 0.1), (0.5, 0.0), (0.6, 1.0)):
        with pytest.raises(ConfigError):
            people_needed(rate, lift)


def test_the_mixture_test_is_the_ratio_that_it_says_it_is() -> None:
    control, treated = Sums.of(FIRST * 20), Sums.of(SECOND * 20)
    found, tau = always_valid(control, treated, tau=0.5), 0.5
    v = control.error + treated.error
    ratio = math.sqrt(v / (v + tau**2)) * math.exp(tau**2 * found.estimate**2 / (2 * v * (v + tau**2)))
    assert found.p == pytest.approx(1 / ratio)
    edge = (found.high - found.low) / 2  # a difference as wide as the interval has p of exactly alpha
    at_edge = math.sqrt(v / (v + tau**2)) * math.exp(tau**2 * edge**2 / (2 * v * (v + tau**2)))
    assert 1 / at_edge == pytest.approx(0.05)
    fixed = fixed_horizon(control, treated)
    assert found.low < fixed.low < fixed.high < found.high  # what may be looked at any time is wider
    with pytest.raises(ConfigError, match="scale"):
        always_valid(control, treated, tau=0)


def test_looking_every_day_errs_at_most_one_time_in_twenty_always_valid_and_far_more_often_otherwise() -> None:
    rng = np.random.default_rng(7)
    false_always = false_fixed = 0
    for _run in range(150):
        days = rng.normal(size=(2, 25, 40))
        control, treated = Sums(), Sums()
        wrong_always = wrong_fixed = False
        for day in range(25):
            control += day_of(days[0, day])
            treated += day_of(days[1, day])
            wrong_always |= always_valid(control, treated, tau=0.2).is_certain
            wrong_fixed |= fixed_horizon(control, treated).is_certain
        false_always += wrong_always
        false_fixed += wrong_fixed
    assert false_always <= 150 * 0.05
    assert false_fixed > 150 * 0.15


def day_of(values: np.ndarray) -> Sums:
    return Sums(n=values.size, y=float(values.sum()), yy=float(values @ values))


def test_cuped_takes_away_what_was_known_before_and_moves_no_mean_by_design() -> None:
    rng = np.random.default_rng(3)
    before = rng.normal(10, 3, size=(2, 2_000))
    after = before * 0.8 + rng.normal(size=before.shape) + np.array([[0.0], [0.3]])
    arms = [Sums.of(after[arm].tolist(), before[arm].tolist()) for arm in (0, 1)]
    control, treated, saved = cuped(*arms)
    plain, narrowed = fixed_horizon(*arms), fixed_horizon(control, treated)
    assert saved == pytest.approx(1 - 1 / (1 + (0.8 * 3) ** 2), abs=0.02)
    assert narrowed.high - narrowed.low < (plain.high - plain.low) / 2
    assert narrowed.low < 0.3 < narrowed.high
    theta = float(np.cov(before.ravel(), after.ravel())[0, 1] / before.var())
    by_hand = after - theta * (before - before.mean())
    assert control.mean == pytest.approx(by_hand[0].mean(), abs=0.02)
    again = cuped(control, treated)
    assert again[2] == pytest.approx(0, abs=1e-9)  # nothing is left to take away
    assert cuped(Sums.of(FIRST), Sums.of(SECOND)) == (Sums.of(FIRST), Sums.of(SECOND), 0.0)
    assert cuped(Sums(), Sums())[2] == 0.0
    flat = Sums.of([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert cuped(flat, flat)[2] == 0.0
    with pytest.raises(DataError):
        Sums.of([1.0], [])


def test_a_guardrail_holds_breaks_or_is_unsure() -> None:
    assert guardrail(Difference(0, -1, 0.5, 1), margin=1) == "holds"
    assert guardrail(Difference(0, -1, 1.5, 1), margin=1) == "unsure"
    assert guardrail(Difference(3, 2, 4, 0), margin=1) == "breached"


def test_gini_is_nought_for_equals_and_near_one_for_a_monopoly() -> None:
    alike, alone, nothing = np.full((5, 4), 3), np.eye(4, dtype=np.int64)[[2] * 5], np.zeros((5, 4), dtype=np.int64)
    assert gini_difference(alike, alone).estimate == pytest.approx(0.75)
    assert gini_difference(nothing, alike).estimate == 0.0
    assert gini_difference(alike[:1], alone).high == math.inf
    same = gini_difference(np.arange(12).reshape(6, 2), np.arange(12).reshape(6, 2), alike=True)
    assert (same.low, same.high) == (0, 0)
    certain = gini_difference(alike, alone)
    assert (certain.low, certain.high, certain.p) == pytest.approx((0.75, 0.75, 2 / 501))


def test_the_interval_of_ginis_difference_holds_nought_as_often_as_it_promises() -> None:
    """80 pairs of arms of 60 people, two places each, with one and the same unequal choice among five creators."""
    rng, held = np.random.default_rng(5), 0
    for _pair in range(80):
        first, second = rng.multinomial(2, [0.4, 0.3, 0.15, 0.1, 0.05], (2, 60))
        found = gini_difference(first, second, replicates=200)
        held += found.low <= 0 <= found.high
    assert 70 <= held <= 80


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 12)), st.lists(st.integers(0, 12)), st.integers(1, 8), st.integers(0, 99))
def test_teams_draft_in_turn_and_nothing_twice(first: list[int], second: list[int], k: int, seed: int) -> None:
    drafted = team_draft(first, second, k=k, rng=Random(seed))
    items = [place.item for place in drafted]
    assert len(set(items)) == len(items) == min(k, len({*first, *second}))
    assert all(place.item in (first, second)[place.team] for place in drafted)
    if not {*first} & {*second} and min(len({*first}), len({*second})) >= k:
        assert abs(2 * sum(place.team for place in drafted) - len(drafted)) <= 1


def test_clicks_prefer_and_the_sign_test_says_how_surely() -> None:
    drafted = team_draft([1, 2], [3, 4], k=4, rng=Random(1))
    assert (winner(drafted, {1}), winner(drafted, {3, 4, 1}), winner(drafted, {1, 3})) == (-1, 1, 0)
    found = preference([1] * 14 + [-1] * 6 + [0] * 5)
    assert (found.wins, found.losses, found.ties) == (14, 6, 5)
    assert found.p == pytest.approx(SIGN_P)
    assert preference([0]).p == 1.0


def _chances(first: list[int], second: list[int], *, k: int) -> dict[tuple[int, ...], list[float]]:
    """Of all lists that coins can make, how often each is made, and the product of its places' chances."""
    found: dict[tuple[int, ...], list[float]] = {}
    for seed in range(2_000):
        drafted = team_draft(first, second, k=k, rng=Random(seed))
        row = found.setdefault(tuple(place.item for place in drafted), [0.0, 0.0])
        row[0] += 1 / 2_000
        row[1] = math.prod(place.chance for place in drafted)
    return found


@pytest.mark.parametrize(("first", "second"), [([1, 2, 3], [4, 5, 6]), ([1, 2, 3], [1, 3, 2]), ([1, 2], [1, 2])])
def test_a_place_knows_its_chance(first: list[int], second: list[int]) -> None:
    found = _chances(first, second, k=3)
    assert sum(product for _often, product in found.values()) == pytest.approx(1)
    for often, product in found.values():
        assert often == pytest.approx(product, abs=0.05)


def test_what_may_not_stand_together_does_not_and_the_next_comes_instead() -> None:
    def fits(item: int, beside: Collection[int]) -> bool:
        return bool(item % 2) or not beside

    drafted = team_draft([1, 2, 3], [2, 4, 6], k=3, rng=Random(0), fits=fits)
    assert [place.item % 2 for place in drafted][1:] == [1] * (len(drafted) - 1)


def test_equal_models_win_alike_wherever_readers_click_and_looking_daily_cries_wolf_rarely() -> None:
    rng, ranking, cried, total = Random(7), list(range(8)), 0, 0
    for _experiment in range(100):
        wins = losses = 0
        wolf = False
        for reader in range(100):
            drafted = team_draft(ranking, ranking, k=4, rng=rng)
            clicked = {place.item for position, place in enumerate(drafted) if rng.random() < 0.6 / (1 + position)}
            won = winner(drafted, clicked)
            wins, losses = wins + (won > 0), losses + (won < 0)
            wolf = wolf or (reader % 10 == 9 and share_always(wins, losses).p < 0.05)
        cried, total = cried + wolf, total + wins - losses
    assert abs(total) < 3 * math.sqrt(100 * 100 * 0.7)  # no team is favoured by place, coin or turn
    assert cried / 100 < 0.05


def test_shares_have_the_intervals_of_their_tests() -> None:
    once, always = share_now(14, 6), share_always(14, 6)
    assert (once.low, once.high) == pytest.approx(CLOPPER, abs=1e-9)
    assert once.p == pytest.approx(SIGN_P)
    assert always.low < once.low < 0.7 < once.high < always.high  # looking whenever one likes costs width
    assert (share_now(0, 0), share_always(0, 0)) == ((0.5, 0.0, 1.0, 1.0),) * 2
    assert share_always(40, 0).high == share_now(40, 0).high == 1.0
    assert share_always(0, 40).low == 0.0
    assert share_always(60, 20).p < 0.05 < share_always(22, 18).p
    assert readers_needed(0.1) == 783
    with pytest.raises(ConfigError, match="not zero"):
        readers_needed(0)


def test_a_replay_finds_the_value_of_a_policy_that_was_never_shown() -> None:
    rng = np.random.default_rng(5)
    truth, logged, other = np.array([0.1, 0.3, 0.6]), np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6])
    shown = rng.choice(3, 40_000, p=logged)
    rewards = (rng.random(shown.size) < truth[shown]).astype(float)
    found = replay(rewards, logged[shown], other[shown])
    wanted = float(truth @ other)
    for estimate in (found.ips, found.snips):
        assert estimate.low < wanted < estimate.high
    assert found.snips.high - found.snips.low < found.ips.high - found.ips.low
    assert found.logged.value == pytest.approx(float(truth @ logged), abs=0.01)
    assert found.effective < found.rows
    assert found.clipped == 0
    same = replay(rewards, logged[shown], logged[shown])
    assert same.ips.value == pytest.approx(same.logged.value)
    assert same.effective == pytest.approx(same.rows)


def test_a_replay_refuses_what_it_cannot_weigh_and_tells_what_it_cut() -> None:
    assert replay([1.0], [0.01], [1.0], clip=10).clipped == 1.0
    nothing = replay([1.0, 0.0], [0.5, 0.5], [0.0, 0.0])
    assert (nothing.snips.value, nothing.effective) == (0.0, 0.0)
    for bad in (([], [], []), ([1], [0.0], [0.5]), ([1], [0.5], [1.5]), ([1, 2], [0.5], [0.5])):
        with pytest.raises(DataError):
            replay(*bad)
