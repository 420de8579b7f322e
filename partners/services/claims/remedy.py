"""What a claimed order would have given its claimant: the stored sale told otherwise, settled again by the engine."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from accounts.models import Party
from ledger.choices import EntryKind
from ledger.money import PPM
from ledger.selectors import History, StoredOrder, booked_sources, history_read, rules_by_digest
from ledger.splits.rule import Rule
from ledger.splits.sale import Detail, NoRuleError
from ledger.splits.whatif import StoredSale, rerun
from partners.choices import CapPeriod, ClaimBasis, MeterKind
from partners.models import AgreementVersion, EarningDecision, Meter
from partners.selectors.terms import pays_channels
from partners.services.claims.evidence import ClaimEvidence, Pair
from partners.services.facts import ChannelCredit, SaleFacts
from partners.services.journeys import LINE_FIELDS, Journey, journey_of
from partners.services.meters import period_of
from partners.services.settlement import SOURCE
from partners.services.whatif.journeys import People

Told = Mapping[str, Mapping[str, Any]]
"""By order line, the fields of a sale's line that say who brought the learner."""


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One line of a stored sale with what it was settled under."""

    line_id: str
    version: AgreementVersion | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A claimed order in the books."""

    order: StoredOrder
    lines: Sequence[StoredLine]

    @property
    def currency(self) -> str:
        """The currency of its postings."""
        sale: Mapping[str, Any] = self.order.inputs["sale"]
        return str(sale.get("settlement", sale)["currency"])


@dataclass(frozen=True, slots=True)
class RemedyLine:
    """One order line for the claimant, in minor units: what it has of it, and what it would have."""

    line_id: str
    title: str
    had: int
    would: int

    @property
    def more(self) -> int:
        """The difference."""
        return self.would - self.had


@dataclass(frozen=True, slots=True)
class Remedy:
    """What accepting a claim would credit: the sum of the differences, never below zero. Refunds since are counted."""

    basis: ClaimBasis
    currency: str
    lines: tuple[RemedyLine, ...] = ()

    @property
    def amount(self) -> int:
        """What is credited, in minor units."""
        return max(0, sum(line.more for line in self.lines))

    @property
    def had(self) -> int:
        """What the claimant has of the order already."""
        return sum(line.had for line in self.lines)

    @property
    def digest(self) -> str:
        """What the person at the desk has seen; changes when an amount changes."""
        told = [self.basis, self.currency, [[line.line_id, line.had, line.would] for line in self.lines]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass(slots=True)
class Weighed:
    """A claimed order told as it is known today, and as if the claimant had brought it alone."""

    stored: StoredClaim | None
    journeys: list[Journey] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    own_purchase: bool = False


def stored_claim(*, order_code: str, placed_at: datetime) -> StoredClaim | None:
    """Read a settled order; None where it moved nothing or is not settled. Call it where all rows are visible."""
    found = booked_sources(kind=EntryKind.SALE, source_kind=SOURCE, source_ids=[order_code], visible_to=None)
    entry = found.get(order_code)
    if entry is None:
        return None
    span = History(since=placed_at - timedelta(days=1), until=placed_at + timedelta(days=1), source_kind=SOURCE)
    order = next(history_read(span, first=entry, last=entry), None)
    if order is None:
        return None
    told = order.inputs["lines"]
    versions = AgreementVersion.objects.select_related("agreement__owner").in_bulk(
        [line["version"] for line in told if line["version"]]
    )
    rules = rules_by_digest(digests=order.inputs["rules"])
    lines = [
        StoredLine(line["line"], versions.get(line["version"]), rules[digest])
        for line, digest in zip(told, order.inputs["rules"], strict=True)
    ]
    return StoredClaim(order, lines)


def weigh(*, stored: StoredClaim, evidence: ClaimEvidence, party: Party, channel_id: int | None) -> Weighed:
    """Tell a claimed order's lines anew under their own versions' clauses, for both bases.

    Memberships and seats count as they are today; `channel_id` is the claimant's, for the sole basis.
    """
    alone = {pair: _alone(facts, party.pk, channel_id, pair) for pair, facts in evidence.journeys.items()}
    people = People([*evidence.journeys.values(), *alone.values()])
    found = Weighed(stored)
    sides: dict[str, Mapping[Pair, SaleFacts]] = {ClaimBasis.EVIDENCE: evidence.journeys, ClaimBasis.SOLE: alone}
    for basis, facts in sides.items():
        lines: dict[str, dict[str, Any]] = {}
        for line in stored.lines:
            version = line.version
            sale = facts.get((version.paying_model, version.window_days)) if version is not None else None
            if version is None or sale is None:
                continue
            own = people.own.get(sale.buyer_id or 0, frozenset())
            journey = journey_of(
                sale,
                model=version.paying_model,
                precedence=version.precedence,
                self_purchase=version.self_purchase,
                window_days=version.window_days,
                own=own,
                members=people.members,
                duplicate=line.line_id in sale.duplicate_lines,
            )
            owner = version.agreement.owner_id
            lines[line.line_id] = journey.line_fields(owner_id=owner, codes=people.codes, kinds=people.kinds)
            if basis == ClaimBasis.EVIDENCE:
                found.journeys.append(journey)
                found.own_purchase |= party.pk in journey.refused
            left = _room(version, stored, party)
            if left is not None:
                lines[line.line_id]["limits"] = [{"party": party.code, "left": left}]
        found.told[str(basis)] = lines
    return found


def remedy(*, stored: StoredClaim | None, told: Mapping[str, Told], party: Party, basis: ClaimBasis) -> Remedy:
    """Settle the stored sale and everything since once as it was and once as `told`; nothing is booked."""
    if stored is None:
        return Remedy(basis, "")
    inputs = stored.order.inputs
    sale, rules = inputs["sale"], [line.rule for line in stored.lines]
    bodies = [body for _day, body in stored.order.events]
    retold = {**sale, "lines": [_retold(line, told.get(basis, {}).get(line["id"])) for line in sale["lines"]]}
    advances = inputs.get("advances", {})
    order_id, placed_at = stored.order.order_id, stored.order.placed_at
    was = rerun(StoredSale(order_id, placed_at, sale, rules, advances), bodies)
    try:
        new = rerun(StoredSale(order_id, placed_at, retold, rules, advances), bodies)
    except NoRuleError:  # told so, no variant of the rule is for it
        new = was
    had, would = _of_party(was.movements, party), _of_party(new.movements, party)
    titles = _titles(order_id)
    lines = tuple(
        RemedyLine(line["id"], titles.get(line["id"], ""), had.get(line["id"], 0), would.get(line["id"], 0))
        for line in sale["lines"]
    )
    return Remedy(basis, stored.currency, lines)


def channels_paid(stored: StoredClaim) -> bool:
    """Whether the agreement of any line pays who brought the learner."""
    return any(line.version is not None and pays_channels(line.rule) for line in stored.lines)


def _alone(facts: SaleFacts, party: int, channel_id: int | None, pair: Pair) -> SaleFacts:
    """The same sale, had the claimant's link alone led to it."""
    return SaleFacts(
        order_code=facts.order_code,
        placed_at=facts.placed_at,
        currency=facts.currency,
        lines=(),
        buyer_id=facts.buyer_id,
        credits={pair[0]: [ChannelCredit(channel_id=channel_id, owner_id=party, ppm=PPM)]},
        link_owner_id=party,
        link_at=facts.placed_at,
        duplicate_lines=facts.duplicate_lines,
    )


def _retold(line: Mapping[str, Any], told: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A stored line with other words about who brought the learner; limits of others stay as they were told."""
    if told is None:
        return line
    kept = {key: value for key, value in line.items() if key not in LINE_FIELDS}
    limits = {row["party"]: row["left"] for row in told.get("limits", ())}
    limits |= {row["party"]: row["left"] for row in line.get("limits", ())}
    fields = {key: value for key, value in told.items() if key != "limits"}
    return kept | fields | ({"limits": [{"party": p, "left": n} for p, n in limits.items()]} if limits else {})


def _room(version: AgreementVersion, stored: StoredClaim, party: Party) -> int | None:
    """What the version's caps leave the claimant of such an order; None where none is for it."""
    rooms = []
    for cap in version.caps:
        if cap["currency"] != stored.currency:
            continue
        had = 0
        if cap["per"] == CapPeriod.MONTH:
            row = Meter.objects.filter(
                agreement=version.agreement_id,
                kind=MeterKind.CAP,
                party=party,
                currency=stored.currency,
                per=CapPeriod.MONTH,
                period=period_of(stored.order.placed_at, CapPeriod.MONTH),
            ).first()
            had = row.amount if row else 0
        rooms.append(max(0, cap["minor"] - had))
    return min(rooms, default=None)


def _of_party(movements: Sequence[Sequence[Detail]], party: Party) -> dict[str, int]:
    """A party's sums by order line, reserve and what pays an advance back included."""
    own = f"party:{party.code}"
    sums: dict[str, int] = {}
    for details in movements:
        for detail in details:
            if detail.account == own or detail.account.startswith(f"{own}:"):
                sums[detail.line] = sums.get(detail.line, 0) + detail.amount
    return sums


def _titles(order_code: str) -> dict[str, str]:
    rows = EarningDecision.objects.filter(order_code=order_code).order_by("-pk")
    return {row.source_id: row.local_title for row in rows}
