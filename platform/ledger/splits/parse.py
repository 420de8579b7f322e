"""From plain data (parsed JSON) to a `Rule`, or to the full list of what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from ledger.money import BP
from ledger.splits.accounts import CHANNEL, GROUP_PREFIX, PROCESSOR_FEES, can_be_paid, is_group_name, is_known
from ledger.splits.problems import Problem, RuleError, SplitsError
from ledger.splits.reading import MAX_HOLD_DAYS, Reader, shown
from ledger.splits.rule import (
    Fixed,
    Group,
    Member,
    Party,
    Percent,
    ProcessorFee,
    Rule,
    Split,
    Take,
    Tier,
    Tiered,
    Variant,
    groups_of,
)

T = TypeVar("T")

MAX_GROUPS = 50
MAX_GROUP_NAME = 32
"""Letters of a group's name: its clauses stand with every posting."""

MAX_PARTIES = 1000
"""Of one split, its groups looked into."""

_RULE_KEYS = {
    "id",
    "version",
    "effective_from",
    "owner",
    "steps",
    "variants",
    "groups",
    "reserve_bp",
    "hold_days",
    "refund_policy",
}
_STEP_KEYS = {
    "fixed": {"take", "account", "amount"},
    "percent": {"take", "account", "bp", "of"},
    "processor_fee": {"take"},
    "tiered": {"take", "account", "mode", "tiers"},
    "split": {"take", "parties"},
}
_POLICY = ("owner", "platform")


def parse_rule(raw: object, path: str = "") -> Rule:
    """Read one rule version; RuleError with every problem found if it cannot be applied.

    `path` says where the rule itself stands (`rules[2]`); it is put before the problems' places, not before clauses.
    """
    parser = _Parser()
    rule = parser.attempt(lambda: parser.rule(Reader(raw)))
    if rule is None:
        raise RuleError([replace(p, path=".".join(filter(None, (path, p.path)))) for p in parser.problems])
    return rule


def check_rule(raw: object) -> list[Problem]:
    """Return everything that is wrong with a draft; empty if it may be proposed.

    Stricter than `parse_rule`: a draft's variants must match every sale, none may be out of reach, every group must
    share somewhere under a short name, the processor's fee is taken once, and percentages of the base may not add up to
    more than all of it.
    """
    try:
        rule = parse_rule(raw)
    except RuleError as error:
        return list(error.problems)
    return [*_unreachable(rule), *_unused_groups(rule, raw), *_excesses(rule), *_fees(rule)]


def _unreachable(rule: Rule) -> list[Problem]:
    problems, catch_all = [], ""
    for place, variant in enumerate(rule.variants):
        asked = {(key, type(value), value) for key, value in variant.when.items()}
        before = next(
            (one.path for one in rule.variants[:place] if {(k, type(v), v) for k, v in one.when.items()} <= asked), ""
        )
        if catch_all:
            problems.append(Problem("variant_unreachable", variant.path, {"earlier": catch_all}))
        elif before:
            problems.append(Problem("variant_shadowed", variant.path, {"earlier": before}))
        elif not variant.when:
            catch_all = variant.path or "steps"
    if not catch_all:
        problems.append(Problem("variants_leave_gap", "variants"))
    return problems


def _unused_groups(rule: Rule, raw: object) -> list[Problem]:
    assert isinstance(raw, Mapping)
    used = groups_of([party for variant in rule.variants for party in variant.split.parties])
    names = raw.get("groups") or {}
    unused = [Problem("unused_group", f"groups.{name}") for name in names if f"{GROUP_PREFIX}{name}" not in used]
    long = [
        Problem("too_long", f"groups.{shown(name)}", {"most": MAX_GROUP_NAME, "found": len(name)})
        for name in names
        if len(name) > MAX_GROUP_NAME
    ]
    return [*unused, *long]


def _fees(rule: Rule) -> list[Problem]:
    problems = []
    for variant in rule.variants:
        fees = [take for take in variant.takes if isinstance(take, ProcessorFee)]
        problems += [Problem("fee_twice", take.path) for take in fees[1:]]
    return problems


def _excesses(rule: Rule) -> list[Problem]:
    problems = []
    for variant in rule.variants:
        total = 0
        for take in variant.takes:
            if isinstance(take, Percent) and take.of_base:
                total += take.bp
                if total > BP:
                    problems.append(Problem("percents_exceed_all", f"{take.path}.bp", {"found": total, "most": BP}))
                    break
    return problems


class _Parser:
    """Collects problems while it reads, so that a draft's author sees all of them at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.groups: dict[str, tuple[Party, ...]] = {}
        self.resolved: dict[str, tuple[Member, ...]] = {}

    def attempt(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except SplitsError as error:
            self.problems.extend(error.problems)
            return None

    def complain(self, code: str, path: str, **params: str | int) -> None:
        self.problems.append(Problem(code, path, params))

    def only(self, reader: Reader, known: set[str]) -> None:
        for key in reader.raw:
            if key not in known:
                self.complain("unknown_key", reader.at(str(key)))

    def rule(self, reader: Reader) -> Rule | None:
        self.only(reader, _RULE_KEYS)
        rule_id = self.attempt(lambda: reader.text("id"))
        version = self.attempt(lambda: reader.integer("version"))
        effective_from = self.attempt(lambda: reader.instant("effective_from"))
        owner = self.attempt(lambda: self.payee(reader, "owner", channel=False))
        reserve_bp = self.attempt(lambda: reader.integer("reserve_bp", default=0, most=BP))
        hold_days = self.attempt(lambda: reader.integer("hold_days", default=0, most=MAX_HOLD_DAYS))
        policy = self.attempt(lambda: self.policy(reader)) or {}
        self.attempt(lambda: self.read_groups(reader))
        variants = self.attempt(lambda: self.variants(reader)) or []
        if self.problems:
            return None
        assert rule_id is not None
        assert version is not None
        assert effective_from is not None
        assert owner is not None
        return Rule(
            id=rule_id,
            version=version,
            effective_from=effective_from,
            owner=owner,
            variants=tuple(variants),
            reserve_bp=reserve_bp or 0,
            hold_days=hold_days or 0,
            owner_bears_revenue=policy.get("platform_revenue") == "owner",
            owner_bears_fee=policy.get("processor_fee") == "owner",
        )

    def policy(self, reader: Reader) -> dict[str, str]:
        if not reader.has("refund_policy"):
            return {}
        policy = reader.child("refund_policy")
        self.only(policy, {"platform_revenue", "processor_fee"})
        return {key: self.one_of(policy, key, _POLICY, "platform") for key in ("platform_revenue", "processor_fee")}

    def one_of(self, reader: Reader, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        value = reader.text(key) if default is None else reader.text(key, default=default)
        if value not in allowed:
            self.complain("not_one_of", reader.at(key), allowed=", ".join(allowed), found=shown(value))
        return value

    def payee(self, reader: Reader, key: str, *, channel: bool = True) -> str:
        account = reader.text(key)
        if account == CHANNEL and channel:
            return account
        if account.startswith(GROUP_PREFIX):
            self.complain("group_outside_split", reader.at(key))
        elif not is_known(account):
            self.complain("unknown_account", reader.at(key), found=shown(account))
        elif not can_be_paid(account):
            self.complain("account_not_payable", reader.at(key), found=shown(account))
        return account

    def variants(self, reader: Reader) -> list[Variant]:
        if reader.has("variants"):
            if reader.has("steps"):
                self.complain("steps_and_variants", reader.at("steps"))
            return self.listed(reader, "variants", self.variant)
        if not reader.has("steps"):
            self.complain("no_steps", reader.at("steps"))
            return []
        variant = self.waterfall(reader, path="", when={})
        return [variant] if variant else []

    def listed(self, reader: Reader, key: str, read: Callable[[Reader], T | None]) -> list[T]:
        if not reader.values(key):
            self.complain("empty", reader.at(key))
        paths = [f"{reader.at(key)}[{i}]" for i in range(len(reader.values(key)))]
        found = [
            self.attempt(lambda item=item, path=path: read(Reader(item, path)))  # type: ignore[misc]
            for item, path in zip(reader.values(key), paths, strict=True)
        ]
        return [item for item in found if item is not None]

    def variant(self, reader: Reader) -> Variant | None:
        self.only(reader, {"when", "steps"})
        when: Mapping[str, Any] = reader.child("when").raw
        for key, value in when.items():
            if value is not None and not isinstance(value, str | int):
                self.complain("not_scalar", f"{reader.at('when')}.{key}", found=shown(value))
        return self.waterfall(reader, path=reader.path, when=dict(when))

    def waterfall(self, reader: Reader, *, path: str, when: Mapping[str, Any]) -> Variant | None:
        before = len(self.problems)
        steps: list[Take | Split] = self.listed(reader, "steps", self.step)
        if len(self.problems) > before:
            return None
        for step in steps[:-1]:
            if isinstance(step, Split):
                self.complain("split_not_last", step.path)
        last = steps[-1]
        if not isinstance(last, Split):
            self.complain("leaves_remainder", last.path)
            return None
        takes = tuple(step for step in steps[:-1] if not isinstance(step, Split))
        return Variant(path=path, when=when, takes=takes, split=last)

    def step(self, reader: Reader) -> Take | Split | None:
        kind = reader.text("take")
        if kind not in _STEP_KEYS:
            self.complain("unknown_step", reader.at("take"), found=shown(kind))
            return None
        self.only(reader, _STEP_KEYS[kind])
        if kind == "fixed":
            return Fixed(reader.path, self.payee(reader, "account"), reader.integer("amount"))
        if kind == "percent":
            of_base = self.one_of(reader, "of", ("base", "remaining"), "remaining") == "base"
            return Percent(reader.path, self.payee(reader, "account"), reader.integer("bp", most=BP), of_base)
        if kind == "processor_fee":
            return ProcessorFee(reader.path, PROCESSOR_FEES)
        if kind == "tiered":
            marginal = self.one_of(reader, "mode", ("marginal", "cliff")) == "marginal"
            return Tiered(reader.path, self.payee(reader, "account"), marginal, tuple(self.tiers(reader)))
        parties = self.parties(reader, "parties")
        members = tuple([self.member(party, ()) for party in parties])
        return Split(reader.path, self.countable(members, reader.at("parties")), _weights(parties))

    def parties(self, reader: Reader, key: str) -> tuple[Party, ...]:
        parties = tuple(self.listed(reader, key, self.party))
        if parties and not any(party.weight for party in parties):
            self.complain("weights_all_zero", reader.at(key))
        return parties

    def party(self, reader: Reader) -> Party:
        self.only(reader, {"account", "weight"})
        account = reader.text("account")
        if account == CHANNEL:
            self.complain("channel_in_split", reader.at("account"))
        if not account.startswith(GROUP_PREFIX):
            account = self.payee(reader, "account")
        return Party(reader.path, account, reader.integer("weight"))

    def read_groups(self, reader: Reader) -> None:
        """Read the rule's groups, then let each know its members' groups; a circle is complained of where it closes."""
        if not reader.has("groups"):
            return
        groups = reader.child("groups")
        if len(groups.raw) > MAX_GROUPS:
            self.complain("too_many", groups.path, most=MAX_GROUPS, found=len(groups.raw))
            return
        for name in groups.raw:
            if is_group_name(name):
                self.groups[name] = self.attempt(lambda name=name: self.parties(groups, name)) or ()  # type: ignore[misc]
            else:
                self.complain("not_a_group", groups.at(str(name)), found=shown(name))
        for name in self.groups:
            self.members(name, ())

    def members(self, name: str, inside: tuple[str, ...]) -> tuple[Member, ...]:
        if name not in self.resolved:
            self.resolved[name] = tuple([self.member(party, (*inside, name)) for party in self.groups[name]])
        return self.resolved[name]

    def member(self, party: Party, inside: tuple[str, ...]) -> Member:
        """Look into a party that is a group; `inside` are the groups around it, outermost first."""
        if not party.account.startswith(GROUP_PREFIX):
            return party
        name = party.account.removeprefix(GROUP_PREFIX)
        if name in inside:
            chain = " > ".join((*inside[inside.index(name) :], name))
            self.complain("cyclic_group", f"{party.path}.account", found=name, chain=chain)
        elif name not in self.groups:
            self.complain("unknown_group", f"{party.path}.account", found=shown(name))
        else:
            members = self.members(name, inside)
            return Group(party.path, party.account, party.weight, members, _weights(members))
        return party

    def countable(self, members: tuple[Member, ...], path: str) -> tuple[Member, ...]:
        """Complain of a split that groups within groups blow up beyond all measure."""
        sizes: dict[str, int] = {}
        found = sum(_size(member, sizes) for member in members)
        if found > MAX_PARTIES:
            self.complain("too_many_parties", path, found=found, most=MAX_PARTIES)
        return members

    def tiers(self, reader: Reader) -> list[Tier]:
        tiers = self.listed(reader, "tiers", self.tier)
        highest = 0
        for i, tier in enumerate(tiers):
            path = f"{reader.at('tiers')}[{i}].upto"
            if tier.upto is None and i < len(tiers) - 1:
                self.complain("tier_open_early", path)
            elif tier.upto is not None and i == len(tiers) - 1:
                self.complain("tiers_not_open", path)
            if tier.upto is not None and tier.upto <= highest:
                self.complain("tiers_out_of_order", path, before=highest, found=tier.upto)
            highest = tier.upto or highest
        return tiers

    def tier(self, reader: Reader) -> Tier:
        self.only(reader, {"upto", "bp"})
        upto = reader.integer("upto", least=None) if reader.has("upto") else None
        return Tier(upto, reader.integer("bp", most=BP))


def _weights(members: Sequence[Member]) -> tuple[int, ...]:
    return tuple([member.weight for member in members])


def _size(member: Member, known: dict[str, int]) -> int:
    """Count the parties behind a member, each group looked into once."""
    if not isinstance(member, Group):
        return 1
    if member.account not in known:
        known[member.account] = sum(_size(inner, known) for inner in member.members)
    return known[member.account]
