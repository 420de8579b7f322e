"""Neighbouring items: shrunk cosine similarity, the nearest few kept. Weak alone, useful beside others in a blend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Interactions
from recommender.engine.models.base import popularity_prior, require_interactions
from recommender.engine.models.linear import LinearModel, LinearSettings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ItemKnnSettings(LinearSettings):
    """neighbours: kept per item. shrink: added to the norms' product, so that few common users count less."""

    neighbours: int = 100
    shrink: float = 10.0
    decay: float = 0.8
    window: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("neighbours", self.neighbours, 1, 100_000)
        require_range("shrink", self.shrink, 0, 1e9)


class ItemKnn(LinearModel):
    """matrix[i, j] = G[i, j] / (sqrt(G[i, i] G[j, j]) + shrink) for the nearest j of each i, else 0."""

    name: ClassVar[str] = "item_knn"
    Settings: ClassVar[type[Any]] = ItemKnnSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: ItemKnnSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Count and scale. Raises DataError without interactions."""
        import torch

        from recommender.engine.ranking import select_top_batch
        from recommender.engine.solve import gram

        del rng
        require_interactions(interactions)
        similarity = gram(interactions, device=device)
        norms = similarity.diagonal().sqrt()
        similarity /= torch.outer(norms, norms) + (settings.shrink or 1e-12)
        similarity.fill_diagonal_(0.0)
        nearest, values = select_top_batch(similarity, settings.neighbours)
        matrix = torch.zeros_like(similarity, dtype=torch.float32).scatter_(1, nearest, values.float())
        progress("fit", 1, 1)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            matrix=matrix.cpu().numpy(),
            prior=popularity_prior(interactions),
        )
