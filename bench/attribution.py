"""Attribution and how sure it is: `make bench ARGS=attribution`.

JSON lines, CPU seconds of one process, compiling apart: models on recipe R1 (`JOURNEYS=10000000` journeys, 12 and 50
channels), from codes and from the texts of paths in memory; Shapley at 500 channels on a million; how far models are
from the truth in three worlds that are known; every model with its 500-replicate intervals on the path tables under
`PORTAL_SHARED_DATA` (left out where it is not set); then how often 95 % intervals hold the truth, over `WORLDS=200`
worlds of 5,000 journeys that are drawn from one known mixture of paths; then the paths of 10 million touches of 2
million people, with the sum over all of them that three database engines agree on; then their statistics by day,
brought from one day to the next.
"""

import hashlib
import json
import os
import resource
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
from analytics.attribution.registry import (
    MODELS,
    POSITION_MODELS,
    USUAL,
    Terms,
    attribute,
    attributions,
    compile_models,
)
from analytics.attribution.resampling import attribution_intervals
from analytics.attribution.tokens import Encoder
from bench.journeys import confounded, interactions, main_effects, r1

WORLDS = int(os.environ.get("WORLDS", "200"))
R1_JOURNEYS = int(os.environ.get("JOURNEYS", "10000000"))
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


def speed() -> None:
    """Recipe R1 at full size: what an answer takes once the compiler has been."""
    for channels in (12, 50):
        table = r1(channels, R1_JOURNEYS)
        of = {"bench": "R1", "channels": channels, "journeys": R1_JOURNEYS, "paths": len(table.conversions)}
        codes, seconds = timed(partial(Encoder().add, *texts(table)))
        say(of, what="texts to codes", s=seconds)
        say(of, what="six heuristics", s=timed(partial(attributions, table, models=POSITION_MODELS))[1])
        for order in (1, 2, 3):
            run, seconds = timed(partial(attribute, table, model="markov", order=order))
            say(of, what=f"markov {order}", s=seconds, p=run.markov.p_conversion)
        if channels == 12:
            say(of, what="counterfactual", s=timed(partial(attribute, table, model="counterfactual"))[1])
        del table, codes
        print(json.dumps(of | {"what": "peak", "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
    table = r1(500, min(R1_JOURNEYS, 1_000_000))
    for model in ("shapley", "ordered_shapley"):
        say({"bench": "R1", "channels": 500}, what=model, s=timed(partial(attribute, table, model=model))[1])


def say(of: dict[str, Any], **figures: Any) -> None:
    """A line."""
    print(json.dumps(of | figures), flush=True)


def texts(table: PathTable) -> tuple[Any, Any]:
    """The paths as texts joined by ' > ', one after another, and where each begins."""
    names = np.frombuffer("".join(f"{name} > " for name in table.channels).encode(), np.uint8)
    width = len(names) // len(table.channels)
    letters = names.reshape(-1, width)[table.codes].ravel()
    keep = np.ones(len(letters), bool)
    for back in (1, 2, 3):
        keep[table.starts[1:] * width - back] = False
    return letters[keep], table.starts * width - 3 * np.arange(len(table.starts))


def known_truth() -> None:
    """Share-L1 of models against what is truly lost without each channel, in three worlds."""
    for channels in (12, 50):
        for make in (main_effects, interactions, confounded):
            world = make(channels, 1_000_000)
            of = {"bench": "truth", "world": world.name, "channels": channels, "lost": round(float(world.lost.sum())),
                  "without_any": round(world.without_any), "conversions": world.table.conversions.sum()}  # fmt: skip
            for model, terms in (("last_touch", USUAL), ("shapley", USUAL), ("markov", USUAL),
                                 ("counterfactual", USUAL), ("counterfactual", Terms(pairs=True))):  # fmt: skip
                if terms.pairs and channels > 12:
                    continue
                found, seconds = timed(partial(attribute, world.table, model=model, terms=terms))
                caused = found.counterfactual
                say(of, model=model + (" with pairs" if terms.pairs else ""), s=seconds,
                    share_l1=round(apart(found.conversions, world.lost), 4), told=round(float(found.conversions.sum())),
                    baseline=round(caused.baseline[0]) if caused else None,
                    first=[round(float(world.lost[0])), round(float(found.conversions[0]))])  # fmt: skip


def apart(credit: Any, lost: Any) -> float:
    """The sum of differences of shares, what is below 0 counted as nothing."""
    one, other = (np.clip(amounts, 0.0, None) for amounts in (credit, lost))
    return float(np.abs(one / one.sum() - other / other.sum()).sum())


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
        for model in ("first_touch", "linear", "markov", "counterfactual")
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
    compile_models(["markov"], order=2)
    speed()
    known_truth()
    tables()
    coverage()
    building()
    one_day()


if __name__ == "__main__":
    main()
