"""A stored order once more as it was booked, and once more as other terms would have had it. Nothing is booked."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ledger.splits.problems import RejectedError
from ledger.splits.replay import apply_event, open_order, settle_again
from ledger.splits.rule import Rule
from ledger.splits.sale import Detail


@dataclass(frozen=True, slots=True)
class StoredSale:
    """A sale as the books keep it: its event, one rule for each of its lines, and what advances stood open then."""

    order_id: str
    placed_at: datetime
    event: Mapping[str, Any]
    rules: Sequence[Rule]
    advances: Mapping[str, Sequence[int]]


class Rerun(NamedTuple):
    """The movements of a sale and of each event since, in order. `rejected`: codes of events that moved nothing so."""

    movements: tuple[tuple[Detail, ...], ...]
    rejected: tuple[str, ...] = ()


def rerun(
    sale: StoredSale, events: Sequence[Mapping[str, Any]] = (), *, without_corrections_of: Collection[str] = ()
) -> Rerun:
    """Settle a stored sale and apply the events of its order. NoRuleError: no variant of a rule is for it.

    A correction does not touch the order lines `without_corrections_of`: other terms stand in its place there.
    """
    result = settle_again(sale.event, sale.rules, sale.advances)
    if not events:
        return Rerun((result.details,))
    movements, rejected = [result.details], []
    order = open_order(sale.order_id, sale.placed_at, result)
    ids = [line.result.facts.id for line in order.lines]
    for event in events:
        moved: list[Detail] = []
        for told in _told(event, ids, without_corrections_of):
            try:
                order, done = apply_event(order, told)
            except RejectedError as error:
                rejected.append(error.code)
            else:
                moved += done.details
        movements.append(tuple(moved))
    return Rerun(tuple(movements), tuple(rejected))


def _told(event: Mapping[str, Any], ids: Sequence[str], without: Collection[str]) -> Iterator[Mapping[str, Any]]:
    """Yield an event, or for a correction one for each line that it still concerns."""
    about = [event["line"]] if event.get("line") else ids
    if event["type"] != "correct_rule" or not any(line in without for line in about):
        yield event
        return
    for line in about:
        if line not in without:
            yield {**event, "line": line}
