"""History once more, 1,000,000 order lines: `make bench ARGS=replay`.

Orders as `make seed-large` makes them (that takes minutes), then two what-ifs over all of them in two processes: the
terms that held, whose difference is zero, and the platform's share at 25 % in every agreement. JSON lines: wall
seconds, lines a second, peak memory of one process in MB. Another size: `LINES=100000`.
"""

import json
import os
import resource
import sys
import time
from datetime import UTC, date, datetime

from accounts.scope import all_rows
from analytics.services import Evidence
from partners.services.whatif import Change, compute, history_of, live, plan_of
from portal.demo.progress import Progress
from portal.large.build import build
from portal.management.commands.seed_large import scale_of
from tests import databases

LINES = int(os.environ.get("LINES", "1000000"))
LAST = datetime(2026, 6, 30, 15, tzinfo=UTC)
SINCE, UNTIL = date(2025, 6, 1), date(2026, 7, 1)


def measure(name: str, *, as_it_was: bool, change: Change) -> None:
    """Replay everything under one change and say how long it took."""
    with all_rows():
        plan = plan_of([change])
    plan = live(plan) if as_it_was else plan
    start = time.perf_counter()
    history = history_of(SINCE, UNTIL, about=plan.about)
    tally = compute(plan=plan, history=history, journeys=Evidence().journeys, processes=2)
    seconds = time.perf_counter() - start
    moved = sum(abs(new - was) for was, new in tally.cells.values())
    assert not tally.disagrees, tally.disagrees
    assert bool(moved) is not as_it_was
    figures = {"lines": tally.lines, "seconds": round(seconds, 1), "lines_per_s": round(tally.lines / seconds)}
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(whose).ru_maxrss for whose in who) // 1024
    print(json.dumps({"bench": "replay", "what": name, **figures, "peak_mb": peak}), flush=True)


def main() -> None:
    """Make the history, replay it."""
    with databases.clone(on_disk=True):
        progress = Progress(sys.stderr)
        build(orders=LINES, touches=0, scale=scale_of(LINES), last=LAST, processes=2, progress=progress)
        measure("as it was", as_it_was=True, change=Change())
        measure("another share", as_it_was=False, change=Change(percents={"platform:revenue": 2_500}))


if __name__ == "__main__":
    main()
