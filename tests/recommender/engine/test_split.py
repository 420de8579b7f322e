"""Splits and the search for leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from recommender.engine.checks import Finding, check_columns, check_stage, refuse_leaks
from recommender.engine.data import Interactions
from recommender.engine.errors import DataError, LeakError
from recommender.engine.split import Stage, cut_times, split_by_time, split_leave_one_out
from tests.examples import examples
from tests.recommender.engine.cases import checkerboard, interactions


def sequences(*rows: list[int]) -> Interactions:
    """One history per user, in order, without times."""
    return Interactions.build(
        users=np.repeat(np.arange(len(rows)), [len(row) for row in rows]), items=[item for row in rows for item in row]
    )


def asked(stage: Stage) -> dict[int, list[int]]:
    """Targets by user."""
    return {
        int(user): stage.targets[stage.pointers[place] : stage.pointers[place + 1]].tolist()
        for place, user in enumerate(stage.users)
    }


def test_leave_one_out_asks_for_the_last_item_and_on_valid_for_the_one_before() -> None:
    split = split_leave_one_out(sequences([0, 1, 2, 3], [3, 1], [2], [1, 2, 0]))
    assert asked(split.test) == {0: [3], 1: [1], 3: [0]}
    assert [split.test.train.history(user).tolist() for user in range(4)] == [[0, 1, 2], [3], [], [1, 2]]
    assert asked(split.valid) == {0: [2], 3: [2]}
    assert [split.valid.train.history(user).tolist() for user in range(4)] == [[0, 1], [], [], [1]]
    assert split.test.sees_future
    assert split.test.target_times is None


def test_a_split_by_time_asks_everybody_for_what_came_later() -> None:
    table = Interactions.build(
        users=[0, 0, 0, 0, 1, 1, 2, 2], items=[0, 1, 2, 3, 0, 3, 2, 1], times=[1, 10, 20, 21, 2, 30, 15, 25]
    )
    split = split_by_time(table, valid_from=10, test_from=20)
    assert asked(split.valid) == {0: [1]}
    assert [split.valid.train.history(user).tolist() for user in range(3)] == [[0], [0], []]
    assert asked(split.test) == {0: [2, 3], 1: [3], 2: [1]}
    assert [split.test.train.history(user).tolist() for user in range(3)] == [[0, 1], [0], [2]]
    assert not split.test.sees_future
    assert split.test.target_times is not None
    assert split.test.target_times.tolist() == [20, 21, 30, 25]


def test_a_split_by_time_needs_times_in_order() -> None:
    with pytest.raises(DataError, match="needs times"):
        split_by_time(sequences([0, 1]), valid_from=1, test_from=2)
    with pytest.raises(DataError, match="lies after"):
        split_by_time(checkerboard(), valid_from=3, test_from=2)


def test_cuts_leave_the_wanted_shares_behind_them() -> None:
    table = Interactions.build(users=np.arange(100), items=np.zeros(100, dtype=int), times=np.arange(100) * 10)
    valid_from, test_from = cut_times(table, valid_share=0.2, test_share=0.1)
    assert table.times is not None
    assert (table.times >= test_from).sum() == 10
    assert ((table.times >= valid_from) & (table.times < test_from)).sum() == 20


@pytest.mark.parametrize("table", [sequences([0, 1]), Interactions.build(users=[], items=[], times=[])])
def test_cutting_by_time_needs_times(table: Interactions) -> None:
    with pytest.raises(DataError, match="with times"):
        cut_times(table, valid_share=0.1, test_share=0.1)


def test_a_sample_keeps_each_chosen_users_targets() -> None:
    table = Interactions.build(
        users=np.repeat(np.arange(20), 4), items=np.tile(np.arange(4), 20), times=np.tile(np.arange(4), 20)
    )
    stage = split_by_time(table, valid_from=2, test_from=2).test
    part = stage.sample(7, rng=np.random.default_rng(1))
    whole = asked(stage)
    assert part.users.size == 7
    assert asked(part) == {user: whole[user] for user in part.users.tolist()}
    assert part.target_times is not None
    assert part.target_times.tolist() == [2, 3] * 7
    assert part.train is stage.train
    assert stage.sample(20, rng=np.random.default_rng(1)) is stage
    untimed = split_leave_one_out(sequences([0, 1], [1, 0], [0, 2])).test.sample(2, rng=np.random.default_rng(0))
    assert untimed.target_times is None


@given(interactions())
@settings(max_examples=examples(60))
def test_leaving_one_out_loses_nothing_and_leaks_nothing(table: Interactions) -> None:
    split = split_leave_one_out(table)
    assert len(split.test.train) + split.test.targets.size + int((table.lengths == 1).sum()) == len(table)
    for stage in (split.valid, split.test):
        assert (stage.train.lengths[stage.users] > 0).all()
        refuse_leaks(stage)


@given(interactions(timed=True))
@settings(max_examples=examples(60))
def test_a_split_by_time_never_trains_on_the_future(table: Interactions) -> None:
    split = split_by_time(table, valid_from=20, test_from=35)
    assert split.test.train.times is not None
    assert (split.test.train.times < 35).all()
    for stage in (split.valid, split.test):
        assert not [finding for finding in check_stage(stage) if finding.code != "truncated_target"]


def test_repeated_rows_are_counted() -> None:
    assert check_columns(users=[1, 1, 1, 2], items=[5, 5, 5, 5]) == [Finding("repeated_rows", 2, fatal=False)]
    assert check_columns(users=[1, 2], items=[5, 5]) == []


def planted(stage: Stage) -> Stage:
    """The same stage with every user's first target appended to the training history."""
    users = np.concatenate([stage.train.rows, stage.users])
    items = np.concatenate([stage.train.items, stage.targets[stage.pointers[:-1]]])
    train = Interactions.build(users=users, items=items, item_ids=np.arange(stage.train.n_items))
    return replace(stage, train=train)


def test_a_target_planted_in_training_is_found() -> None:
    stage = split_leave_one_out(checkerboard()).test
    assert not [finding for finding in check_stage(stage) if finding.fatal]
    assert Finding("target_in_train", 8, fatal=True) in check_stage(planted(stage))
    with pytest.raises(LeakError, match=r"target_in_train \(8\)"):
        refuse_leaks(planted(stage))


def test_training_lines_that_end_in_a_cut_off_target_id_are_found() -> None:
    """The defect of a public data set: the slice that should drop the target dropped its last digit only."""
    targets = [1234, 2871, 311, 4567]
    rows = [[10 + user, target // 10, target] for user, target in enumerate(targets)]
    stage = split_leave_one_out(sequences(*rows)).test
    assert check_stage(stage) == [Finding("truncated_target", 4, fatal=True)]
    clean = split_leave_one_out(sequences(*([target // 10, 10 + user, target] for user, target in enumerate(targets))))
    assert check_stage(clean.test) == []


def test_an_empty_history_is_no_reason_to_stumble() -> None:
    stage = split_leave_one_out(sequences([12, 123])).test
    bare = replace(stage, train=stage.train.keep(np.array([False])))
    assert check_stage(bare) == []


def test_training_events_after_the_question_are_found_and_forgiven_only_where_stated() -> None:
    table = Interactions.build(users=[0, 0, 1, 1], items=[0, 1, 0, 1], times=[1, 2, 5, 6])
    stage = split_leave_one_out(table).test
    assert check_stage(stage) == [Finding("future_in_train", 1, fatal=False)]
    with pytest.raises(LeakError, match="future_in_train"):
        refuse_leaks(replace(stage, sees_future=False))
