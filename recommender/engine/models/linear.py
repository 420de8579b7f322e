"""The family of item-to-item models: a score is the decayed history times a square matrix.

``score = sum over the history of weight * decay^(age) * matrix[item]``, age 0 for the newest event, at most `window`
events, plus a trace of popularity too small to change an order that the history decides: it settles ties, answers an
empty history, and answers one of which the matrix knows nothing. What differs between members is only how the matrix
is learned; scoring, explaining and storing are here. The score is a sum, so its parts are the reasons, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import require_range
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.models.base import Contributions, Model, counted, stored_array

if TYPE_CHECKING:
    import torch

TRACE = 1e-6


@dataclass(frozen=True)
class LinearSettings:
    """decay: what an event counts against the one after it, 0 < decay <= 1. window: newest events that count."""

    decay: float = 1.0
    window: int = 1000

    def __post_init__(self) -> None:
        require_range("decay", self.decay, 1e-6, 1)
        require_range("window", self.window, 1, 100_000)


class LinearModel(Model):
    """Scores and reasons from ``matrix [items, items]`` (float32, row: taken item, column: scored item)."""

    Settings: ClassVar[type[Any]] = LinearSettings

    def __init__(self, *, settings: Any, item_ids: Int64, matrix: Float32, prior: Float32) -> None:
        self.settings = settings
        self.item_ids = item_ids
        # Row by row in memory: a history picks rows, and solvers return columns.
        self.matrix = np.ascontiguousarray(matrix)
        self.prior = prior
        self._there: torch.Tensor | None = None
        self.baseline = prior * np.float32(TRACE)
        # Oldest first, like histories: the newest event's factor stands last.
        self.faded = (settings.decay ** np.arange(settings.window - 1, -1, -1.0)).astype(np.float32)

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Decayed, weighted sum of the matrix rows of the history, and the trace of popularity."""
        recent, factors = self._recent(history, weights)
        scores: Float32 = factors @ self.matrix[recent]
        scores += self.baseline
        return scores

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """One term of the sum per history item; items older than the window add nothing."""
        recent, factors = self._recent(history, weights)
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        parts[history.size - recent.size :] = factors[:, None] * self.matrix[np.ix_(recent, targets)]
        return Contributions(parts, self.baseline[targets])

    def state(self) -> dict[str, Any]:
        """`matrix`, float32 [items, items], and `prior`, float32 [items]."""
        return {"matrix": self.matrix, "prior": self.prior}

    @classmethod
    def from_state(cls, *, settings: Any, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read `matrix` and `prior`."""
        return cls(
            settings=settings,
            item_ids=item_ids,
            matrix=stored_array(arrays, "matrix", item_ids.shape * 2),
            prior=stored_array(arrays, "prior", item_ids.shape),
        )

    def _recent(self, history: Int32, weights: Float32 | None) -> tuple[Int32, Float32]:
        recent = history[-self.settings.window :]
        factors = self.faded[self.faded.size - recent.size :]
        return recent, factors if weights is None else factors * weights[-self.settings.window :]

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        rows, places, after = histories.newest(users, self.settings.window)
        strength = np.float32(1) if histories.weights is None else histories.weights[places]
        factors = self.faded[self.faded.size - 1 - after] * strength
        there = self._there
        self._there = (
            there if there is not None and there.device == device else torch.tensor(self.matrix, device=device)
        )
        scores = torch.nn.functional.embedding_bag(
            torch.from_numpy(histories.items[places].astype(np.int64)).to(device),
            self._there,
            torch.from_numpy(np.searchsorted(rows, np.arange(users.size))).to(device),
            mode="sum",
            per_sample_weights=torch.from_numpy(factors).to(device),
        )
        return scores + torch.tensor(self.baseline, device=device)


class PairsModel(LinearModel):
    """A linear model whose matrix follows from how often each two items were taken by one person."""

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """The table of pairs is a sum of one outer product a person."""
        del settings
        return True

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """`gram`: the table of pairs."""
        from recommender.engine.solve import gram

        del settings
        return {"gram": gram(interactions, device=device), **counted(interactions, device)}
