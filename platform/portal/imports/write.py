"""Writes a checked plan through the services of every floor, in the caller's transaction."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from accounts.choices import PartyKind
from accounts.models import ImportBatch, ImportedRow, Party, User
from accounts.services import (
    NewImportedRow,
    NewParty,
    NewPerson,
    imported_rows_record,
    parties_create,
    persons_create,
)
from analytics.models import Visitor
from analytics.services import (
    NewCampaign,
    NewSpend,
    NewTouch,
    NewVisitor,
    SignUp,
    campaigns_record,
    orders_settle,
    sign_ups_settle,
    spend_record,
    touchpoints_record,
    visitors_record,
)
from courses.choices import Level
from courses.models import Course
from courses.services import NewCourse, PaidLine, PaidOrder, courses_create, orders_record, topic_ensure
from ledger.services import NewRate, rates_record
from partners.choices import Precedence, SelfPurchase
from partners.services import (
    NewAgreement,
    NewChannel,
    agreements_establish,
    channels_ensure,
    memberships_admit,
)
from portal.imports.errors import RefusedImportError, shown
from portal.imports.mapping import Mapping
from portal.imports.plan import CoursePlanned, PaymentPlanned, PersonPlanned, Plan, Source, SpendPlanned

NAMESPACE = UUID("6f1c3a52-7a57-4b5e-9d0c-1f0d5c4b7e11")
"""Keys of imported visitors are derived from source and person, so that they are the same in every run."""


@dataclass
class Written:
    """What became of the plan: targets by (kind, external id), and what was passed over."""

    batch: ImportBatch
    targets: dict[tuple[str, str], str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    written: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    orders: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Actors:
    """The two persons behind an import: who prepared it and who approved its agreements."""

    maker: User
    checker: User


def write(plan: Plan, mapping: Mapping, *, batch: ImportBatch, actors: Actors) -> Written:
    """Write what is not imported yet and settle its orders. Call it inside one transaction with all rows visible."""
    done = Written(batch)
    fresh = _fresh(plan, mapping, done)
    channels = channels_ensure(
        channels=[
            NewChannel(code=channel.code, name=channel.name, name_zh=channel.name_zh, kind=channel.kind)
            for channel in mapping.channels
        ]
    )
    rates_record(
        rates=[
            NewRate(day=rate.day, base=rate.base, quote=rate.quote, rate=rate.rate, source="declared")
            for rate in mapping.rates
        ],
        actor_id=actors.maker.pk,
    )
    _write_courses([c for c in plan.courses if c.source in fresh], mapping, done, actors)
    _write_people([p for p in plan.people if p.source in fresh], mapping, done, channels)
    _write_spend([s for s in plan.spend if s.source in fresh], done, channels)
    _write_payments([p for p in plan.payments if p.source in fresh], mapping, done)
    _remember(plan, done, fresh)
    orders_settle(order_ids=done.orders)
    return done


def _fresh(plan: Plan, mapping: Mapping, done: Written) -> set[Source]:
    """What was not imported before; a row that was, but has changed since, is refused."""
    known = {
        (kind, external_id): (digest, target_id)
        for kind, external_id, digest, target_id in ImportedRow.objects.filter(
            source=mapping.source, withdrawn=False
        ).values_list("kind", "external_id", "digest", "target_id")
    }
    fresh = set()
    for source in plan.sources():
        before = known.get((source.kind, source.external_id))
        if before is None:
            fresh.add(source)
        elif before[0] != source.digest:
            raise RefusedImportError(
                f"{source.kind} {shown(source.external_id)} was imported before with other contents; "
                "reverse that import first, or put the row back as it was.",
                file=source.file,
                row=source.row,
            )
        else:
            done.targets[source.kind, source.external_id] = before[1]
            done.skipped[source.file] += source.rows
    return fresh


def _write_courses(courses: Sequence[CoursePlanned], mapping: Mapping, done: Written, actors: Actors) -> None:
    """A curator party, a course and an agreement in force for each."""
    if not courses:
        return
    code, name, name_zh = mapping.topic
    topic = topic_ensure(code=code, name=name, name_zh=name_zh)
    parties = parties_create(parties=[_curator(course, mapping, done.batch) for course in courses])
    memberships_admit(party_ids=[party.pk for party in parties], at=mapping.effective_from)
    pairs = list(zip(courses, parties, strict=True))
    ids = courses_create(courses=[_course(course, party, topic, mapping, done.batch) for course, party in pairs])
    agreements_establish(
        agreements=[
            _agreement(course, party, pk, mapping, done.batch, actors)
            for (course, party), pk in zip(pairs, ids, strict=True)
        ]
    )
    for course, pk in zip(courses, ids, strict=True):
        _wrote(done, course.source, str(pk))


def _curator(course: CoursePlanned, mapping: Mapping, batch: ImportBatch) -> NewParty:
    return NewParty(
        code=f"{mapping.source}.curator-{_handle(course.source)}.{batch.pk}",
        kind=PartyKind.CREATOR,
        name=mapping.curator_name.replace("{course}", course.title)[:120],
        name_zh=mapping.curator_name_zh.replace("{course}", course.title)[:120],
        currency=mapping.currency,
        import_batch_id=batch.pk,
    )


def _course(course: CoursePlanned, party: Party, topic: int, mapping: Mapping, batch: ImportBatch) -> NewCourse:
    return NewCourse(
        slug=f"{mapping.source}-{_handle(course.source)}-{batch.pk}",
        title=course.title,
        topic_id=topic,
        price_minor=course.price_minor,
        currency=mapping.currency,
        creator_ids=[party.pk],
        language=mapping.course_language,
        level=Level.BEGINNER,
        published_at=mapping.effective_from,
        import_batch_id=batch.pk,
    )


def _agreement(
    course: CoursePlanned, party: Party, pk: int, mapping: Mapping, batch: ImportBatch, actors: Actors
) -> NewAgreement:
    return NewAgreement(
        code=f"{mapping.source}-{_handle(course.source)}-{batch.pk}",
        title=course.title,
        owner_id=party.pk,
        scope_id=str(pk),
        party_ids=[party.pk],
        rule=_rule(party.code, course.curator_bp),
        paying_model=mapping.paying_model,
        window_days=mapping.window_days,
        hold_days=mapping.hold_days,
        precedence=Precedence.COUPON,
        self_purchase=SelfPurchase.REFUSE,
        effective_from=mapping.effective_from,
        prepared_by_id=actors.maker.pk,
        approved_by_id=actors.checker.pk,
        accepted_at=mapping.effective_from,
    )


def _rule(curator: str, curator_bp: int) -> dict[str, object]:
    """The curator's share of what the learner pays, the rest to the platform."""
    parties = [
        {"account": f"party:{curator}", "weight": curator_bp},
        {"account": "platform:revenue", "weight": 10_000 - curator_bp},
    ]
    return {"steps": [{"take": "split", "parties": [party for party in parties if party["weight"]]}]}


def _write_people(people: Sequence[PersonPlanned], mapping: Mapping, done: Written, channels: dict[str, int]) -> None:
    """A person, a browser, a touch and a sign-up for each."""
    if not people:
        return
    batch_id = done.batch.pk
    users = persons_create(
        persons=[
            NewPerson(
                email=f"{_handle(person.source)}.{batch_id}@{mapping.source}.invalid",
                name=f"{mapping.source} {person.source.external_id}"[:120],
                joined_at=person.joined,
                import_batch_id=batch_id,
            )
            for person in people
        ]
    )
    keys = [_visitor_key(mapping, done.batch, person.source.external_id) for person in people]
    visitors_record(
        visitors=[
            NewVisitor(
                key=key,
                first_seen_at=person.joined,
                user_id=user.pk,
                country=person.country,
                device=person.device,
                import_batch_id=batch_id,
            )
            for person, user, key in zip(people, users, keys, strict=True)
        ]
    )
    touchpoints_record(
        touches=[
            NewTouch(
                visitor_key=key,
                channel_id=channels[person.arrival.channel],
                occurred_at=person.joined,
                landing=person.landing,
                referrer_host=person.arrival.referrer_host,
                utm=person.arrival.utm,
                click_id=person.arrival.click_id,
                import_batch_id=batch_id,
            )
            for person, key in zip(people, keys, strict=True)
        ]
    )
    sign_ups_settle(
        sign_ups=[
            SignUp(user_id=user.pk, visitor_key=key, occurred_at=person.joined, import_batch_id=batch_id)
            for person, user, key in zip(people, users, keys, strict=True)
        ]
    )
    for person, user in zip(people, users, strict=True):
        _wrote(done, person.source, str(user.pk))


def _visitor_key(mapping: Mapping, batch: ImportBatch, person: str) -> UUID:
    return uuid5(NAMESPACE, f"{mapping.source}/{batch.pk}/{person}")


def _write_spend(spend: Sequence[SpendPlanned], done: Written, channels: dict[str, int]) -> None:
    """Campaigns, and what each cost on each day."""
    if not spend:
        return
    batch_id = done.batch.pk
    first = {(item.network, item.campaign): item for item in reversed(spend)}
    campaigns = campaigns_record(
        campaigns=[
            NewCampaign(
                source=item.network,
                external_id=item.campaign,
                name=item.campaign_name,
                channel_id=channels[item.channel],
                import_batch_id=batch_id,
            )
            for item in first.values()
        ]
    )
    spend_record(
        spend=[
            NewSpend(
                campaign_id=campaigns[item.network, item.campaign],
                day=item.day,
                amount_minor=item.amount_minor,
                currency=item.currency,
                impressions=item.impressions,
                clicks=item.clicks,
                import_batch_id=batch_id,
            )
            for item in spend
        ]
    )
    for item in spend:
        _wrote(done, item.source, f"{campaigns[item.network, item.campaign]}/{item.day}")


def _write_payments(payments: Sequence[PaymentPlanned], mapping: Mapping, done: Written) -> None:
    """An order of one line, paid, for each payment."""
    if not payments:
        return
    buyers = {payment.person: int(done.targets["person", payment.person]) for payment in payments}
    visitors = dict(
        Visitor.objects.filter(user_id__in=set(buyers.values()), import_batch__isnull=False).values_list(
            "user_id", "key"
        )
    )
    courses = {payment.course: int(done.targets["course", payment.course]) for payment in payments}
    done.orders = orders_record(
        orders=[
            PaidOrder(
                code=_order_code(payment, mapping, done.batch),
                buyer_id=buyers[payment.person],
                visitor_key=visitors.get(buyers[payment.person]),
                currency=mapping.currency,
                placed_at=payment.paid_at,
                paid_at=payment.paid_at,
                provider=f"import:{mapping.source}:{done.batch.pk}"[:32],
                external_id=payment.transaction,
                lines=[PaidLine(course_id=courses[payment.course], list_minor=payment.amount_minor)],
                import_batch_id=done.batch.pk,
            )
            for payment in payments
        ]
    )
    for payment, pk in zip(payments, done.orders, strict=True):
        _wrote(done, payment.source, str(pk))


def _order_code(payment: PaymentPlanned, mapping: Mapping, batch: ImportBatch) -> str:
    """At most 32 characters that name source, payment and batch."""
    left = 32 - len(f"{mapping.source}--{batch.pk}")
    return f"{mapping.source}-{_handle(payment.source, left)}-{batch.pk}"


def _handle(source: Source, most: int = 24) -> str:
    """The id as part of a code, an address or a mail's name: as it stands where it may, else a hash of it."""
    if re.fullmatch(rf"[a-z0-9_-]{{1,{most}}}", source.external_id):
        return source.external_id
    return "x" + hashlib.sha256(source.external_id.encode()).hexdigest()[: min(most, 24) - 1]


def _wrote(done: Written, source: Source, target: str) -> None:
    done.targets[source.kind, source.external_id] = target
    done.written[source.file] += source.rows


TARGETS = {
    "person": "accounts.User",
    "course": Course._meta.label,
    "payment": "courses.Order",
    "spend": "analytics.Spend",
}


def _remember(plan: Plan, done: Written, fresh: set[Source]) -> None:
    """Keep where each row went, so that the next import passes it over."""
    imported_rows_record(
        batch=done.batch,
        rows=[
            NewImportedRow(
                kind=source.kind,
                external_id=source.external_id,
                file=source.file,
                row_number=source.row,
                digest=source.digest,
                target_kind=TARGETS[source.kind],
                target_id=done.targets[source.kind, source.external_id],
            )
            for source in plan.sources()
            if source in fresh
        ],
    )
