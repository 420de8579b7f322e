"""How often each test calls equal arms different when somebody looks every day.

    OMP_NUM_THREADS=1 python -m bench.recommender.looking [--runs 4000]

Prints one JSON line: the share of runs with at least one false alarm in 25 daily looks, and at the last look alone. The
outcome is a purchase (rate 3 %), 400 people an arm and day.
"""

import argparse
import json
import time

import numpy as np

from recommender.engine.experiments.compare import always_valid, fixed_horizon
from recommender.engine.experiments.moments import Sums

RATE, DAYS, PEOPLE = 0.03, 25, 400


def main() -> None:
    """Run the simulation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000)
    runs = parser.parse_args().runs
    rng, began = np.random.default_rng(0), time.process_time()
    ever = {"always": 0, "fixed": 0}
    last = dict(ever)
    tau = RATE * 0.1
    for _run in range(runs):
        bought = rng.binomial(PEOPLE, RATE, size=(2, DAYS)).cumsum(axis=1)
        alarms: dict[str, list[bool]] = {"always": [], "fixed": []}
        for day in range(DAYS):
            n = PEOPLE * (day + 1)
            control, treated = (Sums(n, float(arm[day]), float(arm[day])) for arm in bought)
            alarms["always"].append(always_valid(control, treated, tau=tau).is_certain)
            alarms["fixed"].append(fixed_horizon(control, treated).is_certain)
        for name, found in alarms.items():
            ever[name] += any(found)
            last[name] += found[-1]
    told = {
        "runs": runs,
        "looks": DAYS,
        "ever": {name: round(count / runs, 4) for name, count in ever.items()},
        "last": {name: round(count / runs, 4) for name, count in last.items()},
        "cpu_seconds": round(time.process_time() - began, 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
