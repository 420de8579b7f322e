"""The proof of a line: what it was computed from, and its way to the root of the month once that is issued."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from accounts.services import person_create, seat_give
from ledger.models import ClosedPeriod
from partners.models import EarningDecision
from partners.selectors import merkle
from partners.selectors.line_proof import line_proof
from partners.services import earnings_settle, statements_issue
from tests.cast import Cast
from tests.partners.stage import Stage

pytestmark = pytest.mark.usefixtures("everything")

MARCH = date(2026, 3, 1)
SCRIPT = Path(__file__).resolve().parents[2] / "platform" / "portal" / "static" / "portal" / "verify_statement.py"


FORGED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda told: told["statement"]["lines"][0].update(amount=5_041), "not what the statement's root was computed"),
    (lambda told: told.update(order="O-2"), "The file says order 'O-2', the statement 'O-1'."),
    (lambda told: told.update(line="L9"), "The file says line 'L9'"),
    (lambda told: told.update(currency="KWD"), "The file says currency 'KWD', the statement 'CNY'."),
    (lambda told: told.update(party="bob"), "The file says party 'bob', the statement 'alice'."),
    (lambda told: told["entry"].update(id=-1), "The file says entry -1"),
    (
        lambda told: told["postings"][0].update(clause="steps[0]"),
        "The postings are not those of the statement's lines.",
    ),
    (lambda told: told["statement"]["month"].update(month="2026-04"), "The file says month '2026-04'"),
]
"""What somebody changes in a file who would have it prove something else, and what the script says."""


def settled(stage: Stage) -> EarningDecision:
    placed = datetime(2026, 3, 2, 4, tzinfo=UTC)
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}, placed_at=placed)])
    return EarningDecision.objects.get(party=stage.alice)


def test_a_line_of_a_running_month_is_proven_by_its_inputs(stage: Stage) -> None:
    told = line_proof(decision_id=settled(stage).pk, visible_to=None)
    assert told is not None
    assert told["statement"] is None
    assert [(row["account"], row["amount"]) for row in told["postings"]] == [("party:alice", 5_040)]
    assert told["computed"]["amount"] == told["amount"] == 5_040
    assert told["entry"]["seal"] is None


def test_months_are_those_of_the_house_west_of_greenwich_too(stage: Stage, cast: Cast, settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    placed = datetime(2026, 4, 1, 2, tzinfo=UTC)  # still March there
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}, placed_at=placed)])
    ClosedPeriod.objects.create(month=MARCH, prepared_by=cast.finn, closed_by=cast.ada, totals={})
    statements_issue(month=MARCH)
    told = line_proof(decision_id=EarningDecision.objects.get(party=stage.alice).pk, visible_to=None)
    assert told is not None
    assert told["statement"]["head"]["month"] == "2026-03"


def test_a_line_of_an_issued_month_climbs_to_the_months_root(stage: Stage, cast: Cast, tmp_path: Path) -> None:
    line = settled(stage)
    ClosedPeriod.objects.create(month=MARCH, prepared_by=cast.finn, closed_by=cast.ada, totals={})
    statements_issue(month=MARCH)
    told = line_proof(decision_id=line.pk, visible_to=None)
    assert told is not None
    proven = told["statement"]
    for row, proof in zip(proven["lines"], proven["proofs"], strict=True):
        assert merkle.climbed(merkle.leaf(row), proof) == proven["root"]
    assert merkle.climbed(merkle.leaf(proven["head"]), proven["head_proof"]) == proven["root"]
    assert merkle.climbed(merkle.leaf(proven["month"]["leaf"]), proven["month"]["proof"]) == proven["month"]["root"]
    assert sum(row["amount"] for row in proven["lines"]) == told["amount"]
    file = tmp_path / "line.json"
    file.write_text(json.dumps(told, ensure_ascii=False))
    assert "The line is proven." in checked(file, 0)
    for changed, says in FORGED:
        other = json.loads(json.dumps(told))
        changed(other)
        file.write_text(json.dumps(other, ensure_ascii=False))
        assert says in checked(file, 1)


def checked(file: Path, code: int) -> str:
    """What the script that partners run says of a file."""
    done = subprocess.run([sys.executable, str(SCRIPT), str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    return done.stdout


def test_the_file_is_the_partys_own_and_nobody_elses(stage: Stage, cast: Cast) -> None:
    line = settled(stage)
    owner = person_create(email="al@cast.test", name="Al", password="a quiet river at noon", verified=True)
    seat_give(user=owner, party=stage.alice)
    answer = cast.client_of(owner).get(f"/creator/lines/{line.pk}/proof.json")
    assert answer["Content-Disposition"] == f'attachment; filename="line-O-1-{line.source_id}.json"'
    assert json.loads(answer.content)["party"] == "alice"
    assert cast.client_of(cast.carol).get(f"/creator/lines/{line.pk}/proof.json").status_code == 404
