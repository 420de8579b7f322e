"""Settlement through the real service on an empty database of its own, then every proof: `make bench ARGS=settlement`.

Orders of one line through three channels under twenty agreements, fifty orders in one transaction as the relay settles
them. JSON lines: orders a second of wall time; CPU milliseconds an order of this process and of its database backend;
queries a batch; then seconds for each proof over what was booked.
"""

import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django  # noqa: E402 - the settings are named first

django.setup()

from django.db import connection, connections  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from accounts.scope import all_rows  # noqa: E402
from ledger.selectors import proofs  # noqa: E402
from partners.services import SaleFacts, earnings_settle  # noqa: E402
from tests import databases  # noqa: E402
from tests.partners import desk  # noqa: E402

ORDERS, BATCH, AGREEMENTS = 5_000, 50, 20


def sales() -> list[SaleFacts]:
    """Orders over agreements of two creators, brought by two partners and by nobody."""
    alice, bob, reef, pier = (desk.party(code) for code in ("alice", "bob", "reef", "pier"))
    for number in range(AGREEMENTS):
        desk.agreement(scope_id=str(number), parties=[alice, bob], paying_model="linear")
    parts = [
        (desk.channel("search"), 200_000),
        (desk.channel("reef", reef), 300_000),
        (desk.channel("pier", pier), 500_000),
    ]
    journey = {"linear": [desk.credit(channel, ppm) for channel, ppm in parts]}
    return [
        desk.sale(
            f"O-{i}",
            lines=[desk.line(i, item=str(i % AGREEMENTS), price=9_000 + i, discount_minor=100)],
            processor_fee_minor=200,
            credits=journey,
        )
        for i in range(ORDERS)
    ]


def backend_seconds() -> float:
    """CPU seconds of the database process behind this connection, where /proc tells; else 0."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        path = Path(f"/proc/{cursor.fetchone()[0]}/stat")
    if not path.exists():
        return 0.0
    user, system = path.read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Settle, then prove."""
    with databases.clone():
        with all_rows():
            due = sales()
        with all_rows(), CaptureQueriesContext(connection) as queries:
            earnings_settle(sales=due[:BATCH])
        wall, own, theirs = time.perf_counter(), time.process_time(), backend_seconds()
        for start in range(BATCH, ORDERS, BATCH):
            with all_rows():
                earnings_settle(sales=due[start : start + BATCH])
        done = ORDERS - BATCH
        figures = {
            "bench": "settlement",
            "orders_per_s": round(done / (time.perf_counter() - wall), 1),
            "python_cpu_ms": round(1_000 * (time.process_time() - own) / done, 3),
            "database_cpu_ms": round(1_000 * (backend_seconds() - theirs) / done, 3),
            "queries_a_batch": len(queries),
        }
        print(json.dumps(figures))
        with connections["owner"].cursor() as cursor:
            for proof in proofs():
                start_at = time.perf_counter()
                cursor.execute(proof.sql)
                rows = len(cursor.fetchall())
                seconds = round(time.perf_counter() - start_at, 3)
                print(json.dumps({"bench": "proof", "code": proof.code, "violations": rows, "seconds": seconds}))


if __name__ == "__main__":
    main()
