"""What-ifs: what they say, who reads them, and that they live through whatever happens to their worker."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from ledger.models import Posting
from ledger.selectors import OrderKey
from partners.errors import ReplayRefusedError
from partners.models import AgreementVersion, Replay, ReplayCell, ReplayFlow, ReplayParty, ReplayResult
from partners.selectors import own_effects, replay_cells, replay_csv, replay_items, replay_parties, replay_releases
from partners.selectors.weighing import Weighing
from partners.services import (
    Change,
    DraftTerms,
    SaleFacts,
    changes_read,
    earnings_event,
    earnings_settle,
    replay_again,
    replay_cancel,
    replay_of_version,
    replay_request,
    replay_run,
    version_draft,
    version_propose,
    version_redraft,
)
from partners.services.agreements import own_of
from partners.services.whatif import compute, history_of, plan_of
from tests.partners import desk
from tests.partners.desk import PLACED
from tests.partners.stage import Stage

pytestmark = pytest.mark.usefixtures("everything")

SINCE, UNTIL = date(2026, 3, 1), date(2026, 3, 31)
HALF = {"steps": [desk.percent("platform:revenue", 5_000), desk.split(("party:alice", 1))]}


def nothing(codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
    """No evidence."""
    return {}


def ask(*changes: Change, version: AgreementVersion | None = None, **terms: Any) -> Replay:
    changes = changes or (Change(agreements=("agreement-1",), **terms),)
    return replay_request(changes=changes, since=SINCE, until=UNTIL, by=None, version=version)


def answered(replay: Replay) -> Replay:
    return replay_run(replay_id=replay.pk, journeys=nothing)


def parties(replay: Replay) -> dict[str, tuple[int, int]]:
    rows = ReplayParty.objects.filter(replay=replay).select_related("party")
    return {row.party.code: (row.booked_minor, row.replayed_minor) for row in rows}


@pytest.fixture
def sold(stage: Stage) -> Stage:
    """Two orders, one of them brought by reef and half refunded in April."""
    earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000}), stage.sale("O-2", lines=[desk.line(2)])])
    event = {"type": "refund", "amount": 5_000}
    at = PLACED + timedelta(days=40)
    earnings_event(order_code="O-1", event=event, source=OrderKey("test", "1"), at=at)
    return stage


def test_another_split_says_who_would_have_had_more_and_who_less(sold: Stage) -> None:
    replay = answered(ask(rule=HALF))
    assert replay.state == "done"
    assert parties(replay) == {"alice": (8_120, 7_500), "bob": (2_030, 0), "reef": (500, 0)}
    sums = replay.result.sums["currencies"]["CNY"]
    assert sums["parties"] == [10_650, 7_500]
    assert sums["platform"] == [4_350, 7_500]
    assert (sums["winners"], sums["losers"]) == (0, 3)
    assert [(row["month"], row["parties"]) for row in sums["months"]] == [
        ("2026-03-01", [14_300, 10_000]),
        ("2026-04-01", [-3_650, -2_500]),
    ]
    assert replay.result.sums["disagrees"] == []
    cells = {
        (row.party.code, f"{row.month:%m}"): (row.booked_minor, row.replayed_minor) for row in ReplayCell.objects.all()
    }
    assert cells["alice", "03"] == (10_640, 10_000)
    assert cells["alice", "04"] == (-2_520, -2_500)


def test_a_longer_hold_moves_no_amount_but_the_day_it_becomes_available(sold: Stage) -> None:
    replay = answered(ask(hold_days=30))
    assert all(was == new for was, new in parties(replay).values())
    sums = replay.result.sums["currencies"]["CNY"]
    assert sums["days"] == {"2026-03-08": [14_300, 0], "2026-03-31": [0, 14_300], "2026-04-10": [-3_650, -3_650]}
    assert [(step["day"], step["values"]) for step in replay_releases(sums=sums, by="month")] == [
        (date(2026, 3, 1), (14_300, 14_300)),
        (date(2026, 4, 1), (-3_650, -3_650)),
    ]
    weeks = ReplayFlow.objects.filter(party=sold.alice).order_by("week")
    assert [(row.week, row.booked_minor, row.replayed_minor) for row in weeks] == [
        (date(2026, 3, 2), 10_640, 0),
        (date(2026, 3, 30), 0, 10_640),
        (date(2026, 4, 6), -2_520, -2_520),
    ]


def test_percentages_of_whatever_rule_held_can_be_changed_for_all_agreements(sold: Stage) -> None:
    replay = answered(ask(Change(percents={"platform:revenue": 0, "channel": 2_000})))
    assert parties(replay) == {"alice": (8_120, 11_200), "bob": (2_030, 2_800), "reef": (500, 1_000)}


def test_an_agreement_would_have_held_where_none_was_in_force_too(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(placed_at=desk.START - timedelta(days=1))])
    change = Change(agreements=("agreement-1",), rule={"steps": [desk.split(("owner", 1))]})
    replay = replay_request(changes=[change], since=date(2025, 12, 1), until=date(2025, 12, 31), by=None)
    assert parties(answered(replay)) == {"alice": (0, 10_000)}


def test_other_clauses_are_decided_by_what_the_floor_of_evidence_tells(stage: Stage) -> None:
    sale = stage.sale(
        journey={"reef": 1_000_000},
        link_owner_id=stage.reef.pk,
        coupon_owner_id=stage.pier.pk,
        coupon_channel_id=stage.channels["pier"].pk,
    )
    earnings_settle(sales=[sale])
    asked = []

    def journeys(codes: Sequence[str], weighing: Weighing) -> Mapping[str, SaleFacts]:
        asked.append((list(codes), weighing))
        return {"O-1": sale}

    replay = ask(precedence="link")
    done = replay_run(replay_id=replay.pk, journeys=journeys)
    assert asked == [(["O-1"], Weighing("linear", 30))]
    assert parties(done)["pier"] == (1_000, 0)
    assert parties(done)["reef"] == (0, 1_000)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({"agreement": "nowhere", "clauses": {"hold_days": 3}}, "There is no agreement “nowhere”."),
        ({"agreements": "all", "clauses": {"hold_days": "3"}}, "clauses.hold_days must be a whole number (found '3')."),
        ({"agreements": "all", "holding": 3}, "holding is not a field that is known here."),
        (
            {"agreements": "all", "percents": {"platform:revenu": 5}},
            "percents.platform:revenu names no account that exists (found 'platform:revenu').",
        ),
        ({"agreement": "agreement-1", "rule": {"steps": [{"take": "split", "parties": []}]}}, "steps[0].parties"),
        ({"agreement": "agreement-1", "rule": {"steps": [desk.split(("party:nobody", 1))]}}, "party “nobody”"),
        (
            {"agreement": "agreement-1", "rule": {"owner": "party:bob", "steps": [desk.split(("owner", 1))]}},
            "names another owner than the agreement's, party:alice.",
        ),
        ({"agreement": "agreement-1", "paying_model": "position_weights"}, "position_weights is missing."),
        (
            {"agreement": "agreement-1", "position_weights": [3, -1]},
            "position_weights[1] must be at least 0",
        ),
        ({"agreement": "agreement-1", "half_life_days": 0}, "half_life_days must be at least 1 (found 0)"),
        ({"agreement": "agreement-1", "paying_model": "guess"}, "paying_model must be one of"),
        ({"changes": [{"agreement": "agreement-1"}, {"agreement": "agreement-1"}]}, "Two changes name"),
        ({"changes": [{"agreements": "all"}, {"agreement": "agreement-1"}]}, "stands alone"),
        ({"changes": []}, "changes must not be empty."),
        ([], "changes must not be empty."),
        ({"clauses": {"hold_days": 3}}, "agreements is missing."),
        ("half", "must be an object"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_one_sentence(stage: Stage, question: Any, told: str) -> None:
    with pytest.raises(ReplayRefusedError) as refused:
        replay_request(changes=changes_read(question), since=SINCE, until=UNTIL, by=None)
    assert told in str(refused.value)
    assert not Replay.objects.exists()


def test_days_that_end_before_they_begin_or_are_too_many_are_refused(stage: Stage) -> None:
    for since, until in ((UNTIL, SINCE), (date(2020, 1, 1), UNTIL)):
        with pytest.raises(ReplayRefusedError):
            replay_request(changes=[Change(hold_days=3)], since=since, until=until, by=None)


def test_a_stored_rule_asks_about_the_agreement_that_its_id_names(sold: Stage) -> None:
    (change,) = changes_read(json.loads(json.dumps(sold.version.rule)))
    assert change.agreements == ("agreement-1",)
    tally = compute(plan=plan_of([change]), history=history_of(SINCE, UNTIL), journeys=nothing)
    assert not tally.changed


def test_a_rule_whose_variants_leave_an_order_out_fails_and_names_the_order(sold: Stage) -> None:
    variants = [{"when": {"brought_by": "owner"}, "steps": [desk.split(("party:alice", 1))]}]
    with pytest.raises(ReplayRefusedError, match="do not match every sale"):
        ask(rule={"variants": variants})


def test_it_is_computed_once_whoever_starts_it_and_again_when_asked(sold: Stage) -> None:
    replay = answered(ask(hold_days=9))
    first = replay.finished_at
    assert answered(replay).finished_at == first
    assert answered(replay_again(replay=replay, by=None)).finished_at != first
    assert ReplayParty.objects.filter(replay=replay).count() == 3
    assert ReplayResult.objects.filter(replay=replay).count() == 1


def test_a_worker_that_is_lost_gives_its_lease_back_and_one_that_lives_does_not(sold: Stage) -> None:
    replay = ask(hold_days=9)
    Replay.objects.filter(pk=replay.pk).update(state="running", heartbeat_at=timezone.now())
    assert answered(replay).state == "running"
    Replay.objects.filter(pk=replay.pk).update(heartbeat_at=timezone.now() - timedelta(minutes=6))
    assert answered(replay).state == "done"


def test_who_cancels_it_stops_it_between_two_parts(sold: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    replay = ask(hold_days=9)
    monkeypatch.setattr("partners.services.whatif.run.PART", 1)

    def cancelling(codes: Sequence[str], asked: Weighing) -> Mapping[str, SaleFacts]:
        replay_cancel(replay=replay)
        return {}

    Replay.objects.filter(pk=replay.pk).update(change={"agreements": "all", "clauses": {"precedence": "link"}})
    assert replay_run(replay_id=replay.pk, journeys=cancelling).state == "cancelled"
    assert not ReplayParty.objects.exists()
    assert answered(replay).state == "cancelled"


def test_nothing_of_money_is_written(sold: Stage) -> None:
    before = Posting.objects.count()
    answered(ask(rule=HALF))
    assert Posting.objects.count() == before


def test_pages_of_parties_begin_with_the_largest_difference(sold: Stage) -> None:
    replay = answered(ask(rule=HALF))
    rows, count = replay_parties(replay=replay, currency="CNY", visible_to=None)
    assert [(row.key, row.difference) for row in rows] == [("bob", -2_030), ("alice", -620), ("reef", -500)]
    assert count == 3
    assert replay_parties(replay=replay, currency="CNY", side="more", visible_to=None) == ([], 0)
    (item,) = replay_items(replay=replay, currency="CNY", most=5, visible_to=None)
    assert (item.name, item.difference) == ("Course 1", -3_150)


def test_the_file_says_exact_amounts_and_no_formula(sold: Stage) -> None:
    sold.alice.name = "=1+1"
    sold.alice.save()
    head, *rows = replay_csv(replay_cells(replay=answered(ask(rule=HALF)), visible_to=None))
    assert head[:2] == ["Party", "Name"]
    assert ["alice", "'=1+1", "course 1", "Course 1", "2026-03", "CNY", "106.40", "100.00", "-6.40", "-640"] in rows


def drafted(stage: Stage, **terms: Any) -> AgreementVersion:
    start = PLACED + timedelta(days=365)
    rule = {"steps": [desk.split(("party:alice", 1), ("party:bob", 1))]}
    maker = desk.persons()[0]
    agreement = stage.version.agreement
    return version_draft(agreement=agreement, rule=rule, terms=DraftTerms(effective_from=start, **terms), by=maker)


def test_a_party_reads_its_own_effect_of_a_version_that_lies_before_it_and_no_other_partys(
    sold: Stage, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    version = drafted(sold)
    replay = replay_of_version(version=version, since=SINCE, until=UNTIL, by=None)
    replay_run(replay_id=replay.pk, journeys=nothing)
    with as_parties(sold.bob):
        assert not Replay.objects.exists()
        assert not ReplayParty.objects.exists()
    version_propose(version=version, by=None)
    with as_parties(sold.bob):
        assert list(ReplayParty.objects.values_list("party__code", flat=True)) == ["bob"]
        assert set(ReplayCell.objects.values_list("party__code", flat=True)) == {"bob"}
        assert set(ReplayFlow.objects.values_list("party__code", flat=True)) == {"bob"}
        assert not ReplayResult.objects.exists()
        (effect,) = own_effects(version=version, party=sold.bob.pk, visible_to=None)
        assert (effect.booked, effect.replayed) == (2_030, 7_500)
        assert [step["values"] for step in effect.months] == [(2_660, 10_000), (-630, -2_500)]
    with as_parties(sold.pier):
        assert not Replay.objects.exists()
        assert not ReplayParty.objects.exists()
    with as_parties(sold.reef):
        assert not ReplayCell.objects.exists()


def test_a_draft_that_changed_since_shows_nobody_an_effect_that_is_not_its_own(sold: Stage) -> None:
    version = drafted(sold)
    replay = replay_of_version(version=version, since=SINCE, until=UNTIL, by=None)
    replay_run(replay_id=replay.pk, journeys=nothing)
    assert own_effects(version=version, party=sold.bob.pk, visible_to=None)
    terms = DraftTerms(effective_from=version.effective.lower, hold_days=60)
    changed = version_redraft(version=version, rule=own_of(version.rule), terms=terms, by=None)
    assert not own_effects(version=changed, party=sold.bob.pk, visible_to=None)


def test_a_version_that_holds_is_no_draft_to_ask_about(sold: Stage) -> None:
    with pytest.raises(ReplayRefusedError):
        replay_of_version(version=sold.version, since=SINCE, until=UNTIL, by=None)
