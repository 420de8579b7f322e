"""Volumes and earnings counted once more, for tiers and caps that would have held."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from accounts.models import Party
from ledger.selectors import History, StoredOrder, history_read, history_span
from ledger.splits.rule import Rule
from partners.choices import MeterPeriod
from partners.services.meters import MeteredLine, MeteredSale, Meters, Needs
from partners.services.whatif.plan import Counted, LineTerms, Plan

TOLD = ("limits", "meter_before")
"""What a line was told by counters."""

_ALL = Needs(frozenset(MeterPeriod.values), caps=True, limits=True)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Counters:
    """The counters of a replay: they begin with what was sold before its range, as it was booked."""

    def __init__(self, plan: Plan, history: History) -> None:
        self._plan = plan
        ids = {row.agreement_id for row in plan.covered.values() if row.item in plan.counting}
        self._meters = Meters(dict.fromkeys(ids, _ALL), {})
        self._parties: dict[str, int] = {}
        about = [{"lines": [{"item": list(item)}]} for item in sorted(plan.counting)]
        before = replace(history, since=_BEGINNING, until=history.since, about=about)
        span = history_span(before)
        for stored in history_read(before, first=span.first, last=span.last):
            self._count(stored)

    def tell(self, stored: StoredOrder, terms: Sequence[LineTerms], event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an order's sale with what the counters tell its lines, and count what they take."""
        if not any(row.recount for row in terms):
            if any((line["item"][0], line["item"][1]) in self._plan.counting for line in stored.inputs["lines"]):
                self._count(stored)
            return event
        lines = [
            {key: value for key, value in line.items() if key not in TOLD} if row.recount else line
            for line, row in zip(event["lines"], terms, strict=True)
        ]
        told = {**event, "lines": lines}
        rows = [(row.counted, row.rule) for row in terms]
        self._meters.freeze(self._metered(stored, told, rows))
        return event if lines == event["lines"] else told

    def _count(self, stored: StoredOrder) -> None:
        """Count a sale as it was booked."""
        plan = self._plan
        plan.learn([(stored.inputs["rules"], [])])
        covered = [plan.covered.get((line["item"][0], line["item"][1])) for line in stored.inputs["lines"]]
        rows = [
            (Counted(row.agreement_id, MeterPeriod.EVER, ()) if row else None, plan.rule(digest))
            for row, digest in zip(covered, stored.inputs["rules"], strict=True)
        ]
        self._meters.count(self._metered(stored, stored.inputs["sale"], rows))

    def _metered(
        self, stored: StoredOrder, event: Mapping[str, Any], rows: Sequence[tuple[Counted | None, Rule]]
    ) -> MeteredSale:
        lines = [
            MeteredLine(counted, rule, line, self._owners(line))
            if counted is not None and counted.agreement_id in self._meters.needs
            else None
            for line, (counted, rule) in zip(event["lines"], rows, strict=True)
        ]
        return MeteredSale(stored.placed_at, dict(event), lines)

    def _owners(self, line: Mapping[str, Any]) -> dict[str, int]:
        """Primary keys of the parties that own a line's channels, by code."""
        codes = {row["party"] for row in line.get("channels", ()) if "party" in row}
        missing = codes - self._parties.keys()
        if missing:
            self._parties |= dict(Party.objects.filter(code__in=missing).values_list("code", "pk"))
        return {code: self._parties[code] for code in codes}
