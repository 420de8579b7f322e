"""The registry of hold-out tests: what it refuses, the lift it tells, and the figures it sets right."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from accounts.models import User
from analytics.attribution.holdouts import held_out
from analytics.choices import HoldoutKind, HoldoutSide
from analytics.errors import HoldoutRefusedError
from analytics.models import ChannelReportRow, HoldoutArm, HoldoutTest
from analytics.selectors.holdouts import calibration_of, lifts_of
from analytics.services import (
    NewArm,
    holdout_arms_write,
    holdout_measure,
    holdout_withdraw,
    holdout_write,
    orders_settle,
    report_request,
    report_run,
)
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
MARCH: dict[str, Any] = {"since": date(2026, 3, 1), "until": date(2026, 3, 31)}


def planned(channel: int, kind: str = HoldoutKind.USER_HASH, **more: Any) -> HoldoutTest:
    """A test of March."""
    values: dict[str, Any] = {
        "name": "March", "kind": kind, "channel_id": channel, "currency": "CNY", "valid_until": None, **MARCH, **more,
    }  # fmt: skip
    return holdout_write(test=HoldoutTest(**values))


def both(exposed: tuple[int, int, int], held: tuple[int, int, int]) -> list[NewArm]:
    """Arms of (people, orders, value)."""
    sides = ((HoldoutSide.EXPOSED, exposed), (HoldoutSide.HELD, held))
    return [NewArm(side, people, orders=n, value_minor=value) for side, (people, n, value) in sides]


def sold(channel: int, orders: int, minor: int) -> None:
    """Orders of people who came by the channel."""
    of, ids = course(), []
    for _ in range(orders):
        person = learner()
        key = evidence.visitor(NOON, person)
        evidence.touches(key, (channel, NOON))
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=minor).pk)
    orders_settle(order_ids=ids)


def test_a_test_tells_its_lift_and_stays_what_it_is_about_once_its_arms_are_written() -> None:
    test = planned(evidence.channel("mail"))
    assert test.valid_until == date(2027, 3, 31)
    holdout_arms_write(test_id=test.pk, arms=both((900, 90, 90_000), (100, 5, 5_000)))
    lift = lifts_of(test, test.arms.all())
    assert lift.orders.total == pytest.approx(900 * (0.1 - 0.05))
    assert lift.value.total == pytest.approx(45_000)
    assert lift.orders.total_error == pytest.approx(900 * (0.09 / 899 + 0.0475 / 99) ** 0.5, rel=1e-3)
    test.name = "Mail in March"
    holdout_write(test=test)
    test.channel_id = evidence.channel("ads")
    with pytest.raises(HoldoutRefusedError, match="withdraw the test"):
        holdout_write(test=test)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (both((1, 0, 0), (100, 1, 1)), "at least two are needed"),
        (both((9, 1, 1), (9, 1, 1))[:1], "one arm on each side"),
        ([*both((9, 1, 1), (9, 1, 1)), NewArm(HoldoutSide.HELD, 9)], "stands there twice"),
    ],
)
def test_arms_from_which_no_lift_can_be_told_are_refused_and_nothing_changes(arms: list[NewArm], words: str) -> None:
    test = planned(evidence.channel("mail"))
    holdout_arms_write(test_id=test.pk, arms=both((90, 9, 900), (10, 1, 100)))
    with pytest.raises(HoldoutRefusedError, match=words):
        holdout_arms_write(test_id=test.pk, arms=arms)
    assert HoldoutArm.objects.filter(test=test).count() == 2


def test_a_withdrawn_test_counts_no_more_and_nothing_is_written_to_it() -> None:
    test = planned(evidence.channel("mail"))
    with pytest.raises(HoldoutRefusedError, match="Say why"):
        holdout_withdraw(test_id=test.pk, because=" ")
    holdout_withdraw(test_id=test.pk, because="the mail went out to all")
    with pytest.raises(HoldoutRefusedError, match="withdrawn"):
        holdout_arms_write(test_id=test.pk, arms=both((90, 9, 900), (10, 1, 100)))
    with pytest.raises(HoldoutRefusedError, match="ends before"):
        planned(evidence.channel("ads"), since=date(2026, 3, 31), until=date(2026, 3, 1))
    with pytest.raises(HoldoutRefusedError, match="no currency"):
        planned(evidence.channel("ads"), currency="XXZ")


def test_a_test_by_hash_is_counted_from_our_own_orders() -> None:
    mail, of = evidence.channel("mail"), course()
    test = planned(mail, share_bp=4_000)
    sides: dict[bool, list[User]] = {True: [], False: []}
    while min(len(people) for people in sides.values()) < 2:
        person = learner(date_joined=NOON - timedelta(days=60))
        sides[held_out(person.pk, test=f"holdout-{test.pk}", share_bp=4_000)].append(person)
    late = learner(date_joined=NOON)
    buyers = (sides[True][0], sides[True][0], sides[False][0], late)
    orders_settle(order_ids=[evidence.order(of, at=NOON, buyer=person, minor=1_000).pk for person in buyers])
    holdout_measure(test_id=test.pk)
    arms = {arm.side: arm for arm in test.arms.all()}
    assert (arms["held"].people, arms["held"].orders, arms["held"].order_squares) == (len(sides[True]), 2, 4)
    assert arms["exposed"].orders == 1, "who joined later is in no arm"
    assert arms["held"].value_squares == 2_000**2
    with pytest.raises(HoldoutRefusedError, match="Only a test of people by hash"):
        holdout_measure(test_id=planned(mail, HoldoutKind.GEO).pk)


def test_a_channels_revenue_is_set_right_by_its_test_and_another_is_not_tested(cast: Cast) -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    sold(mail, 10, 10_000)
    sold(ads, 3, 10_000)
    run = report_run(run_id=report_request(**MARCH, currency="CNY").pk)
    test = planned(mail)
    holdout_arms_write(test_id=test.pk, arms=both((900, 90, 900_000), (100, 5, 50_000)))
    found = calibration_of(run, model="linear")
    caused = found.revenue[mail]
    assert caused.raw == 100_000
    assert caused.figure == pytest.approx(450_000), "the lift itself, since the test covers the report's days"
    low, high = caused.ends
    assert low < caused.figure < high
    assert ads not in found.revenue
    other = report_run(run_id=report_request(**MARCH, currency="CNY", with_direct=False).pk)
    ChannelReportRow.objects.filter(run=other, channel=mail).update(revenue_minor=1)  # as where direct visits hide it
    assert calibration_of(run, model="linear").revenue[mail].figure == pytest.approx(450_000)
    query = urlencode({"since": "2026-03-01", "until": "2026-03-31", "currency": "CNY", "window": "30"})
    for page in ("/marketing/attribution/", "/marketing/"):
        text = cast.client_of(cast.marco).get(f"{page}?{query}").content.decode()
        assert "4,500.00" in text, page
        assert "not tested" in text, page
    for name in ("attribution", "report"):
        answer = cast.client_of(cast.marco).get(f"/marketing/{name}.csv?{query}").content.decode("utf-8-sig")
        told = {row["Channel"]: row for row in csv.DictReader(io.StringIO(answer)) if row.get("Step", "1") == "1"}
        assert told["Mail"]["Calibrated revenue"] == "4500.00"
        assert told["Mail"]["Hold-out tests"] == "March"
        assert told["Ads"]["Hold-out tests"] == "not tested"
        assert (told["Ads"]["Calibrated revenue"], told["Unattributed"]["Hold-out tests"]) == ("", "")
    holdout_withdraw(test_id=test.pk, because="x")
    assert calibration_of(run, model="linear").revenue == {}


def test_the_desk_plans_a_test_writes_its_arms_and_reads_the_lift(cast: Cast) -> None:
    mail = evidence.channel("mail")
    client, root = cast.client_of(cast.marco), "/admin/analytics/holdouttest"
    lines: dict[str, Any] = {
        "arms-TOTAL_FORMS": 4,
        "arms-INITIAL_FORMS": 0,
        "arms-MIN_NUM_FORMS": 0,
        "arms-MAX_NUM_FORMS": 1000,
    }
    for place, (side, label, orders) in enumerate(
        (("exposed", "North", 60), ("exposed", "South", 50), ("held", "East", 30), ("held", "West", 20))
    ):
        lines |= {
            f"arms-{place}-side": side, f"arms-{place}-label": label, f"arms-{place}-people": 1_000,
            f"arms-{place}-orders": orders, f"arms-{place}-value": f"{orders * 100}.00",
        }  # fmt: skip
    form = {
        "name": "Regions", "kind": "geo", "channel": mail, "since": "2026-03-01", "until": "2026-03-31",
        "currency": "cny", "share_bp": 1000, "reach_bp": 10000, **lines,
    }  # fmt: skip
    answer = client.post(f"{root}/add/", form)
    assert answer.status_code == 302, re.findall("errorlist.*?</ul>", answer.content.decode())
    test = HoldoutTest.objects.get()
    assert (test.currency, test.arms.count()) == ("CNY", 4)
    assert lifts_of(test, test.arms.all()).orders.total == pytest.approx(2_000 * (0.055 - 0.025))
    listed = client.get(f"{root}/").content.decode()
    assert "60 ±" in listed
    assert "&lt;span" not in listed
    refused = client.post(f"{root}/add/", {**form, "currency": "XXZ"}).content.decode()
    assert "no currency of ISO 4217" in refused
    assert cast.client_of(cast.finn).post(f"{root}/add/", form).status_code == 403
