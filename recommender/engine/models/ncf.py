"""The classic pair: matrix factorisation and a multi-layer network over one history and one item, added (He, WWW 2017).

The person is not a row of a table but the fading sum of what they took, so a new person needs no training. The first
layer's two halves, of the person and of the item, are worked out apart: a whole catalogue costs one small product each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Int32, Interactions
from recommender.engine.models.base import popularity_prior, require_interactions
from recommender.engine.models.neural import PooledModel

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class NcfSettings:
    """dimension of items; hidden, the width of the network's first layer (its second is half of it).

    decay and window act on the history. epochs, batch, negatives (0: all), learning_rate: how it learns. noise: for
    training in private, in units of the clipping norm (0: none); epsilon is then told at delta 1e-6 for whole people.
    """

    dimension: int = 64
    hidden: int = 64
    decay: float = 0.8
    window: int = 20
    epochs: int = 8
    batch: int = 1024
    negatives: int = 64
    learning_rate: float = 2e-3
    noise: float = 0.0
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        require_range("dimension", self.dimension, 2, 4096)
        require_range("hidden", self.hidden, 2, 4096)
        require_range("decay", self.decay, 1e-6, 1)
        require_range("window", self.window, 1, 1000)
        require_range("epochs", self.epochs, 1, 10_000)
        require_range("batch", self.batch, 1, 10**7)
        require_range("negatives", self.negatives, 0, 10**6)
        require_range("learning_rate", self.learning_rate, 1e-6, 1)
        require_range("noise", self.noise, 0, 1000)
        require_range("epsilon", self.epsilon, 0, 1e9)


class Ncf(PooledModel):
    """Two ways from a history to an item, added: an inner product, and a network over both."""

    name: ClassVar[str] = "ncf"
    Settings: ClassVar[type[Any]] = NcfSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: NcfSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Learn all epochs. Raises DataError without interactions, ConfigError for noise without Opacus."""
        from recommender.engine.networks import NcfNet, seeded
        from recommender.engine.pooling import Lessons, Schedule, learn

        require_interactions(interactions)
        with seeded(rng):
            net = NcfNet(interactions.n_items, settings.dimension, settings.hidden).to(device)
            lessons = Lessons.of(interactions, window=settings.window, decay=settings.decay)
            schedule = Schedule(
                epochs=settings.epochs,
                batch=settings.batch,
                negatives=settings.negatives,
                learning_rate=settings.learning_rate,
                noise=settings.noise,
            )
            learned = learn(
                net,
                lessons,
                schedule,
                rivals=np.arange(interactions.n_items),
                device=device,
                rng=rng,
                progress=progress,
            )
        prior = popularity_prior(interactions)
        fitted = cls(
            settings=replace(settings, epsilon=learned.epsilon),
            item_ids=interactions.item_ids,
            weights=net.arrays(),
            prior=prior,
            known=prior > 0,
        )
        fitted.losses = learned.losses
        return fitted

    @classmethod
    def shapes(cls, settings: Any, n_items: int) -> dict[str, tuple[int, ...]]:
        """Tables of items heard and named, the product's weights, and the layers."""
        d, h = settings.dimension, settings.hidden
        return {
            "heard": (n_items, d),
            "named": (n_items, d),
            "bias": (n_items,),
            "product": (d,),
            "person": (d, h),
            "item": (d, h),
            "first": (h,),
            "second": (h, h // 2),
            "second_bias": (h // 2,),
            "out": (h // 2,),
        }

    @property
    def heard(self) -> Float32:
        """What a history is summed from."""
        return self.weights["heard"]

    def _prepare(self) -> None:
        w = self.weights
        self._items: Float32 = w["named"] @ w["item"] + w["first"]

    def _answer(self, history: Int32, weights: Float32 | None) -> Float32:
        from recommender.engine.pooling import pooled

        w = self.weights
        person = pooled(self.heard, history, weights, self._faded)
        scores: Float32 = w["named"] @ (person * w["product"])
        layer = np.maximum(self._items + person @ w["person"], 0)
        scores += np.maximum(layer @ w["second"] + w["second_bias"], 0) @ w["out"]
        scores += w["bias"]
        return scores

    def _answer_many(self, pooled: torch.Tensor, device: torch.device) -> torch.Tensor:
        import torch

        w = {name: torch.tensor(value, device=device) for name, value in self.weights.items()}
        scores = (pooled * w["product"]) @ w["named"].T + w["bias"]
        items, people = torch.tensor(self._items, device=device), pooled @ w["person"]
        for place in range(len(pooled)):
            layer = (items + people[place]).relu()
            scores[place] += (layer @ w["second"] + w["second_bias"]).relu() @ w["out"]
        return scores
