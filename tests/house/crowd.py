"""More rows for every list of the admin, so that none can hide a query for each row."""

from datetime import date, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.choices import PartyKind
from accounts.models import User
from accounts.services import (
    NewImportedRow,
    batch_open,
    consent_record,
    imported_rows_record,
    party_create,
    payout_details_set,
    person_create,
    role_grant,
    seat_give,
)
from analytics.models import ChannelRule
from analytics.services import channel_rule_write, report_request
from courses.choices import EventKind
from courses.models import Course, Order
from courses.services import (
    NewBehaviour,
    NewDispute,
    NewRefund,
    behaviours_record,
    cart_add,
    dispute_open,
    enrolment_give,
    order_refund,
    rating_give,
)
from ledger.models import ClosedPeriod, Verification
from ledger.selectors import OrderKey, RunTerms
from ledger.services import adjustment_book, hold_place, rate_set, run_prepare, seal_take, snapshot_take
from partners.models import Channel
from partners.services import (
    Change,
    adjustment_request,
    advance_prepare,
    channel_create,
    claim_file,
    coupon_create,
    guarantee_propose,
    link_create,
    memberships_admit,
    replay_request,
)
from recommender.choices import Slot, Source
from recommender.models import DatasetSnapshot, Impression, ServedList, ShadowReading, Taste
from recommender.services import NewPath, course_dismiss, experiment_write, path_create, policy_write, training_request
from tests.factories import evidence
from tests.factories.courses import course
from tests.house import world as house
from tests.partners import desk

STAND_STILL = frozenset({"django_celery_beat.periodictask", "partners.statement"})
"""Lists that do not grow here: schedules stand in the settings, and statements need a closed month for each."""


def grow(world: house.World, numbers: range) -> None:
    """A row more of every list for each number, `STAND_STILL` excepted."""
    for number in numbers:
        person, party = _newcomer(world, number)
        _paperwork(world, number, person, party)
        sold = _sale(world, number, person)
        _learning(world, number, person, sold)
        _evidence(world, number)
        run_prepare(terms=RunTerms("CNY", timezone.now()), by=world.cast.finn)


def _newcomer(world: house.World, number: int) -> tuple[User, Any]:
    person = person_create(email=f"crowd{number}@cast.test", name=f"Crowd {number}", verified=True)
    role_grant(user=person, role="marketer")
    consent_record(user=person, purpose="mail", granted=True)
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={})
    batch = batch_open(source=f"crowd{number}", actor=person)
    row = NewImportedRow(
        kind="order", external_id="7", file="o", row_number=1, target_kind="x", target_id="1", digest=""
    )
    imported_rows_record(batch=batch, rows=[row])
    party = party_create(code=f"crowd{number}", kind=PartyKind.AFFILIATE, name=f"Crowd {number}")
    maker = party_create(code=f"maker{number}", kind=PartyKind.CREATOR, name=f"Maker {number}")
    memberships_admit(party_ids=[party.pk, maker.pk])
    seat_give(user=person, party=party)
    return person, party


def _paperwork(world: house.World, number: int, person: User, party: Any) -> None:
    mei, at = world.cast.mei, timezone.now() - timedelta(days=2)
    facts = {"method": "bank", "holder": "Crowd", "institution": "Bank", "reference": f"6222 {number}"}
    payout_details_set(party=party, by=person, **facts)
    source = OrderKey("crowd", str(number))
    adjustment_book(party=party.code, currency="CNY", amount=5_000, reason="a bonus", source=source, at=at)
    advance_prepare(party=party, currency="CNY", amount_minor=7_000, recoup_bp=5_000, reason="a loan", by=mei)
    first = timezone.localdate().replace(day=1)
    said: dict[str, Any] = {
        "currency": "CNY",
        "monthly_minor": 9_000,
        "since": first,
        "until": None,
        "note": "the first year",
    }
    asked: dict[str, Any] = {"key": f"crowd{number}", "currency": "CNY", "amount_minor": 5, "reason": "more"}
    adjustment_request(party=party, by=mei, **asked)
    guarantee_propose(party=party, by=mei, **said)
    hold_place(party=desk.party(f"held{number}"), reason="under review", by=mei)
    rate_set(base="EUR", quote="CNY", day=date(2026, 1, 1) + timedelta(days=number), rate="7.9", source="crowd")
    snapshot_take()
    seal_take()
    months = {"prepared_by": world.cast.finn, "closed_by": world.cast.ada, "totals": {}}
    ClosedPeriod.objects.create(month=date(2020, 1 + number, 1), **months)
    Verification.objects.create(started_at=at, finished_at=at, proofs=9, failed=0, failures=[])
    replay_request(changes=[Change(hold_days=number)], since=at.date(), until=at.date(), by=mei)


def _sale(world: house.World, number: int, person: User) -> Course:
    cast, at = world.cast, timezone.now() - timedelta(days=2)
    of = course(
        f"Harbour {number}",
        creators=[cast.alice_party, cast.bob_party],
        slug=f"harbour-{number}",
        topic=(f"tides-{number}", "Tides", "潮"),
    )
    house.terms(cast, of, [cast.alice_party, cast.bob_party], desk.THIRTY)
    shared = Channel.objects.get(code="harbourlinks")
    link_create(channel=shared, owner=cast.alice_party, code=f"more{number}")
    coupon_create(code=f"MORE{number}", percent_bp=100, owner=cast.alice_party)
    key = evidence.visitor(at)
    evidence.touches(key, (shared.pk, at))
    evidence.spend(shared.pk, at, 100 + number)
    house.paid(
        [
            house.order(f"MORE{number}A", of, cast.mei, 10_000 + number, at, key),
            house.order(f"MORE{number}B", of, person, 20_000 + number, at, evidence.visitor(at, person)),
        ]
    )
    kept, asked = (Order.objects.get(code=f"MORE{number}{letter}") for letter in "AB")
    order_refund(order_id=kept.pk, refund=NewRefund(amount_minor=500, reason="late"), at=at)
    claim_file(party=cast.alice_party, order_code=kept.code, order_day=house.day(at), by=cast.alice)
    dispute_open(order_id=asked.pk, dispute=NewDispute(amount_minor=900, reason="fraud"), at=at)
    return of


def _learning(world: house.World, number: int, person: User, sold: Course) -> None:
    cast = world.cast
    enrolment_give(user=cast.lee, course_id=sold.pk)
    rating_give(user=cast.lee, course_id=sold.pk, stars=4, comment="Clear.")
    other = course(f"Shoal {number}", slug=f"shoal-{number}")
    cart_add(visitor_key=evidence.visitor(timezone.now(), cast.lee), user=cast.lee, course_id=other.pk)
    run = training_request(model="popularity")
    DatasetSnapshot.objects.create(sha256=f"{number:064d}", rows=1, people=1, courses=1, acts=1)
    ShadowReading.objects.create(run=run, live=run, people=1, overlap_bp=1, hits=1, live_hits=1)
    course_dismiss(user=cast.lee, course_id=other.pk)
    experiment_write(new=house.tried())
    path_create(user=cast.lee, new=NewPath(course_id=other.pk))
    served = ServedList.objects.create(user=person, slot=Slot.HOME, course=other)
    Impression.objects.create(served=served, position=1, course=sold, source=Source.POPULAR, score=1)
    policy_write(values={"tail": 0.3}, note=f"try {number}", by=cast.olga)
    Taste.objects.create(user=person).topics.add(sold.topic)
    at = timezone.now() - timedelta(days=number)
    viewers = (cast.finn, cast.ada, cast.marco)
    seen = [NewBehaviour(kind=EventKind.VIEW, user_id=who.pk, course_id=sold.pk, occurred_at=at) for who in viewers]
    behaviours_record(events=seen)


def _evidence(world: house.World, number: int) -> None:
    named = channel_create(code=f"crowd{number}", name=f"Crowd {number}", kind="email")
    channel_rule_write(rule=ChannelRule(channel=named, utm_source=f"crowd{number}"))
    evidence.holdout(named.pk, timezone.now() - timedelta(days=9), f"Crowd {number}")
    day = date(2024, 1, 1) + timedelta(days=number)
    report_request(since=day, until=day, currency="CNY", requested_by=world.cast.marco)
