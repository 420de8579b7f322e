"""Filters on the graph of people and items (Shen et al., "How powerful is graph convolution", CIKM 2021, GF-CF).

With R the table of who took what, divided by the root of what its person and its item have in all, items that share
people are near in S = RᵀR, and the largest singular vectors V of R say what whole circles of people share. The score is
the history times S, of which each item keeps its nearest, plus `smooth` times D^(-1/2) V Vᵀ D^(1/2), D the items'
counts. Both are found in seconds, memory grows with the catalogue and not with its square, and a score stays a sum over
the history, so its parts are exact. For large catalogues and for sets without an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.errors import DataError
from recommender.engine.models.base import Contributions, Model, popularity_prior, require_interactions, stored_array
from recommender.engine.models.linear import TRACE, LinearSettings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class GraphFilterSettings(LinearSettings):
    """dimension: singular vectors. smooth: what they count against neighbours. neighbours: kept an item.

    decay and window act on the history when scoring.
    """

    dimension: int = 256
    smooth: float = 0.3
    neighbours: int = 400

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range("dimension", self.dimension, 1, 4096)
        require_range("smooth", self.smooth, 0, 1e6)
        require_range("neighbours", self.neighbours, 1, 100_000)


class GraphFilter(Model):
    """`left` and `right`: float32 [items, at most dimension]; `near` int32 and `shares` float32 [items, neighbours].

    A row of `near` that has fewer neighbours is filled up with the item itself, at 0.
    """

    name: ClassVar[str] = "graph_filter"
    Settings: ClassVar[type[Any]] = GraphFilterSettings

    def __init__(
        self,
        *,
        settings: GraphFilterSettings,
        item_ids: Int64,
        left: Float32,
        right: Float32,
        near: Int32,
        shares: Float32,
        prior: Float32,
    ) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.left, self.right, self.near, self.shares = left, right, near, shares
        self.prior = prior
        self._baseline = prior * np.float32(TRACE)
        self._faded = (settings.decay ** np.arange(settings.window - 1, -1, -1.0)).astype(np.float32)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: GraphFilterSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Divide, decompose, keep the nearest, on the CPU. Raises DataError without interactions."""
        from recommender.engine.graph import balanced, leading, nearest

        del device
        require_interactions(interactions)
        table, counts = balanced(interactions)
        vectors = leading(table, settings.dimension, rng=rng)
        progress("fit", 1, 2)
        near, shares = nearest(table, settings.neighbours)
        progress("fit", 2, 2)
        root = np.sqrt(counts)[:, None]
        left = np.divide(settings.smooth * vectors, root, out=np.zeros_like(vectors), where=root > 0)
        return cls(
            settings=settings,
            item_ids=interactions.item_ids,
            left=left.astype(np.float32),
            right=(vectors * root).astype(np.float32),
            near=near,
            shares=shares,
            prior=popularity_prior(interactions),
        )

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Both filters over the fading history, and a trace of popularity."""
        recent, factors = self._recent(history, weights)
        scores: Float32 = self.right @ (factors @ self.left[recent])
        beside = (factors[:, None] * self.shares[recent]).ravel()
        scores += np.bincount(self.near[recent].ravel(), beside, minlength=self.n_items).astype(np.float32)
        scores += self._baseline
        return scores

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """One term of the sum per history item; items older than the window add nothing."""
        recent, factors = self._recent(history, weights)
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        if recent.size:
            own = np.zeros((recent.size, self.n_items), dtype=np.float32)
            np.put_along_axis(own, self.near[recent].astype(np.int64), self.shares[recent], axis=1)
            together = self.left[recent] @ self.right[targets].T + own[:, targets]
            parts[history.size - recent.size :] = factors[:, None] * together
        return Contributions(parts, self._baseline[targets])

    def state(self) -> dict[str, Any]:
        """The four tables under their own names, and `prior`, float32 [items]."""
        return {"left": self.left, "right": self.right, "near": self.near, "shares": self.shares, "prior": self.prior}

    @classmethod
    def from_state(cls, *, settings: GraphFilterSettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read the tables; the widths are the file's own."""
        n, near = int(item_ids.size), arrays["near"]
        if near.dtype != np.int32 or near.ndim != 2 or len(near) != n or not ((near >= 0) & (near < n)).all():
            raise DataError(f"near is {near.dtype} {near.shape}, not int32 [{n}, ...] of items")
        return cls(
            settings=settings,
            item_ids=item_ids,
            left=stored_array(arrays, "left", (n, arrays["right"].shape[-1])),
            right=stored_array(arrays, "right", (n, arrays["left"].shape[-1])),
            near=near,
            shares=stored_array(arrays, "shares", near.shape),
            prior=stored_array(arrays, "prior", item_ids.shape),
        )

    def _recent(self, history: Int32, weights: Float32 | None) -> tuple[Int32, Float32]:
        recent = history[-self.settings.window :]
        factors = self._faded[self._faded.size - recent.size :]
        return recent, factors if weights is None else factors * weights[-self.settings.window :]

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        rows, places, after = histories.newest(users, self.settings.window)
        strength = np.float32(1) if histories.weights is None else histories.weights[places]
        factors = torch.from_numpy(self._faded[self._faded.size - 1 - after] * strength).to(device)[:, None]
        recent = torch.from_numpy(histories.items[places].astype(np.int64)).to(device)
        people_of = torch.from_numpy(rows).to(device)
        left, right, near, shares = (
            torch.tensor(table, device=device)
            for table in (self.left, self.right, self.near.astype(np.int64), self.shares)
        )
        people = torch.zeros(users.size, left.shape[1], device=device).index_add_(0, people_of, factors * left[recent])
        scores = people @ right.T + torch.tensor(self._baseline, device=device)
        where = (people_of[:, None].expand_as(near[recent]), near[recent])
        return scores.index_put_(where, factors * shares[recent], accumulate=True)
