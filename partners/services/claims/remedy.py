"""What a claimed order would have given its claimant: the stored sale told otherwise, settled again by the engine."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from accounts.models import Party
from ledger.money import PPM
from ledger.splits.sale import Detail, NoRuleError
from ledger.splits.whatif import StoredSale, rerun
from partners.choices import ClaimBasis
from partners.models import EarningDecision
from partners.selectors.weighing import Weighing, weighing_of
from partners.services.claims.evidence import ClaimEvidence
from partners.services.claims.limits import limits_told
from partners.services.claims.stored import StoredClaim
from partners.services.facts import ChannelCredit, SaleFacts
from partners.services.journeys import LINE_FIELDS, Journey, journey_of
from partners.services.whatif.journeys import People

Told = Mapping[str, Mapping[str, Any]]
"""By order line, the fields of a sale's line that say who brought the learner."""


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
    """What accepting a claim would credit: the sum of the differences, never below zero. Refunds since are counted.

    `told`: the words and limits that give it. `counted`: by agreement, what the counter of its monthly caps moves by.
    `capped`: a cap kept something from the claimant.
    """

    basis: ClaimBasis
    currency: str
    lines: tuple[RemedyLine, ...] = ()
    told: Told = field(default_factory=dict)
    counted: tuple[tuple[int, int], ...] = ()
    capped: bool = False

    @property
    def amount(self) -> int:
        """What is credited, in minor units."""
        return max(0, sum(line.more for line in self.lines))

    @property
    def had(self) -> int:
        """What the claimant has of the order already."""
        return sum(line.had for line in self.lines)

    def by_line(self) -> dict[str, int]:
        """What is credited of each line.

        Lines of which the claimant would have less take from those of which it would have more, the first first.
        """
        less = sum(-line.more for line in self.lines if line.more < 0)
        found = {}
        for line in self.lines:
            amount = max(0, line.more)
            taken = min(amount, less)
            less -= taken
            found[line.line_id] = amount - taken
        return found

    @property
    def digest(self) -> str:
        """What the person at the desk has seen; changes when an amount changes."""
        told = [self.basis, self.currency, [[line.line_id, line.had, line.would] for line in self.lines]]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@dataclass(slots=True)
class Weighed:
    """A claimed order told as it is known today, and as if the claimant had brought it alone."""

    journeys: list[Journey] = field(default_factory=list)
    told: dict[str, Told] = field(default_factory=dict)
    own_purchase: bool = False


def weigh(*, stored: StoredClaim, evidence: ClaimEvidence, party: Party, channel_id: int | None) -> Weighed:
    """Tell a claimed order's lines anew under their own versions' clauses, for both bases.

    Memberships and seats count as they are today; `channel_id` is the claimant's, for the sole basis.
    """
    alone = {asked: _alone(facts, party.pk, channel_id, asked) for asked, facts in evidence.journeys.items()}
    people = People([*evidence.journeys.values(), *alone.values()])
    found = Weighed()
    sides: dict[str, Mapping[Weighing, SaleFacts]] = {ClaimBasis.EVIDENCE: evidence.journeys, ClaimBasis.SOLE: alone}
    for basis, facts in sides.items():
        lines: dict[str, dict[str, Any]] = {}
        for line in stored.lines:
            version = line.version
            sale = facts.get(weighing_of(version)) if version is not None else None
            if version is None or sale is None:
                continue
            own = people.own.get(sale.buyer_id or 0, frozenset())
            journey = journey_of(
                sale,
                asked=weighing_of(version),
                precedence=version.precedence,
                self_purchase=version.self_purchase,
                own=own,
                members=people.members,
                duplicate=line.line_id in sale.duplicate_lines,
            )
            owner = version.agreement.owner_id
            lines[line.line_id] = journey.line_fields(owner_id=owner, codes=people.codes, kinds=people.kinds)
            if basis == ClaimBasis.EVIDENCE:
                found.journeys.append(journey)
                found.own_purchase |= party.pk in journey.refused
        found.told[str(basis)] = lines
    return found


def remedy(
    *, stored: StoredClaim | None, told: Mapping[str, Told], party: Party, basis: ClaimBasis, lock: bool = False
) -> Remedy:
    """Settle the stored sale and everything since once as it was and once as `told`; nothing is booked.

    Caps leave the claimant what its counters leave now; with `lock` they stand still until the transaction ends.
    """
    if stored is None:
        return Remedy(basis, "")
    words = {line: _without_limits(fields) for line, fields in told.get(basis, {}).items()}
    limited = limits_told(stored=stored, sale=_retell(stored, words), party=party, lock=lock)
    lines = {line["id"]: line for line in limited.sale["lines"]}
    words = {line: {**fields, "limits": lines[line].get("limits", [])} for line, fields in words.items()}
    found = remedy_as_told(stored=stored, told=words, party=party, basis=basis)
    return replace(found, told=words, counted=tuple(sorted(limited.counted.items())), capped=limited.capped)


def remedy_as_told(*, stored: StoredClaim, told: Told, party: Party, basis: ClaimBasis) -> Remedy:
    """As `remedy`, under exactly the words and limits of `told`, such as those of a claim that was accepted."""
    inputs = stored.order.inputs
    sale, rules = inputs["sale"], [line.rule for line in stored.lines]
    bodies = [body for _day, body in stored.order.events]
    retold = _retell(stored, told)
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


def _alone(facts: SaleFacts, party: int, channel_id: int | None, asked: Weighing) -> SaleFacts:
    """The same sale, had the claimant's link alone led to it."""
    return SaleFacts(
        order_code=facts.order_code,
        placed_at=facts.placed_at,
        currency=facts.currency,
        lines=(),
        buyer_id=facts.buyer_id,
        credits={asked.key: [ChannelCredit(channel_id=channel_id, owner_id=party, ppm=PPM)]},
        link_owner_id=party,
        link_at=facts.placed_at,
        duplicate_lines=facts.duplicate_lines,
    )


def _retell(stored: StoredClaim, told: Told) -> dict[str, Any]:
    """The stored sale with other words about who brought the learner."""
    sale = stored.order.inputs["sale"]
    return {**sale, "lines": [_retold(line, told.get(line["id"])) for line in sale["lines"]]}


def _retold(line: Mapping[str, Any], told: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if told is None:
        return line
    kept = {key: value for key, value in line.items() if key not in LINE_FIELDS}
    return {key: value for key, value in (kept | dict(told)).items() if key != "limits" or value}


def _without_limits(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "limits"}


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
