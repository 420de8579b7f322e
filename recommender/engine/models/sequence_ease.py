"""EASE that knows what comes next: ridge regression of the next item on the fading items before it.

For every prefix of every history, the input S is the decayed count of the `window` items before, the target T the item
that follows; B = (SᵀS + λI)⁻¹ SᵀT. The same decay weights the history when scoring. As good as a small transformer on
ordered course enrolments, in seconds instead of minutes, and still a sum of reasons.
"""

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
class SequenceEaseSettings(LinearSettings):
    """ridge: λ, in units of prefixes. decay and window act alike when learning and when scoring.

    content: how many times an item counts as followed by one that is described just alike.
    """

    ridge: float = 50.0
    decay: float = 0.7
    window: int = 20
    content: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("ridge", self.ridge, 1e-3, 1e9)
        require_range("window", self.window, 1, 200)
        require_range("content", self.content, 0, 1e6)


class SequenceEase(LinearModel):
    """The next item predicted from the fading past."""

    name: ClassVar[str] = "sequence_ease"
    Settings: ClassVar[type[Any]] = SequenceEaseSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: SequenceEaseSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Sum the moments of all prefixes, then one solve. Raises DataError without interactions."""
        import torch

        from recommender.engine.solve import decayed_prefix_moments, ridge_solve

        del rng
        require_interactions(interactions)
        squares, cross = decayed_prefix_moments(interactions, decay=settings.decay, window=settings.window)
        if settings.content and interactions.content is not None:
            likeness = settings.content * interactions.content.similarity()
            squares += likeness
            np.fill_diagonal(likeness, 0.0)
            cross += likeness
        progress("fit", 1, 2)
        matrix = ridge_solve(torch.from_numpy(squares).to(device), torch.from_numpy(cross).to(device), settings.ridge)
        progress("fit", 2, 2)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            matrix=matrix.float().cpu().numpy(),
            prior=popularity_prior(interactions),
        )
