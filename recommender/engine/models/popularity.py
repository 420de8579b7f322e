"""What most people took: the baseline every learned model must beat, and the answer to an empty history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.errors import DataError
from recommender.engine.models.base import Contributions, Model, counted, require_interactions, stored_array

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content


@dataclass(frozen=True)
class PopularitySettings:
    """window_seconds: count only what happened in the last so many seconds of the data; None counts everything."""

    window_seconds: int | None = None

    def __post_init__(self) -> None:
        if self.window_seconds is not None:
            require_range("window_seconds", self.window_seconds, 1, 10**10)


class Popularity(Model):
    """Summed event weights per item, the same for everybody, scaled to a sum of 1."""

    name: ClassVar[str] = "popularity"
    Settings: ClassVar[type[Any]] = PopularitySettings

    def __init__(self, *, settings: PopularitySettings, item_ids: Int64, counts: Float32) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.counts = counts

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: PopularitySettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Count. Raises DataError without interactions, or with a window where no times are known."""
        del device, rng
        require_interactions(interactions)
        weights = np.ones(len(interactions)) if interactions.weights is None else interactions.weights
        items = interactions.items
        if settings.window_seconds is not None:
            if interactions.times is None:
                raise DataError("popularity over a window needs times")
            recent = interactions.times > interactions.times.max() - settings.window_seconds
            weights, items = weights[recent], items[recent]
        counts = np.bincount(items, weights.astype(np.float64), minlength=interactions.n_items)
        progress("fit", 1, 1)
        return cls(settings=settings, item_ids=interactions.item_ids, counts=(counts / counts.sum()).astype(np.float32))

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """Where everything counts, whenever it was."""
        return settings.window_seconds is None

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """`weights`: what each item's events weigh together."""
        import torch

        del settings
        weights = np.ones(len(interactions)) if interactions.weights is None else interactions.weights
        total = np.bincount(interactions.items, weights.astype(np.float64), minlength=interactions.n_items)
        return {"weights": torch.from_numpy(total).to(device), **counted(interactions, device)}

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """Shares of the whole weight."""
        del content
        weights = moments["weights"].cpu().numpy()
        return cls(settings=settings, item_ids=item_ids, counts=(weights / weights.sum()).astype(np.float32))

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """The item's share of all counted weight, whoever asks."""
        del history, weights
        return self.counts.copy()

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """Nothing comes from the history; the baseline is the whole score."""
        del weights
        return Contributions(np.zeros((history.size, targets.size), dtype=np.float32), self.counts[targets])

    def state(self) -> dict[str, Any]:
        """`counts`, float32 [items]."""
        return {"counts": self.counts}

    @classmethod
    def from_state(cls, *, settings: PopularitySettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read `counts`."""
        return cls(settings=settings, item_ids=item_ids, counts=stored_array(arrays, "counts", item_ids.shape))

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        del histories
        return torch.tensor(self.counts, device=device).repeat(users.size, 1)
