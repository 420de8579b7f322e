"""Attribution and how sure it is: `make bench ARGS=attribution`.

JSON lines, CPU seconds of one process: every model with its 500-replicate intervals on the path tables under
`PORTAL_SHARED_DATA` (left out where it is not set); then how often 95 % intervals hold the truth, over `WORLDS=200`
worlds of 5,000 journeys that are drawn from one known mixture of paths; then the paths of 10 million touches of 2
million people, with the sum over all of them that three database engines agree on; then their statistics by day,
brought from one day to the next.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analytics.attribution.builder import TouchLog, build_paths
from analytics.attribution.daily import DayPaths, count_by_day, no_paths, of_people, restated
from analytics.attribution.paths import PathTable, path_table
from analytics.attribution.reading import read_paths
from analytics.attribution.registry import MODELS, attribute, compile_models
from analytics.attribution.resampling import attribution_intervals

WORLDS = int(os.environ.get("WORLDS", "200"))
JOURNEYS, TYPES, SEED = 5_000, 40, 1
TOUCHES, PEOPLE, CHANNELS, CONVERSIONS, DAY = 10_000_000, 2_000_000, 12, 400_000, 86_400
EXPECTED = "0a4de1c35ff3ccbe0d1e5ee041a434de"
"""What PostgreSQL, DuckDB and a third engine make of these touches."""
FILES = ("pathdata.csv.gz", "synth_r1_12_1000000.parquet", "synth_r1_50_1000000.parquet")


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work returns, and its CPU seconds."""
    start = time.process_time()
    result = work()
    return result, round(time.process_time() - start, 4)


def tables() -> None:
    """Every model on the stored tables."""
    folder = os.environ.get("PORTAL_SHARED_DATA")
    for name in FILES if folder else ():
        paths = read_paths(Path(folder or "") / "data/attribution" / name)
        for model in MODELS:
            _credit, seconds = timed(partial(attribute, paths, model=model))
            _sure, more = timed(partial(attribution_intervals, paths, model=model))
            print(json.dumps({"bench": "attribution", "file": name, "model": model, "s": seconds, "intervals_s": more}))


def coverage() -> None:
    """How often the interval of a channel's conversions holds what the mixture makes on average."""
    draw = np.random.Generator(np.random.PCG64(SEED))
    kinds = [tuple(draw.integers(0, 6, draw.integers(1, 6)).tolist()) for _kind in range(TYPES)]
    often, rate = draw.dirichlet(np.ones(TYPES)), draw.uniform(0.05, 0.6, TYPES)
    truth_of = {
        model: dict(zip(table.channels, attribute(table, model=model).conversions, strict=True))
        for table in [mixture(kinds, JOURNEYS * often * rate, JOURNEYS * often * (1 - rate))]
        for model in ("first_touch", "linear", "markov")
    }
    held = {model: [0, 0] for model in truth_of}
    for _world in range(WORLDS):
        counts = draw.multinomial(JOURNEYS, often)
        converted = draw.binomial(counts, rate)
        table = mixture(kinds, converted, counts - converted)
        for model, truth in truth_of.items():
            low, high = attribution_intervals(table, model=model).conversions
            for code, channel in enumerate(table.channels):
                held[model][0] += int(low[code] <= truth[channel] <= high[code])
                held[model][1] += 1
    for model, (inside, of) in held.items():
        print(json.dumps({"bench": "coverage", "model": model, "worlds": WORLDS, "held": round(inside / of, 4)}))


def mixture(kinds: Any, conversions: Any, nulls: Any) -> PathTable:
    """A table of the kinds of path, channels numbered as they come."""
    return path_table(kinds, conversions=conversions.tolist(), nulls=nulls.tolist())


def touches_and_conversions() -> tuple[TouchLog, TouchLog]:
    """Ten million touches on 12 channels in 180 days, 400,000 conversions worth what is drawn for each."""
    draw = np.random.Generator(np.random.PCG64(7))
    times = np.sort(draw.integers(0, 180 * DAY, TOUCHES))
    people = np.floor(PEOPLE * draw.random(TOUCHES) ** 1.6).astype(np.int32)
    often = (np.arange(CHANNELS) + 1.0) ** -0.8
    channels = draw.choice(CHANNELS, TOUCHES, p=often / often.sum())
    chosen = draw.choice(TOUCHES, CONVERSIONS, replace=False)
    ends = times[chosen] + np.floor(draw.exponential(2 * DAY, CONVERSIONS)).astype(np.int64)
    cents = np.rint(100 * np.round(np.exp(draw.normal(3.5, 0.8, CONVERSIONS)), 2)).astype(np.int64)
    order = np.argsort(ends, kind="stable")
    return TouchLog(people, times, channels), TouchLog(people[chosen][order], ends[order], cents[order])


def building() -> None:
    """The paths of a large log, as of job P1: a look-back of 30 days, repeats collapsed."""
    touches, conversions = touches_and_conversions()
    channels = tuple(range(CHANNELS))
    first = TouchLog(touches.people[:9], touches.times[:9], touches.what[:9])
    build_paths(first, conversions, channels=channels, lookback=DAY)  # compiles
    built, seconds = timed(partial(build_paths, touches, conversions, channels=channels, lookback=30 * DAY))
    told = digest(built.paths)
    print(json.dumps({"bench": "building", "touches": TOUCHES, "s": seconds, "paths": len(built.paths.conversions),
                      "md5": told, "as_expected": told == EXPECTED}))  # fmt: skip


def one_day() -> None:
    """The paths by day of the same log, brought from one day to the next: new touches and orders, and 100 refunds."""
    touches, conversions = touches_and_conversions()
    began = 150 * DAY
    counting = partial(count_by_day, channels=range(CHANNELS), lookback=30 * DAY,
                       days=np.arange(0, 230, dtype=np.int64) * DAY)  # fmt: skip
    logs = []
    for until in (began, began + DAY):
        ends = (int(np.searchsorted(log.times, until)) for log in (touches, conversions))
        logs.append([TouchLog(log.people[:end], log.times[:end], log.what[:end])
                     for log, end in zip((touches, conversions), ends, strict=True)])  # fmt: skip
    (old, sold), (new, sales) = logs
    refunded = np.random.Generator(np.random.PCG64(1)).choice(len(sold.people), 100, replace=False)
    values = sales.what.copy()
    values[refunded] //= 2
    sales = TouchLog(sales.people, sales.times, values)
    restate_day(counting, no_paths(), (old, sold), (old, sold))  # compiles
    kept, seconds = timed(partial(counting, old, sold))
    whole, again = timed(partial(counting, new, sales))
    done, day = timed(partial(restate_day, counting, kept, (old, sold), (new, sales), refunded))
    same = all(
        getattr(done, name).tobytes() == getattr(whole, name).tobytes() for name in ("codes", "starts", "counts")
    )
    print(json.dumps({"bench": "one day", "touches": len(new.people) - len(old.people),
                      "orders": len(sales.people) - len(sold.people), "rows": len(whole.counts), "s": day,
                      "whole_s": [seconds, again], "same_bytes": same}))  # fmt: skip


def restate_day(counting: Any, kept: DayPaths, before: Any, after: Any, refunded: Any = ()) -> DayPaths:
    """Statistics after a day: the journeys of those whom it concerns taken away, and counted anew."""
    chosen = np.zeros(PEOPLE, bool)
    for old, new in zip(before, after, strict=True):
        chosen[new.people[len(old.people) :]] = True
    chosen[before[1].people[list(refunded)]] = True
    old_paths, new_paths = (counting(*(of_people(log, chosen) for log in logs)) for logs in (before, after))
    return restated(kept, old=old_paths, new=new_paths)


def digest(table: PathTable) -> str:
    """The sum over all paths, conversions, values and nulls, in byte order of the paths."""
    rows = []
    for row, (first, until) in enumerate(zip(table.starts[:-1], table.starts[1:], strict=True)):
        cents = int(table.values[row])
        told = f"{cents // 100}.{cents % 100:02}" if cents else "0"
        path = ">".join(map(str, table.codes[first:until].tolist()))
        rows.append((path, f"{path}:{int(table.conversions[row])}:{told}:{int(table.nulls[row])}"))
    return hashlib.md5(",".join(text for _path, text in sorted(rows)).encode(), usedforsecurity=False).hexdigest()


def main() -> None:
    """Measure."""
    compile_models(MODELS)
    tables()
    coverage()
    building()
    one_day()


if __name__ == "__main__":
    main()
