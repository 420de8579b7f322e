"""From rows of behaviour in PostgreSQL to a fitted EASE: `python -m bench.recommender database`.

Everybody of mooccubex5 is a person, every enrolment a purchase a minute after the one before. The measured process is
one of its own, so that its memory is that of a training.
"""

import io
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import django

django.setup()  # before all below, which name models

from django.db import connections  # noqa: E402 - after setup

from recommender.engine.data import Interactions  # noqa: E402 - after setup
from tests import databases  # noqa: E402 - after setup

SCRATCH = """
SET session_replication_role = replica;
DO $$ DECLARE r record; BEGIN
    FOR r IN SELECT attrelid::regclass AS t, attname FROM pg_attribute
        WHERE attrelid IN ('accounts_user'::regclass, 'courses_course'::regclass)
            AND attnum > 0 AND attnotnull AND attname <> 'id' LOOP
        EXECUTE format('ALTER TABLE %s ALTER %I DROP NOT NULL', r.t, r.attname);
    END LOOP;
    FOR r IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE contype = 'c'
        AND conrelid IN ('accounts_user'::regclass, 'courses_course'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', r.t, r.conname);
    END LOOP;
END $$;
ALTER TABLE courses_behaviourevent ALTER value SET DEFAULT 1, ALTER query SET DEFAULT '';
"""


@contextmanager
def filled(data: Interactions) -> Iterator[str]:
    """The name of a database that holds all rows."""
    import polars as pl

    with databases.clone() as name, closing(databases.admin(name)) as link, link.cursor() as cursor:
        cursor.execute(SCRATCH)
        cursor.execute(
            "INSERT INTO accounts_user (id, is_staff) SELECT n, false FROM generate_series(1, %s) AS n", [data.n_users]
        )
        cursor.execute(
            "INSERT INTO courses_course (id, state) SELECT n, 'published' FROM generate_series(1, %s) AS n",
            [data.n_items],
        )
        rows = pl.DataFrame({
            "user_id": data.rows + 1,
            "course_id": data.items + 1,
            "occurred_at": pl.int_range(len(data), eager=True) * 60_000_000 + 1_500_000_000_000_000,
            "kind": pl.repeat("purchase", len(data), eager=True),
        }).with_columns(pl.from_epoch("occurred_at", time_unit="us"))  # fmt: skip
        text = io.BytesIO(rows.write_csv(datetime_format="%Y-%m-%d %H:%M:%S+00").encode())
        columns = ", ".join(rows.columns)
        cursor.execute("SET session_replication_role = replica")
        cursor.copy_expert(f"COPY courses_behaviourevent ({columns}) FROM STDIN (FORMAT csv, HEADER)", text)
        cursor.execute("VACUUM ANALYZE courses_behaviourevent, accounts_user, courses_course")
        yield name


def server_seconds(pid: int) -> float:
    """CPU seconds that the database's process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Read and fit, once."""
    import numpy as np
    import torch

    from recommender.engine.config import settings_from
    from recommender.engine.models import get_model
    from recommender.services.training_data import behaviour_read

    connections["default"].settings_dict["NAME"] = sys.argv[1]
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = cursor.fetchone()[0]
    wall, cpu, busy = time.perf_counter(), time.process_time(), server_seconds(server)
    data = behaviour_read().data
    read, read_cpu = time.perf_counter(), time.process_time()
    busy = server_seconds(server) - busy
    kind = get_model("ease")
    kind.fit(data, settings=settings_from(kind.Settings, {}), device=torch.device("cpu"), rng=np.random.default_rng(0))
    print(json.dumps({
        "bench": "recommender", "what": "database", "rows": len(data), "people": data.n_users, "courses": data.n_items,
        "read_wall_s": round(read - wall, 2), "read_cpu_s": round(read_cpu - cpu, 2), "server_cpu_s": round(busy, 2),
        "fit_wall_s": round(time.perf_counter() - read, 2), "fit_cpu_s": round(time.process_time() - read_cpu, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "load": round(os.getloadavg()[0], 1),
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
