"""Whose browsers are, which clicks count, and that reports and settlements see the same journeys."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction

from accounts.services import seat_give
from analytics.models import Touchpoint, Visitor, VisitorMerge
from analytics.selectors import report_inputs
from analytics.services import (
    Click,
    SignUp,
    link_follow,
    orders_settle,
    sign_ups_settle,
    visitor_merge,
)
from courses.models import Order
from partners.services import NewLink, links_create
from tests.analytics.test_settlement import NOON, credits_of, selling, told
from tests.factories import evidence
from tests.factories.courses import learner
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def reef() -> Any:
    """A partner with a link in a channel of its own."""
    party = desk.party("reef")
    links_create(links=[NewLink(channel_id=evidence.channel("reef", owner_id=party.pk), code="reef-1")])
    return party


def follow(key: UUID, at: datetime, flag: str = "") -> None:
    assert link_follow(code="reef-1", click=Click(key, "", {}, flag, consent=True, at=at)) == "/"


def settled(key: UUID, **facts: Any) -> Order:
    order = evidence.order(selling("last_touch"), at=NOON, key=key, **facts)
    orders_settle(order_ids=[order.pk])
    return order


def merges() -> list[tuple[UUID, int, str]]:
    return list(VisitorMerge.objects.order_by("pk").values_list("visitor__key", "user_id", "cause"))


def test_a_browser_is_recognised_once_and_the_row_says_by_what() -> None:
    one, two, three = (evidence.visitor(NOON) for _ in range(3))
    joined, came, bought = learner(), learner(), learner()
    sign_ups_settle(sign_ups=[SignUp(joined.pk, one, NOON)])
    visitor_merge(user_id=came.pk, visitor_key=two, at=NOON)
    evidence.touches(three, (evidence.channel("mail"), NOON - timedelta(days=1)))
    settled(three, buyer=bought)
    expected = [(one, joined.pk, "sign_up"), (two, came.pk, "sign_in"), (three, bought.pk, "purchase")]
    assert merges() == expected
    for key in (one, two, three):
        visitor_merge(user_id=learner().pk, visitor_key=key, at=NOON)
    settled(one, buyer=learner())
    assert merges() == expected
    assert set(Visitor.objects.values_list("key", "user_id")) == {(key, user) for key, user, _cause in expected}


def test_merges_only_grow() -> None:
    visitor_merge(user_id=learner().pk, visitor_key=evidence.visitor(NOON), at=NOON)
    for verb in (VisitorMerge.objects.all().delete, lambda: VisitorMerge.objects.update(cause="purchase")):
        with pytest.raises(DatabaseError), transaction.atomic():
            verb()


@pytest.mark.parametrize("of_another", [False, True])
def test_a_report_attributes_what_the_settlement_paid_also_in_a_browser_that_is_not_the_buyers(
    of_another: bool,
) -> None:
    mail, key, buyer = evidence.channel("mail"), evidence.visitor(NOON), learner()
    evidence.touches(key, (mail, NOON - timedelta(days=1)))
    if of_another:
        visitor_merge(user_id=learner().pk, visitor_key=key, at=NOON)
    order = settled(key, buyer=buyer)
    assert credits_of(order) == {"last_touch": {"mail": 1_000_000}}
    found = report_inputs(since=NOON.date(), until=NOON.date(), window_days=30, currency="CNY")
    assert list(found.orders[0].path) == [(mail, NOON - timedelta(days=1))]
    assert (found.null_paths == {}) or of_another


def test_a_click_that_does_not_count_is_kept_and_brings_nobody_anything(reef: Any) -> None:
    key, mail = evidence.visitor(NOON), evidence.channel("mail")
    evidence.touches(key, (mail, NOON - timedelta(days=2)))
    follow(key, NOON - timedelta(days=1), flag="injected")
    order = settled(key)
    assert credits_of(order) == {"last_touch": {"mail": 1_000_000}}
    assert told(order) == {"reef": ("click_injected", 0)}
    assert Touchpoint.objects.filter(owner=reef).count() == 1
    found = report_inputs(since=NOON.date() - timedelta(days=3), until=NOON.date(), window_days=30, currency="CNY")
    assert found.touches == {mail: 1}


def test_a_link_followed_in_the_seconds_before_an_order_was_not_what_brought_it(reef: Any, settings: Any) -> None:
    settings.INJECTION_SECONDS = 5
    early, late = evidence.visitor(NOON), evidence.visitor(NOON)
    follow(early, NOON - timedelta(seconds=5))
    follow(late, NOON - timedelta(seconds=4))
    assert told(settled(early)) == {"reef": ("earned", 1_990)}
    assert told(settled(late)) == {"reef": ("click_injected", 0)}


def test_an_own_click_counts_for_nobody_elses_order_and_own_orders_are_the_agreements_matter(reef: Any) -> None:
    partner, key = learner(), evidence.visitor(NOON)
    follow(key, NOON - timedelta(days=1))
    visitor_merge(user_id=partner.pk, visitor_key=key, at=NOON)
    seat_give(user=partner, party=reef)
    follow(key, NOON - timedelta(hours=1))
    assert list(Touchpoint.objects.order_by("occurred_at").values_list("flag", flat=True)) == ["", "self"]
    assert told(settled(key, buyer=learner())) == {"reef": ("self_click", 0)}
    assert told(settled(key, buyer=partner)) == {"reef": ("self_purchase", 0)}


def test_a_second_click_within_seconds_gives_no_second_share(reef: Any) -> None:
    key, mail = evidence.visitor(NOON), evidence.channel("mail")
    evidence.touches(key, (mail, NOON - timedelta(days=2)))
    for seconds in (0, 3, 6):
        follow(key, NOON - timedelta(days=1) + timedelta(seconds=seconds))
    order = evidence.order(selling("linear"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"linear": {"mail": 500_000, "reef": 500_000}}
