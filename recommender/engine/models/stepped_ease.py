"""Sequence EASE that hears the newest item twice: as part of the fading past, and with a matrix of its own.

What follows at once is another question than what goes with all that somebody took. With S the fading past and L the
newest item of every prefix, and T the item that follows, [B; C] is the ridge regression of T on [S, L]; a score is
``decayed history * B + newest item * C``. L holds one item a prefix, so LᵀL is diagonal and the system of twice as many
unknowns is solved at the price of one, by its Schur complement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.models.base import Contributions, counted, prior_of, require_interactions, stored_array
from recommender.engine.models.linear import LinearModel, LinearSettings
from recommender.engine.models.sequence_ease import fading

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content


@dataclass(frozen=True)
class SteppedEaseSettings(LinearSettings):
    """ridge, latest_ridge: λ of the fading past and of the newest item, in units of prefixes.

    decay and window act alike when learning and when scoring.
    """

    ridge: float = 50.0
    latest_ridge: float = 150.0
    decay: float = 0.8
    window: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("ridge", self.ridge, 1e-3, 1e9)
        require_range("latest_ridge", self.latest_ridge, 1e-3, 1e9)
        require_range("window", self.window, 1, 200)


class SteppedEase(LinearModel):
    """`matrix` is B, `latest` is C, both float32 [items, items]."""

    name: ClassVar[str] = "stepped_ease"
    Settings: ClassVar[type[Any]] = SteppedEaseSettings

    def __init__(self, *, settings: Any, item_ids: Int64, matrix: Float32, latest: Float32, prior: Float32) -> None:
        super().__init__(settings=settings, item_ids=item_ids, matrix=matrix, prior=prior)
        self.latest = np.ascontiguousarray(latest)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: SteppedEaseSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Sum the moments of all prefixes, then one solve. Raises DataError without interactions."""
        del rng
        require_interactions(interactions)
        moments = cls.moments(interactions, settings=settings, device=device)
        progress("fit", 1, 2)
        model = cls.from_moments(moments, settings=settings, item_ids=interactions.item_ids)
        progress("fit", 2, 2)
        return model

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """Each history has its own prefixes."""
        del settings
        return True

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """SᵀS, SᵀT, SᵀL, LᵀT and the diagonal of LᵀL, named by the fading they were counted with."""
        import torch

        from recommender.engine.solve import decayed_prefix_moments, latest_step_moments

        squares, cross = decayed_prefix_moments(interactions, decay=settings.decay, window=settings.window)
        shared, follows, own = latest_step_moments(interactions, decay=settings.decay, window=settings.window)
        faded = fading(settings)
        found = {f"past:{faded}": squares, f"next:{faded}": cross, f"latest:{faded}": shared}
        found |= {"step": follows, "own": own}
        return {
            **{name: torch.from_numpy(values).to(device) for name, values in found.items()},
            **counted(interactions, device),
        }

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """One solve of the Schur complement; `past` is overwritten."""
        from recommender.engine.solve import ridge_solve

        del content
        past, after, between = (moments[f"{part}:{fading(settings)}"] for part in ("past", "next", "latest"))
        step, weight = moments["step"], moments["own"] + settings.latest_ridge
        weighed = between / weight
        past -= weighed @ between.T
        matrix = ridge_solve(past, after - weighed @ step, settings.ridge)
        latest = (step - between.T @ matrix) / weight[:, None]
        return cls(
            settings=settings,
            item_ids=item_ids,
            matrix=matrix.float().cpu().numpy(),
            latest=latest.float().cpu().numpy(),
            prior=prior_of(moments),
        )

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """The fading past's scores, and those of the newest item."""
        scores = super().score(history, weights)
        if history.size:
            scores += self._newest(weights) * self.latest[history[-1]]
        return scores

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """One term per history item, and a second one of the newest."""
        parts, baseline = super().contributions(history, targets, weights)
        if history.size:
            parts[-1] += self._newest(weights) * self.latest[history[-1], targets]
        return Contributions(parts, baseline)

    def state(self) -> dict[str, Any]:
        """`matrix` and `latest`, float32 [items, items], and `prior`, float32 [items]."""
        return {**super().state(), "latest": self.latest}

    @classmethod
    def from_state(cls, *, settings: Any, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read `matrix`, `latest` and `prior`."""
        return cls(
            settings=settings,
            item_ids=item_ids,
            matrix=stored_array(arrays, "matrix", item_ids.shape * 2),
            latest=stored_array(arrays, "latest", item_ids.shape * 2),
            prior=stored_array(arrays, "prior", item_ids.shape),
        )

    @staticmethod
    def _newest(weights: Float32 | None) -> np.float32:
        return np.float32(1) if weights is None else weights[-1]

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        scores = super()._score_together(histories, users, device=device)
        table, some = torch.tensor(self.latest, device=device), histories.lengths[users] > 0
        newest = histories.items[histories.pointers[users[some] + 1] - 1].astype(np.int64)
        strength = [float(self._newest(histories.history_weights(user))) for user in users[some]]
        rows = table[torch.from_numpy(newest).to(device)] * torch.tensor(strength, device=device)[:, None]
        scores[torch.from_numpy(np.flatnonzero(some)).to(device)] += rows
        return scores
