"""Who would have counted as having brought the learner, under other clauses."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from accounts.models import Party, Seat
from ledger.selectors import StoredOrder
from partners.choices import MembershipState
from partners.models import Channel, Membership
from partners.selectors.weighing import Weighing
from partners.services.facts import SaleFacts
from partners.services.journeys import LINE_FIELDS, journey_of
from partners.services.whatif.plan import Clauses, LineTerms

Journeys = Callable[[Sequence[str], Weighing], Mapping[str, SaleFacts]]
"""What the floor of evidence tells of orders (by code), weighed so: facts without lines, with their credits, link and
coupon. Orders that it knows nothing of are left out."""

Underway = tuple[StoredOrder, Sequence[LineTerms]]


def events_retold(orders: Sequence[Underway], journeys: Journeys) -> list[Mapping[str, Any]]:
    """Each order's sale as it would have been told under the clauses of its lines; the same object where it would not.

    Memberships and seats count as they are today. In a constant number of queries for each way of weighing.
    """
    facts = {
        asked: journeys([stored.order_id for stored, terms in orders if asked in _asked(terms)], asked)
        for asked in dict.fromkeys(row for _stored, terms in orders for row in _asked(terms))
    }
    people = People([sale for found in facts.values() for sale in found.values()])
    return [_retold(stored, terms, facts, people) for stored, terms in orders]


def _asked(terms: Sequence[LineTerms]) -> list[Weighing]:
    return [row.clauses.asked for row in terms if row.clauses is not None]


def _retold(
    stored: StoredOrder,
    terms: Sequence[LineTerms],
    facts: Mapping[Weighing, Mapping[str, SaleFacts]],
    people: "People",
) -> Mapping[str, Any]:
    event: Mapping[str, Any] = stored.inputs["sale"]
    lines = []
    for line, row in zip(event["lines"], terms, strict=True):
        clauses = row.clauses
        sale = facts[clauses.asked].get(stored.order_id) if clauses is not None else None
        lines.append(line if sale is None or clauses is None else _line(line, sale, clauses, row.owner_id, people))
    return event if lines == event["lines"] else {**event, "lines": lines}


def _line(
    line: Mapping[str, Any], sale: SaleFacts, clauses: Clauses, owner_id: int | None, people: "People"
) -> dict[str, Any]:
    journey = journey_of(
        sale,
        asked=clauses.asked,
        precedence=clauses.precedence,
        self_purchase=clauses.self_purchase,
        own=people.own.get(sale.buyer_id or 0, frozenset()),
        members=people.members,
        duplicate=line["id"] in sale.duplicate_lines,
    )
    kept = {key: value for key, value in line.items() if key not in LINE_FIELDS}
    return kept | journey.line_fields(owner_id=owner_id, codes=people.codes, kinds=people.kinds)


class People:
    """Rows behind some sales: codes of parties, the buyers' own, approved members, kinds of channels."""

    def __init__(self, sales: Collection[SaleFacts]) -> None:
        given = [credit for sale in sales for parts in sale.credits.values() for credit in parts]
        buyers = {sale.buyer_id for sale in sales if sale.buyer_id is not None}
        self.own: dict[int, frozenset[int]] = {}
        for user, party in Seat.objects.filter(user__in=buyers).values_list("user_id", "party_id"):
            self.own[user] = self.own.get(user, frozenset()) | {party}
        parties = {pk for own in self.own.values() for pk in own}
        parties |= {pk for sale in sales for pk in (sale.link_owner_id, sale.coupon_owner_id) if pk is not None}
        parties |= {pk for sale in sales for pk in (*sale.touched, *sale.flagged)}
        parties |= {credit.owner_id for credit in given if credit.owner_id is not None}
        self.codes = dict(Party.objects.filter(pk__in=parties).values_list("pk", "code"))
        approved = Membership.objects.filter(party__in=parties, state=MembershipState.APPROVED)
        self.members = frozenset(approved.values_list("party_id", flat=True))
        channels = {credit.channel_id for credit in given} | {sale.coupon_channel_id for sale in sales}
        named = [pk for pk in channels if pk is not None]
        self.kinds = dict(Channel.objects.filter(pk__in=named).values_list("pk", "kind"))
