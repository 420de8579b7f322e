"""Changed terms laid over agreements: which rule and clauses each order line would have run under."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Party
from ledger.selectors import rules_by_digest
from ledger.splits.accounts import is_payable, payable
from ledger.splits.parse import check_rule, parse_rule
from ledger.splits.rule import Percent, Rule, Tiered, Variant, rule_accounts
from partners.choices import MeterPeriod, VersionKind
from partners.errors import ReplayRefusedError
from partners.models import Agreement, AgreementVersion
from partners.selectors.terms import VALID
from partners.selectors.weighing import Weighing, weighing, weighing_of
from partners.services.whatif.changes import OWNER, Change

Item = tuple[str, str]
"""Kind and id of what was sold."""

MOST_SOUGHT = 50
"""Above so many agreements all sales are read and sorted out here; below it the database finds theirs."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clauses:
    """Who counts as having brought the learner, under one version."""

    asked: Weighing
    precedence: str
    self_purchase: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Whose volume and earnings are counted for tiers and caps, and which; as `partners.services.meters` asks."""

    agreement_id: int
    meter: str
    caps: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Said:
    """What a version said beside its rule."""

    clauses: Clauses
    meter: str
    caps: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class LineTerms:
    """What one line would have run under. `changed`: another rule than the one it was settled under.

    `key` stands for the pair of both rules. `clauses` None: who brought the learner stays as it was decided. `counted`:
    whose counters tell the line its volume and limits anew; None with `recount`: it has none; else it keeps those told.
    """

    rule: Rule
    key: int
    changed: bool
    clauses: Clauses | None = None
    owner_id: int | None = None
    counted: Counted | None = None
    recount: bool = False


@dataclass(slots=True)
class Covered:
    """One agreement whose terms are changed."""

    agreement_id: int
    code: str
    owner_id: int
    item: Item
    change: Change
    rule: Rule | None
    """The change's own rule, complete; None where rules stay or only figures in them change."""


@dataclass(slots=True)
class Plan:
    """A question ready to be put to history. Without changes every line keeps its own terms."""

    covered: Mapping[Item, Covered]
    everything: bool
    counting: frozenset[Item] = frozenset()
    """Things whose agreement has tiers or caps, or would have had: their sales are replayed in the order of booking."""
    _rules: dict[str, Rule] = field(default_factory=dict)
    _said: dict[int, _Said] = field(default_factory=dict)
    _terms: dict[tuple[Item, str, int | None], LineTerms] = field(default_factory=dict)
    _named: dict[int, frozenset[str] | None] = field(default_factory=dict)

    @property
    def about(self) -> list[dict[str, Any]] | None:
        """What the inputs of a sale must contain to be concerned; None where all are read."""
        if self.everything or len(self.covered) > MOST_SOUGHT:
            return None
        return [{"lines": [{"item": list(item)}]} for item in self.covered]

    @property
    def asks_versions(self) -> bool:
        """Whether more than holding periods may be otherwise."""
        return any(row.change.asks_versions for row in self.covered.values())

    def learn(self, rows: Iterable[tuple[Sequence[str], Sequence[int | None]]]) -> None:
        """Read the rules (by digest) and the clauses (by version) of some orders; nothing where all are known."""
        digests: set[str] = set()
        versions: set[int] = set()
        for rules, ids in rows:
            digests.update(rules)
            versions.update(pk for pk in ids if pk is not None)
        if missing := digests - self._rules.keys():
            self._rules |= rules_by_digest(digests=missing)
        if self.asks_versions and (unknown := versions - self._said.keys()):
            self._said |= {
                row.pk: _Said(Clauses(weighing_of(row), row.precedence, row.self_purchase), row.meter, row.caps)
                for row in AgreementVersion.objects.filter(pk__in=unknown)
            }

    def rule(self, digest: str) -> Rule:
        """The rule that a line was settled under."""
        return self._rules[digest]

    def terms(self, item: Item, digest: str, version: int | None) -> LineTerms:
        """What a line would have run under that was settled under this rule and version."""
        key = item, digest, version
        found = self._terms.get(key)
        if found is None:
            found = self._terms[key] = self._find(item, digest, version, len(self._terms))
            self._named[found.key] = _named(self._rules[digest], found.rule)
        return found

    def named(self, key: int) -> frozenset[str] | None:
        """Codes of the parties in both rules of a pair; None where a condition asks for more than a line's figures."""
        return self._named[key]

    def _find(self, item: Item, digest: str, version: int | None, key: int) -> LineTerms:
        was = self._rules[digest]
        row = self.covered.get(item)
        if row is None or (version is None and row.rule is None):
            return LineTerms(was, key, False)
        rule = was if row.rule is None else _as(row.rule, was)
        rule = _with_figures(rule, row.change)
        changed = rule is not was and rule != was
        if not row.change.asks_versions:
            return LineTerms(rule, key, changed)
        said = self._said[version] if version is not None else None
        clauses = _clauses(row.change, said)
        recount = changed or clauses is not None or row.change.meter is not None or row.change.caps is not None
        return LineTerms(
            rule, key, changed, clauses, row.owner_id, _counted(row, rule, said) if recount else None, recount
        )


def _clauses(change: Change, said: _Said | None) -> Clauses | None:
    """Who would have counted as having brought the learner; None where that is what held."""
    base = said.clauses if said else Clauses(Weighing("last_touch", 30), "coupon", "refuse")
    new = Clauses(
        weighing(
            change.paying_model or base.asked.model,
            change.window_days or base.asked.window_days,
            change.half_life_days or base.asked.half_life_days,
            change.position_weights or base.asked.weights,
        ),
        change.precedence or base.precedence,
        change.self_purchase or base.self_purchase,
    )
    return None if said and new == said.clauses else new


def _counted(row: Covered, rule: Rule, said: _Said | None) -> Counted | None:
    caps = row.change.caps if row.change.caps is not None else said.caps if said else ()
    meter = row.change.meter or (said.meter if said else MeterPeriod.EVER.value)
    return Counted(row.agreement_id, meter, caps) if caps or has_tiers(rule) else None


def has_tiers(rule: Rule) -> bool:
    """Whether a rule asks for the volume before the sale."""
    return any(isinstance(take, Tiered) for variant in rule.variants for take in variant.takes)


def plan_of(changes: Sequence[Change]) -> Plan:
    """Lay changes over the agreements that they name.

    ReplayRefusedError names an agreement or a party that does not exist, or a clause that cannot be applied.
    """
    rows = _agreements(changes)
    covered = {}
    for change in changes:
        codes = change.agreements or rows.keys()
        for code in codes:
            row = rows[code]
            item = (row.scope_kind, row.scope_id)
            rule = None if change.rule is None else _complete(change, code, row.owner.code)
            covered[item] = Covered(row.pk, code, row.owner_id, item, change, rule)
    _refuse_strangers([row.rule for row in covered.values() if row.rule is not None])
    everything = not changes or any(not change.agreements for change in changes)
    return Plan(covered, everything, frozenset(_counting(covered)))


def live(plan: Plan) -> Plan:
    """The same agreements under the terms that they had: the replay of it must find no difference."""
    unchanged = {
        item: replace(row, change=Change(agreements=(row.code,)), rule=None) for item, row in plan.covered.items()
    }
    return Plan(unchanged, everything=plan.everything)


def _counting(covered: Mapping[Item, Covered]) -> Iterator[Item]:
    """Things whose counters may have to run once more."""
    rows = {row.agreement_id: row for row in covered.values() if row.change.asks_versions}
    held = AgreementVersion.objects.filter(agreement__in=rows, kind=VersionKind.STANDARD, state__in=VALID)
    for agreement, rule, caps in held.values_list("agreement_id", "rule", "caps"):
        if caps or has_tiers(parse_rule(rule)):
            yield rows[agreement].item
    for row in rows.values():
        if row.change.caps or (row.rule is not None and has_tiers(row.rule)):
            yield row.item


def _agreements(changes: Sequence[Change]) -> dict[str, Agreement]:
    named = [code for change in changes for code in change.agreements]
    rows = Agreement.objects.select_related("owner").order_by("code")
    if all(change.agreements for change in changes):
        rows = rows.filter(code__in=named)
    found = {row.code: row for row in rows}
    missing = next((code for code in named if code not in found), None)
    if missing is not None:
        raise ReplayRefusedError(_("There is no agreement “%(code)s”.") % {"code": missing})
    return found


def _complete(change: Change, code: str, owner: str) -> Rule:
    """Complete a change's rule for one agreement and refuse what cannot be applied, with the clause named."""
    body = json.loads(json.dumps(change.rule), object_hook=lambda part: _owned(part, owner))
    if (body.pop("owner", None) or OWNER) not in (OWNER, payable(owner)):
        raise ReplayRefusedError(
            _("The rule for “%(code)s” names another owner than the agreement's, %(owner)s.")
            % {"code": code, "owner": payable(owner)}
        )
    full = {
        "id": code,
        "version": 1,
        "effective_from": _EPOCH.isoformat(),
        "owner": payable(owner),
        "hold_days": change.hold_days or 0,
        **body,
    }
    problems = check_rule(full)
    if problems:
        told = " · ".join(f"{problem.worded(_)}." for problem in problems)
        raise ReplayRefusedError(_("The rule for “%(code)s”: %(problems)s") % {"code": code, "problems": told})
    return parse_rule(full)


def _owned(part: dict[str, Any], owner: str) -> dict[str, Any]:
    return {**part, "account": payable(owner)} if part.get("account") == OWNER else part


def _refuse_strangers(rules: Collection[Rule]) -> None:
    accounts = {account for rule in rules for account in rule_accounts(rule) if is_payable(account)}
    codes = {account.removeprefix("party:") for account in accounts}
    known = set(Party.objects.filter(code__in=codes).values_list("code", flat=True))
    strangers = sorted(codes - known)
    if strangers:
        raise ReplayRefusedError(_("There is no party “%(code)s” that the rule could pay.") % {"code": strangers[0]})


def _as(rule: Rule, was: Rule) -> Rule:
    """A change's rule in the place of another one; where both say the same it is the other one."""
    placed = replace(rule, id=was.id, version=was.version, effective_from=was.effective_from, hold_days=was.hold_days)
    return was if placed == was else placed


def _with_figures(rule: Rule, change: Change) -> Rule:
    """A rule with a change's holding period and percentages."""
    if change.hold_days is not None and change.hold_days != rule.hold_days:
        rule = replace(rule, hold_days=change.hold_days)
    if not change.percents:
        return rule
    variants = tuple(_with_percents(variant, change.percents) for variant in rule.variants)
    return rule if variants == rule.variants else replace(rule, variants=variants)


def _with_percents(variant: Variant, percents: Mapping[str, int]) -> Variant:
    takes = tuple(
        replace(take, bp=percents[take.account]) if isinstance(take, Percent) and take.account in percents else take
        for take in variant.takes
    )
    return replace(variant, takes=takes)


def _named(*rules: Rule) -> frozenset[str] | None:
    """Codes of the parties that rules name; None where a condition looks at who brought the buyer, or at line ids."""
    asked = {key for rule in rules for variant in rule.variants for key in variant.when}
    if asked & {"id", "channel", "channels"}:
        return None
    accounts = [account for rule in rules for account in (*rule_accounts(rule), rule.owner)]
    return frozenset(account.split(":")[1] for account in accounts if account.startswith("party:"))
