"""The four figures that an accelerator is measured by, as JSON lines; the same code on the CPU at a small size.

    python -m bench.recommender.accelerator [--device cuda] [--size full]

full: SASRec d 64 over 50 positions with 512 negatives (target on one H100: 3 M positions a second), by batch size, all
of P1's test ranked and summed up for a model that is there (0.5 s), iALS d 128 on 20 M interactions (0.10 s a pass)
and EASE of 20,000 items (5 s). small: the same on tables of a few thousand rows; needs no shared data. Seconds are wall
time after a warm-up, the device waited for.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bench.recommender.data import load
from recommender.engine.attention import Learner
from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.device import choose_device, describe_device
from recommender.engine.evaluate import rank_stage
from recommender.engine.factors import Side, solve_side
from recommender.engine.metrics import summarise
from recommender.engine.models.ease import Ease, EaseSettings
from recommender.engine.models.sasrec import SasRecSettings
from recommender.engine.split import split_leave_one_out


@dataclass(frozen=True)
class Size:
    """Users, items and events a user of the tables; batch sizes and steps of the transformer."""

    factors: tuple[int, int, int]
    pairs: tuple[int, int, int]
    walks: tuple[int, int, int]
    batches: tuple[int, ...]
    steps: int


SIZES = {
    "full": Size((138_000, 27_000, 145), (100_000, 20_000, 60), (97_722, 3_321, 51), (8_192, 32_768, 131_072), 40),
    "small": Size((2_000, 500, 12), (2_000, 400, 12), (400, 300, 51), (1_024,), 6),
}


def drawn(users: int, items: int, events: int) -> Interactions:
    """So many different items a user, the popular ones more often, in random order."""
    rng = np.random.default_rng(0)
    taken = (items * rng.random((users, 2 * events)) ** 2).astype(np.int64)
    return Interactions.of_histories([np.unique(row)[:events] for row in taken], item_ids=np.arange(items))


class Measured:
    """Runs a call on a device and tells wall seconds, the best of some repeats, and the most memory."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def seconds(self, call: Callable[[], object], repeats: int = 1) -> float:
        """The least of `repeats` runs."""
        found = []
        for _ in range(repeats):
            self._wait()
            began = time.perf_counter()
            call()
            self._wait()
            found.append(time.perf_counter() - began)
        return min(found)

    def tell(self, figure: str, **values: object) -> None:
        """One JSON line."""
        there = self.device.type == "cuda"
        most = torch.cuda.max_memory_allocated() if there else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        line = {"figure": figure, "device": describe_device(self.device), **values, "peak_mb": most // 2**20}
        print(json.dumps(line), flush=True)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def transformer(measured: Measured, size: Size) -> None:
    """Positions a second, loss and update included."""
    table, device = drawn(*size.walks), measured.device
    for batch in size.batches:
        values = {"batch_tokens": batch, "precision": "bfloat16" if device.type == "cuda" else "float32"}
        learner = Learner(table, settings_from(SasRecSettings, values), device=device, rng=np.random.default_rng(0))
        learner.dropout.refill()
        rows: Iterator[np.ndarray] = iter(learner.lessons.groups(learner.rng))
        learner.learn(next(rows), 1e-3)
        steps = [group for _, group in zip(range(size.steps), rows, strict=False)]
        seconds = measured.seconds(lambda: [learner.learn(group, 1e-3) for group in steps])  # noqa: B023 - called at once
        positions = sum(int(learner.lessons.lengths[group].sum()) for group in steps)
        measured.tell("sasrec", batch_tokens=batch, positions_per_second=round(positions / seconds), target=3_000_000)


def ranking(measured: Measured, size: Size, *, full: bool) -> None:
    """Everybody's target ranked among all items, and every figure with its error."""
    stage = load("p1").test if full else split_leave_one_out(drawn(*size.pairs)).test
    rng, device = np.random.default_rng(0), measured.device
    model = Ease.fit(stage.train, settings=EaseSettings(), device=device, rng=rng)
    ranked = [rank_stage(model, stage, device=device)]
    seconds = measured.seconds(lambda: ranked.append(rank_stage(model, stage, device=device)), 3)
    summed = measured.seconds(lambda: summarise(ranked[0], rng=rng), 3)
    measured.tell(
        "evaluation", users=int(stage.users.size), seconds=round(seconds, 3), figures=round(summed, 3), target=0.5
    )


def factorisation(measured: Measured, size: Size) -> None:
    """One iteration: all users, then all items."""
    table, device = drawn(*size.factors), measured.device
    items = torch.from_numpy(np.random.default_rng(0).normal(0, 0.01, (table.n_items, 128)).astype(np.float32))
    state = {"items": items.to(device)}
    sides = Side.of_users(table), Side.of_items(table)

    def iteration() -> None:
        users = solve_side(state["items"], sides[0], unobserved=0.1, ridge=0.003)
        state["items"] = solve_side(users, sides[1], unobserved=0.1, ridge=0.003)

    iteration()
    seconds = measured.seconds(iteration, 3)
    measured.tell("ials", dimension=128, interactions=len(table), seconds_per_iteration=round(seconds, 3), target=0.1)


def closed_form(measured: Measured, size: Size) -> None:
    """From the table in memory to a model that can score."""
    table, rng = drawn(*size.pairs), np.random.default_rng(0)
    seconds = measured.seconds(lambda: Ease.fit(table, settings=EaseSettings(), device=measured.device, rng=rng))
    measured.tell("ease", items=table.n_items, interactions=len(table), seconds=round(seconds, 2), target=5)


def main() -> None:
    """All four."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    options = parser.parse_args()
    measured, size = Measured(choose_device(options.device)), SIZES[options.size]
    transformer(measured, size)
    ranking(measured, size, full=options.size == "full")
    factorisation(measured, size)
    closed_form(measured, size)


if __name__ == "__main__":
    main()
