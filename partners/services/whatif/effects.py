"""What one order moves under its own terms and under changed ones, netted to what is counted.

Orders that agree in everything but names and numbers are computed once: owners of channels stand as places in the kept
result, and each order puts its own in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.selectors import StoredOrder
from ledger.splits.sale import Detail
from ledger.splits.whatif import Rerun, StoredSale, rerun
from partners.services.whatif.plan import Item, LineTerms, Plan

MOST_KEPT = 100_000
"""Results kept by a process, about a kilobyte each."""

Who = str | int
"""A party's code; an account of the house, which has a colon; or the place of a channel's owner."""


class Effect(NamedTuple):
    """Sums of one sale or event, (as booked, as it would have been) in minor units of the order's currency.

    `shares`: (who, line, booked, replayed); line -1 is the order's. `flows`: what becomes available to a party, (who,
    days after the order or None for the event's own day, booked, replayed), before advances are paid back. `booked`:
    (who, part of its account, amount), to be held against the books.
    """

    shares: tuple[tuple[Who, int, int, int], ...]
    flows: tuple[tuple[Who, int | None, int, int], ...]
    booked: tuple[tuple[Who, str, int], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """An order to be replayed. `event`: its sale under changed terms, the stored one where only rules changed.

    `changed`: places of the lines whose terms changed.
    """

    stored: StoredOrder
    terms: Sequence[LineTerms]
    event: Mapping[str, Any]
    changed: frozenset[int]

    @property
    def sale(self) -> Mapping[str, Any]:
        """The stored sale."""
        found: Mapping[str, Any] = self.stored.inputs["sale"]
        return found

    @property
    def items(self) -> list[Item]:
        """What each line sold."""
        return [(line["item"][0], line["item"][1]) for line in self.stored.inputs["lines"]]


@dataclass(frozen=True, slots=True)
class Replayed:
    """An order's effects by day (ordinal), to whom places belong, and codes of events that moved nothing under them."""

    task: Task
    currency: str
    effects: Sequence[tuple[int, Effect]]
    owners: Sequence[str]
    rejected: Sequence[str] = ()


class Replaying:
    """Computes orders of one plan and keeps what it computed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._kept: dict[Any, Effect] = {}

    def order(self, task: Task) -> Replayed:
        """Compute an order. NoRuleError: no variant of a changed rule is for it."""
        stored = task.stored
        settlement = task.sale.get("settlement")
        currency = settlement["currency"] if settlement else task.sale["currency"]
        owners: list[str] = []
        key = None if stored.events or "advances" in stored.inputs else self._key(task, owners)
        if key is None:
            was, new = self._both(task)
            days = [stored.day, *(day for day, _body in stored.events)]
            effects = [
                (day, self._effect(task, a, b, {}))
                for day, a, b in zip(days, was.movements, new.movements, strict=True)
            ]
            return Replayed(task, currency, effects, (), new.rejected)
        effect = self._kept.get(key)
        if effect is None:
            was, new = self._both(task)
            places = {owner: place for place, owner in enumerate(owners)}
            effect = self._effect(task, was.movements[0], new.movements[0], places)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = effect
        return Replayed(task, currency, ((stored.day, effect),), owners)

    def _both(self, task: Task) -> tuple[Rerun, Rerun]:
        stored, inputs = task.stored, task.stored.inputs
        advances = inputs.get("advances", {})
        rules = [self.plan.rule(digest) for digest in inputs["rules"]]
        bodies = [body for _day, body in stored.events]
        was = rerun(StoredSale(stored.order_id, stored.placed_at, task.sale, rules, advances), bodies)
        if not task.changed:
            return was, was
        others = [row.rule for row in task.terms]
        ids = {task.sale["lines"][place]["id"] for place in task.changed}
        sale = StoredSale(stored.order_id, stored.placed_at, task.event, others, advances)
        return was, rerun(sale, bodies, without_corrections_of=ids)

    def _effect(self, task: Task, was: Sequence[Detail], new: Sequence[Detail], places: Mapping[str, int]) -> Effect:
        ids = {line["id"]: place for place, line in enumerate(task.sale["lines"])}
        holds = [self.plan.rule(digest).hold_days for digest in task.stored.inputs["rules"]]
        a = _summed(was, ids, holds, places)
        b = a if new is was else _summed(new, ids, [row.rule.hold_days for row in task.terms], places)
        shares = {key: (*key, amount, b.shares.get(key, 0)) for key, amount in a.shares.items()}
        shares |= {key: (*key, 0, amount) for key, amount in b.shares.items() if key not in a.shares}
        flows = {key: (*key, amount, b.flows.get(key, 0)) for key, amount in a.flows.items()}
        flows |= {key: (*key, 0, amount) for key, amount in b.flows.items() if key not in a.flows}
        return Effect(tuple(shares.values()), tuple(flows.values()), tuple((*k, v) for k, v in a.booked.items()))

    def _key(self, task: Task, owners: list[str]) -> Any:
        """What the result depends on; None where it must be computed for itself. Fills `owners` in order of place."""
        named: set[str] = set()
        for row in task.terms:
            codes = self.plan.named(row.key)
            if codes is None:
                return None
            named |= codes
        pairs = tuple([row.key for row in task.terms])
        if task.event is task.sale:
            return pairs, _shape(task.sale, named, owners)
        return pairs, _shape(task.sale, named, owners), _shape(task.event, named, owners)


class _Sums(NamedTuple):
    """One side of an effect, by key."""

    shares: dict[tuple[Who, int], int]
    flows: dict[tuple[Who, int | None], int]
    booked: dict[tuple[Who, str], int]


def _summed(
    details: Sequence[Detail], ids: Mapping[str, int], holds: Sequence[int], places: Mapping[str, int]
) -> _Sums:
    found = _Sums({}, {}, {})
    for account, _currency, amount, line_id, _clause, hold in details:
        line = ids.get(line_id, -1)
        who: Who = account
        part = ""
        if account.startswith("party:"):
            _kind, code, *rest = account.split(":")
            who, part = places.get(code, code), rest[0] if rest else ""
            if part != "reserve":
                # What pays an advance back leaves the payable when the share does; so the share counts whole.
                days = holds[line] if part and line >= 0 else hold
                found.flows[who, days] = found.flows.get((who, days), 0) + amount
        found.shares[who, line] = found.shares.get((who, line), 0) + amount
        found.booked[who, part] = found.booked.get((who, part), 0) + amount
    return found


def _shape(sale: Mapping[str, Any], named: set[str], owners: list[str]) -> tuple[Any, ...]:
    """A sale without what makes it one of many: ids of lines, and names of owners whom no rule names."""
    lines = sale["lines"]
    verbatim = any("refused" in line or "limits" in line for line in lines)
    told: list[Any] = []
    for part in ({key: value for key, value in sale.items() if key != "lines"}, *lines):
        told.append(len(part))
        for key, value in part.items():
            if key == "channels" and part is not sale:
                told += [_place(row, named, owners, verbatim=verbatim) for row in value]
            elif key != "id":
                told += (key, value if type(value) in {int, str} else repr(value))
    return tuple(told)


def _place(row: Mapping[str, Any], named: set[str], owners: list[str], *, verbatim: bool) -> tuple[int, Who | None]:
    owner = row.get("party")
    if owner is None or verbatim or owner in named:
        return row["ppm"], owner
    if owner not in owners:
        owners.append(owner)
    return row["ppm"], owners.index(owner)
