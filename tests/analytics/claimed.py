"""The stage of claims: a course that pays who brought the learner, two partners with links, orders with journeys."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Party, User
from analytics.services import orders_settle
from courses.models import Course, Order
from events.services import relay_all
from ledger.selectors import proofs
from partners.choices import ClaimBasis
from partners.models import Claim, ClaimGathering, TrackingLink
from partners.services import (
    Acceptance,
    Remedy,
    channel_create,
    claim_accept,
    claim_file,
    claim_refuse,
    claim_remedy,
    coupon_create,
    gathering_of,
    link_create,
)
from tests.factories import evidence
from tests.factories.courses import course, learner
from tests.factories.orders import paid
from tests.partners import desk

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)
DAY = date(2026, 3, 2)
STEPS = (desk.percent("channel", 1_000, "base"), desk.percent("platform:revenue", 3_000))


class Claimed:
    """Reef and pier have links and coupons for a maker's course; 10 % of the price goes to who brought the learner."""

    def __init__(self, **terms: Any) -> None:
        self.maker, self.reef, self.pier = (desk.party(code) for code in ("maker", "reef", "pier"))
        self.course = self.selling(**terms)
        self.mei, self.finn = desk.persons()
        self.user = learner("Reef's own")
        self.user.seats.create(party=self.reef)
        self.links: dict[str, TrackingLink] = {}
        for owner in (self.reef, self.pier):
            channel = channel_create(code=f"{owner.code}s", name=owner.name, kind="partner", owner=owner)
            self.links[owner.code] = link_create(channel=channel, owner=owner, code=f"{owner.code}link")
            coupon_create(
                code=f"{owner.code.upper()}5", percent_bp=500, owner=owner, channel=channel, starts_at=desk.START
            )

    def selling(self, price: int = 10_000, steps: Any = STEPS, **terms: Any) -> Course:
        """A course under an agreement."""
        made = course(creators=[self.maker], price_minor=price)
        split = desk.split(("party:maker", 1))
        desk.agreement(scope_id=str(made.pk), steps=[*steps, split], parties=[self.maker], **terms)
        return made

    def order(self, *courses: Course, key: UUID | None = None, buyer: User | None = None, **facts: Any) -> Order:
        """A paid order, settled with what is known of its journey by now."""
        made = paid(*(courses or (self.course,)), at=NOON, buyer=buyer, visitor_key=key, **facts)
        orders_settle(order_ids=[made.pk])
        return made

    def came(self, key: UUID, *owners: Party, days: float = 3) -> None:
        """A browser came by these partners' links."""
        for owner in owners:
            at = NOON - timedelta(days=days)
            evidence.touches(key, (self.links[owner.code].channel_id, at), owner_id=owner.pk)

    def late(self, *owners: Party, days: float = 3, **facts: Any) -> Order:
        """An order that was settled before the touches of these partners were known."""
        key = evidence.visitor(NOON - timedelta(days=40))
        made = self.order(key=key, **facts)
        self.came(key, *owners, days=days)
        return made

    def claim(self, code: str, party: Party | None = None, **facts: Any) -> Claim:
        """A claim with its evidence gathered."""
        owner = party or self.reef
        facts = {"order_day": DAY, "by": self.user, "link": self.links[owner.code], **facts}
        made = claim_file(party=owner, order_code=code, **facts)
        assert relay_all().parked == 0
        made.refresh_from_db()
        return made

    def proposed(self, claim: Claim) -> ClaimGathering:
        """The evidence of its round."""
        return gathering_of(claim)

    def remedy(self, claim: Claim, basis: ClaimBasis = ClaimBasis.EVIDENCE) -> Remedy:
        """What accepting it would credit."""
        return claim_remedy(claim=claim, gathered=gathering_of(claim), basis=basis)

    def accept(self, claim: Claim, by: User | None = None, basis: ClaimBasis = ClaimBasis.EVIDENCE) -> Claim:
        """Accepted as seen."""
        seen = self.remedy(claim, basis).digest
        return claim_accept(
            claim_id=claim.pk, acceptance=Acceptance(basis=basis, seen=seen, answer="Found."), by=by or self.mei
        )

    def refuse(self, claim: Claim, by: User | None = None) -> Claim:
        """Refused as proposed."""
        reason: Any = self.proposed(claim).reason
        return claim_refuse(claim_id=claim.pk, reason=reason, answer="We looked.", by=by or self.mei)


def failures() -> list[Any]:
    """What the proofs of the books find."""
    found = []
    with connection.cursor() as cursor:
        for proof in proofs():
            cursor.execute(proof.sql)
            found += [(proof.code, row) for row in cursor.fetchall()]
    return found
