"""A rule as clauses with codes and parameters, for a template to word in any language."""

from collections.abc import Sequence
from typing import Any

from ledger.splits.accounts import GROUP_PREFIX
from ledger.splits.rounding import fraction
from ledger.splits.rule import (
    Fixed,
    Group,
    Member,
    Percent,
    ProcessorFee,
    Rule,
    Split,
    Take,
    Tiered,
    Variant,
    groups_of,
)

Clause = dict[str, Any]


def describe(rule: Rule) -> list[Clause]:
    """Return the rule's clauses in order: {"code", "path", "params"}, variants with their own {"clauses"}.

    Codes: effective, owner, variant (only where there are several; params.when, empty for "every other sale"), fixed,
    percent, processor_fee, fee_by_platform (a waterfall without processor_fee step), tiered, split, group (once for
    each, after all waterfalls), reserve, hold, refund_revenue_owner, refund_fee_owner. Amounts in minor units, shares
    in bp, a split's parts also as "n/d".
    """
    clauses = [
        _clause("effective", "effective_from", start=rule.effective_from.isoformat(), version=rule.version),
        _clause("owner", "owner", account=rule.owner),
    ]
    for variant in rule.variants:
        if variant.path:
            told = _clause("variant", variant.path, when=dict(variant.when))
            clauses.append({**told, "clauses": _waterfall(variant)})
        else:
            clauses += _waterfall(variant)
    clauses += [_group(group) for group in groups_of([p for v in rule.variants for p in v.split.parties]).values()]
    if rule.reserve_bp:
        clauses.append(_clause("reserve", "reserve_bp", bp=rule.reserve_bp))
    if rule.hold_days:
        clauses.append(_clause("hold", "hold_days", days=rule.hold_days))
    if rule.owner_bears_revenue:
        clauses.append(_clause("refund_revenue_owner", "refund_policy.platform_revenue", account=rule.owner))
    if rule.owner_bears_fee:
        clauses.append(_clause("refund_fee_owner", "refund_policy.processor_fee", account=rule.owner))
    return clauses


def _waterfall(variant: Variant) -> list[Clause]:
    clauses = [_take(take) for take in variant.takes]
    if not any(isinstance(take, ProcessorFee) for take in variant.takes):
        clauses.append(_clause("fee_by_platform", variant.path))
    return [*clauses, _split(variant.split)]


def _take(take: Take) -> Clause:
    if isinstance(take, Fixed):
        return _clause("fixed", take.path, account=take.account, amount=take.amount)
    if isinstance(take, Percent):
        of = "base" if take.of_base else "remaining"
        return _clause("percent", take.path, account=take.account, bp=take.bp, of=of)
    if isinstance(take, Tiered):
        return _tiered(take)
    return _clause("processor_fee", take.path, account=take.account)


def _tiered(take: Tiered) -> Clause:
    starts = [0, *(tier.upto for tier in take.tiers)]
    tiers = [{"from": start, "upto": tier.upto, "bp": tier.bp} for start, tier in zip(starts, take.tiers, strict=False)]
    mode = "marginal" if take.marginal else "cliff"
    return _clause("tiered", take.path, account=take.account, mode=mode, tiers=tiers)


def _split(split: Split) -> Clause:
    return _clause("split", split.path, parties=_members(split.parties, sum(split.weights)))


def _group(group: Group) -> Clause:
    name = group.account.removeprefix(GROUP_PREFIX)
    return _clause("group", f"groups.{name}", name=name, parties=_members(group.members, sum(group.weights)))


def _members(members: Sequence[Member], whole: int) -> list[dict[str, Any]]:
    return [
        {"path": m.path, "account": m.account, "weight": m.weight, "share": fraction(m.weight, whole)} for m in members
    ]


def _clause(code: str, path: str, **params: Any) -> Clause:
    return {"code": code, "path": path, "params": params}
