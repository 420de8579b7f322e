"""What the neural item scorers share: a history heard as a fading sum, an answer to silence, reasons by absence."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recommender.engine.data import Bool, Float32, Int32, Int64, Interactions
from recommender.engine.models.base import Contributions, Model, stored_array

if TYPE_CHECKING:
    import torch

REASONED = 20
"""The newest items whose absence is tried when a score is taken apart."""


class PooledModel(Model):
    """`weights` are float32 arrays by name, `prior` shares of users who took each item, `known` what can be heard."""

    def __init__(
        self, *, settings: Any, item_ids: Int64, weights: Mapping[str, Float32], prior: Float32, known: Bool
    ) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.weights = dict(weights)
        self.prior = prior
        self.known = known
        smooth = prior + prior[prior > 0].min(initial=1) / 2
        self._unasked: Float32 = np.log(smooth / smooth.sum()).astype(np.float32)
        self._faded = (settings.decay ** np.arange(settings.window)).astype(np.float32)
        self._prepare()

    @abstractmethod
    def _prepare(self) -> None:
        """Work out whatever does not depend on who asks."""

    @abstractmethod
    def _answer(self, history: Int32, weights: Float32 | None) -> Float32:
        """Scores [items] for a history of known items, not empty."""

    @abstractmethod
    def _answer_many(self, pooled: torch.Tensor, device: torch.device) -> torch.Tensor:
        """Scores [n, items] for pooled histories [n, dimension]."""

    @property
    @abstractmethod
    def heard(self) -> Float32:
        """The table [items, dimension] whose rows are summed."""

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """The network's scores; popularity's logarithm where nothing in the history is known."""
        there = self.known[history]
        if not there.any():
            return self._unasked.copy()
        return self._answer(history[there], None if weights is None else weights[there])

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """What each item's absence would take from the score, and as baseline what that leaves over."""
        scores = self.score(history, weights)[targets]
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        for place in np.flatnonzero(self.known[history])[-REASONED:]:
            rest = np.delete(np.arange(history.size), place)
            without = self.score(history[rest], None if weights is None else weights[rest])
            parts[place] = scores - without[targets]
        return Contributions(parts, scores - parts.sum(axis=0))

    def state(self) -> dict[str, Any]:
        """The weights under their own names, `prior`, and `known` as 0 and 1."""
        return {**self.weights, "prior": self.prior, "known": self.known.astype(np.float32)}

    @classmethod
    @abstractmethod
    def shapes(cls, settings: Any, n_items: int) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the weights."""

    @classmethod
    def from_state(cls, *, settings: Any, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read every weight, in the shape that the settings ask for."""
        shapes = cls.shapes(settings, int(item_ids.size))
        return cls(
            settings=settings,
            item_ids=item_ids,
            weights={name: stored_array(arrays, name, shape) for name, shape in shapes.items()},
            prior=stored_array(arrays, "prior", item_ids.shape),
            known=stored_array(arrays, "known", item_ids.shape) > 0,
        )

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        from recommender.engine.pooling import pooled

        scores = torch.tensor(self._unasked, device=device).repeat(users.size, 1)
        rows, sums = [], []
        for place, user in enumerate(users):
            history, weights = histories.history(user), histories.history_weights(user)
            there = self.known[history]
            if there.any():
                rows.append(place)
                own = None if weights is None else weights[there]
                sums.append(pooled(self.heard, history[there], own, self._faded))
        if rows:
            asked = torch.from_numpy(np.stack(sums)).to(device)
            scores[torch.tensor(rows, device=device)] = self._answer_many(asked, device)
        return scores
