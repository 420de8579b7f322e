"""Matrix factorisation for large catalogues (iALS): a vector per item, and a person's vector found when asked.

Memory and time grow with the catalogue, not with its square, so it stands where item-to-item matrices no longer fit.
No user is stored: the vector is the ridge solution over the history that comes with the request. In its dual form it is
a sum over the history, so the parts of a score are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Float64, Int32, Int64, Interactions
from recommender.engine.models.base import Contributions, Model, popularity_prior, require_interactions, stored_array
from recommender.engine.models.linear import TRACE

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class IalsSettings:
    """dimension: length of a vector. unobserved: weight of every pair, taken or not. ridge: penalty per known weight.

    epochs: passes over users and items. decay: what an event of a history counts against the one after it; window: the
    newest events that count. Both act when scoring only.
    """

    dimension: int = 64
    unobserved: float = 0.1
    ridge: float = 0.003
    epochs: int = 8
    decay: float = 0.7
    window: int = 50

    def __post_init__(self) -> None:
        require_range("dimension", self.dimension, 1, 4096)
        require_range("unobserved", self.unobserved, 1e-6, 100)
        require_range("ridge", self.ridge, 1e-9, 100)
        require_range("epochs", self.epochs, 1, 1000)
        require_range("decay", self.decay, 0.5, 1)
        require_range("window", self.window, 1, 1000)


class Ials(Model):
    """Item vectors, turned so that their Gram matrix is diagonal: a person's system is then as small as the history."""

    name: ClassVar[str] = "ials"
    Settings: ClassVar[type[Any]] = IalsSettings

    def __init__(self, *, settings: IalsSettings, item_ids: Int64, vectors: Float32, prior: Float32) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.vectors = vectors
        self.prior = prior
        self._baseline = prior * np.float32(TRACE)
        self._spectrum: Float64 = settings.unobserved * np.einsum("nd,nd->d", vectors, vectors, dtype=np.float64)
        self._factors = (settings.decay ** np.arange(settings.window - 1, -1, -1.0)).astype(np.float32)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: IalsSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Solve users and items in turn. Raises DataError without interactions."""
        import torch

        from recommender.engine.factors import Side, solve_side

        require_interactions(interactions)
        spread = 0.1 / settings.dimension**0.5
        drawn = rng.normal(0, spread, (interactions.n_items, settings.dimension)).astype(np.float32)
        items = torch.from_numpy(drawn).to(device)
        users_side, items_side = Side.of_users(interactions), Side.of_items(interactions)
        penalty = {"unobserved": settings.unobserved, "ridge": settings.ridge}
        for epoch in range(settings.epochs):
            users = solve_side(items, users_side, **penalty)
            items = solve_side(users, items_side, **penalty)
            progress("fit", epoch + 1, settings.epochs)
        found = items.double().cpu().numpy()
        _, axes = np.linalg.eigh(found.T @ found)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            vectors=np.ascontiguousarray((found @ axes).astype(np.float32)),
            prior=popularity_prior(interactions),
        )

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Each item's vector times the person's, and a trace of popularity."""
        recent, factors = self._recent(history, weights)
        if not recent.size:
            return self._baseline.copy()
        pulls, narrowed = self._dual(recent, factors)
        scores: Float32 = self.vectors @ (pulls @ narrowed).astype(np.float32)
        scores += self._baseline
        return scores

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """One term per history item, exact: the person's vector is a sum over the history."""
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        recent, factors = self._recent(history, weights)
        if recent.size:
            pulls, narrowed = self._dual(recent, factors)
            own = (pulls[:, None] * narrowed) @ self.vectors[targets].T
            parts[history.size - recent.size :] = own
        return Contributions(parts, self._baseline[targets])

    def state(self) -> dict[str, Any]:
        """`vectors`, float32 [items, dimension], and `prior`, float32 [items]."""
        return {"vectors": self.vectors, "prior": self.prior}

    @classmethod
    def from_state(cls, *, settings: IalsSettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read `vectors` and `prior`."""
        return cls(
            settings=settings,
            item_ids=item_ids,
            vectors=stored_array(arrays, "vectors", (int(item_ids.size), settings.dimension)),
            prior=stored_array(arrays, "prior", item_ids.shape),
        )

    def _recent(self, history: Int32, weights: Float32 | None) -> tuple[Int32, Float32]:
        recent = history[-self.settings.window :]
        factors = self._factors[self._factors.size - recent.size :]
        return recent, factors if weights is None else factors * weights[-self.settings.window :]

    def _dual(self, recent: Int32, factors: Float32) -> tuple[Float64, Float64]:
        """Pulls [history] and rows [history, dimension] whose product is the person's vector.

        With X the history's vectors, W its weights and D the diagonal penalty, the ridge solution
        (XᵀWX + D)⁻¹ XᵀW1 equals D⁻¹Xᵀ a for the pulls a = (X D⁻¹ Xᵀ + W⁻¹)⁻¹ 1.
        """
        unobserved, ridge = self.settings.unobserved, self.settings.ridge
        strength = factors.astype(np.float64)
        diagonal = self._spectrum + ridge * (strength.sum() + unobserved * self.n_items)
        own = self.vectors[recent].astype(np.float64)
        narrowed = own / diagonal
        system = narrowed @ own.T
        system.flat[:: recent.size + 1] += 1 / strength
        pulls: Float64 = np.linalg.solve(system, np.ones(recent.size))
        return pulls, narrowed

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        from recommender.engine.factors import Side, solve_side

        pieces = [self._recent(histories.history(user), histories.history_weights(user)) for user in users]
        vectors = torch.tensor(self.vectors, device=device)
        people = solve_side(
            vectors.double(),
            Side.of_histories(pieces),
            unobserved=self.settings.unobserved,
            ridge=self.settings.ridge,
        ).float()
        return people @ vectors.T + torch.tensor(self._baseline, device=device)
