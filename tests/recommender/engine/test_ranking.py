"""Selecting the best and counting ranks, against the plain definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recommender.engine.data import Bool, Float32, Int64, Interactions
from recommender.engine.errors import LeakError
from recommender.engine.evaluate import chunks, evaluate, rank_stage, rank_targets
from recommender.engine.metrics import Estimate, Ranking, coverage, gini, paired_difference, per_user, slices, summarise
from recommender.engine.models.popularity import Popularity, PopularitySettings
from recommender.engine.ranking import select_top, select_top_batch
from recommender.engine.split import Stage, split_by_time, split_leave_one_out
from tests.examples import examples
from tests.recommender.engine.cases import checkerboard, interactions

CPU = torch.device("cpu")
# Few distinct values, so that ties are the rule.
scores_with_ties = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 9)),
    elements=st.sampled_from([np.float32(v) for v in (-1.0, 0.0, 0.5, 2.0, -np.inf)]),
)


def plain_top(scores: Float32, k: int) -> list[int]:
    order = sorted(range(scores.size), key=lambda item: (-scores[item], item))
    return [item for item in order if np.isfinite(scores[item])][:k]


@given(scores_with_ties, st.integers(0, 10))
@settings(max_examples=examples(150))
def test_the_best_are_selected_by_score_then_index(scores: Float32, k: int) -> None:
    items, values = select_top_batch(torch.from_numpy(scores), k)
    for row, row_scores in enumerate(scores):
        expected = plain_top(row_scores, k)
        single = select_top(row_scores, k)
        assert single.items.tolist() == expected
        np.testing.assert_array_equal(single.scores, row_scores[expected])
        assert items[row].tolist() == expected + [-1] * (min(k, row_scores.size) - len(expected))
        assert values[row, : len(expected)].tolist() == row_scores[expected].tolist()


def stage_of(table: Interactions) -> Stage:
    return split_by_time(table, valid_from=25, test_from=25).test


@given(interactions(timed=True, max_items=9), st.integers(0, 2**32 - 1))
@settings(max_examples=examples(80))
def test_ranks_are_counted_among_items_not_taken_with_mean_rank_on_ties(table: Interactions, seed: int) -> None:
    stage = stage_of(table)
    rng = np.random.default_rng(seed)
    choices = np.array([-1.0, 0.0, 0.5, np.nan, -np.inf, np.inf], dtype=np.float32)
    for chunk in chunks(stage, 2):
        scores = rng.choice(choices, (chunk.users.size, table.n_items))
        expected = []
        for row, target in zip(*chunk.asked, strict=True):
            finite = np.where(np.isfinite(scores[row]), scores[row], -np.inf)
            open_to = np.setdiff1d(np.arange(table.n_items), stage.train.history(int(chunk.users[row])))
            higher = (finite[open_to] > finite[target]).sum()
            equal = (finite[open_to] == finite[target]).sum()
            expected.append(1 + higher + 0.5 * (equal - 1))
        given_scores = torch.from_numpy(scores)
        before = scores.copy()
        assert rank_targets(given_scores, chunk).tolist() == expected
        np.testing.assert_array_equal(given_scores.numpy(), before)


def test_chunks_cover_the_stage_in_order() -> None:
    stage = split_leave_one_out(checkerboard()).test
    parts = list(chunks(stage, 3))
    assert [part.users.tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert np.concatenate([part.asked[1] for part in parts]).tolist() == stage.targets.tolist()


def popularity(table: Interactions) -> Popularity:
    return Popularity.fit(table, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))


def test_a_leaking_stage_is_not_evaluated() -> None:
    stage = split_leave_one_out(checkerboard()).test
    leaking = replace(stage, train=checkerboard())
    with pytest.raises(LeakError, match="target_in_train"):
        rank_stage(popularity(stage.train), leaking, device=CPU)


def known_ranking() -> Ranking:
    """Four users over six items; user 2 has two targets; item 5 is new; ranks are made by hand."""
    train = Interactions.build(users=[0, 0, 1, 2, 3], items=[0, 1, 0, 0, 1], item_ids=range(6))
    stage = Stage(
        train=train,
        users=np.arange(4),
        pointers=np.array([0, 1, 2, 4, 5]),
        targets=np.array([2, 1, 5, 1, 0], dtype=np.int32),
        target_times=None,
        sees_future=False,
    )
    top = np.array([[2, 3], [1, 2], [1, 2], [0, -1]], dtype=np.int32)
    return Ranking(stage, np.array([1.0, 2.0, 30.0, 4.5, 11.0]), top)


def test_figures_of_a_hand_made_ranking() -> None:
    figures = summarise(known_ranking(), rng=np.random.default_rng(0), replicates=50)
    values = {name: figure.value for name, figure in figures.items()}
    assert values["hr@1"] == 0.25
    assert values["hr@5"] == values["hr@10"] == 0.5
    assert values["ndcg@10"] == pytest.approx((1 + 1 / np.log2(3)) / 4)
    assert values["ndcg@20"] == pytest.approx((1 + 1 / np.log2(3) + 1 / np.log2(12)) / 4)
    assert values["recall@20"] == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert values["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 30 + 1 / 11) / 4)
    assert values["cold_hr@10"] == 0.5
    assert values["cold_hr@100"] == 1.0
    assert values["coverage@10"] == pytest.approx(4 / 6)
    assert figures["hr@10"].error == pytest.approx(np.std([1, 1, 0, 0], ddof=1) / 2)
    assert figures["hr@10"].count == 4
    assert figures["cold_hr@10"].count == 2
    assert figures["coverage@10"].error > 0
    gini_of = figures["gini@10"]
    assert (gini_of.high - gini_of.low) / 2 == pytest.approx(1.96 * gini_of.error)


def answered(hits: Bool, targets: Int64) -> dict[str, Estimate]:
    """Figures of users with so many new targets each, ranked first where they are hits and 200th elsewhere."""
    users = targets.size
    train = Interactions.build(users=np.arange(users), items=np.zeros(users, dtype=int), item_ids=range(300))
    pointers = np.concatenate([[0], np.cumsum(targets)]).astype(np.int64)
    stage = Stage(train, np.arange(users), pointers, np.ones(pointers[-1], dtype=np.int32), None, sees_future=False)
    ranks = np.where(np.repeat(hits, targets), 1.0, 200.0)
    return summarise(Ranking(stage, ranks, np.ones((users, 1), dtype=np.int32)), rng=np.random.default_rng(0))


@pytest.mark.parametrize("users", [40, 3000])
def test_every_figure_has_the_interval_of_people_drawn_anew(users: int) -> None:
    """Against the plain bootstrap, one draw of all people after the other."""
    rng = np.random.default_rng(1)
    hits, targets = rng.random(users) < 0.3, rng.integers(1, 6, users)
    figures = answered(hits, targets)
    draws = [rng.integers(0, users, users) for _ in range(2000)]
    plain = {
        "hr@10": [hits[draw].mean() for draw in draws],
        "mrr": [np.where(hits[draw], 1, 1 / 200).mean() for draw in draws],
        "cold_hr@10": [(hits * targets)[draw].sum() / targets[draw].sum() for draw in draws],
    }
    for name, values in plain.items():
        low, high = np.quantile(values, [0.025, 0.975])
        found = figures[name]
        assert found.low < found.value < found.high
        assert found.high - found.low == pytest.approx(high - low, rel=0.15)
        assert (found.low + found.high) / 2 == pytest.approx((low + high) / 2, abs=0.15 * (high - low))


def test_the_same_generator_gives_the_same_intervals_and_is_left_where_it_would_be() -> None:
    first, again = np.random.default_rng(3), np.random.default_rng(3)
    assert summarise(known_ranking(), rng=first) == summarise(known_ranking(), rng=again)
    fresh = np.random.default_rng(3)
    fresh.multinomial(4, [1 / 4] * 4, 100)
    assert first.random() == fresh.random()


def test_slices_go_by_the_first_targets_count_and_the_history() -> None:
    users = np.concatenate([np.arange(120), np.arange(30), np.arange(6)])
    items = np.repeat([0, 1, 2], [120, 30, 6])
    table = Interactions.build(
        users=np.concatenate([users, np.arange(120), [200] * 7, [201, 201, 202, 202]]),
        items=np.concatenate([items, np.full(120, 7), [0, 3, 4, 5, 6, 7, 2], [5, 0, 5, 1]]),
        item_ids=range(8),
    )
    stage = split_leave_one_out(table).test
    places = np.flatnonzero(np.isin(table.user_ids[stage.users], [200, 201, 202]))
    found = {name: mask[places].tolist() for name, mask in slices(stage).items()}
    assert found == {
        "tail20": [True, False, False],
        "tail100": [True, False, True],
        "head": [False, True, False],
        "short": [False, True, True],
    }


def test_a_slice_or_a_stage_without_users_gives_no_figure() -> None:
    figures = summarise(known_ranking(), rng=np.random.default_rng(0))
    assert "head_hr@10" not in figures
    assert "tail20_hr@10" in figures
    stage = split_leave_one_out(Interactions.build(users=[1, 2], items=[1, 2])).test
    assert evaluate(popularity(stage_with_data()), stage, device=CPU, rng=np.random.default_rng(0)) == {}


def stage_with_data() -> Interactions:
    return Interactions.build(users=[1, 2], items=[1, 2])


def test_without_new_items_there_is_no_cold_figure() -> None:
    ranking = known_ranking()
    warm = replace(ranking.stage, targets=np.array([1, 1, 0, 1, 0], dtype=np.int32))
    assert "cold_hr@10" not in summarise(Ranking(warm, ranking.ranks, ranking.top), rng=np.random.default_rng(0))


def test_a_single_user_has_no_spread() -> None:
    stage = split_leave_one_out(Interactions.build(users=[0, 0, 1], items=[0, 1, 2])).test
    ranking = Ranking(stage, np.array([1.0]), np.array([[1, 2]], dtype=np.int32))
    assert summarise(ranking, rng=np.random.default_rng(0))["hr@10"] == Estimate(1.0, 0.0, 1, 1.0, 1.0)


def test_coverage_and_gini_of_known_exposures() -> None:
    assert coverage(np.array([0, 3, 1, 0])) == 0.5
    assert gini(np.array([2, 2, 2, 2])) == pytest.approx(0)
    assert gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)
    assert gini(np.array([0, 0])) == 0.0


@given(st.lists(st.integers(0, 50), min_size=2, max_size=12))
@settings(max_examples=examples(60))
def test_gini_equals_half_the_relative_mean_difference(counts: list[int]) -> None:
    values = np.array(counts)
    expected = np.abs(values[:, None] - values).mean() / (2 * values.mean()) if values.any() else 0.0
    assert gini(values) == pytest.approx(expected)


def test_a_paired_difference_carries_its_interval() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(0, 1, 4000)
    difference, low, high = paired_difference(first + 0.1, first, rng=rng, replicates=50)
    assert [difference, low, high] == pytest.approx([0.1, 0.1, 0.1])
    other = rng.normal(0, 1, 4000)
    difference, low, high = paired_difference(first, other, rng=rng, replicates=400)
    assert low < difference < high
    expected = 1.96 * (first - other).std() / np.sqrt(4000)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.2)


def test_the_bootstrap_error_of_coverage_shrinks_with_more_users() -> None:
    rng = np.random.default_rng(0)

    def error(users: int) -> float:
        table = Interactions.build(users=np.arange(users), items=np.zeros(users, dtype=int), item_ids=range(50))
        stage = Stage(
            table, np.arange(users), np.arange(users + 1), np.ones(users, dtype=np.int32), None, sees_future=True
        )
        top = rng.zipf(1.5, (users, 3)).clip(1, 49).astype(np.int32)
        return summarise(Ranking(stage, np.ones(users), top), rng=rng)["gini@10"].error

    assert error(2000) < error(50)


def test_progress_is_told_per_block_and_popular_items_fill_the_lists() -> None:
    stage = split_leave_one_out(checkerboard()).test
    told: list[tuple[str, int, int]] = []
    ranking = rank_stage(popularity(stage.train), stage, device=CPU, progress=lambda *step: told.append(step))
    assert told == [("evaluate", 8, 8)]
    assert ranking.top.shape == (8, 8)
    assert all((row >= 0).sum() == 8 - 2 for row in ranking.top)
    assert set(per_user(ranking)) == {"hr@1", "hr@5", "hr@10", "ndcg@10", "ndcg@20", "recall@20", "mrr"}
