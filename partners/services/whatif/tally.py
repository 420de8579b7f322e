"""Sums of a replay, small enough to be kept for a million orders and to be sent from one process to another."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

from partners.services.whatif.effects import Replayed
from partners.services.whatif.plan import Item

Pair = list[int]
"""As booked, and as it would have been, in minor units."""

Difference = dict[tuple[str, str], int]
"""By (account, currency): what was replayed as booked, less what is in the books."""


@dataclass(slots=True)
class Tally:
    """Everything that a replay counts. Parties by code, months and weeks by the ordinal of their first day.

    `months` tells parties (True) from the platform's own accounts; `cells` and `weeks` are about changed lines alone.
    """

    orders: int = 0
    lines: int = 0
    events: int = 0
    changed: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    parties: dict[tuple[str, str], Pair] = field(default_factory=dict)
    house: dict[tuple[str, str], Pair] = field(default_factory=dict)
    months: dict[tuple[int, str, bool], Pair] = field(default_factory=dict)
    cells: dict[tuple[str, Item, int, str], Pair] = field(default_factory=dict)
    weeks: dict[tuple[str, int, str], Pair] = field(default_factory=dict)
    days: dict[tuple[int, str], Pair] = field(default_factory=dict)
    off: Difference = field(default_factory=dict)

    def add(self, done: Replayed) -> None:
        """Count one order."""
        task, currency = done.task, done.currency
        items, changed, owners = task.items, task.changed, done.owners
        self.orders += 1
        self.lines += len(items)
        self.events += len(done.effects) - 1
        self.changed += bool(changed)
        self.rejected.update(done.rejected)
        for day, effect in done.effects:
            month = first_of_month(day)
            for who, line, was, new in effect.shares:
                code = owners[who] if type(who) is int else str(who)
                house = ":" in code
                _add(self.house if house else self.parties, (code, currency), was, new)
                if not house or code.startswith("platform:"):
                    _add(self.months, (month, currency, not house), was, new)
                if not house and line in changed:
                    _add(self.cells, (code, items[line], month, currency), was, new)
            for who, after, was, new in effect.flows:
                due = day if after is None else task.stored.day + after
                _add(self.days, (due, currency), was, new)
                if changed:
                    code = owners[who] if type(who) is int else str(who)
                    _add(self.weeks, (code, due - (due - 1) % 7, currency), was, new)
            for who, part, amount in effect.booked:
                code = owners[who] if type(who) is int else str(who)
                account = code if ":" in code else f"party:{code}:{part}" if part else f"party:{code}"
                self.off[account, currency] = self.off.get((account, currency), 0) + amount

    def merge(self, other: "Tally") -> None:
        """Take over another process's sums."""
        for name in ("orders", "lines", "events", "changed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.rejected.update(other.rejected)
        for name in ("parties", "house", "months", "cells", "weeks", "days"):
            mine = getattr(self, name)
            for key, (was, new) in getattr(other, name).items():
                _add(mine, key, was, new)
        self.check(other.off, sign=1)

    def check(self, booked: Difference, *, sign: int = -1) -> None:
        """Hold sums against those of the books; what agrees is dropped."""
        for key, amount in booked.items():
            self.off[key] = self.off.get(key, 0) + sign * amount

    @property
    def disagrees(self) -> Difference:
        """Accounts of which replay and books say different sums: none, or one of them is wrong."""
        return {key: amount for key, amount in sorted(self.off.items()) if amount}


def _add(sums: dict, key: tuple, was: int, new: int) -> None:  # type: ignore[type-arg]  # any of the tables above
    pair = sums.get(key)
    if pair is None:
        sums[key] = [was, new]
    else:
        pair[0] += was
        pair[1] += new


@lru_cache(maxsize=8_192)
def first_of_month(day: int) -> int:
    """The first day of a day's month."""
    return date.fromordinal(day).replace(day=1).toordinal()
