"""Neighbouring items: shrunk cosine similarity, the nearest few kept. Weak alone, useful beside others in a blend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Int64, Interactions
from recommender.engine.models.base import prior_of, require_interactions
from recommender.engine.models.linear import LinearSettings, PairsModel

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content


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


class ItemKnn(PairsModel):
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
        del rng
        require_interactions(interactions)
        moments = cls.moments(interactions, settings=settings, device=device)
        model = cls.from_moments(moments, settings=settings, item_ids=interactions.item_ids)
        progress("fit", 1, 1)
        return model

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """Scale and keep the nearest; `gram` is overwritten."""
        import torch

        from recommender.engine.ranking import select_top_batch

        del content
        similarity = moments["gram"]
        norms = similarity.diagonal().sqrt()
        similarity /= torch.outer(norms, norms) + (settings.shrink or 1e-12)
        similarity.fill_diagonal_(0.0)
        nearest, values = select_top_batch(similarity, settings.neighbours)
        matrix = torch.zeros_like(similarity, dtype=torch.float32).scatter_(1, nearest, values.float())
        return cls(settings=settings, item_ids=item_ids, matrix=matrix.cpu().numpy(), prior=prior_of(moments))
