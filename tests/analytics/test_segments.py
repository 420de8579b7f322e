"""The detail of a report: ways, courses, creators and cohorts; rows sum on every level, and a broken run goes on."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Sum

from analytics.choices import ReportModel, RunState, Segment
from analytics.models import ChannelReportRow, ReportNode, ReportPart, ReportRun
from analytics.selectors import segments
from analytics.selectors.segments import Way, steps_of
from analytics.services import (
    NewTouch,
    orders_settle,
    report_request,
    report_run,
    stretches,
    touchpoints_record,
)
from courses.services import NewRefund, order_refund
from partners.models import Coupon, EarningDecision
from tests.factories import evidence
from tests.factories.courses import course, learner
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
DAY = timedelta(days=1)
FIGURES = ("touches", "spend_minor", "orders_ppm", "buyers_ppm", "revenue_minor", "refunds_minor", "margin_minor")


def report(**asked: Any) -> ReportRun:
    """The report of March."""
    span = {"since": date(2026, 3, 1), "until": date(2026, 3, 31), "currency": "CNY", **asked}
    return report_run(run_id=report_request(**span).pk)


def came(key: UUID, way: int, at: datetime, *, source: str = "", content: str = "", owner: int | None = None) -> None:
    tags = {name: value for name, value in (("utm_source", source), ("utm_content", content)) if value}
    touchpoints_record(touches=[NewTouch(key, way, at, owner_id=owner, utm=tags)])


def told(run: ReportRun, name: str, segment: str = Segment.WAYS, model: str = "linear") -> dict[str, int]:
    """Key -> figure; what is 0 is left out."""
    rows = ReportNode.objects.filter(run=run, segment=segment, model=model).values_list("key", name)
    return {key: figure for key, figure in rows if figure}


def test_a_channel_has_the_intervals_of_its_own_row_for_which_models_were_fitted_anew() -> None:
    market(1)
    run = report()
    names = ("revenue_low_minor", "revenue_high_minor", "buyers_low_ppm", "buyers_high_ppm")
    for model in ("linear", "markov", "counterfactual"):
        rows = ChannelReportRow.objects.filter(run=run, model=model).values_list("channel_id", *names)
        nodes = {
            key: ends
            for key, *ends in ReportNode.objects.filter(
                run=run, segment=Segment.WAYS, model=model, depth=1
            ).values_list("key", *names)
        }
        assert {f"channel:{channel or ''}": ends for channel, *ends in rows} == nodes, model


def test_a_coupon_is_a_touch_of_its_channel_where_the_journey_holds_none() -> None:
    """An order by coupon alone is its partner's in reports and journeys; who came by the same channel came once."""
    reef = desk.party("reef")
    mine, mail = evidence.channel("reef", owner_id=reef.pk), evidence.channel("mail")
    Coupon.objects.create(code="REEF10", owner=reef, channel_id=mine, percent_bp=0, starts_at=NOON - 9 * DAY)
    Coupon.objects.create(code="HOUSE", percent_bp=0, starts_at=NOON - 9 * DAY)
    of, ids = course(), []
    for way, coupon in ((None, "REEF10"), (mail, "REEF10"), (mine, "REEF10"), (None, "HOUSE")):
        person = learner()
        key = evidence.visitor(NOON, person)
        if way:
            came(key, way, NOON - DAY, owner=reef.pk if way == mine else None)
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=10_000, coupon=coupon).pk)
    orders_settle(order_ids=ids)
    run = report()
    by_channel = ChannelReportRow.objects.filter(run=run, model="linear")
    assert dict(by_channel.values_list("channel_id", "revenue_minor")) == {mine: 25_000, mail: 5_000, None: 10_000}
    assert dict(by_channel.values_list("channel_id", "touches")) == {mine: 3, mail: 1, None: 0}
    partner = Way(mine, partner=reef.pk).key
    assert told(run, "revenue_minor")[partner] == 25_000
    assert told(run, "touches")[partner] == told(run, "touches")[f"channel:{mine}"] == 3
    assert told(run, "orders_ppm", model="last_touch") == {
        f"channel:{mine}": 3_000_000, partner: 3_000_000, "channel:": 1_000_000
    }  # fmt: skip
    assert run.facts["paths"]["touches"] == {"1": 2, "2": 1}


def market(seed: int) -> None:
    """Orders of one to three courses by people who came by several ways; some came again, some money went back."""
    dice = random.Random(seed)
    ways, owner = [evidence.channel(f"way{number}") for number in range(3)], desk.party("p1")
    makers = [desk.party("p2"), desk.party("p3"), desk.party("p4")]
    offered = [course(f"C{number}", creators=makers[: 1 + number]) for number in range(3)]
    ids = []
    for _ in range(12):
        person = learner()
        key = evidence.visitor(NOON, person)
        for step in sorted(dice.uniform(0, 40) for _ in range(dice.randint(0, 4))):
            came(
                key, dice.choice(ways), NOON - 40 * DAY + step * DAY, source=dice.choice(["", "news", "a/b:c"]),
                content=dice.choice(["", "blue"]), owner=dice.choice([None, owner.pk]),
            )  # fmt: skip
        for _again in range(dice.choice([0, 1, 1, 2])):
            at = NOON + dice.uniform(-20, 30) * DAY
            order = evidence.order(dice.choice(offered), at=at, buyer=person, key=key, minor=dice.choice([0, 1, 9_999]))
            ids.append((order.pk, order.total_minor))
    evidence.spend(ways[0], NOON, 12_345)
    evidence.spend(ways[0], NOON, 55)
    orders_settle(order_ids=[pk for pk, _total in ids])
    for pk, total in ids[::3]:
        if total:
            order_refund(order_id=pk, refund=NewRefund(amount_minor=1 + total // 3, reason="x"))


@pytest.mark.parametrize("seed", range(3))
def test_on_every_level_rows_sum_to_the_row_above_and_channels_to_the_report(seed: int) -> None:
    market(seed)
    run = report()
    rows = {(row.segment, row.model, row.key): row for row in ReportNode.objects.filter(run=run)}
    below: dict[Any, list[ReportNode]] = {}
    for (segment, model, _key), row in rows.items():
        below.setdefault((segment, model, row.parent), []).append(row)
    assert max(row.depth for row in rows.values()) >= 3, "the ways are cut finely"
    for where, children in below.items():
        segment, model, parent = where
        for name in FIGURES:
            got = sum(getattr(row, name) for row in children)
            if parent:
                assert rows[where].has_rows
                assert got == getattr(rows[where], name), (where, name)
            elif name not in ("margin_minor", "touches"):
                of = run.rows.filter(model=model).aggregate(sum=Sum(name))["sum"]
                assert got == of, (where, name)
    for of_channel in run.rows.all():
        node = rows[Segment.WAYS, of_channel.model, f"channel:{of_channel.channel_id or ''}"]
        for name in FIGURES[:-1]:
            assert getattr(node, name) == getattr(of_channel, name), (of_channel.model, of_channel.channel, name)
    for row in rows.values():
        assert row.revenue_low_minor <= row.revenue_minor <= row.revenue_high_minor
        assert row.buyers_low_ppm <= row.buyers_ppm <= row.buyers_high_ppm


def test_a_way_is_told_step_by_step_and_what_has_no_further_detail_is_a_row_beside_what_has() -> None:
    mail, owner = evidence.channel("mail"), desk.party("p5")
    of, ids = course(), []
    for source, content, whose in (("news", "blue", None), ("news", "", None), ("", "", owner.pk), ("", "", None)):
        person = learner()
        key = evidence.visitor(NOON, person)
        came(key, mail, NOON - DAY, source=source, content=content, owner=whose)
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=100).pk)
    ids.append(evidence.order(of, at=NOON, minor=7).pk)
    orders_settle(order_ids=ids)
    run = report()
    assert told(run, "revenue_minor") == {
        "channel:": 7,
        f"channel:{mail}": 400,
        f"channel:{mail}/rest:": 100,
        f"channel:{mail}/source:news": 200,
        f"channel:{mail}/source:news/rest:": 100,
        f"channel:{mail}/source:news/content:blue": 100,
        f"channel:{mail}/partner:{owner.pk}": 100,
    }
    assert steps_of(Way(3, "a/b:c").key) == [("channel", "3"), ("source", "a/b:c")]


def test_courses_and_creators_have_their_part_of_each_order_under_each_channel() -> None:
    mail, ann, ben = evidence.channel("mail"), desk.party("p6"), desk.party("p7")
    one, two = course("One", creators=[ann]), course("Two", creators=[ann, ben])
    ids = []
    for of, minor in ((one, 300), (two, 101)):
        person = learner()
        key = evidence.visitor(NOON, person)
        came(key, mail, NOON - DAY)
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=minor).pk)
    orders_settle(order_ids=ids)
    run = report()
    assert told(run, "revenue_minor", Segment.COURSES) == {
        f"course:{one.pk}": 300, f"course:{one.pk}/channel:{mail}": 300,
        f"course:{two.pk}": 101, f"course:{two.pk}/channel:{mail}": 101,
    }  # fmt: skip
    creators = told(run, "revenue_minor", Segment.CREATORS)
    assert creators[f"creator:{ann.pk}"] + creators[f"creator:{ben.pk}"] == 401
    assert creators[f"creator:{ben.pk}"] in (50, 51)


def test_a_buyer_is_new_once_and_a_cohort_follows_what_came_after() -> None:
    mail, of, person = evidence.channel("mail"), course(), learner()
    key = evidence.visitor(NOON, person)
    came(key, mail, NOON - DAY)
    days = (NOON, NOON + 2 * DAY, NOON + 40 * DAY)
    orders_settle(order_ids=[evidence.order(of, at=at, buyer=person, key=key, minor=1_000).pk for at in days])
    run = report()
    assert told(run, "buyers_ppm") == {f"channel:{mail}": 10**6}
    assert told(run, "orders_ppm") == {f"channel:{mail}": 2 * 10**6}
    cohort = run.facts["cohorts"][f"2026-03|{mail}"]
    assert cohort["buyers"] == 1
    assert {month: sums[0] for month, sums in cohort["months"].items()} == {"0": 2_000, "1": 1_000}
    later = report(since=date(2026, 4, 1), until=date(2026, 4, 30))
    assert later.facts["buyers"] == 0, "who bought in March is no new buyer in April"
    assert later.facts["cohorts"] == {}


def test_a_run_that_broke_off_goes_on_from_the_day_it_had_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    market(5)
    whole = report()
    asked = report_request(since=whole.since, until=whole.until, currency="CNY")
    read = segments.orders_sold
    days: list[date] = []

    def fails_on_the_third(**of: Any) -> Any:
        if len(days) == 2:
            raise ConnectionError("the database went away")
        days.append(of["since"])
        return read(**of)

    monkeypatch.setattr(stretches, "orders_sold", fails_on_the_third)
    with pytest.raises(ConnectionError):
        report_run(run_id=asked.pk)
    done = ReportPart.objects.filter(run=asked, state=RunState.DONE)
    assert done.count() == 1 + 2 * len(stretches.BY_STRETCH)
    again: list[date] = []

    def goes_on(**of: Any) -> Any:
        again.append(of["since"])
        return read(**of)

    monkeypatch.setattr(stretches, "orders_sold", goes_on)
    run = report_run(run_id=asked.pk)
    assert not set(again) & set(days), "what was there is not read again"
    assert run.state == RunState.DONE
    assert run.input_hash == whole.input_hash
    assert not ReportPart.objects.filter(run=run).exclude(content=b"").exists()


def test_touches_that_come_while_a_report_is_computed_are_in_none_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, key = evidence.channel("mail"), evidence.visitor(NOON)
    evidence.touches(key, (mail, NOON))
    compute = stretches.stretches_compute

    def meanwhile(run: ReportRun) -> None:
        evidence.touches(key, (mail, NOON), (evidence.channel("ads"), NOON))
        compute(run)

    monkeypatch.setattr("analytics.services.reports.stretches_compute", meanwhile)
    run = report()
    assert run.facts["touches"] == 1
    tops = ReportNode.objects.filter(run=run, segment="ways", model="linear", depth=1)
    assert {row.key: row.touches for row in tops if row.touches} == {f"channel:{mail}": 1}


def test_the_same_inputs_have_the_same_nodes() -> None:
    market(7)
    first, second = report(), report()
    assert first.pk != second.pk
    names = ("segment", "model", "key", *FIGURES, "revenue_low_minor", "revenue_high_minor", "buyers_high_ppm")
    told_twice = [
        sorted(ReportNode.objects.filter(run=run).values_list(*names)) for run in (first, second)
    ]  # fmt: skip
    assert told_twice[0] == told_twice[1]
    assert first.input_hash == second.input_hash
    assert first.facts["cohorts"] == second.facts["cohorts"]
    assert first.parameters["models"] == list(ReportModel.values)


def test_the_margin_is_what_the_house_keeps_after_tax_fees_and_shares() -> None:
    alice, mail = desk.party("alice"), evidence.channel("mail")
    made = course(creators=[alice])
    steps = [desk.split((f"party:{alice.code}", 7_000), ("platform:revenue", 3_000))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[alice])
    key = evidence.visitor(NOON, person := learner())
    came(key, mail, NOON - DAY)
    order = evidence.order(made, at=NOON, buyer=person, key=key, minor=10_000)
    orders_settle(order_ids=[order.pk])
    kept = EarningDecision.objects.filter(order_code=order.code).aggregate(sum=Sum("amount_minor"))["sum"]
    assert 0 < kept < 10_000
    assert told(report(), "margin_minor")[f"channel:{mail}"] == 10_000 - order.processor_fee_minor - kept
