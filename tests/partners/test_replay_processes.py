"""A replay over several processes, each with a connection of its own."""

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from accounts.scope import all_rows
from partners.errors import ReplayRefusedError
from partners.selectors import Weighing
from partners.services import Change, SaleFacts, earnings_settle, replay_request, replay_run
from partners.services.whatif import compute, history_of, plan_of
from tests.partners import desk
from tests.partners.stage import Stage

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)
HALF = {"steps": [desk.percent("platform:revenue", 5_000), desk.split(("party:alice", 1))]}


def nothing(codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
    """No evidence."""
    return {}


def refusing(codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
    raise ReplayRefusedError("so it is")


def breaking(codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
    raise OSError("out of order")


def test_several_processes_come_to_the_same_sums(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partners.services.whatif.run.PART", 2)
    with all_rows():
        stage = Stage()
        earnings_settle(
            sales=[stage.sale(f"O-{i}", lines=[desk.line(i)], journey={"reef": 1_000_000}) for i in range(9)]
        )
        plan = plan_of([Change(agreements=("agreement-1",), rule=HALF)])
    history = history_of(SINCE, UNTIL, about=plan.about)
    one = compute(plan=plan, history=history, journeys=nothing)
    two = compute(plan=plan, history=history, journeys=nothing, processes=2)
    assert one == two
    assert one.orders == 9
    with all_rows():
        plan = plan_of([Change(agreements=("agreement-1",), precedence="link")])
    with pytest.raises(ReplayRefusedError, match="so it is"):
        compute(plan=plan, history=history, journeys=refusing, processes=2)
    with pytest.raises(RuntimeError, match="out of order"):
        compute(plan=plan, history=history, journeys=breaking, processes=2)


def test_a_worker_without_a_transaction_computes_and_fails_in_sight_of_all(committed_db: str) -> None:
    with all_rows():
        stage = Stage()
        earnings_settle(sales=[stage.sale()])
        good, bad = (
            replay_request(changes=[change], since=SINCE, until=UNTIL, by=None)
            for change in (Change(hold_days=3), Change(precedence="link"))
        )
    assert replay_run(replay_id=good.pk, journeys=nothing).state == "done"
    assert replay_run(replay_id=good.pk, journeys=nothing).state == "done"
    with pytest.raises(OSError, match="out of order"):
        replay_run(replay_id=bad.pk, journeys=breaking)
    with all_rows():
        bad.refresh_from_db()
    assert (bad.state, bad.failure) == ("failed", {"code": "fault", "text": "OSError"})
