"""What a draft may say beside its rule, and what keeps a rule from being applied under an agreement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Party
from ledger.money import EXPONENTS
from ledger.splits.accounts import CHANNEL
from ledger.splits.parse import check_rule, parse_rule
from ledger.splits.problems import EventError, Problem, SplitsError
from ledger.splits.reading import Reader, shown
from ledger.splits.rule import ProcessorFee, Rule, final_parties
from partners.choices import CapPeriod, ChannelKind, MeterPeriod, PayingModel, Precedence, SelfPurchase
from partners.errors import RuleRefusedError
from partners.selectors.terms import pays_channels
from partners.selectors.weighing import HALF_LIFE_DAYS

MAX_DAYS = {"window_days": 365, "half_life_days": 365, "hold_days": 365, "reserve_days": 3650}
"""The longest look-back, half-life, hold and reserve that a version may ask for."""

_LEAST_DAYS = {"window_days": 1, "half_life_days": 1, "hold_days": 0, "reserve_days": 0}
_WORDS: Mapping[str, Sequence[str]] = {
    "paying_model": PayingModel.values,
    "precedence": Precedence.values,
    "self_purchase": SelfPurchase.values,
    "meter": MeterPeriod.values,
}
MAX_MINOR = 2**63 - 1
MOST_WEIGHTS, MAX_WEIGHT = 20, 1_000

CONDITIONS: Mapping[str, Collection[Any]] = {
    "brought_by": ("owner", "partner", "platform"),
    "channel_kind": ("", *ChannelKind.values),
    "currency": tuple(EXPONENTS),
}
"""What a variant may ask of a sale, and which values a sale can have there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTerms:
    """What a version says beside its rule. Days are of 86,400 s from the order.

    `caps`: the most that a partner earns by bringing learners, `{"per": "order" | "month", "minor", "currency"}` in
    sales settled in that currency. `reserve_days`: when a reserve is released. `meter`: which volume tiers ask for.
    `half_life_days` and `position_weights`: of the paying models that ask for them, see `weighing.Weighing`.
    """

    effective_from: datetime
    paying_model: str = PayingModel.LAST_TOUCH
    window_days: int = 30
    half_life_days: int = HALF_LIFE_DAYS
    position_weights: Sequence[int] = ()
    hold_days: int = 7
    reserve_days: int = 90
    precedence: str = Precedence.COUPON
    self_purchase: str = SelfPurchase.REFUSE
    meter: str = MeterPeriod.EVER
    caps: Sequence[Mapping[str, Any]] = ()
    note: str = ""


def refuse_draft(*, rule: Mapping[str, Any], terms: DraftTerms, parties: set[str]) -> None:
    """Raise RuleRefusedError with everything that keeps a complete rule and its terms from being applied.

    `parties` are the codes of the agreement's parties. Every problem names its clause.
    """
    problems = [*_terms_problems(terms), *check_rule(rule)]
    if problems:
        raise RuleRefusedError(" · ".join(problem.worded(_) for problem in problems), problems)
    parsed = parse_rule(rule)
    problems = _conditions(parsed)
    if problems:
        raise RuleRefusedError(" · ".join(problem.worded(_) for problem in problems), problems)
    strangers = [(path, code) for path, code in _payees(parsed) if code not in parties]
    if strangers:
        raise RuleRefusedError(" · ".join(_stranger(strangers)))
    if terms.caps and not pays_channels(parsed):
        raise RuleRefusedError(
            _("caps limit what partners earn by bringing learners, but no step of the rule pays them.")
        )


def caps_of(raw: object) -> list[dict[str, Any]]:
    """Read caps as they are stored; SplitsError names what is wrong with which of them."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    problems: list[Problem] = []
    for cap in Reader({"caps": raw}).items("caps"):
        try:
            told = _cap(cap)
        except EventError as error:
            problems.extend(error.problems)
            continue
        key = told["per"], told["currency"]
        if key in found:
            problems.append(Problem("duplicate", cap.path, {"found": f"{key[0]} {key[1]}"}))
        found[key] = told
    if problems:
        raise EventError(problems)
    return list(found.values())


def _cap(cap: Reader) -> dict[str, Any]:
    for key in cap.raw:
        if key not in {"per", "minor", "currency"}:
            raise cap.fail("unknown_key", str(key))
    per = cap.text("per")
    if per not in CapPeriod.values:
        raise cap.fail("not_one_of", "per", allowed=", ".join(CapPeriod.values), found=shown(per))
    return {"per": per, "minor": cap.integer("minor", least=1, most=MAX_MINOR), "currency": cap.currency("currency")}


def _terms_problems(terms: DraftTerms) -> list[Problem]:
    found = []
    for name, most in MAX_DAYS.items():
        days, least = getattr(terms, name), _LEAST_DAYS[name]
        if type(days) is not int:
            found.append(Problem("not_integer", name, {"found": shown(days)}))
        elif days < least:
            found.append(Problem("too_small", name, {"least": least, "found": days}))
        elif days > most:
            found.append(Problem("too_large", name, {"most": most, "found": days}))
    for name, allowed in _WORDS.items():
        value = getattr(terms, name)
        if value not in allowed:
            found.append(Problem("not_one_of", name, {"allowed": ", ".join(allowed), "found": shown(value)}))
    if terms.effective_from.tzinfo is None:
        found.append(Problem("not_instant", "effective_from", {"found": str(terms.effective_from)}))
    if terms.paying_model == PayingModel.POSITION_WEIGHTS:
        found.extend(weights_problems(terms.position_weights))
    try:
        caps_of(list(terms.caps))
    except SplitsError as error:
        found.extend(error.problems)
    return found


def weights_problems(weights: Sequence[Any], place: str = "position_weights") -> list[Problem]:
    """What keeps numbers from being weights by position: whole, from 0 to 1,000, one of them above 0, at most 20."""
    if not weights:
        return [Problem("empty", place)]
    if len(weights) > MOST_WEIGHTS:
        return [Problem("too_many", place, {"most": MOST_WEIGHTS, "found": len(weights)})]
    found = []
    for i, weight in enumerate(weights):
        if type(weight) is not int:
            found.append(Problem("not_integer", f"{place}[{i}]", {"found": shown(weight)}))
        elif weight < 0:
            found.append(Problem("too_small", f"{place}[{i}]", {"least": 0, "found": weight}))
        elif weight > MAX_WEIGHT:
            found.append(Problem("too_large", f"{place}[{i}]", {"most": MAX_WEIGHT, "found": weight}))
    return found or ([] if any(weights) else [Problem("too_small", f"{place}[0]", {"least": 1, "found": 0})])


def _conditions(rule: Rule) -> list[Problem]:
    """Conditions that none of our sales could ever meet."""
    found = []
    for variant in rule.variants:
        for key, value in variant.when.items():
            path = f"{variant.path}.when.{key}"
            if key not in CONDITIONS:
                found.append(Problem("unknown_key", path))
            elif value not in CONDITIONS[key]:
                allowed = ", ".join(filter(None, CONDITIONS[key])) if key != "currency" else "ISO 4217"
                found.append(Problem("not_one_of", path, {"allowed": allowed, "found": shown(value)}))
    return found


def _payees(rule: Rule) -> list[tuple[str, str]]:
    """Every clause that names a party as payee, with the party's code."""
    pairs = [
        pair
        for variant in rule.variants
        for pair in (
            *((take.path, take.account) for take in variant.takes if not isinstance(take, ProcessorFee)),
            *((party.path, party.account) for party in final_parties(variant.split.parties)),
        )
        if pair[1] != CHANNEL
    ]
    return [(path, account.split(":")[1]) for path, account in dict.fromkeys(pairs) if account.startswith("party:")]


def _stranger(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Say of each payee outside the agreement whether there is such a party at all."""
    known = set(Party.objects.filter(code__in={code for _path, code in pairs}).values_list("code", flat=True))
    outside = _("%(clause)s pays %(account)s, which is no party of the agreement: it could not accept it.")
    nobody = _("%(clause)s pays %(account)s, but there is no such party.")
    return [
        (outside if code in known else nobody) % {"clause": path, "account": f"party:{code}"} for path, code in pairs
    ]
