"""How a learner came, touch by touch, as the explanation of a line tells it."""

from datetime import timedelta

import pytest

from accounts.models import User
from accounts.services import person_create, seat_give
from analytics.models import Touchpoint
from analytics.services import orders_settle, touchpoints_record
from analytics.services.touches import touches_of_order
from analytics.services.visits import NewTouch
from courses.models import Order
from partners.models import EarningDecision, TrackingLink
from partners.selectors import Explained, earning_explained
from partners.selectors.panel import Ways, panel_of
from partners.selectors.touches import touches_told_by
from partners.services import NewLink, links_create
from tests.analytics.test_settlement import NOON, selling
from tests.factories import evidence
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


def journey(model: str) -> Order:
    """Search ten days before, a partner's link five days before, mail on the eve; the partner owns its channel."""
    reef = desk.party("reef")
    search, mail = evidence.channel("search"), evidence.channel("mail")
    own = evidence.channel("reef", owner_id=reef.pk)
    links_create(links=[NewLink(channel_id=own, owner_id=reef.pk, code="reef-142")])
    key = evidence.visitor(NOON)
    evidence.touches(key, (search, NOON - timedelta(days=10)), (mail, NOON - timedelta(days=1)))
    touchpoints_record(
        touches=[
            NewTouch(
                visitor_key=key, channel_id=own, owner_id=reef.pk, occurred_at=NOON - timedelta(days=5),
                link_id=TrackingLink.objects.get().pk, sub_ids={"sub2": "b", "sub1": "stand-3"},
            )
        ]
    )  # fmt: skip
    order = evidence.order(selling(model), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    return order


def explained(code: str, reader: User | None = None) -> Explained:
    line = EarningDecision.objects.get(party__code__startswith=code)
    found = earning_explained(decision_id=line.pk, visible_to=reader)
    assert found is not None
    return found


@pytest.mark.parametrize("model", ["first_touch", "last_touch", "linear", "u_shape", "time_decay", "shapley"])
def test_every_touch_stands_with_date_credit_and_its_part_of_the_pool(model: str) -> None:
    journey(model)
    came = explained("alice").came
    assert came is not None
    assert [row.at for row in came.rows] == [NOON - timedelta(days=days) for days in (10, 5, 1)]
    assert [row.channel for row in came.rows] == ["Search", "Reef", "Mail"]
    assert (came.rows[1].link, came.rows[1].marks) == ("reef-142", "sub1=stand-3, sub2=b")
    assert sum(row.ppm for row in came.rows) == 1_000_000
    assert came.pool == sum(row.amount or 0 for row in came.rows)
    assert [row.stays for row in came.rows if row.channel != "Reef"] == [
        row.amount for row in came.rows if row.channel != "Reef"
    ]
    paid = EarningDecision.objects.filter(party__code="reef").get().amount_minor
    assert came.rows[1].amount == paid
    credit = EarningDecision.objects.get(party__code="reef").credit_ppm or 0
    assert came.rows[1].ppm == credit


def test_the_curve_is_drawn_for_decay_and_marks_alone_for_other_models() -> None:
    journey("time_decay")
    panel = panel_of(explained("alice"), Ways())["came"]
    assert panel["half_life"] == 7
    assert [round(touch["age"]) for touch in panel["curve"]["touches"]] == [10, 5, 1]
    assert panel["note"] == "3 touches in 11 days"


def test_a_channels_owner_sees_its_own_touch_and_no_other_one() -> None:
    journey("linear")
    seat = person_create(email="reef@cast.test", name="Reef", password="a quiet river at noon", verified=True)
    seat_give(user=seat, party=EarningDecision.objects.get(party__code="reef").party)
    came = explained("reef", seat).came
    assert came is not None
    assert [(row.known, row.channel, row.link, row.marks, row.at) for row in came.rows] == [
        (True, "Reef", "reef-142", "sub1=stand-3, sub2=b", NOON - timedelta(days=5)),
        (False, "", "", "", None),
    ]
    assert sum(row.ppm for row in came.rows) == 1_000_000


def test_a_touch_that_became_known_after_the_settlement_is_not_told() -> None:
    order = journey("linear")
    before = explained("alice").came
    key = Touchpoint.objects.select_related("visitor")[0].visitor.key
    evidence.touches(key, (evidence.channel("late"), NOON - timedelta(days=2)))
    assert Touchpoint.objects.count() == 4
    assert explained("alice").came == before
    assert order.code == EarningDecision.objects.get(party__code="reef").order_code


def test_without_the_touches_the_booked_credit_still_stands_and_says_so() -> None:
    journey("linear")
    touches_told_by(lambda _order, _asked: ())
    try:
        panel = panel_of(explained("alice"), Ways())["came"]
    finally:
        touches_told_by(touches_of_order)
    assert panel["undated"]
    assert panel["curve"] is None
    assert sum(item["row"].ppm for item in panel["rows"]) == 1_000_000
