"""What is described like what one took: no other people needed, so it works for an item on its first day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, silent
from recommender.engine.data import Interactions
from recommender.engine.models.base import popularity_prior, require_interactions
from recommender.engine.models.linear import LinearModel, LinearSettings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ContentSettings(LinearSettings):
    """decay and window act on the history when scoring."""

    decay: float = 0.8
    window: int = 50


class ContentLikeness(LinearModel):
    """matrix[i, j] = likeness of i and j in words and tags (`content.Content`), 0 of an item with itself."""

    name: ClassVar[str] = "content"
    Settings: ClassVar[type[Any]] = ContentSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: ContentSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Compare descriptions; without any, popularity answers. Raises DataError without interactions."""
        del device, rng
        require_interactions(interactions)
        if interactions.content is None:
            matrix = np.zeros((interactions.n_items,) * 2)
        else:
            matrix = interactions.content.similarity()
            np.fill_diagonal(matrix, 0.0)
        progress("fit", 1, 1)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            matrix=matrix.astype(np.float32),
            prior=popularity_prior(interactions),
        )
