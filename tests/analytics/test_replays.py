"""What-ifs over real journeys: evidence told again is what was settled, and the command speaks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics import tasks
from analytics.models import Credit, ReportRun
from analytics.services import Evidence, orders_settle
from courses.models import Course, Order
from partners.models import Agreement, Replay, ReplayParty
from partners.selectors.weighing import Weighing
from partners.services import Change, replay_request
from partners.services.whatif import Tally, outcome_of
from tests.factories import evidence
from tests.factories.courses import course
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAYS = ["--from", "2026-03-01", "--to", "2026-03-31", "--processes", "1"]


@pytest.fixture
def sold() -> Course:
    """A course of alice's that pays channels a tenth by last touch; reef came first, pier last."""
    alice, reef, pier = (desk.party(code) for code in ("alice", "reef", "pier"))
    made = course(creators=[alice])
    steps = [desk.percent("channel", 1_000, "base"), desk.split(("party:alice", 1))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[alice], paying_model="last_touch")
    for number in range(3):
        key = evidence.visitor(NOON)
        for owner, days in ((reef, 20 + number), (pier, 2)):
            channel = evidence.channel(owner.code, "partner", owner.pk)
            evidence.touches(key, (channel, NOON - timedelta(days=days)), owner_id=owner.pk)
        evidence.order(made, at=NOON + timedelta(hours=number), key=key)
    orders_settle(order_ids=list(Order.objects.values_list("pk", flat=True)))
    return made


def told(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command("replay", *arguments, stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.fixture
def question(tmp_path: Path, sold: Course) -> Callable[..., str]:
    """Write a question about the course's agreement to a file."""

    def write(**change: Any) -> str:
        path = tmp_path / "question.json"
        path.write_text(json.dumps({"agreement": f"agreement-{sold.pk}", **change}))
        return str(path)

    return write


@pytest.mark.parametrize("model", ["last_touch", "markov", "counterfactual"])
def test_evidence_told_again_is_what_was_settled(sold: Course, model: str) -> None:
    run = ReportRun.objects.create(since=NOON.date(), until=NOON.date(), currency="CNY", state="done")
    channels = {row.channel_id for row in Credit.objects.all()}
    effects = {str(pk): 0.25 for pk in channels}
    facts = {"removal_effects": effects, "conversion_model": {"intercept": -2.0, "effects": effects}}
    ReportRun.objects.filter(pk=run.pk).update(finished_at=NOON - timedelta(days=1), facts=facts)
    empty = {"removal_effects": {}, "conversion_model": {"intercept": -700.0, "effects": {}}}
    days = {"since": NOON.date(), "until": NOON.date()}
    later = {"state": "done", "finished_at": NOON - timedelta(hours=1)}
    ReportRun.objects.create(**days, **later, currency="CNY", facts=empty)  # nobody bought: nothing was learnt
    codes = list(Order.objects.values_list("code", flat=True))
    asked = Weighing(model, 30)
    found = Evidence().journeys([*codes, "nowhere"], asked)
    assert set(found) == set(codes)
    for code in codes:
        assert sum(credit.ppm for credit in found[code].credited(asked)) == 1_000_000
        if model == "last_touch":
            stored = Credit.objects.filter(conversion__order__code=code, model=model)
            assert {(c.channel_id, c.owner_id, c.ppm) for c in found[code].credited(asked)} == set(
                stored.values_list("channel_id", "owner_id", "ppm")
            )
        if model == "counterfactual":
            assert {credit.channel_id is None for credit in found[code].credited(asked)} == {False, True}
        if model == "markov":  # one of the two channels is known to the report
            assert [credit.ppm for credit in found[code].credited(asked)] == [1_000_000]


def test_the_task_answers_another_paying_model(sold: Course) -> None:
    change = Change(agreements=(f"agreement-{sold.pk}",), paying_model="first_touch")
    replay = replay_request(changes=[change], since=NOON.date(), until=NOON.date(), by=None)
    tasks.replay(replay.pk)
    rows = ReplayParty.objects.filter(replay=replay)
    assert {row.party.code: (row.booked_minor, row.replayed_minor) for row in rows} == {
        "alice": (53_730, 53_730),
        "pier": (5_970, 0),
        "reef": (0, 5_970),
    }
    replay.refresh_from_db()
    assert (replay.state, replay.progress_bp) == ("done", 10_000)


def test_the_command_says_what_would_have_been(question: Callable[..., str], tmp_path: Path) -> None:
    out = tmp_path / "effect.csv"
    found = told("--agreement", question(clauses={"window_days": 10, "hold_days": 30}), *DAYS, "--csv", str(out))
    assert found["orders"] == 3
    assert found["difference"] == {"CNY": 0}
    assert found["currencies"]["CNY"]["days"] == {"2026-03-09": [59_700, 0], "2026-04-01": [0, 59_700]}
    found = told("--agreement", question(clauses={"paying_model": "linear"}), *DAYS, "--csv", str(out))
    assert found["currencies"]["CNY"]["parties_by_code"]["reef"] == [0, 2_985]
    assert found["difference"] == {"CNY": 5_970}
    assert "reef" in out.read_text(encoding="utf-8-sig")
    assert not Replay.objects.exists()


def test_the_live_version_replays_to_zero_however_it_is_asked(question: Callable[..., str], tmp_path: Path) -> None:
    rule = Agreement.objects.get().versions.get().rule
    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(rule))
    live = [["--agreement", question(clauses={"hold_days": 99}), "--live"], ["--agreement", str(stored)]]
    for arguments in [*live, ["--agreement", question()]]:
        found = told(*arguments, *DAYS)
        assert found["orders"] == 3
        assert found["difference"] == {"CNY": 0}
        assert found["disagrees"] == []
        assert found["currencies"]["CNY"]["days"] == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "march"], "--from must be a day such as"),
        (["--to", "2025-01-01"], "before it begins"),
        (["--processes", "0"], "--processes must be a whole number"),
        (["--csv", "/nowhere/x.csv"], "does not exist"),
        (["--agreement", "/nowhere.json"], "cannot be read"),
    ],
)
def test_bad_input_ends_in_one_sentence(question: Callable[..., str], arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        told("--agreement", question(clauses={"hold_days": 1}), *DAYS, *arguments)


@pytest.mark.parametrize(
    ("text", "words"), [("{", "broken JSON in line 1"), ("\udcff", "is not UTF-8"), ("[]", "empty")]
)
def test_a_file_that_asks_nothing_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CommandError, match=words):
        told("--agreement", str(path), *DAYS)


def test_books_that_disagree_with_their_replay_are_not_passed_over() -> None:
    tally = Tally(off={("party:alice", "CNY"): 53_730, ("platform:revenue", "CNY"): 7})
    tally.check({("party:alice", "CNY"): 53_731, ("platform:revenue", "CNY"): 7})
    assert tally.disagrees == {("party:alice", "CNY"): -1}
    assert outcome_of(tally)["disagrees"] == [["party:alice", "CNY", -1]]
