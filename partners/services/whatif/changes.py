"""The question that is put to history: which agreements, and what of their terms would have been otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from ledger.money import BP
from ledger.splits.accounts import CHANNEL, can_be_paid
from ledger.splits.problems import EventError
from ledger.splits.reading import Reader, shown
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase
from partners.errors import ReplayRefusedError
from partners.models import AgreementVersion
from partners.selectors.replays import version_question
from partners.services.terms import caps_of, weights_problems

FORMAT = "replay/1"
ALL = "all"
OWNER = "owner"
"""In a rule for several agreements: the payable of each one's owner."""

WEIGHING = ("paying_model", "window_days", "half_life_days", "position_weights")
_CLAUSES = ("hold_days", *WEIGHING, "precedence", "self_purchase", "meter", "caps")
_OURS = ("id", "version", "effective_from", "hold_days")
"""Fields of a rule that its agreement or a clause says; that its `owner` is the agreement's is seen when it is laid."""
_NAMES = ("agreement", "agreements", "rule", "percents", "clauses", *_CLAUSES)
_LONGEST = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Changed terms of some agreements (by code; none named: of all). What is None stays as it was.

    `rule`: another split (steps or variants as docs/reference/splits.md has them). `percents`: in whatever rule held,
    basis points of every percent step that pays this account. `hold_days` counts days of 86,400 s from the order.
    """

    agreements: tuple[str, ...] = ()
    rule: Mapping[str, Any] | None = None
    percents: Mapping[str, int] = field(default_factory=dict)
    hold_days: int | None = None
    paying_model: str | None = None
    window_days: int | None = None
    half_life_days: int | None = None
    position_weights: tuple[int, ...] | None = None
    precedence: str | None = None
    self_purchase: str | None = None
    meter: str | None = None
    caps: Sequence[Mapping[str, Any]] | None = None

    @property
    def asks_versions(self) -> bool:
        """Whether more than a holding period may be otherwise, so that it matters what each line's version said."""
        clauses = (getattr(self, name) for name in _CLAUSES if name != "hold_days")
        return self.rule is not None or bool(self.percents) or any(clause is not None for clause in clauses)

    def plain(self) -> dict[str, Any]:
        """As plain data, the way `changes_read` takes it."""
        told: dict[str, Any] = {"agreements": list(self.agreements) or ALL}
        if self.rule is not None:
            told["rule"] = dict(self.rule)
        if self.percents:
            told["percents"] = dict(self.percents)
        clauses = {name: value for name in _CLAUSES if (value := getattr(self, name)) is not None}
        if self.position_weights:
            clauses["position_weights"] = list(self.position_weights)
        return {**told, "clauses": clauses} if clauses else told


def changes_read(raw: object) -> tuple[Change, ...]:
    """Read a question: {"changes": [...]}, one change alone, or stored rules whose `id` is the agreement's code.

    ReplayRefusedError says in one sentence what is wrong and where.
    """
    try:
        changes = _read(raw)
    except EventError as error:
        raise ReplayRefusedError(" · ".join(f"{problem.worded(_)}." for problem in error.problems)) from error
    _refuse_twice(changes)
    return changes


def change_of(version: AgreementVersion) -> Change:
    """Ask what it would have been, had this version held all along."""
    return _change(Reader(version_question(version)))


def changes_plain(changes: Sequence[Change]) -> dict[str, Any]:
    """As plain data, to be stored and read again."""
    return {"format": FORMAT, "changes": [change.plain() for change in changes]}


def _read(raw: object) -> tuple[Change, ...]:
    if isinstance(raw, list):
        raw = {"changes": raw}
    reader = Reader(raw)
    if not reader.has("changes"):
        return (_change(reader),)
    _refuse_unknown(reader, ("format", "title", "changes"))
    if reader.text("format", default=FORMAT) != FORMAT:
        raise reader.fail("not_one_of", "format", allowed=FORMAT, found=reader.text("format"))
    items = reader.items("changes")
    if not items:
        raise reader.fail("empty", "changes")
    return tuple(_change(item) for item in items)


def _change(reader: Reader) -> Change:
    if reader.has("steps") or reader.has("variants"):
        return _stored_rule(reader)
    _refuse_unknown(reader, ("format", "title", *_NAMES))
    inner = reader.child("clauses") if reader.has("clauses") else reader
    if inner is not reader:
        _refuse_unknown(inner, _CLAUSES)
    rule = dict(reader.child("rule").raw) if reader.has("rule") else None
    hold = _days(inner, "hold_days", 0)
    if rule is not None and hold is None:
        hold = _days(reader.child("rule"), "hold_days", 0)
    percents = reader.child("percents") if reader.has("percents") else None
    if rule is not None and percents is not None:
        raise reader.fail("conflict", "percents", other=reader.at("rule"))
    return Change(
        agreements=_agreements(reader),
        rule=None if rule is None else {key: value for key, value in rule.items() if key not in _OURS},
        percents=_percents(percents) if percents else {},
        hold_days=hold,
        paying_model=_choice(inner, "paying_model", PayingModel.values),
        window_days=_days(inner, "window_days", 1),
        half_life_days=_days(inner, "half_life_days", 1),
        position_weights=_weights(inner),
        precedence=_choice(inner, "precedence", Precedence.values),
        self_purchase=_choice(inner, "self_purchase", SelfPurchase.values),
        meter=_choice(inner, "meter", MeterPeriod.values),
        caps=_caps(inner),
    )


def _percents(reader: Reader) -> dict[str, int]:
    """Basis points by the account that percent steps pay."""
    for key in reader.raw:
        if key != CHANNEL and not can_be_paid(str(key)):
            raise reader.fail("unknown_account", str(key), found=shown(key))
    return {key: reader.integer(key, most=BP) for key in reader.raw}


def _caps(reader: Reader) -> Sequence[Mapping[str, Any]] | None:
    if reader.raw.get("caps") is None:
        return None
    reader.values("caps")
    return caps_of(reader.raw["caps"])


def _weights(reader: Reader) -> tuple[int, ...] | None:
    if reader.raw.get("position_weights") is None:
        if reader.raw.get("paying_model") == PayingModel.POSITION_WEIGHTS:
            raise reader.fail("missing", "position_weights")
        return None
    weights = reader.values("position_weights")
    if problems := weights_problems(weights, reader.at("position_weights")):
        raise EventError(problems)
    return tuple(weights)


def _stored_rule(reader: Reader) -> Change:
    """A rule as agreements keep it: its `id` is the agreement's code."""
    return Change(
        agreements=(reader.text("id"),),
        rule={key: value for key, value in reader.raw.items() if key not in _OURS},
        hold_days=_days(reader, "hold_days", 0),
    )


def _agreements(reader: Reader) -> tuple[str, ...]:
    if reader.has("agreement"):
        if reader.has("agreements"):
            raise reader.fail("conflict", "agreement", other=reader.at("agreements"))
        return (reader.text("agreement"),)
    named = reader.raw.get("agreements")
    if named == ALL:
        return ()
    codes = list(reader.values("agreements"))
    for place, code in enumerate(codes):
        if not isinstance(code, str) or not code:
            raise reader.fail("not_text", f"agreements[{place}]")
    if not codes:
        raise reader.fail("missing", "agreements")
    return tuple(dict.fromkeys(codes))


def _days(reader: Reader, key: str, least: int) -> int | None:
    return reader.integer(key, least=least, most=_LONGEST) if reader.has(key) else None


def _choice(reader: Reader, key: str, allowed: Sequence[str]) -> str | None:
    if not reader.has(key):
        return None
    value = reader.text(key)
    if value not in allowed:
        raise reader.fail("not_one_of", key, allowed=", ".join(allowed), found=value)
    return value


def _refuse_unknown(reader: Reader, known: Sequence[str]) -> None:
    for key in reader.raw:
        if key not in known:
            raise reader.fail("unknown_key", str(key))


def _refuse_twice(changes: Sequence[Change]) -> None:
    """Each agreement is changed once; a change of all stands alone."""
    named = [code for change in changes for code in change.agreements]
    twice = next((code for code in named if named.count(code) > 1), None)
    if twice is not None:
        raise ReplayRefusedError(_("Two changes name the agreement “%(code)s”; make them one.") % {"code": twice})
    if len(changes) > 1 and any(not change.agreements for change in changes):
        raise ReplayRefusedError(_("A change of all agreements stands alone; name agreements in each of several."))
