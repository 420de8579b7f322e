"""A model with places kept for items that nobody, or hardly anybody, took yet.

Learned models put a new item last, so nobody ever meets it. Here every `every`-th place of a person's list goes to
newcomers; all other items keep the order of the base model. Newcomers stand in the order of three things added, each
standardised over them: how much they are described like what the person took, how the base model ranks the twenty
items that they are described most like, and, as far as `own` says, how it ranks themselves. A newcomer's score is the
least that gives it its place, so reasons stay exact: its parts come from the likeness, and what lifts it into the place
kept for it is the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, settings_from, settings_to, silent
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.errors import ConfigError, DataError
from recommender.engine.models.base import Contributions, Model

if TYPE_CHECKING:
    import torch

    from recommender.engine.split import Stage


@dataclass(frozen=True)
class NewcomersSettings:
    """base: ``{"model": name, "settings": {...}}``. every: one place in so many is kept. most: taken at most so often.

    decay: what a taken item counts against the one after it when likeness is asked; the newest 50 count. own: what the
    base's own score of a newcomer counts in their order; 0 for a base that knows nothing of what nobody took.
    `places.choose_places` finds `every` and `own` on valid.
    """

    base: Mapping[str, Any] = field(default_factory=lambda: {"model": "hybrid"})
    every: int = 10
    most: int = 0
    decay: float = 0.8
    own: float = 0.0

    def __post_init__(self) -> None:
        require_range("every", self.every, 2, 10_000)
        require_range("most", self.most, 0, 10**9)
        require_range("decay", self.decay, 1e-6, 1)
        require_range("own", self.own, 0, 100)
        object.__setattr__(self, "base", {"model": self.base["model"], "settings": dict(self.base.get("settings", {}))})

    def resolve(self) -> tuple[type[Model], Any]:
        """The base model's class and checked settings. Raises ConfigError for an unknown name or itself."""
        from recommender.engine.models import get_model

        kind = get_model(self.base["model"])
        if kind is Newcomers:
            raise ConfigError("places kept for newcomers cannot be kept twice")
        return kind, settings_from(kind.Settings, self.base["settings"])


WINDOW, NEAREST = 50, 20


@dataclass(frozen=True, eq=False)
class Queue:
    """What one person's list is made of: newcomers in the order of their places, and the others' scores from the best.

    `items`: int64 indices of the newcomers that some likeness speaks for; `ranked`: float32, what the base says of all
    others that the person has not taken.
    """

    items: Int64
    ranked: Float32

    def lift(self, scores: Float32, every: int) -> None:
        """Give each newcomer in `scores` (float32 [items], changed) the least score that puts it in its place."""
        places = (every - 1) * np.arange(1, self.items.size + 1)
        kept = self.items[places < self.ranked.size]
        scores[kept] = np.nextafter(self.ranked[places[: kept.size]], np.float32(np.inf))


class Newcomers(Model):
    """`new`: int64 [newcomers], ascending item indices; `likeness`: float32 [items, newcomers].

    `nearest` int64 and `shares` float32, both [newcomers, at most 20], are the others that each is likest, and how much
    of all its likeness to them is to each.
    """

    name: ClassVar[str] = "newcomers"
    resumable: ClassVar[bool] = True
    Settings: ClassVar[type[Any]] = NewcomersSettings

    def __init__(
        self, *, settings: NewcomersSettings, item_ids: Int64, base: Model, new: Int64, likeness: Float32
    ) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.base = base
        self.new = new
        self.likeness = likeness
        self._old = np.setdiff1d(np.arange(item_ids.size), new)
        self.nearest, self.shares = _nearest(likeness, self._old)
        self._factors = (settings.decay ** np.arange(WINDOW - 1, -1, -1.0)).astype(np.float32)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: NewcomersSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """Fit the base, then compare newcomers with everything. Raises what the base raises."""
        kind, own = settings.resolve()
        base = kind.fit_resumed(
            interactions, settings=own, device=device, rng=rng, progress=progress, checkpoint=checkpoint
        )
        return cls.around(base, interactions, settings=settings)

    @classmethod
    def around(cls, base: Model, interactions: Interactions, *, settings: NewcomersSettings) -> Self:
        """Places kept in the lists of a base that is fitted on the same interactions already."""
        new = np.flatnonzero(interactions.item_counts <= settings.most)
        likeness = np.zeros((interactions.n_items, new.size), dtype=np.float32)
        if interactions.content is not None and new.size:
            likeness = interactions.content.between(slice(None), new)
        return cls(settings=settings, item_ids=interactions.item_ids, base=base, new=new, likeness=likeness)

    def under(self, **values: Any) -> Self:
        """The same arrays under other values of `every` and `own`."""
        other = copy(self)
        other.settings = replace(self.settings, **values)
        return other

    def tuned(self, stage: Stage, *, device: torch.device, rng: np.random.Generator) -> Self:
        """The same places around the base as it is tuned."""
        base = self.base.tuned(stage, device=device, rng=rng)
        found = replace(self.settings, base={"model": base.name, "settings": settings_to(base.settings)})
        return type(self)(settings=found, item_ids=self.item_ids, base=base, new=self.new, likeness=self.likeness)

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """The base's scores, with the likest newcomers lifted or lowered to the places kept for them."""
        scores = self.base.score(history, weights)
        queue = self.queue(scores, history, weights)
        if queue is not None:
            queue.lift(scores, self.settings.every)
        return scores

    def queue(self, scores: Float32, history: Int32, weights: Float32 | None = None) -> Queue | None:
        """Who waits for a place, under what the base says to a history; None where nobody can."""
        recent, factors = self._recent(history, weights)
        if not self.new.size or not recent.size:
            return None
        likeness = factors @ self.likeness[recent]
        waiting = np.flatnonzero((likeness > 0) & ~np.isin(self.new, history))
        inherited = (scores[self.nearest[waiting]] * self.shares[waiting]).sum(axis=1)
        wanted = _standard(likeness[waiting]) + _standard(inherited)
        if self.settings.own:
            wanted += np.float32(self.settings.own) * _standard(scores[self.new[waiting]])
        others = np.setdiff1d(self._old, history, assume_unique=True)
        order = waiting[np.argsort(-wanted, kind="stable")]
        return Queue(items=self.new[order], ranked=np.sort(scores[others])[::-1])

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """The base's parts; a newcomer's are its likeness to what was taken, the rest is the place kept for it."""
        parts, baseline = self.base.contributions(history, targets, weights)
        recent, factors = self._recent(history, weights)
        mine = np.flatnonzero(np.isin(targets, self.new))
        if not mine.size or not recent.size:
            return Contributions(parts, baseline)
        columns = np.searchsorted(self.new, targets[mine])
        parts[:, mine] = 0.0
        parts[history.size - recent.size :, mine] = factors[:, None] * self.likeness[np.ix_(recent, columns)]
        baseline[mine] = self.score(history, weights)[targets[mine]] - parts[:, mine].sum(axis=0)
        return Contributions(parts, baseline)

    def state(self) -> dict[str, Any]:
        """The base's arrays under `base.`, `new` int64 [newcomers] and `likeness` float32 [items, newcomers]."""
        return {
            **{f"base.{name}": array for name, array in self.base.state().items()},
            "new": self.new.astype(np.int64),
            "likeness": self.likeness,
        }

    @classmethod
    def from_state(cls, *, settings: NewcomersSettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read the base, then its own arrays."""
        kind, own = settings.resolve()
        inner = {name.removeprefix("base."): array for name, array in arrays.items() if name.startswith("base.")}
        base = kind.from_state(settings=own, item_ids=item_ids, arrays=inner)
        new, likeness = arrays["new"], arrays["likeness"]
        if new.dtype != np.int64 or likeness.shape != (item_ids.size, new.size):
            raise DataError(f"likeness is {likeness.shape}, not [{item_ids.size}, {new.size}]")
        return cls(settings=settings, item_ids=item_ids, base=base, new=new, likeness=likeness)

    def _recent(self, history: Int32, weights: Float32 | None) -> tuple[Int32, Float32]:
        recent = history[-WINDOW:]
        factors = self._factors[WINDOW - recent.size :]
        return recent, factors if weights is None else factors * weights[-WINDOW:]

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        rows = [self.score(histories.history(user), histories.history_weights(user)) for user in users]
        return torch.from_numpy(np.stack(rows)).to(device)


def _nearest(likeness: Float32, old: Int64) -> tuple[Int64, Float32]:
    """The items of `old` that each newcomer is described most like, and their shares of that likeness."""
    near = likeness[old].T
    order = np.argsort(-near, axis=1, kind="stable")[:, :NEAREST]
    values = np.take_along_axis(near, order, axis=1)
    sums = values.sum(axis=1, keepdims=True)
    shares: Float32 = np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)
    return old[order], shares


def _standard(values: Float32) -> Float32:
    """Values less their mean over their deviation; 0 where all are equal."""
    spread = values.std() if values.size else 0.0
    standard: Float32 = (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
    return standard
