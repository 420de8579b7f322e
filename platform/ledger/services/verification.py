"""Looking over the books: every proof, and every entry derived anew from what it was computed from."""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from accounts.scope import all_rows
from ledger.errors import LedgerError
from ledger.models import Verification
from ledger.selectors.derivation import Derived, Found, derive
from ledger.selectors.proofs import Proof, proofs

log = logging.getLogger(__name__)

SHOWN = 20
"""Rows that are named of each proof that fails."""

DERIVATION = "derivation"


@dataclass(frozen=True, slots=True)
class ProofResult:
    """What became of one proof: the first rows that contradict it, none is good; `more`: there are others."""

    code: str
    title: str
    rows: tuple[Found, ...]
    more: bool
    seconds: float


@dataclass(slots=True)
class BooksReport:
    """What became of all of them. `derived` None: entries were not derived."""

    started_at: datetime
    results: list[ProofResult] = field(default_factory=list)
    derived: Derived | None = None

    @property
    def failed(self) -> list[ProofResult]:
        """The proofs that do not hold."""
        return [result for result in self.results if result.rows]


def books_verify(
    *,
    using: str = "default",
    only: Collection[str] = (),
    skip_derivation: bool = False,
    heard: Callable[[ProofResult], None] = lambda _result: None,
    told: Callable[[Derived], None] = lambda _derived: None,
) -> BooksReport:
    """Run every proof over all of history and derive every entry anew, in one snapshot of one connection.

    `only` names proofs (`derivation` is one of them); LedgerError names an unknown one. `heard` gets each result,
    `told` how far the derivation is. Changes nothing.
    """
    chosen = _chosen(only)
    report = BooksReport(timezone.now())
    with _one_snapshot(using):
        for proof in chosen:
            report.results.append(_run(proof, using))
            heard(report.results[-1])
        if not skip_derivation and (not only or DERIVATION in only):
            report.derived = Derived()
            report.results.append(_derive(report.derived, using, told))
            heard(report.results[-1])
    return report


def books_verified(*, unless_within_minutes: int = 0) -> Verification | None:
    """Verify the books and keep what became of it; a failure is an error in the log.

    None, and nothing done, where that was begun within so many minutes, or is being done: beat may send it twice.
    """
    with _at_it() as mine:
        if unless_within_minutes and (not mine or _begun_within(unless_within_minutes)):
            return None
        return _kept(books_verify())


@contextmanager
def _at_it() -> Iterator[bool]:
    """Tell whether nobody else is looking the books over, and let others know until the block ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('ledger.verify'))")
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('ledger.verify'))")


def _kept(report: BooksReport) -> Verification:
    failures = [
        {"code": result.code, "title": result.title, "rows": [list(row) for row in result.rows]}
        for result in report.failed
    ]
    with all_rows():
        kept = Verification.objects.create(
            started_at=report.started_at,
            proofs=len(report.results),
            entries=report.derived.entries if report.derived else None,
            orders=report.derived.orders if report.derived else None,
            failed=len(failures),
            failures=failures,
        )
    for result in report.failed:
        row, what = result.rows[0]
        log.error("The books do not hold: %s, %s. First: %s %s", result.code, result.title, row, what)
    return kept


def _begun_within(minutes: int) -> bool:
    with all_rows():
        return Verification.objects.filter(started_at__gt=timezone.now() - timedelta(minutes=minutes)).exists()


def _chosen(only: Collection[str]) -> list[Proof]:
    known = {proof.code: proof for proof in proofs()}
    unknown = sorted(set(only) - known.keys() - {DERIVATION})
    if unknown:
        raise LedgerError(f"there is no proof {unknown[0]}; known are {', '.join([*known, DERIVATION])}")
    return [proof for code, proof in known.items() if not only or code in only]


@contextmanager
def _one_snapshot(using: str) -> Iterator[None]:
    with transaction.atomic(using=using):
        with connections[using].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if using != "owner":
                # Behind row-level security the planner takes every table for a few rows and joins them one by one,
                # which made three proofs of the demo's books take 42 s instead of 0.3. Proofs read whole tables.
                cursor.execute("SET LOCAL enable_nestloop = off")
        with all_rows(using=using):
            yield


def _run(proof: Proof, using: str) -> ProofResult:
    start = timezone.now()
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            # Materialized, since the planner takes every row for a violation: it chose plans that find the first
            # twenty soonest, and there is none, so that a proof of a few seconds took minutes.
            found = f"WITH violation AS MATERIALIZED ({proof.sql})"
            cursor.execute(f"{found} SELECT * FROM violation LIMIT {SHOWN + 1}")  # noqa: S608 - our own
            rows: list[Found] = cursor.fetchall()
    except DatabaseError as error:
        # Rows that somebody changed by hand may break the statement itself; that is a finding too.
        rows = [(proof.code, f"could not be run: {str(error).splitlines()[0]}")]
    return _result(proof.code, proof.title, rows, start)


def _derive(derived: Derived, using: str, told: Callable[[Derived], None]) -> ProofResult:
    start = timezone.now()
    rows = list(islice(derive(using=using, derived=derived, told=told), SHOWN + 1))
    title = "Every entry is what its stored inputs make of it, and every order what its history makes of it"
    return _result(DERIVATION, title, rows, start)


def _result(code: str, title: str, rows: list[Found], start: datetime) -> ProofResult:
    seconds = (timezone.now() - start).total_seconds()
    return ProofResult(code, title, tuple(rows[:SHOWN]), len(rows) > SHOWN, seconds)
