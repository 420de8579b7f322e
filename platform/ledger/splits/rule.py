"""A split rule as frozen values: who takes what, in which order. Built by `parse_rule`, so always applicable.

Amounts are minor units, shares basis points, weights any whole numbers. Every step and party keeps the path of its own
clause (`variants[1].steps[0]`), which is what traces and questions point at.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ledger.money import BP, half_up, pct


class SaleLike(Protocol):
    """What a step may ask about the sale."""

    @property
    def fee(self) -> int:
        """The processor's fee, in the currency of the postings."""

    @property
    def meter_before(self) -> int:
        """The seller's volume before this sale."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Takes `amount` minor units."""

    path: str
    account: str
    amount: int

    def wanted(self, remaining: int, base: int, sale: SaleLike) -> int:  # noqa: ARG002 - one signature for all steps
        """Return what the step asks for, before the cap."""
        return self.amount

    def gives(self, remaining: int, sale: SaleLike) -> bool:  # noqa: ARG002 - one signature for all steps
        """Tell whether it gives its account a part of such a sale, however little was left."""
        return self.amount > 0


@dataclass(frozen=True, slots=True)
class Percent:
    """Takes `bp` of the base (`of_base`) or of what remains; an exact half goes to the taker."""

    path: str
    account: str
    bp: int
    of_base: bool

    def wanted(self, remaining: int, base: int, sale: SaleLike) -> int:  # noqa: ARG002 - one signature for all steps
        """Return what the step asks for, before the cap."""
        return pct(base if self.of_base else remaining, self.bp)

    def gives(self, remaining: int, sale: SaleLike) -> bool:  # noqa: ARG002 - one signature for all steps
        """Tell whether it gives its account a part of such a sale, however little was left."""
        return self.bp > 0


@dataclass(frozen=True, slots=True)
class ProcessorFee:
    """Takes the processor's fee, so that the pool bears it."""

    path: str
    account: str

    def wanted(self, remaining: int, base: int, sale: SaleLike) -> int:  # noqa: ARG002 - one signature for all steps
        """Return what the step asks for, before the cap."""
        return sale.fee

    def gives(self, remaining: int, sale: SaleLike) -> bool:  # noqa: ARG002 - one signature for all steps
        """Tell whether it gives its account a part of such a sale, however little was left."""
        return sale.fee > 0


@dataclass(frozen=True, slots=True)
class Tier:
    """One rate of a scale: it ends just below `upto` minor units; None has no upper end."""

    upto: int | None
    bp: int


@dataclass(frozen=True, slots=True)
class Tiered:
    """Takes a rate that depends on the seller's volume: by part (`marginal`) or by where the sale starts (cliff)."""

    path: str
    account: str
    marginal: bool
    tiers: tuple[Tier, ...]

    def wanted(self, remaining: int, base: int, sale: SaleLike) -> int:  # noqa: ARG002 - one signature for all steps
        """Return what the step asks for, before the cap."""
        if self.marginal:
            return half_up(sum(part * bp for part, bp in self.laid(remaining, sale.meter_before)), BP)
        return pct(remaining, self.tier_at(sale.meter_before).bp)

    def gives(self, remaining: int, sale: SaleLike) -> bool:
        """Tell whether it gives its account a part of such a sale, however little was left."""
        if self.marginal:
            return any(bp for _part, bp in self.laid(max(remaining, 1), sale.meter_before))
        return self.tier_at(sale.meter_before).bp > 0

    def tier_at(self, meter: int) -> Tier:
        """Return the first tier that ends above `meter`."""
        return next(tier for tier in self.tiers if tier.upto is None or meter < tier.upto)

    def laid(self, amount: int, meter: int) -> list[tuple[int, int]]:
        """Lay `amount` on the scale from `meter` upwards: (part, bp) for every tier that gets some of it."""
        parts, at, end = [], meter, meter + amount
        for tier in self.tiers:
            stop = end if tier.upto is None else min(end, tier.upto)
            if stop > at:
                parts.append((stop - at, tier.bp))
                at = stop
        return parts


@dataclass(frozen=True, slots=True)
class Party:
    """One who shares in a split."""

    path: str
    account: str
    weight: int


@dataclass(frozen=True, slots=True)
class Group:
    """One share of a split that is divided again, by its members' weights. `account` is `group:NAME`.

    `path` is where the group is named; its members' paths (`groups.NAME[0]`) are the same wherever that is.
    """

    path: str
    account: str
    weight: int
    members: tuple["Party | Group", ...]
    weights: tuple[int, ...]


Member = Party | Group


@dataclass(frozen=True, slots=True)
class Split:
    """Shares everything that remains by weight; always the last step, leaves nothing."""

    path: str
    parties: tuple[Member, ...]
    weights: tuple[int, ...]


Take = Fixed | Percent | ProcessorFee | Tiered


@dataclass(frozen=True, slots=True)
class Variant:
    """A waterfall and the sales it is for: takes in order, then the split. `path` is empty if the rule has only one."""

    path: str
    when: Mapping[str, Any]
    takes: tuple[Take, ...]
    split: Split

    def matches(self, *facts: Mapping[str, Any]) -> bool:
        """Tell whether every condition equals the sale's field; the first of `facts` that has the field decides."""
        return not self.when or all(_same(value, _field(key, facts)) for key, value in self.when.items())


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. `hold_days` counts days of 86,400 s from the order; `reserve_bp` is of each split share.

    `owner_bears_revenue` and `owner_bears_fee`: on a refund the platform keeps its commission, or the pool's part of
    the processor fee is not lost by the platform; the owner's payable is charged instead.
    """

    id: str
    version: int
    effective_from: datetime
    owner: str
    variants: tuple[Variant, ...]
    reserve_bp: int
    hold_days: int
    owner_bears_revenue: bool
    owner_bears_fee: bool

    def variant_for(self, *facts: Mapping[str, Any]) -> Variant | None:
        """Return the first variant that matches, or None."""
        return next((variant for variant in self.variants if variant.matches(*facts)), None)


def rule_in_force(rules: Sequence[Rule], placed_at: datetime, rule_id: str = "") -> Rule | None:
    """Choose the version with the greatest `effective_from` <= `placed_at`, both instants; the start is inclusive.

    `rule_id` narrows the choice to one rule's versions. Of two versions that start together the higher number holds.
    """
    candidates = [r for r in rules if r.effective_from <= placed_at and (not rule_id or r.id == rule_id)]
    return max(candidates, key=lambda rule: (rule.effective_from, rule.version), default=None)


def rule_accounts(rule: Rule) -> tuple[str, ...]:
    """Return the accounts that can earn under the rule, in the order of its clauses, each once.

    `channel` stands for whoever brought the buyer. A weight of zero and the processor's fee earn nobody anything.
    """
    found: dict[str, None] = {}
    for variant in rule.variants:
        for take in variant.takes:
            if not isinstance(take, ProcessorFee):
                found[take.account] = None
        for party in final_parties(variant.split.parties, earning=True):
            found[party.account] = None
    return tuple(found)


def final_parties(members: Sequence[Member], *, earning: bool = False) -> Iterator[Party]:
    """Yield who shares in the end, groups looked into, in order; `earning`: without those of weight zero."""
    for member in members:
        if earning and not member.weight:
            continue
        if isinstance(member, Group):
            yield from final_parties(member.members, earning=earning)
        else:
            yield member


def groups_of(members: Sequence[Member]) -> dict[str, Group]:
    """Return the groups that share, those inside groups too, by account, each once, outer before inner."""
    found: dict[str, Group] = {}
    waiting = [member for member in members if isinstance(member, Group)]
    while waiting:
        group = waiting.pop(0)
        if group.account not in found:
            found[group.account] = group
            waiting += [member for member in group.members if isinstance(member, Group)]
    return found


def _field(key: str, facts: Sequence[Mapping[str, Any]]) -> Any:
    return next((fact[key] for fact in facts if key in fact), None)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b
