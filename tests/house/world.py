"""A small business in which everything of carol's carries a canary, made by the product's own verbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import Party, User
from accounts.services import payout_details_set, persons_create
from accounts.services.people import NewPerson
from analytics.services import (
    claim_gather,
    order_events_book,
    orders_settle,
    replay_compute,
    report_request,
    report_run,
)
from courses.choices import EventKind
from courses.models import Course, Order
from courses.services import (
    NewBehaviour,
    NewDispute,
    NewRating,
    NewRefund,
    PaidLine,
    PaidOrder,
    behaviours_record,
    cart_add,
    dispute_open,
    enrolment_give,
    order_place,
    order_refund,
    orders_record,
    ratings_record,
)
from ledger.models import ClosedPeriod, PayoutRun, Posting
from ledger.money import decimal_from_minor
from ledger.selectors import OrderKey, RunTerms
from ledger.services import adjustment_book, hold_place, rate_set, run_prepare
from partners.models import AgreementVersion, EarningDecision, Statement
from partners.services import (
    DraftTerms,
    adjustment_request,
    advance_prepare,
    channel_create,
    claim_file,
    coupon_create,
    guarantee_propose,
    link_create,
    memberships_admit,
    replay_of_version,
    statements_issue,
    version_draft,
    version_propose,
)
from recommender.choices import Slot
from recommender.services import (
    NewArm,
    NewExperiment,
    NewPath,
    experiment_write,
    path_create,
    suggest,
    training_request,
    training_run,
)
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, lessons_of
from tests.partners import desk

AMOUNT = 7_654_321
"""Minor units of carol's sale; no other amount of this world begins with these digits."""
OPEN_CANARIES = ("Canary Carol", "金丝雀卡罗", "Canary Cove")
"""Names that carol's public course page may say, and no page of her money."""


@dataclass(frozen=True)
class World:
    """The cast, the words that fill addresses, and what must turn up nowhere but at carol's and at staff's."""

    cast: Cast
    ids: dict[str, Any]
    absent: dict[str, Any]
    canaries: tuple[str, ...]


def build(cast: Cast) -> World:
    """Courses, agreements, links, coupons, settled orders, a report, a training."""
    at = timezone.now() - timedelta(days=3)
    everybody(cast)
    shared = course("Shared Harbour", creators=[cast.alice_party, cast.bob_party], slug="harbour", price_minor=10_000)
    cove = course("Canary Cove", title_zh="金丝雀湾", creators=[cast.carol_party], slug="cove", price_minor=20_000)
    dune = course("Quiet Dune", slug="dune", price_minor=30_000)
    terms(cast, shared, [cast.alice_party, cast.bob_party], desk.THIRTY)
    agreed = terms(
        cast,
        cove,
        [cast.carol_party],
        [desk.percent("platform:revenue", 3000), desk.split(("party:carol", 1))],
    )
    link(cast.alice_party, "harbourlink", "HARBOUR5", shared)
    key = link(cast.carol_party, "canarylink", "CANARY5", cove)
    banners = desk.channel("banners").pk
    evidence.spend(banners, at, 4_321)
    evidence.holdout(banners, at)
    nia = persons_create(persons=[NewPerson(email="nia.canary@cast.test", name="Nia", verified=True)])[0]
    lee = evidence.visitor(at, cast.lee)
    paid(
        [
            order("HARBOUR01", shared, cast.lee, 10_000, at, lee),
            order("CANARYSALE", cove, nia, AMOUNT, at, key, coupon="CANARY5", off=AMOUNT * 500 // 10_000),
            order("CANARYOWN1", dune, cast.carol, 30_000, at, evidence.visitor(at, cast.carol)),
        ]
    )
    gone = given_back(at)
    since, until = day(at) - timedelta(days=9), day(at)
    report_run(run_id=report_request(since=since, until=until, currency="CNY", window_days=30).pk)
    run = payday(cast, at)
    missed = claimed(cast, at)
    ids = {
        "payrun": run.pk,
        "paymonth": f"{day(at):%Y-%m}",
        "statement": issued(cast),
        "posting": Posting.objects.filter(party=cast.carol_party, entry__kind="adjustment", amount=AMOUNT).get().pk,
        "payitem": run.items.get(party=cast.carol_party).pk,
        "course": cove.pk,
        "slug": "cove",
        "lesson": lessons_of(dune)[1].pk,
        "taught": "dune",
        "line": EarningDecision.objects.get(
            party=cast.carol_party, order_code="CANARYSALE", reason__in=["earned", "held"]
        ).pk,
        "link": "canarylink",
        "coupon": "CANARY5",
        "order": "CANARYOWN1",
        "waits": waiting(cast.carol, dune_two()),
        "party": "carol",
        "experiment": experiment_write(new=tried()).pk,
        "path": path_create(user=cast.carol, new=NewPath(course_id=cove.pk)).pk,
        "person": cast.carol.pk,
        "sale": Order.objects.get(code="CANARYSALE").pk,
        **gone,
        **missed,
        "since": since,
        "until": until,
        **proposal(agreed, cast.mei),
    }
    learn([shared, cove, dune], [cast.lee, cast.alice, cast.bob, nia])
    ids["shown"] = suggest(user=cast.carol, visitor_key=None, slot=Slot.HOME).code
    ids["training"] = training_run(run_id=training_request(model="popularity").pk).pk
    ids["run"] = report_request(since=date(2020, 1, 1), until=date(2020, 1, 31), currency="CNY").pk
    return World(cast=cast, ids=ids, absent=nowhere(ids), canaries=secrets(cast, ids))


def tried() -> NewExperiment:
    """An experiment between what serves and other figures."""
    arms = [NewArm(name="Now"), NewArm(name="Tail", figures={"tail": 0.3})]
    return NewExperiment(name="Tail", hypothesis="More find more.", arms=arms)


def everybody(cast: Cast) -> None:
    """All are there before anything is counted."""
    for name in ("mei", "finn", "ada", "marco", "olga", "alice", "bob", "carol", "lee"):
        getattr(cast, name)
    memberships_admit(party_ids=[cast.alice_party.pk, cast.bob_party.pk, cast.carol_party.pk])
    rate_set(base="USD", quote="CNY", day=date(2026, 1, 1), rate="7.1", source="walk")


def terms(cast: Cast, of: Course, parties: Sequence[Party], steps: Any) -> AgreementVersion:
    """An agreement in force on a course."""
    return desk.agreement(scope_id=str(of.pk), parties=parties, steps=steps)


def link(owner: Party, code: str, coupon: str, of: Course) -> UUID:
    """A channel, a link and a coupon of a party; the key of a visitor who followed the link."""
    channel = channel_create(code=f"{code}s", name=f"{owner.name} links", kind="partner", owner=owner)
    link_create(channel=channel, owner=owner, destination=f"/courses/{of.slug}/", code=code)
    coupon_create(code=coupon, percent_bp=500, owner=owner, starts_at=timezone.now() - timedelta(days=30))
    at = timezone.now() - timedelta(days=4)
    key = evidence.visitor(at)
    evidence.touches(key, (channel.pk, at), owner_id=owner.pk)
    return key


def order(
    code: str, of: Course, buyer: User, minor: int, at: datetime, key: UUID, *, coupon: str = "", off: int = 0
) -> PaidOrder:
    """A paid order."""
    return PaidOrder(
        provider="test",
        external_id=code,
        code=code,
        currency="CNY",
        lines=[PaidLine(course_id=of.pk, list_minor=minor)],
        placed_at=at,
        paid_at=at,
        buyer_id=buyer.pk,
        visitor_key=key,
        coupon_code=coupon,
        discount_minor=off,
    )


def paid(orders: Sequence[PaidOrder]) -> None:
    """Recorded and settled."""
    orders_settle(order_ids=orders_record(orders=orders))


def given_back(at: datetime) -> dict[str, int]:
    """A part of carol's sale is refunded, and the payment of her own order disputed."""
    sale, own = (Order.objects.get(code=code) for code in ("CANARYSALE", "CANARYOWN1"))
    refund = order_refund(order_id=sale.pk, refund=NewRefund(amount_minor=654_321, reason="CANARYSALE"), at=at)
    dispute = dispute_open(order_id=own.pk, dispute=NewDispute(amount_minor=30_000, reason="CANARYOWN1"), at=at)
    order_events_book(wanted={sale.pk: {1}, own.pk: {1}})
    return {"refund": refund.pk, "own": own.pk, "dispute": dispute.pk}


def claimed(cast: Cast, at: datetime) -> dict[str, int]:
    """Carol claims her own sale once more, and mei asks for a credit of hers."""
    claim = claim_file(party=cast.carol_party, order_code="CANARYSALE", order_day=day(at), by=cast.carol)
    claim_gather(claim_id=claim.pk, round_number=1)
    row = adjustment_request(
        key="walk", party=cast.carol_party, currency="CNY", amount_minor=AMOUNT, reason="a canary's bonus", by=cast.mei
    )
    return {"claim": claim.pk, "adjustment": row.pk}


def waiting(buyer: User, of: Course) -> str:
    """The code of an order that waits for its payment."""
    key = evidence.visitor(timezone.now(), buyer)
    cart_add(visitor_key=key, user=buyer, course_id=of.pk)
    return order_place(user=buyer, visitor_key=key).code


def payday(cast: Cast, at: datetime) -> PayoutRun:
    """Something of carol's that is free to be paid, where to, a run and an advance being prepared; bob is on hold."""
    adjustment_book(
        party="carol", currency="CNY", amount=4_444_444, reason="a canary's bonus", source=OrderKey("walk", "1"), at=at
    )
    payout_details_set(
        party=cast.carol_party,
        method="bank",
        holder="Canary Carol",
        institution="Bank of Song",
        reference="6222 0000 4471",
        by=cast.carol,
    )
    hold_place(party=cast.bob_party, reason="under review", by=cast.mei)
    advance_prepare(
        party=cast.carol_party,
        currency="CNY",
        amount_minor=3_333_333,
        recoup_bp=5_000,
        reason="canary's next course",
        by=cast.mei,
    )
    guarantee_propose(
        party=cast.carol_party,
        currency="CNY",
        monthly_minor=4_444_444,
        since=timezone.localdate().replace(day=1),
        until=None,
        note="canary's first year",
        by=cast.mei,
    )
    return run_prepare(terms=RunTerms("CNY", timezone.now()), by=cast.finn)


def issued(cast: Cast) -> int:
    """Carol's statement of the month before the world's days, in which she got a bonus."""
    before = (timezone.localdate() - timedelta(days=3)).replace(day=1) - timedelta(days=1)
    noon = datetime(before.year, before.month, before.day, 12, tzinfo=timezone.get_default_timezone())
    adjustment_book(
        party="carol", currency="CNY", amount=AMOUNT, reason="a bonus", source=OrderKey("walk", "2"), at=noon
    )
    adjustment_book(
        party="carol", currency="CNY", amount=-AMOUNT, reason="taken back", source=OrderKey("walk", "3"), at=noon
    )
    month = before.replace(day=1)
    ClosedPeriod.objects.create(month=month, prepared_by=cast.finn, closed_by=cast.ada, totals={})
    statements_issue(month=month)
    return Statement.objects.get(party=cast.carol_party).pk


def dune_two() -> Course:
    """A course that nobody has bought."""
    return course("Still Dune", slug="dune-two", price_minor=40_000)


def proposal(agreed: AgreementVersion, by: User) -> dict[str, Any]:
    """The next version of carol's agreement, laid before her."""
    draft = version_draft(
        agreement=agreed.agreement,
        rule={"steps": [desk.percent("platform:revenue", 2000), desk.split(("party:carol", 1))]},
        terms=DraftTerms(effective_from=timezone.now() + timedelta(days=30)),
        by=by,
    )
    today = day(timezone.now())
    replay = replay_of_version(version=draft, since=today - timedelta(days=30), until=today, by=by)
    replay_compute(replay_id=replay.pk)
    version = version_propose(version=draft, by=by)
    return {
        "version": version.pk,
        "hash": version.text_hash,
        "agreement": agreed.agreement_id,
        "replay": replay.pk,
    }


def learn(courses: Sequence[Course], people: Sequence[User]) -> None:
    """Views, enrolments and ratings, enough to train on."""
    start = timezone.now() - timedelta(days=60)
    behaviours_record(
        events=[
            NewBehaviour(
                kind=EventKind.VIEW,
                user_id=person.pk,
                course_id=of.pk,
                occurred_at=start + timedelta(days=7 * step + number),
            )
            for number, person in enumerate(people)
            for step, of in enumerate(courses)
        ]
    )
    enrolment_give(user=people[1], course_id=courses[2].pk)
    ratings_record(
        ratings=[NewRating(user_id=people[0].pk, course_id=courses[0].pk, stars=5, comment="Clear.", at=start)]
    )


def nowhere(ids: dict[str, Any]) -> dict[str, Any]:
    """Ids of the same shapes that nothing has."""
    kinds = {int: 900_000_000, UUID: UUID(int=9)}
    return {name: kinds.get(type(value), f"{value}X9") for name, value in ids.items()}


def secrets(cast: Cast, ids: dict[str, Any]) -> tuple[str, ...]:
    """What only carol and staff may read: codes, an address, amounts in every form that pages write them."""
    rows = EarningDecision.objects.filter(party=cast.carol_party).exclude(amount_minor=0)
    minors = [AMOUNT, *rows.values_list("amount_minor", flat=True)]
    amounts = [decimal_from_minor(minor, "CNY") for minor in minors]
    grouped = [f"{int(amount.split('.')[0]):,}.{amount.split('.')[1]}" for amount in amounts]
    codes = ["CANARYSALE", ids["order"], ids["waits"], ids["link"], ids["coupon"], "nia.canary", ids["hash"]]
    return (*codes, *map(str, minors), *amounts, *grouped)


def day(at: datetime) -> date:
    """The day of the portal's time zone."""
    return timezone.localtime(at).date()
