"""Imported orders settled in bulk, by the relay and the services that settle every order: `make bench ARGS=settlement`.

100,000 orders of one line over 200 agreements; two in three after a journey, a third of its touches by partners'
links. Two processes take batches of 2,000 due orders, as two workers would; the database waits for the disk. JSON
lines: orders a second of wall time; CPU milliseconds an order of these processes and of their backends; rows written;
then seconds of each proof over what was booked. Another size: `ORDERS=10000`; `PROCESSES=1`.
"""

import json
import multiprocessing
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, connections

from accounts.scope import all_rows
from analytics.services import NewTouch, NewVisitor, touchpoints_record, visitors_record
from courses.services import PaidLine, PaidOrder, orders_record
from events.services import relay
from ledger.selectors import proofs
from portal.demo.progress import Progress
from portal.large.cases import Case, draw_cases
from portal.large.world import Scale, World, make_world
from tests import databases

ORDERS = int(os.environ.get("ORDERS", "100000"))
PROCESSES = int(os.environ.get("PROCESSES", "2"))
BATCH, CHUNK, SEED = 2_000, 2_000, 1
SCALE = Scale(partners=300, courses=200, learners=5_000)
OPENED, FIRST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def durable() -> Iterator[str]:
    """A database of its own on a server that waits for the disk, as it does for a portal and not for tests."""
    with closing(databases.admin()) as link, link.cursor() as cursor:
        databases.template()
        for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
            cursor.execute(f"ALTER SYSTEM RESET {name}")
        cursor.execute("SELECT pg_reload_conf()")
        try:
            with databases.clone(on_disk=True) as name:
                cursor.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
                databases.point_at(dict.fromkeys(databases.ALIASES, name))
                yield name
        finally:
            for name in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                cursor.execute(f"ALTER SYSTEM SET {name} = off")
            cursor.execute("SELECT pg_reload_conf()")


def backend_seconds() -> float:
    """CPU seconds of the database process behind this connection, where /proc tells; else 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        path = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not path.exists():
        return 0.0
    user, system = path.read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def import_orders(world: World, orders: int, *, first: int = 0) -> list[int]:
    """Record visitors, touches and paid orders as an import does; returns the orders' primary keys."""
    draw, made = random.Random(SEED + first), []
    cases = list(draw_cases(world, each=40, seed=SEED))
    for start in range(first, first + orders, CHUNK):
        drawn = [(n, draw.choice(cases)) for n in range(start, min(start + CHUNK, first + orders))]
        with all_rows():
            visitors_record(visitors=[NewVisitor(key_of(n), FIRST) for n, _case in drawn])
            touchpoints_record(touches=[touch for n, case in drawn for touch in touches_of(n, case, world)])
            made += orders_record(orders=[order_of(n, case, world) for n, case in drawn])
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    return made


def key_of(number: int) -> UUID:
    """The cookie of the browser that ordered."""
    return UUID(int=number + 1)


def placed_at(number: int) -> datetime:
    """When an order was placed."""
    return FIRST + timedelta(minutes=number % 130_000)


def touches_of(number: int, case: Case, world: World) -> Iterator[NewTouch]:
    """What led to an order."""
    for minutes, channel, owner in case.touches:
        yield NewTouch(
            visitor_key=key_of(number),
            channel_id=world.channels[channel],
            owner_id=world.bringers[owner] if owner >= 0 else None,
            occurred_at=placed_at(number) - timedelta(minutes=minutes),
        )


def order_of(number: int, case: Case, world: World) -> PaidOrder:
    """A paid order of one case."""
    return PaidOrder(
        provider="bench",
        external_id=f"bench-{number}",
        code=f"B{number:09d}",
        currency="CNY",
        lines=[PaidLine(course_id=world.courses[case.course], list_minor=case.list_minor)],
        placed_at=placed_at(number),
        buyer_id=world.learners[number % len(world.learners)],
        visitor_key=key_of(number),
        discount_minor=case.discount_minor,
        discount_bearer="pool" if case.discount_minor else "",
        tax_minor=case.tax_minor,
        processor_fee_minor=case.fee_minor,
    )


def settle(told: Any) -> None:
    """One worker: batches until nothing is due; tells its backend's CPU seconds."""
    before = backend_seconds()
    while relay(queue="money", batch=BATCH, limit=5 * BATCH).tried:
        pass
    told.put(backend_seconds() - before)
    connections.close_all()


def settled_by_processes() -> dict[str, float]:
    """Run the workers to the end."""
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    told = fork.Queue()
    used, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    workers = [fork.Process(target=settle, args=(told,)) for _unused in range(PROCESSES)]
    for worker in workers:
        worker.start()
    theirs = sum(told.get() for _worker in workers)
    for worker in workers:
        worker.join()
    wall, now = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_CHILDREN)
    own = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return {
        "orders_per_s": round(ORDERS / wall, 1),
        "python_cpu_ms": round(1_000 * own / ORDERS, 3),
        "database_cpu_ms": round(1_000 * theirs / ORDERS, 3),
        "peak_mb": now.ru_maxrss // 1024,
    }


def counted() -> dict[str, int]:
    """Rows that the settlement wrote."""
    tables = ("ledger_journalentry", "ledger_posting", "partners_earningdecision", "analytics_credit")
    with connections["owner"].cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {table}")
            found[table.partition("_")[2]] = cursor.fetchone()[0]
    return found


def main() -> None:
    """Import, settle, prove."""
    with durable():
        world = make_world(SCALE, opened=OPENED, progress=Progress(sys.stderr))
        import_orders(world, ORDERS)
        figures = settled_by_processes()
        print(json.dumps({"bench": "settlement", "processes": PROCESSES, **figures, **counted()}), flush=True)
        with connections["owner"].cursor() as cursor:
            cursor.execute("ANALYZE")
            for proof in proofs():
                start_at = time.perf_counter()
                cursor.execute(proof.sql)
                rows = len(cursor.fetchall())
                seconds = round(time.perf_counter() - start_at, 3)
                print(json.dumps({"bench": "proof", "code": proof.code, "violations": rows, "seconds": seconds}))


if __name__ == "__main__":
    main()
