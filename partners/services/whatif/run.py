"""Reads a range of history, part by part, and replays it: in this process, or in several."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.scope import all_rows
from ledger.selectors import History, StoredOrder, history_booked, history_read, history_span
from ledger.splits.sale import NoRuleError
from partners.errors import ReplayRefusedError
from partners.services.whatif.counters import Counters
from partners.services.whatif.effects import Replayed, Replaying, Task
from partners.services.whatif.journeys import Journeys, events_retold
from partners.services.whatif.plan import Plan
from partners.services.whatif.tally import Tally
from partners.services.whatif.workers import in_processes

PART = 10_000
"""Numbers of entries read in one transaction. Between two of them it tells how far it is, and may be stopped."""

BATCH = 500
"""Orders whose journeys are asked for at a time."""

Beat = Callable[[int, int], bool]
"""Told (orders done, orders in all at most); false stops the work."""


class StoppedError(Exception):
    """The work was stopped on the way."""


@dataclass(slots=True)
class Work:
    """A plan put to a history; `part` computes a piece of it, in whichever process."""

    plan: Plan
    history: History
    journeys: Journeys
    _replaying: Replaying = field(init=False)
    _counters: Counters | None = None

    def __post_init__(self) -> None:
        self._replaying = Replaying(self.plan)
        if self.plan.counting:
            with all_rows():
                self._counters = Counters(self.plan, self.history)

    def part(self, span: tuple[int, int]) -> Tally:
        """Replay the sales whose entries are numbered so, and hold them against what is booked at the same instant."""
        first, last = span
        tally = Tally()
        with _one_instant():
            for batch in _batches(history_read(self.history, first=first, last=last)):
                for task in self._tasks(batch):
                    tally.add(self._replayed(task))
            tally.check(history_booked(self.history, first=first, last=last))
        tally.off = tally.disagrees
        return tally

    def _replayed(self, task: Task) -> Replayed:
        try:
            return self._replaying.order(task)
        except NoRuleError as error:
            raise ReplayRefusedError(
                _("No variant of the changed rule is for order %(order)s.") % {"order": task.stored.order_id}
            ) from error

    def _tasks(self, batch: Sequence[StoredOrder]) -> Iterator[Task]:
        plan = self.plan
        plan.learn((row.inputs["rules"], [line["version"] for line in row.inputs["lines"]]) for row in batch)
        underway = [
            (
                row,
                [
                    plan.terms((line["item"][0], line["item"][1]), digest, line["version"])
                    for line, digest in zip(row.inputs["lines"], row.inputs["rules"], strict=True)
                ],
            )
            for row in batch
        ]
        events = events_retold(underway, self.journeys) if plan.asks_versions else [r.inputs["sale"] for r in batch]
        for (row, terms), retold in zip(underway, events, strict=True):
            before = row.inputs["sale"]
            event = retold if self._counters is None else self._counters.tell(row, terms, retold)
            changed = frozenset(
                place
                for place, terms_of in enumerate(terms)
                if terms_of.changed or (event is not before and event["lines"][place] != before["lines"][place])
            )
            yield Task(row, terms, event, changed)


def compute(*, plan: Plan, history: History, journeys: Journeys, processes: int = 1, beat: Beat | None = None) -> Tally:
    """Replay a range of history; the sums do not depend on the number of processes.

    Where tiers or caps are counted, one process replays all in the order of booking. With several, call it outside a
    transaction. StoppedError: `beat` said so. ReplayRefusedError names an order that changed terms say nothing about.
    """
    with all_rows():
        span = history_span(history)
    parts = [(first, min(first + PART - 1, span.last)) for first in range(span.first, span.last + 1, PART)]
    work = Work(plan, history, journeys)
    tally = Tally()
    beat = beat or (lambda _done, _total: True)
    pieces: Iterable[Tally]
    if processes > 1 and len(parts) > 1 and not plan.counting:
        pieces = in_processes(work.part, parts, processes=processes)
    else:
        pieces = (work.part(part) for part in parts)
    if not beat(0, span.sales):
        raise StoppedError
    for piece in pieces:
        tally.merge(piece)
        if not beat(tally.orders, span.sales):
            raise StoppedError
    return tally


def _batches(orders: Iterator[StoredOrder]) -> Iterator[list[StoredOrder]]:
    while batch := list(islice(orders, BATCH)):
        yield batch


@contextmanager
def _one_instant() -> Iterator[None]:
    """One view of the books, whatever is booked meanwhile. Inside a transaction that is open it is that one's."""
    if connection.in_atomic_block:
        with all_rows():
            yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        with all_rows():
            yield
