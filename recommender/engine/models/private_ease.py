"""EASE from one differentially private release: nobody's courses can be told from the model, at a known price.

All that is learned, popularity included, comes from the noisy table of pairs (`privacy.private_gram`), so whatever is
done with it costs no more privacy. Small eigenvalues are noise: what lies below the noise's own largest is flattened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Interactions
from recommender.engine.models.base import require_interactions
from recommender.engine.models.linear import LinearModel, LinearSettings

if TYPE_CHECKING:
    import torch

CERTAIN = 4.0
"""Standard deviations of the noise below which it is not said that anybody took an item at all."""


@dataclass(frozen=True)
class PrivateEaseSettings(LinearSettings):
    """epsilon, delta: the promise for one whole person. clip: how many of a person's newest courses count.

    ridge: λ, in units of people, beside the part that the noise asks for. decay and window act when scoring.
    """

    epsilon: float = 4.0
    delta: float = 1e-6
    clip: int = 50
    ridge: float = 10.0
    decay: float = 0.7071
    window: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("epsilon", self.epsilon, 1e-3, 1e9)
        require_range("delta", self.delta, 1e-12, 0.1)
        require_range("clip", self.clip, 1, 10_000)
        require_range("ridge", self.ridge, 1e-9, 1e9)


class PrivateEase(LinearModel):
    """EASE over a noisy table; `matrix` and `prior` are all that is kept."""

    name: ClassVar[str] = "private_ease"
    Settings: ClassVar[type[Any]] = PrivateEaseSettings

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: PrivateEaseSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Release, flatten, invert, scale. Raises DataError without interactions."""
        import torch

        from recommender.engine.privacy import gaussian_sigma, private_gram

        require_interactions(interactions)
        noisy = private_gram(interactions, epsilon=settings.epsilon, delta=settings.delta, clip=settings.clip, rng=rng)
        sigma = gaussian_sigma(settings.epsilon, settings.delta)
        share = noisy.diagonal().copy()
        faint = share < CERTAIN * sigma
        share[faint] = 0
        values, vectors = torch.linalg.eigh(torch.from_numpy(noisy).to(device))
        floor = min(2 * sigma * interactions.n_items**0.5, float(values[-1]))
        inverse = (vectors / (values.clamp(min=floor) + settings.ridge)) @ vectors.T
        matrix = inverse / -inverse.diagonal()
        matrix.fill_diagonal_(0.0)
        nothing = torch.from_numpy(np.flatnonzero(faint)).to(device)
        matrix[nothing] = 0.0
        matrix[:, nothing] = 0.0
        progress("fit", 1, 1)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            matrix=matrix.float().cpu().numpy(),
            prior=(share / max(share.sum(), 1e-12)).astype(np.float32),
        )
