"""Two towers for courses on their first day: an item is its id and what it is about, and now and then its id is hidden.

Learning to do without the id makes the description carry what it can; an item that nobody took has no id to speak of
and is placed, with its bias, by its description among those that were taken. The person is the fading sum of items,
through one layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Int32, Interactions
from recommender.engine.models.base import popularity_prior, require_interactions
from recommender.engine.models.neural import PooledModel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TwoTowerSettings:
    """dimension of both towers; hidden_id, how often an item's id is left out while learning.

    decay and window act on the history. epochs, batch, negatives (0: all), learning_rate: how it learns.
    """

    dimension: int = 64
    hidden_id: float = 0.3
    decay: float = 0.8
    window: int = 20
    epochs: int = 10
    batch: int = 512
    negatives: int = 512
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        require_range("dimension", self.dimension, 2, 4096)
        require_range("hidden_id", self.hidden_id, 0, 1)
        require_range("decay", self.decay, 1e-6, 1)
        require_range("window", self.window, 1, 1000)
        require_range("epochs", self.epochs, 1, 10_000)
        require_range("batch", self.batch, 1, 10**7)
        require_range("negatives", self.negatives, 0, 10**6)
        require_range("learning_rate", self.learning_rate, 1e-6, 1)


class TwoTower(PooledModel):
    """An inner product of a person's vector and an item's, and the item's bias."""

    name: ClassVar[str] = "two_tower"
    Settings: ClassVar[type[Any]] = TwoTowerSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: TwoTowerSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Learn all epochs; without descriptions ids alone speak. Raises DataError without interactions."""
        from recommender.engine.networks import TwoTowerNet, seeded
        from recommender.engine.pooling import Lessons, Schedule, learn

        require_interactions(interactions)
        prior = popularity_prior(interactions)
        with seeded(rng):
            net = TwoTowerNet(
                interactions.n_items,
                settings.dimension,
                hidden_id=settings.hidden_id,
                taken=prior > 0,
                content=interactions.content,
            ).to(device)
            lessons = Lessons.of(interactions, window=settings.window, decay=settings.decay)
            taken = np.flatnonzero(prior > 0)  # as rivals, what nobody took would be pushed down whatever it is about
            schedule = Schedule(settings.epochs, settings.batch, settings.negatives, settings.learning_rate)
            learned = learn(net, lessons, schedule, rivals=taken, device=device, rng=rng, progress=progress)
        fitted = cls(
            settings=settings,
            item_ids=interactions.item_ids,
            weights=net.arrays(),
            prior=prior,
            known=(prior > 0) | net.described,
        )
        fitted.losses = learned.losses
        return fitted

    @classmethod
    def shapes(cls, settings: Any, n_items: int) -> dict[str, tuple[int, ...]]:
        """Vectors and biases of items, and the person's layer."""
        d = settings.dimension
        return {"items": (n_items, d), "bias": (n_items,), "layer": (d, d), "layer_bias": (d,)}

    @property
    def heard(self) -> Float32:
        """What a history is summed from."""
        return self.weights["items"]

    def _prepare(self) -> None:
        """Everything is as it was learned."""

    def _answer(self, history: Int32, weights: Float32 | None) -> Float32:
        from recommender.engine.pooling import pooled

        w = self.weights
        person = pooled(self.heard, history, weights, self._faded)
        person = person + np.maximum(person @ w["layer"] + w["layer_bias"], 0)
        scores: Float32 = w["items"] @ person + w["bias"]
        return scores

    def _answer_many(self, pooled: torch.Tensor, device: torch.device) -> torch.Tensor:
        import torch

        w = {name: torch.tensor(value, device=device) for name, value in self.weights.items()}
        people = pooled + (pooled @ w["layer"] + w["layer_bias"]).relu()
        return people @ w["items"].T + w["bias"]
