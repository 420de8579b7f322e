"""What shares a costly thing is run by one worker."""

from tests import dealing
from tests.tracing import HERE


def test_what_belongs_together_is_one_piece_of_work_and_all_else_is_dealt_out_test_by_test() -> None:
    walk, lists, alone = "tests/house/test_walk.py::a", "tests/house/test_query_budgets.py::b[1]", "tests/x.py::c"
    assert dealing.scope_of(walk) == dealing.scope_of(lists) == "kernels"
    assert dealing.scope_of(alone) == alone


def test_what_runs_kernels_waits_for_the_worker_that_compiles_them() -> None:
    compiled = dealing.turn("analytics/attribution/test_models.py")
    assert compiled < dealing.turn("x.py") < dealing.turn("analytics/test_reports.py")
    assert compiled == dealing.turn("e2e/test_why.py") < dealing.turn("e2e/test_main_path.py")


def test_every_place_that_is_kept_together_is_there() -> None:
    assert not [place for place in (*dealing.TOGETHER, *dealing.KERNELS) if not (HERE / place).exists()]
