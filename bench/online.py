"""Online settlement, from paid to booked, by the relay as workers run it: `make bench ARGS=online`.

Eight workers on an empty database that waits for the disk. JSON lines: orders a second with one order a transaction,
and with up to fifty due orders in one (one savepoint; after a failure one each), each beside `pgbench -N -c 8` of the
same run; then how long orders wait that are paid one by one, a hundred a second: from the instant at which the payment
was recorded to the one at which its booking was, both before their commit. `ORDERS=2000`, `RATE=100`.
"""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from contextlib import closing
from typing import Any

from django.conf import settings
from django.db import connections

from accounts.scope import all_rows
from analytics.services import NewTouch, touchpoints_record
from bench.settlement import OPENED, SCALE, durable, import_orders, order_of, touches_of
from courses.services import orders_record
from events.services import relay
from portal.demo.progress import Progress
from portal.ground import programs
from portal.large.cases import draw_cases
from portal.large.world import World, make_world
from tests import databases

ORDERS = int(os.environ.get("ORDERS", "2000"))
RATE = int(os.environ.get("RATE", "100"))
WORKERS, SECONDS = 8, 10
FORK = multiprocessing.get_context("fork")


def pgbench() -> float:
    """Transactions a second of `pgbench -N -c 8` on the same server, in a database of its own."""
    row = settings.DATABASES["owner"]
    name = f"portal_test_{os.getpid()}_pgbench"
    program = str(programs.postgres("pgbench"))
    link = ["-h", str(connections["owner"].settings_dict["HOST"]), "-U", str(row["USER"]), name]
    shell = {**os.environ, "PGPASSWORD": str(row["PASSWORD"] or "")}
    with closing(databases.admin()) as admin, admin.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" OWNER "{row["USER"]}"')
        try:
            subprocess.run([program, "-i", "-q", "-s", "10", *link], env=shell, check=True, capture_output=True)
            done = subprocess.run(
                [program, "-N", "-c", "8", "-j", "2", "-T", str(SECONDS), *link],
                env=shell,
                check=True,
                capture_output=True,
                text=True,
            )
        finally:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    [line] = [line for line in done.stdout.splitlines() if line.startswith("tps")]
    return float(line.split()[2])


def drain(batch: int, gate: Any) -> None:
    """A worker: batches until nothing is due."""
    connections["default"].ensure_connection()
    gate.wait()
    while relay(queue="money", batch=batch, limit=1_000).tried:
        pass
    connections.close_all()


def throughput(batch: int) -> float:
    """Orders a second of wall time over all that is due."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_delivery WHERE state = 'due' AND queue = 'money'")
        due = cursor.fetchone()[0]
    connections.close_all()
    gate = FORK.Barrier(WORKERS + 1)
    workers = [FORK.Process(target=drain, args=(batch, gate)) for _unused in range(WORKERS)]
    for worker in workers:
        worker.start()
    gate.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return float(due) / (time.perf_counter() - start)


def serve(woken: Any) -> None:
    """A worker that is woken, as by the broker, and books what is due; None ends it."""
    while woken.get() is not None:
        relay(queue="money")
    connections.close_all()


def latencies(world: World, first: int) -> list[float]:
    """Milliseconds from paid to booked of orders that are paid at a steady rate."""
    cases = list(draw_cases(world, each=40, seed=2))
    numbers = range(first, first + RATE * SECONDS)
    chosen = [(n, cases[n % len(cases)]) for n in numbers]
    touches: list[NewTouch] = [touch for n, case in chosen for touch in touches_of(n, case, world)]
    with all_rows():
        touchpoints_record(touches=touches)
    connections.close_all()
    woken = FORK.SimpleQueue()
    workers = [FORK.Process(target=serve, args=(woken,)) for _unused in range(WORKERS)]
    for worker in workers:
        worker.start()
    start = time.perf_counter()
    for place, (number, case) in enumerate(chosen):
        time.sleep(max(0.0, start + place / RATE - time.perf_counter()))
        with all_rows():
            orders_record(orders=[order_of(number, case, world)])
        woken.put(1)
    for _unused in workers:
        woken.put(None)
    for worker in workers:
        worker.join()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT 1000 * extract(epoch FROM d.done_at - e.recorded_at)::float8 FROM events_delivery d"
            " JOIN events_outboxevent e ON e.id = d.event_id"
            " WHERE e.name = 'order.paid' AND d.state = 'done' ORDER BY e.id DESC LIMIT %s",
            [len(chosen)],
        )
        return sorted(value for (value,) in cursor.fetchall())


def main() -> None:
    """Measure."""
    with durable():
        world = make_world(SCALE, opened=OPENED, progress=Progress(sys.stderr))
        for place, (name, batch) in enumerate((("one a transaction", 1), ("up to fifty", 50))):
            import_orders(world, ORDERS, first=place * ORDERS)
            reached, base = throughput(batch), pgbench()
            figures = {"orders_per_s": round(reached, 1), "pgbench_tps": round(base, 1)}
            told = {"bench": "online", "what": name, **figures, "ratio": round(reached / base, 3)}
            print(json.dumps(told), flush=True)
        took = latencies(world, 10 * ORDERS)
        marks = {f"p{p}_ms": round(took[min(len(took) - 1, len(took) * p // 100)], 1) for p in (50, 95, 99)}
        print(json.dumps({"bench": "online", "what": "paid to booked", "rate": RATE, "booked": len(took), **marks}))


if __name__ == "__main__":
    main()
