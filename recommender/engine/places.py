"""How often a list keeps a place for newcomers, and in which order they stand there: valid decides, by one rule.

**The order.** What the base itself says of newcomers counts (`own`) where the new items that valid asks for then stand
higher in the queue, by two standard errors. **The places.** Every tenth is kept unless valid shows that this costs more
than `LOSS` of the figure that chooses or of HR@10; then rarer ones, then none. More places are kept where more of the
new items that valid asks for then come into the ten best, the figure that chooses keeps within `LOSS` of the base's
even one standard error below what was measured, and HR@10 keeps within `LOSS` as measured. So where valid asks for
nothing new, or is too small to tell, the tenth stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from recommender.engine.data import Float32, Float64, Int64
from recommender.engine.evaluate import Chunk, chunks, rank_targets
from recommender.engine.metrics import DEPTH, Ranking, per_user
from recommender.engine.models.newcomers import Newcomers, NewcomersSettings

if TYPE_CHECKING:
    import torch

    from recommender.engine.split import Stage

NONE = 0
"""Stands for no kept places in a list of values of `every`."""

STANDING = (10, 15, 20, 30, NONE)
"""What is taken without evidence, and what in its place where valid shows that it costs too much."""

EVERY = (2, 3, 4, 5, *STANDING)
"""What is tried. From 6 to 9 there is one place among the ten best, as with 10."""

OWN = (0.0, 1.0, 2.0)
"""What the base's own score of a newcomer may count in the queue."""

LOSS = 0.02
"""How much of the base's figures may be given for new items."""

PEOPLE, CELLS = 20_000, 2**27
"""So many people decide at most, and people times items whose scores are held meanwhile: 512 MB of float32."""


@dataclass(frozen=True)
class Loss:
    """What a figure loses beside the base's, as a share of it, and the standard error of that, paired by person."""

    value: float
    error: float

    @classmethod
    def of(cls, base: Float64, other: Float64) -> Loss:
        """From the values of the same people. The error is as if one person more had lost everything."""
        mean, apart = base.mean(), base - other
        if mean <= 0:
            return cls(0.0, np.inf)
        return cls(float(apart.mean() / mean), _error(apart) / float(mean))


@dataclass(frozen=True)
class Trial:
    """What keeping each `every`-th place did on valid.

    `figure`: the mean of what chooses; `loss` of that, `hits_lost` of HR@10; `new`: new items asked for that stood
    among the ten best.
    """

    every: int
    figure: float
    loss: Loss
    hits_lost: Loss
    new: int

    @property
    def held(self) -> bool:
        """Shown to keep what the base reaches."""
        return self.every == NONE or (self.loss.value + self.loss.error <= LOSS and self.hits_lost.value <= LOSS)

    @property
    def dear(self) -> bool:
        """Shown to cost more than may be given."""
        return any(loss.value - loss.error > LOSS for loss in (self.loss, self.hits_lost))


def decide(trials: Sequence[Trial]) -> Trial:
    """The rule on top of this file; `trials` are of all of `EVERY`."""
    tried = {trial.every: trial for trial in trials}
    standing = next(tried[every] for every in STANDING if every == NONE or not tried[every].dear)
    better = [trial for trial in trials if trial.held and trial.new > standing.new]
    return max(better, key=lambda trial: (trial.new, trial.figure, trial.every), default=standing)


def people_asked(stage: Stage) -> int:
    """How many of the stage's people decide."""
    return min(int(stage.users.size), PEOPLE, max(1, CELLS // max(1, stage.train.n_items)))


def choose_places(
    model: Newcomers, stage: Stage, *, select_by: str, device: torch.device, rng: np.random.Generator
) -> NewcomersSettings | None:
    """The settings of `model` with `every` and `own` as valid has them; None where its base is better off alone.

    `model` is fitted on ``stage.train``. The base scores once; each way of keeping places is ranked from that. Where
    `select_by` is no figure of every person, NDCG@10 stands for it. A stage that asks nobody changes nothing.
    """
    settings: NewcomersSettings = model.settings
    if not stage.users.size:
        return settings
    stage = stage.sample(people_asked(stage), rng=rng)
    lists = _Lists(model, stage, device=device)
    own = lists.own()
    found = decide(lists.trials(own, select_by))
    return None if found.every == NONE else replace(settings, every=found.every, own=own)


class _Lists:
    """The base's scores of a stage, held, and the lists that come of them."""

    def __init__(self, model: Newcomers, stage: Stage, *, device: torch.device) -> None:
        self.model, self.stage = model, stage
        self.new = np.isin(stage.targets, model.new)
        self.blocks: list[tuple[Chunk, Float32]] = [
            (chunk, model.base.score_batch(stage.known, chunk.users, device=device).cpu().numpy())
            for chunk in chunks(stage)
        ]

    def own(self) -> float:
        """Which of `OWN` brings the new items that are asked for to the front of the queue; 0 unless that is shown."""
        gains = {own: self._gains(own) for own in OWN}
        usual = gains[0.0]
        shown = [own for own in OWN if usual.size and (gains[own] - usual).mean() > 2 * _error(gains[own] - usual)]
        return max(shown, key=lambda own: float(gains[own].mean()), default=0.0)

    def _gains(self, own: float) -> Float64:
        """1 / log2(place + 1) of each new item that is asked for in its person's queue, 0 where it is not there."""
        model, known = self.model.under(own=own), self.stage.known
        gains: list[float] = []
        for chunk, scores in self.blocks:
            rows, items = chunk.asked
            fresh = np.isin(items, model.new)
            for row, item in zip(rows[fresh].tolist(), items[fresh].tolist(), strict=True):
                user = chunk.users[row]
                queue = model.queue(scores[row], known.history(user), known.history_weights(user))
                place = np.flatnonzero(() if queue is None else queue.items == item)
                gains.extend(1 / np.log2(place + 2) if place.size else [0.0])
        return np.array(gains, dtype=np.float64)

    def trials(self, own: float, select_by: str) -> list[Trial]:
        """Every way of keeping places, held against the base alone."""
        ranks: dict[int, list[Float64]] = {every: [] for every in EVERY}
        for chunk, scores in self.blocks:
            for every, found in self._ranks(chunk, scores, own).items():
                ranks[every].append(found)
        whole = {every: np.concatenate(parts) for every, parts in ranks.items()}
        nobody = np.empty((0, DEPTH), dtype=np.int32)
        values = {every: per_user(Ranking(self.stage, found, nobody)) for every, found in whole.items()}
        name = select_by if select_by in values[NONE] else "ndcg@10"
        return [
            Trial(
                every=every,
                figure=float(own_values[name].mean()),
                loss=Loss.of(values[NONE][name], own_values[name]),
                hits_lost=Loss.of(values[NONE]["hr@10"], own_values["hr@10"]),
                new=int((whole[every][self.new] <= DEPTH).sum()),
            )
            for every, own_values in values.items()
        ]

    def _ranks(self, chunk: Chunk, scores: Float32, own: float) -> dict[int, Float64]:
        import torch

        model, known = self.model.under(own=own), self.stage.known
        queues = [
            model.queue(row, known.history(user), known.history_weights(user))
            for user, row in zip(chunk.users, scores, strict=True)
        ]
        ranks = {}
        for every in EVERY:
            lifted = scores.copy()
            for row, queue in zip(lifted, queues, strict=True):
                if queue is not None and every != NONE:
                    queue.lift(row, every)
            ranks[every] = rank_targets(torch.from_numpy(lifted), chunk)
        return ranks


def _error(values: Float64 | Int64) -> float:
    """Standard error of the mean as if one value of 1 more had been seen: nothing seen in a few is no certainty."""
    return float(np.sqrt(((values - values.mean()) ** 2).sum() + 1) / values.size)
