"""Every proof, balances rebuilt, every entry derived, on 1,000,000 postings: `make bench ARGS=proofs`.

The ledger's: one order with tax and a refund is booked through the services in a database of its own, and multiplied
there with its hashes computed anew, so that every proof has everything to look at. The programme's: on the business of
`make seed-large` with as many postings, with a year of statements issued over it. JSON lines: wall seconds; this
process's peak memory. Another number of postings: `POSTINGS=100000`; one part alone: `PART=programme`, `PART=ledger`.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as hour
from functools import partial

from django.db import connections
from django.utils import timezone

from accounts.models import User
from accounts.scope import all_rows
from ledger.models import ClosedPeriod
from ledger.selectors import proofs
from ledger.selectors.body import HASH_SQL
from ledger.selectors.periods import month_totals, open_months
from ledger.services import ProofResult, books_verify, seal_take, snapshot_take
from partners.services import statements_issue_due
from portal.demo.progress import Progress
from portal.large.build import build
from portal.management.commands.seed_large import scale_of
from tests import databases
from tests.ledger import stage

POSTINGS = int(os.environ.get("POSTINGS", "1000000"))
PER_ORDER = 29
"""Postings of the order that is multiplied: its sale and its refund."""

PER_SALE = 6.935
"""Postings of an order of the large business, on average."""

COUNTED = {
    "postings": "SELECT count(*) FROM ledger_posting",
    "decisions": "SELECT count(*) FROM partners_earningdecision",
    "statements": "SELECT count(*) FROM partners_statement",
    "lines of statements": "SELECT coalesce(sum(lines), 0)::bigint FROM partners_statement",
}

MULTIPLY = """
CREATE TEMP TABLE copies AS SELECT n FROM generate_series(1, {copies}) AS n;
INSERT INTO ledger_journalentry (id, kind, source_kind, source_id, occurred_at, booked_on, recorded_at, reverses_id,
    inputs, trace, body_hash, actor_id)
SELECT 10 * n + id, kind, source_kind, source_id || '-' || n, occurred_at, booked_on, recorded_at, 10 * n + reverses_id,
    inputs, CASE WHEN trace ? 'order' THEN trace || jsonb_build_object('order', (trace ->> 'order') || '-' || n)
    ELSE trace END, body_hash, actor_id
FROM ledger_journalentry, copies WHERE id < 10;
INSERT INTO ledger_posting (entry_id, position, account_id, party_id, amount, currency, line, clause, occurred_at,
    booked_on, matures_at)
SELECT 10 * n + entry_id, position, account_id, party_id, amount, currency, line, clause, occurred_at,
    booked_on, matures_at
FROM copies, ledger_posting WHERE entry_id < 10;
INSERT INTO ledger_bookedorder (id, source_kind, source_id, sale_id, placed_at, currency, settled_currency, paid_minor,
    refunded_minor, settled_minor, reversed_minor, reserve_minor, disputed, events_count)
SELECT 10 * n + id, source_kind, source_id || '-' || n, 10 * n + sale_id, placed_at, currency, settled_currency,
    paid_minor, refunded_minor, settled_minor, reversed_minor, reserve_minor, disputed, events_count
FROM ledger_bookedorder, copies WHERE id < 10;
INSERT INTO ledger_orderevent (order_id, number, kind, source_kind, source_id, body, body_hash, entry_id, occurred_at,
    recorded_at)
SELECT 10 * n + v.order_id, number, kind, v.source_kind, v.source_id || '-' || n, body, encode(sha256(convert_to((body
        || jsonb_build_object('order', jsonb_build_array(o.source_kind, o.source_id || '-' || n)))::text,
        'UTF8')), 'hex'),
    10 * n + entry_id, occurred_at, recorded_at
FROM copies, ledger_orderevent v JOIN ledger_bookedorder o ON o.id = v.order_id WHERE v.order_id < 10;
UPDATE ledger_journalentry j SET body_hash = h.hash FROM (
    SELECT e.id, {hash} AS hash FROM ledger_journalentry e JOIN ledger_posting p ON p.entry_id = e.id
    JOIN ledger_account a ON a.id = p.account_id GROUP BY e.id
) h WHERE h.id = j.id;
ANALYZE
"""

REBUILD = "SELECT account_id, sum(amount) FROM ledger_posting GROUP BY account_id"


def say(**facts: object) -> None:
    """Print one JSON line."""
    print(json.dumps({"bench": "proofs", **facts}), flush=True)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how long the block took."""
    start = time.perf_counter()
    yield
    say(what=what, seconds=round(time.perf_counter() - start, 2))


def fill() -> None:
    """Book one order and multiply it, triggers off."""
    with all_rows():
        stage.parties()
        stage.sell("O", 6_001, 3_999, tax=60)
        stage.happen("O", "refund", stage.day(1), amount=1_000)
    with connections["owner"].cursor() as cursor:
        tables = ("posting", "journalentry", "bookedorder", "orderevent")
        for table in tables:
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
        cursor.execute(MULTIPLY.format(copies=POSTINGS // PER_ORDER, hash=HASH_SQL))
        for table in tables:
            cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER USER")
        cursor.execute("SELECT count(*) FROM ledger_posting")
        say(what="postings", count=cursor.fetchone()[0])


def _tell(role: str, result: ProofResult) -> None:
    say(what=result.code, role=role, seconds=round(result.seconds, 2), holds=not result.rows)


def _prove(*, programme: bool) -> None:
    """Run the programme's proofs or the ledger's as both roles: `manage.py verify_ledger`, and the nightly task."""
    ours = [proof.code for proof in proofs() if ("partners_" in proof.sql) == programme]
    for role in ("owner", "default"):
        report = books_verify(using=role, only=ours, heard=partial(_tell, role))
        assert not report.failed, report.failed


def _issue() -> None:
    """Close every month before this one and issue its statements."""
    with all_rows():
        first, second = User.objects.order_by("pk")[:2]
        for month in [one.month for one in open_months() if one.month < timezone.localdate().replace(day=1)]:
            totals = month_totals(month=month)
            ClosedPeriod.objects.create(month=month, prepared_by=first, closed_by=second, totals=totals)
    statements_issue_due()


def programme() -> None:
    """Make the large business without visits, issue its statements, run the programme's proofs."""
    orders = round(POSTINGS / PER_SALE)
    last = datetime.combine(timezone.localdate() - timedelta(days=1), hour(15), UTC)
    with databases.clone(on_disk=True):
        with timed("business made"):
            progress, scale = Progress(sys.stderr), scale_of(orders)
            build(orders=orders, touches=0, scale=scale, last=last, processes=2, progress=progress)
        with timed("statements issued"):
            _issue()
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE")
            for what, sql in COUNTED.items():
                cursor.execute(sql)
                say(what=what, count=cursor.fetchone()[0])
        _prove(programme=True)


def ledger() -> None:
    """Multiply an order, run the ledger's proofs, rebuild balances, derive entries."""
    with databases.clone(on_disk=True):
        with timed("made"):
            fill()
        with timed("seals"):
            seal_take()
        with timed("snapshot"):
            snapshot_take()
        with timed("balances rebuilt from postings"), connections["owner"].cursor() as cursor:
            cursor.execute(REBUILD)
            cursor.fetchall()
        _prove(programme=False)
        with timed("derivation"):
            report = books_verify(using="owner", only=["derivation"])
        assert not report.failed, report.failed
        assert report.derived is not None
        say(what="derived", entries=report.derived.entries, orders=report.derived.orders)


PARTS = {"ledger": ledger, "programme": programme}


def main() -> None:
    """Measure."""
    for name, part in PARTS.items():
        if os.environ.get("PART", name) == name:
            part()
    say(what="peak memory of this process, MB", mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    main()
