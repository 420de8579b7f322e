"""Networks that hear a history as one fading sum: their lessons, their loop, and how to learn in private.

Every position of a history is a lesson: the fading sum of the items before it should point to the item there, among
negatives drawn once a step for all. Under privacy a step draws each person with a fixed chance and one position of
theirs, gradients are clipped a person and noise is added (Opacus), so that what is spent is counted for whole people.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recommender.engine.config import Progress
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.errors import ConfigError

DELTA = 1e-6
"""The delta at which the epsilon of a private training is told."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """The prefixes of all histories: where each ends (its target), and where its history begins."""

    items: Int64
    ends: Int64
    starts: Int64
    owners: Int64
    faded: Float32

    @classmethod
    def of(cls, interactions: Interactions, *, window: int, decay: float) -> Lessons:
        """Every position but the first of each history."""
        starts = np.repeat(interactions.pointers[:-1], interactions.lengths)
        places = np.arange(len(interactions))
        kept = places > starts
        return cls(
            items=interactions.items.astype(np.int64),
            ends=places[kept],
            starts=starts[kept],
            owners=interactions.rows[kept],
            faded=(decay ** np.arange(window)).astype(np.float32),
        )

    def batch(self, rows: Int64, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Context items [n, window], what each counts (0 where there is none), targets [n]."""
        before = self.ends[rows, None] - 1 - np.arange(self.faded.size)
        there = before >= self.starts[rows, None]
        context = self.items[np.where(there, before, 0)]
        factors = (there * self.faded).astype(np.float32)
        factors /= np.sqrt((factors**2).sum(axis=1, keepdims=True))
        told = [torch.from_numpy(part).to(device) for part in (context, factors, self.items[self.ends[rows]])]
        return told[0], told[1], told[2]

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[Int64]:
        """All lessons in random order, in batches."""
        order = rng.permutation(self.ends.size)
        yield from np.split(order, np.arange(size, order.size, size)) if order.size else ()

    def drawn(self, size: int, rng: np.random.Generator) -> Iterator[Int64]:
        """As many batches, each of people drawn independently, with one lesson of each."""
        people, first, counts = np.unique(self.owners, return_index=True, return_counts=True)
        for _ in range(max(1, round(people.size / size))):
            chosen = rng.random(people.size) < min(1.0, size / people.size)
            yield first[chosen] + (rng.random(int(chosen.sum())) * counts[chosen]).astype(np.int64)


def pooled(table: Float32, history: Int32, weights: Float32 | None, faded: Float32) -> Float32:
    """The fading sum of one history's rows, at the length that `Lessons.batch` gives: numpy, for serving."""
    recent = history[::-1][: faded.size]
    factors = faded[: recent.size] if weights is None else faded[: recent.size] * weights[::-1][: faded.size]
    found: Float32 = (factors / np.sqrt((factors**2).sum())) @ table[recent]
    return found


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn, and the noise in units of the clipping norm (0: no privacy)."""

    epochs: int
    batch: int
    negatives: int
    learning_rate: float
    noise: float = 0.0
    clip: float = 1.0


class Learned(NamedTuple):
    """The epsilon spent at `DELTA`, 0 where no noise was asked for, and each epoch's mean loss."""

    epsilon: float
    losses: list[float]


def learn(
    net: nn.Module,
    lessons: Lessons,
    schedule: Schedule,
    *,
    rivals: Int64,
    device: torch.device,
    rng: np.random.Generator,
    progress: Progress,
) -> Learned:
    """Let `net(context, factors, candidates)` learn.

    Candidates are [n, 1 + drawn]: the target, then the step's negatives, drawn among the items `rivals`. Raises
    ConfigError where noise is asked for and Opacus is not installed.
    """
    optimiser: Any = torch.optim.Adam(net.parameters(), lr=schedule.learning_rate)
    private = _private(net, optimiser, schedule, device=device, rng=rng) if schedule.noise else None
    module, optimiser = (private.net, private.optimiser) if private else (net, optimiser)
    steps, losses = 0, []
    for epoch in range(schedule.epochs):
        draw = lessons.drawn if private else lessons.shuffled
        told = []
        for group in decaying(optimiser, schedule, epoch, draw(schedule.batch, rng)):
            loss = _loss(module, lessons.batch(group, device), schedule.negatives, rivals, rng)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call] # torch says so of its own
            optimiser.step()
            steps += 1
            told.append(loss.detach())
        losses.append(float(torch.stack(told).mean()) if told else 0.0)
        progress("fit", epoch + 1, schedule.epochs)
    people = max(1, np.unique(lessons.owners).size)
    spent = private.spent(min(1.0, schedule.batch / people), steps) if private else 0.0
    return Learned(spent, losses)


def decaying(optimiser: Any, schedule: Schedule, epoch: int, groups: Iterator[Int64]) -> Iterator[Int64]:
    """The groups that hold anything, the rate falling evenly from epoch to epoch to a tenth."""
    rate = schedule.learning_rate * (1 - 0.9 * epoch / schedule.epochs)
    for row in optimiser.param_groups:
        row["lr"] = rate
    yield from (group for group in groups if group.size)


def _loss(
    net: nn.Module, lesson: tuple[torch.Tensor, ...], drawn: int, rivals: Int64, rng: np.random.Generator
) -> torch.Tensor:
    """Cross entropy of each target among itself and the negatives, scaled up to all rivals; its own are left out."""
    context, factors, targets = lesson
    wanted = min(drawn, rivals.size) if drawn else rivals.size
    chosen = torch.from_numpy(rng.choice(rivals, wanted, replace=False)).to(targets.device)
    candidates = torch.cat([targets[:, None], chosen.expand(targets.numel(), -1)], dim=1)
    logits = net(context, factors, candidates)
    logits[:, 1:] = (logits[:, 1:] + math.log(rivals.size / wanted)).masked_fill(chosen == targets[:, None], -torch.inf)
    return functional.cross_entropy(logits, torch.zeros_like(targets))


@dataclass(frozen=True)
class _Private:
    net: nn.Module
    optimiser: Any
    noise: float

    def spent(self, rate: float, steps: int) -> float:
        """The epsilon of so many steps in which each person takes part with this chance, by Rényi accounting."""
        from opacus.accountants.analysis import rdp

        orders = [1 + x / 10 for x in range(1, 100)] + list(range(12, 64))
        told = rdp.compute_rdp(q=rate, noise_multiplier=self.noise, steps=steps, orders=orders)
        return float(rdp.get_privacy_spent(orders=orders, rdp=told, delta=DELTA)[0])


def _private(
    net: nn.Module, optimiser: Any, schedule: Schedule, *, device: torch.device, rng: np.random.Generator
) -> _Private:
    try:
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer
    except ImportError:
        raise ConfigError("noise asks for Opacus; install it with `pip install tributary[privacy]`") from None
    noise = torch.Generator(device)
    noise.manual_seed(int(rng.integers(2**63)))  # torch's own is seeded with 31 bits, which could be tried out
    noisy = DPOptimizer(
        optimiser,
        noise_multiplier=schedule.noise,
        max_grad_norm=schedule.clip,
        expected_batch_size=schedule.batch,
        generator=noise,
    )
    return _Private(GradSampleModule(net), noisy, schedule.noise)
