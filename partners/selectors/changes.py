"""What one version of an agreement changes against another: in words, and in the rule itself."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.utils.translation import get_language

from partners.models import AgreementVersion
from partners.selectors.terms import party_names, rule_party_codes, wording_terms
from partners.selectors.wording import WordedClause, worded

CHANGED, ADDED, REMOVED = "changed", "added", "removed"

_ITS_OWN = ("version", "effective_from", "id")
"""Fields of a stored rule in which two versions always differ, or never."""
_TERMS = (
    "paying_model",
    "window_days",
    "half_life_days",
    "position_weights",
    "precedence",
    "self_purchase",
    "caps",
    "meter",
    "hold_days",
    "reserve_days",
)


@dataclass(frozen=True, slots=True)
class ClauseChange:
    """A clause that was added, removed or changed. `number` is its own (the former one's where it was removed);
    texts are in the reader's language, empty on the side where there is none."""

    number: str
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A place in the rule or the terms that was added, removed or changed; values as JSON, empty where none is."""

    path: str
    kind: str
    before: str
    after: str


def version_clauses(version: AgreementVersion) -> tuple[WordedClause, ...]:
    """The clauses of a version, written from its rule."""
    return worded(version.rule, wording_terms(version), party_names(rule_party_codes(version.rule))).clauses


def version_lines(version: AgreementVersion) -> list[tuple[str, str]]:
    """What a version says, (number with its mark, words) of each clause in the reader's language.

    Of a proposed one exactly the text that was hashed, whatever its parties are called by now; a draft is worded anew.
    """
    return version.lines or [(f"§{clause.number}", _words(clause)) for clause in version_clauses(version)]


def version_changes(version: AgreementVersion, before: AgreementVersion | None) -> list[ClauseChange]:
    """Compare two versions clause by clause, in the order of the newer; those that say the same are left out.

    The first clause, which names the version and its start, is not compared. A clause that only moved counts as the
    same. Clauses about the same thing are paired as changed.
    """
    if before is None:
        return []
    old, new = version_clauses(before)[1:], version_clauses(version)[1:]
    found = []
    for was, now in _aligned(old, new, key=_words, alike=_about_the_same):
        kind = CHANGED if was and now else ADDED if now else REMOVED
        number = now.number if now else was.number if was else ""
        found.append(ClauseChange(number, kind, _words(was) if was else "", _words(now) if now else ""))
    return found


def rule_changes(version: AgreementVersion, before: AgreementVersion | None) -> list[RuleChange]:
    """Compare rule and terms of two versions, place by place."""
    if before is None:
        return []
    return list(_differences("", _told(before), _told(version)))


def _told(version: AgreementVersion) -> dict[str, Any]:
    rule = {key: value for key, value in version.rule.items() if key not in _ITS_OWN}
    # A version that was just made holds members of its enumerations, one that was read their values.
    terms = {name: getattr(version, name) for name in _TERMS}
    return rule | {name: str(value) if isinstance(value, str) else value for name, value in terms.items()}


def _words(clause: WordedClause) -> str:
    return clause.zh if (get_language() or "").startswith("zh") else clause.en


def _about_the_same(was: WordedClause, now: WordedClause) -> bool:
    """Whether two clauses are told as one that changed: the same field, or steps in nearly the same words."""
    if "steps[" in was.path and "steps[" in now.path:
        return SequenceMatcher(a=was.en, b=now.en, autojunk=False).ratio() > 0.6
    return was.path == now.path


def _aligned(
    old: Sequence[Any], new: Sequence[Any], *, key: Callable[[Any], str], alike: Callable[[Any, Any], bool]
) -> Iterator[tuple[Any, Any]]:
    """Pairs (before, after) of what differs between two lists; None where one side has nothing.

    What is equal stays out. In a stretch that was replaced, entries that are alike are paired in order.
    """
    matcher = SequenceMatcher(a=[key(item) for item in old], b=[key(item) for item in new], autojunk=False)
    for tag, i, j, k, end in matcher.get_opcodes():
        if tag == "equal":
            continue
        waiting = list(old[i:j])
        for item in new[k:end]:
            match = next((was for was in waiting if alike(was, item)), None)
            if match is None:
                yield None, item
                continue
            for was in waiting[: waiting.index(match)]:
                yield was, None
            waiting = waiting[waiting.index(match) + 1 :]
            yield match, item
        for was in waiting:
            yield was, None


def _differences(path: str, old: Any, new: Any) -> Iterator[RuleChange]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*old, *(name for name in new if name not in old)]:
            place = f"{path}.{name}" if path else name
            if name not in new:
                yield RuleChange(place, REMOVED, _json(old[name]), "")
            elif name not in old:
                yield RuleChange(place, ADDED, "", _json(new[name]))
            else:
                yield from _differences(place, old[name], new[name])
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_lists(path, old, new)
    elif old != new or type(old) is not type(new):
        yield RuleChange(path, CHANGED, _json(old), _json(new))


def _in_lists(path: str, old: list[Any], new: list[Any]) -> Iterator[RuleChange]:
    """Differences of two lists; an entry's place is that of the newer list, of the older where it was removed."""
    for was, now in _aligned(list(enumerate(old)), list(enumerate(new)), key=_entry, alike=_same_entry):
        if was is None:
            yield RuleChange(f"{path}[{now[0]}]", ADDED, "", _json(now[1]))
        elif now is None:
            yield RuleChange(f"{path}[{was[0]}]", REMOVED, _json(was[1]), "")
        else:
            yield from _differences(f"{path}[{now[0]}]", was[1], now[1])


def _entry(pair: tuple[int, Any]) -> str:
    return _json(pair[1])


def _same_entry(was: tuple[int, Any], now: tuple[int, Any]) -> bool:
    """Whether two entries of a list are the same thing: the step and whom it pays, the party, the cap."""
    return bool(_kin(was[1]) == _kin(now[1]))


def _kin(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return type(value)
    return tuple(_json(value.get(name)) for name in ("take", "account", "per", "currency", "when"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
