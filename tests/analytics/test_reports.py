"""Channel reports: columns tie under every model, withdrawn things count nowhere, money is converted once per rate."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test.utils import override_settings
from django.utils.translation import override

from accounts.services import batch_open, batch_reverse_mark
from analytics import tasks
from analytics.choices import ReportModel, RunState
from analytics.errors import ReportRefusedError
from analytics.models import ChannelReportRow, ReportRun
from analytics.selectors import report_table, tenths, whole_units
from analytics.services import SignUp, orders_settle, report_request, report_run, sign_ups_settle
from courses.services import NewRefund, order_refund, orders_void
from ledger.services import NewRate, rates_record
from partners.services import earnings_void
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
MARCH: dict[str, Any] = {"since": date(2026, 3, 1), "until": date(2026, 3, 31)}


def report(currency: str = "CNY", **asked: object) -> ReportRun:
    """The report of March."""
    return report_run(run_id=report_request(**{**MARCH, "currency": currency, **asked}).pk)


def column(run: ReportRun, model: str, name: str) -> dict[str, int]:
    """Channel's code -> figure, what is 0 left out."""
    rows = ChannelReportRow.objects.filter(run=run, model=model).select_related("channel")
    found = {row.channel.code if row.channel else "unattributed": int(getattr(row, name)) for row in rows}
    return {code: figure for code, figure in found.items() if figure}


@pytest.mark.parametrize("seed", range(3))
def test_every_column_of_every_model_sums_to_what_went_in(seed: int) -> None:
    dice = random.Random(seed)
    ways = [evidence.channel(f"way{number}") for number in range(dice.randint(1, 4))]
    of, people, minors, ids = course(), [], [], []
    for _ in range(dice.randint(1, 9)):
        person = learner()
        key = evidence.visitor(NOON, person)
        steps = sorted(NOON - timedelta(days=dice.uniform(0, 60)) for _ in range(dice.randint(0, 5)))
        evidence.touches(key, *((dice.choice(ways), step) for step in steps))
        people.append(SignUp(person.pk, key, NOON))
        for _again in range(dice.choice([0, 1, 1, 2])):
            minors.append(dice.choice([0, 1, 99, 19_900, 33_333]))
            ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=minors[-1]).pk)
    evidence.spend(ways[0], NOON, dice.randint(0, 10**6))
    sign_ups_settle(sign_ups=people)
    orders_settle(order_ids=ids)
    back = {pk: dice.randint(1, minor) for pk, minor in zip(ids, minors, strict=True) if minor and dice.random() < 0.5}
    for pk, minor in back.items():
        order_refund(order_id=pk, refund=NewRefund(amount_minor=minor, reason="x"), at=NOON + timedelta(days=40))
    run = report()
    for model in ReportModel.values:
        rows = list(ChannelReportRow.objects.filter(run=run, model=model))
        assert sum(row.revenue_minor for row in rows) == sum(minors) - sum(back.values()), model
        assert sum(row.refunds_minor for row in rows) == sum(back.values()), model
        assert all(row.revenue_minor >= 0 and row.refunds_minor >= 0 for row in rows), model
        assert sum(row.orders_ppm for row in rows) == len(ids) * 10**6, model
        assert sum(row.buyers_ppm for row in rows) == run.facts["buyers"] * 10**6, model
        assert sum(row.sign_ups_ppm for row in rows) == len(people) * 10**6, model
        assert sum(row.spend_minor for row in rows) == run.facts["spend_minor"], model
        assert sum(row.visitors for row in rows) == run.facts["visitors"], model
        assert sum(row.touches for row in rows) == run.facts["touches"], model
        assert sum(row.channel_id is None for row in rows) == 1, model
        for low, high in (("revenue_low_minor", "revenue_high_minor"), ("orders_low_ppm", "orders_high_ppm")):
            assert all(0 <= getattr(row, low) <= getattr(row, high) for row in rows), model
    assert sum(run.facts["days"].values()) == run.facts["revenue_minor"] == sum(minors) - sum(back.values())


def test_models_share_one_known_journey_as_their_formulas_say() -> None:
    a, b, c = (evidence.channel(code) for code in "abc")
    key = evidence.visitor(NOON)
    evidence.touches(key, (a, NOON - timedelta(days=14)), (b, NOON - timedelta(days=7)), (c, NOON))
    orders_settle(order_ids=[evidence.order(course(), at=NOON, key=key, minor=70_000).pk])
    run = report()
    known = {
        "first_touch": {"a": 70_000},
        "last_touch": {"c": 70_000},
        "linear": {"a": 23_334, "b": 23_333, "c": 23_333},
        "u_shape": {"a": 28_000, "b": 14_000, "c": 28_000},
        "time_decay": {"a": 10_000, "b": 20_000, "c": 40_000},
        "shapley": {"a": 23_334, "b": 23_333, "c": 23_333},
        "markov": {"a": 23_334, "b": 23_333, "c": 23_333},
        "last_non_direct": {"c": 70_000},
    }
    for model, shares in known.items():
        assert column(run, model, "revenue_minor") == shares, model


def test_every_figure_has_an_interval_around_it_and_the_same_input_has_the_same() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    of, ids = course(), []
    for number in range(40):
        person = learner()
        key = evidence.visitor(NOON, person)
        touches = [(mail, NOON - timedelta(days=1)), (ads, NOON)] if number % 3 else [(ads, NOON)]
        evidence.touches(key, *touches[: number % 5])
        if number % 2 == 0:
            ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=10_000 + number).pk)
    orders_settle(order_ids=ids)
    first, second = report(), report(window_days=31)
    for model in ReportModel.values:
        rows = list(ChannelReportRow.objects.filter(run=first, model=model))
        for name, unit in (("revenue", "minor"), ("orders", "ppm"), ("buyers", "ppm")):
            for row in rows:
                low, value, high = (getattr(row, f"{name}{end}_{unit}") for end in ("_low", "", "_high"))
                assert low <= value <= high, (model, row.channel, name)
                assert low < high, "twenty orders leave nobody sure"
        ends = "channel", "revenue_low_minor", "revenue_high_minor"
        again = ChannelReportRow.objects.filter(run=second, model=model).values_list(*ends)
        assert set(again) == set(ChannelReportRow.objects.filter(run=first, model=model).values_list(*ends))


def test_a_report_keeps_how_journeys_began_ended_and_what_came_of_them() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    of, ids = course(), []
    for buys, *ways in (
        (True, ads, mail, mail),
        (True, ads, mail),
        (False, ads, mail),
        (True, mail),
        (True,),
        (False, mail),
    ):
        person = learner()
        key = evidence.visitor(NOON, person)
        evidence.touches(key, *((way, NOON - timedelta(days=9 - place)) for place, way in enumerate(ways)))
        if buys:
            ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=100).pk)
    orders_settle(order_ids=ids)
    assert report().facts["paths"] == {
        "ends": sorted([[ads, mail, 2, 1], [mail, mail, 1, 1]]),
        "top": [[[ads, mail], 2, 1], [[mail], 1, 1]],
        "touches": {"1": 1, "2": 1, "3": 1},
        "days": {"9": 3},
        "steps": sorted([[ads, mail, 3], [mail, mail, 1], [mail, 0, 3]]),
    }


def test_a_refund_is_taken_off_the_channels_that_the_order_was_credited_to_and_the_order_stays() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    person = learner()
    key = evidence.visitor(NOON, person)
    evidence.touches(key, (mail, NOON - timedelta(days=2)), (mail, NOON - timedelta(days=1)), (ads, NOON))
    order = evidence.order(course(), at=NOON, key=key, minor=30_000, buyer=person)
    orders_settle(order_ids=[order.pk])
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=10_000, reason="x"))
    run = report()
    assert column(run, "linear", "revenue_minor") == {"mail": 13_333, "ads": 6_667}
    assert column(run, "linear", "refunds_minor") == {"mail": 6_667, "ads": 3_333}
    assert column(run, "last_touch", "refunds_minor") == {"ads": 10_000}
    assert column(run, "markov", "orders_ppm") == {"mail": 500_000, "ads": 500_000}
    assert (run.facts["orders"], run.facts["refunds_minor"]) == (1, 10_000)
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=20_000, reason="x"))
    assert column(report(), "linear", "revenue_minor") == {}
    assert column(report(), "linear", "orders_ppm") == {"mail": 666_667, "ads": 333_333}


def test_a_voided_order_and_a_withdrawn_import_count_nowhere() -> None:
    batch = batch_open(source="shop", actor=None)
    mail = evidence.channel("mail")
    keep, gone, void = learner(), learner(), learner()
    of, ids = course(), {}
    for person, batch_id in ((keep, None), (gone, batch.pk), (void, None)):
        key = evidence.visitor(NOON, person, batch_id)
        evidence.touches(key, (mail, NOON), batch_id=batch_id)
        sign_ups_settle(sign_ups=[SignUp(person.pk, key, NOON, batch_id)])
        ids[person.pk] = evidence.order(of, at=NOON, buyer=person, key=key, batch_id=batch_id)
    evidence.spend(mail, NOON, 500)
    evidence.spend(mail, NOON, 70_000, batch_id=batch.pk)
    orders_settle(order_ids=[order.pk for order in ids.values()])
    before = report()
    assert column(before, "linear", "orders_ppm") == {"mail": 3_000_000}
    assert column(before, "linear", "spend_minor") == {"mail": 70_500}
    batch_reverse_mark(batch=batch, actor=None, at=NOON)
    code = ids[void.pk].code
    earnings_void(order_codes=[code], at=NOON, actor_id=None, reason="double")
    orders_void(codes=[code], at=NOON, actor_id=None, reason="double")
    after = report()
    assert column(after, "linear", "orders_ppm") == {"mail": 1_000_000}
    assert column(after, "linear", "sign_ups_ppm") == {"mail": 2_000_000}
    assert column(after, "linear", "spend_minor") == {"mail": 500}
    assert column(after, "linear", "touches") == {"mail": 2}
    assert after.facts["revenue_minor"] == 19_900


def test_days_are_those_of_the_portals_time_zone() -> None:
    of, person = course(), learner()
    first = datetime(2026, 2, 28, 16, tzinfo=UTC)  # midnight of 1 March in Shanghai
    ids = [
        evidence.order(of, at=at, buyer=person, minor=100).pk
        for at in (first - timedelta(seconds=1), first, datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC))
    ]
    orders_settle(order_ids=ids)
    run = report()
    assert (run.facts["orders"], run.facts["days"]) == (2, {"2026-03-01": 100, "2026-03-31": 100})


def test_spend_is_converted_once_for_each_rate_and_not_once_a_day(cast: Cast) -> None:
    mail = evidence.channel("mail")
    days = [(date(2026, 3, 1), "7.055"), (date(2026, 3, 20), "8")]
    rates_record(
        rates=[NewRate(day=day, base="USD", quote="CNY", rate=Decimal(rate), source="declared") for day, rate in days],
        actor_id=cast.finn.pk,
    )
    for place in range(3):
        evidence.spend(mail, NOON - timedelta(days=place), 10, "USD")
    evidence.spend(mail, NOON + timedelta(days=10), 10, "USD")
    run = report()
    # 30 at 7.055 are 211.65, so 212; each day by itself would be 70.55, so 71, and their sum 213.
    assert column(run, "linear", "spend_minor") == {"mail": 212 + 80}
    assert {(rate["rate"], rate["day"]) for rate in run.facts["rates"]} == {
        ("7.055", "2026-03-01"),
        ("8", "2026-03-20"),
    }


def test_a_missing_rate_is_one_clear_sentence_on_a_failed_run() -> None:
    evidence.spend(evidence.channel("mail"), NOON, 10, "USD")
    asked = report_request(**MARCH, currency="CNY")
    with pytest.raises(ReportRefusedError, match="No rate between USD and CNY"):
        report_run(run_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.state, asked.failure) == (RunState.FAILED, "")
    assert asked.failed_because == "No rate between USD and CNY is known for 15 Mar 2026 or before."
    with override("zh-hans"):
        assert asked.failed_because == "2026年3月15日及之前没有 USD 与 CNY 之间的汇率。"


def test_any_other_failure_keeps_the_programs_words_for_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = report_request(**MARCH, currency="CNY")

    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("analytics.services.reports.report_inputs", broken)
    with pytest.raises(ZeroDivisionError):
        report_run(run_id=asked.pk)
    asked.refresh_from_db()
    assert (asked.failure_code, asked.failure) == ("broken", "ZeroDivisionError: a fault of ours")
    assert "ZeroDivision" not in asked.failed_because


def test_a_failed_run_can_be_run_again_and_a_finished_one_stays_as_it_is() -> None:
    evidence.spend(evidence.channel("mail"), NOON, 10, "USD")
    asked = report_request(**MARCH, currency="CNY")
    with pytest.raises(ReportRefusedError):
        report_run(run_id=asked.pk)
    rates_record(
        rates=[NewRate(day=date(2026, 3, 1), base="USD", quote="CNY", rate=Decimal(7), source="declared")],
        actor_id=None,
    )
    done = report_run(run_id=asked.pk)
    assert (done.state, done.failure, done.facts["spend_minor"]) == (RunState.DONE, "", 70)
    evidence.spend(evidence.channel("mail"), NOON, 10, "USD")
    assert report_run(run_id=asked.pk).facts["spend_minor"] == 70


def test_the_same_inputs_have_the_same_hash_and_others_another() -> None:
    key = evidence.visitor(NOON)
    evidence.touches(key, (evidence.channel("mail"), NOON))
    assert report().input_hash == report().input_hash
    first = report().input_hash
    evidence.touches(key, (evidence.channel("mail"), NOON))
    assert report().input_hash != first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"until": date(2026, 2, 1)}, "before it begins"),
        ({"since": date(2020, 1, 1)}, "at most 1100 days"),
        ({"window_days": 0}, "1 to 365 days"),
        ({"currency": "XXQ"}, "no currency"),
    ],
)
def test_what_cannot_be_computed_is_refused_when_it_is_asked_for(change: dict[str, object], words: str) -> None:
    with pytest.raises(ReportRefusedError, match=words):
        report_request(**{**MARCH, "currency": "CNY", **change})
    assert not ReportRun.objects.exists()


def test_who_asks_for_what_waits_already_gets_that_run() -> None:
    first = report_request(**MARCH, currency="CNY")
    assert report_request(**MARCH, currency="CNY") == first
    assert report_request(**MARCH, currency="USD") != first
    ReportRun.objects.filter(pk=first.pk).update(state="running", started_at=NOON)
    assert report_request(**MARCH, currency="CNY") == first, "a run whose worker was lost goes on"


def test_the_house_waits_for_no_run_that_a_person_asked_for_but_a_person_for_the_houses() -> None:
    marketer = learner()
    theirs = report_request(**MARCH, currency="CNY", requested_by=marketer)
    assert not theirs.pays
    own = report_request(**MARCH, currency="CNY", once=True)
    assert own != theirs
    assert own.pays
    report_run(run_id=own.pk)
    assert report_request(**MARCH, currency="CNY", once=True) == own
    assert report_request(**MARCH, currency="CNY", requested_by=marketer) == theirs
    again = report_request(**MARCH, currency="CNY")
    report_run(run_id=theirs.pk)
    assert report_request(**MARCH, currency="CNY", requested_by=marketer) == again


def test_the_tasks_are_doors_that_may_be_opened_twice() -> None:
    asked = report_request(**MARCH, currency="CNY")
    tasks.report(asked.pk)
    tasks.report(asked.pk)
    asked.refresh_from_db()
    assert asked.state == RunState.DONE
    with override_settings(CURRENCY="EUR"):
        tasks.report_nightly(7)
    nightly = ReportRun.objects.get(currency="EUR")
    assert (nightly.state, (nightly.until - nightly.since).days) == (RunState.DONE, 6)
    tasks.partitions()


def test_shown_figures_sum_to_the_shown_total() -> None:
    assert whole_units([149, 149, 149], "CNY") == ([2, 1, 1], 4)
    assert whole_units([0, 0], "CNY") == ([0, 0], 0)
    assert whole_units([7, 8], "JPY") == ([7, 8], 15)
    assert tenths([333_333, 333_333, 333_334]) == ([3, 3, 4], 10)


def test_a_reports_lines_sum_to_its_total_and_its_ratios_are_sums_over_sums() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    of, ids = course(), []
    for way in (mail, mail, ads, None):
        person = learner()
        key = evidence.visitor(NOON, person)
        if way:
            evidence.touches(key, (way, NOON))
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=10_000).pk)
    orders_settle(order_ids=ids)
    evidence.spend(mail, NOON, 5_000)
    evidence.spend(ads, NOON, 20_000)
    table = report_table(report(), model="linear")
    by_code = {line.channel.code: line for line in table.channels if line.channel}
    roas = {code: line.models["linear"].roas for code, line in by_code.items()}
    assert roas == {"mail": (20_000, 5_000), "ads": (10_000, 20_000)}
    assert table.total.models["linear"].roas == (40_000, 25_000)
    cac = table.total.models["linear"].cac
    assert cac is not None
    assert cac.numerator / cac.denominator == 6_250
    assert table.unattributed.revenue("linear") == 10_000
    assert by_code["mail"].spread == 1.0
    assert table.unattributed.models["linear"].roas is None
