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
from recommender.engine.data import Int64, Interactions
from recommender.engine.models.base import counted, prior_of, require_interactions
from recommender.engine.models.linear import LinearModel, LinearSettings

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content


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
        del rng
        require_interactions(interactions)
        moments = cls.moments(interactions, settings=settings, device=device)
        progress("fit", 1, 2)
        model = cls.from_moments(
            moments, settings=settings, item_ids=interactions.item_ids, content=interactions.content
        )
        progress("fit", 2, 2)
        return model

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """Each history has its own prefixes."""
        return not settings.content

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """SᵀS and SᵀT, named by the fading they were counted with."""
        import torch

        from recommender.engine.solve import decayed_prefix_moments

        squares, cross = decayed_prefix_moments(interactions, decay=settings.decay, window=settings.window)
        faded = fading(settings)
        return {
            f"past:{faded}": torch.from_numpy(squares).to(device),
            f"next:{faded}": torch.from_numpy(cross).to(device),
            **counted(interactions, device),
        }

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """One solve; the sums are overwritten."""
        import torch

        from recommender.engine.solve import ridge_solve

        squares, cross = (moments[f"{part}:{fading(settings)}"] for part in ("past", "next"))
        if settings.content and content is not None:
            likeness = torch.from_numpy(settings.content * content.similarity()).to(squares.device)
            squares += likeness
            cross += likeness.fill_diagonal_(0.0)
        matrix = ridge_solve(squares, cross, settings.ridge)
        return cls(settings=settings, item_ids=item_ids, matrix=matrix.float().cpu().numpy(), prior=prior_of(moments))


def fading(settings: LinearSettings) -> str:
    """Decay and window as part of a name: sums over histories that fade alike are the same."""
    return f"{settings.decay:g}:{settings.window}"
