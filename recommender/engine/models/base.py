"""What every model answers: fit, score, top_k, contributions, and its own state as plain arrays.

A model never stores users. It is asked with a history, oldest first, so that what somebody did a second ago counts at
once and nobody's past lies in a model file. Scoring needs numpy alone; fitting imports torch inside its body.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from recommender.engine.config import Progress, silent
from recommender.engine.data import Bool, Float32, Int32, Int64, Interactions
from recommender.engine.errors import DataError
from recommender.engine.ranking import Ranked, select_top

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content
    from recommender.engine.split import Stage


class Contributions(NamedTuple):
    """A score taken apart: ``parts[h, t]`` is what history item h added to target t, ``baseline[t]`` the rest.

    ``parts.sum(0) + baseline`` is the score; float32, [history, targets] and [targets].
    """

    parts: Float32
    baseline: Float32


class Model(ABC):
    """One fitted model over one catalogue.

    `settings` is a frozen dataclass of the class named by `Settings`; `item_ids` int64 [items] maps indices to ids.
    """

    name: ClassVar[str]
    Settings: ClassVar[type[Any]]
    resumable: ClassVar[bool] = False
    """Whether `fit` takes `checkpoint`, a path: written on the way, and gone on from where it exists."""
    settings: Any
    item_ids: Int64
    losses: Sequence[float] = ()
    """Mean loss of each epoch of a model that has just learned in epochs; a model's file does not keep them."""

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return int(self.item_ids.size)

    @classmethod
    @abstractmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: Any,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Learn from `interactions`. Raises DataError where there is nothing to learn from."""

    @classmethod
    def fit_resumed(
        cls,
        interactions: Interactions,
        *,
        settings: Any,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """`fit`, with the checkpoint where the model takes one."""
        more: dict[str, Any] = {"checkpoint": checkpoint} if cls.resumable else {}
        return cls.fit(interactions, settings=settings, device=device, rng=rng, progress=progress, **more)

    @classmethod
    def fit_tuned(
        cls,
        stage: Stage,
        *,
        settings: Any,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn from ``stage.train``, and from the stage's targets whatever `settings` leave to be fitted to them.

        The settings of the result say what was found.
        """
        fitted = cls.fit_resumed(
            stage.train, settings=settings, device=device, rng=rng, progress=progress, checkpoint=checkpoint
        )
        return fitted.tuned(stage, device=device, rng=rng)

    def tuned(self, stage: Stage, *, device: torch.device, rng: np.random.Generator) -> Self:
        """This model, fitted on ``stage.train``, with what the stage's targets tell; to most they tell nothing."""
        del stage, device, rng
        return self

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """Tell whether the model is solved from sums of one term a person (`moments`), as closed forms are."""
        del settings
        return False

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """Those sums, float64 by name; each dimension is the catalogue, and "people" is their number."""
        raise NotImplementedError(cls.__name__)

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """The model that the sums give; `moments` may be overwritten."""
        raise NotImplementedError(cls.__name__)

    @abstractmethod
    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Scores of all items, float32 [items], a fresh array, for item indices `history`, oldest first.

        `weights` (float32 [history], above zero) says how much each event counts. An empty history is answered by
        the popularity of the training data.
        """

    @abstractmethod
    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """Take the scores of the item indices `targets` apart; exact up to rounding of float32."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything but settings and item ids, as numpy arrays by name."""

    @classmethod
    @abstractmethod
    def from_state(cls, *, settings: Any, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """The model again from `state`; arrays may be read-only views of a mapped file.

        Raises KeyError if one is missing and DataError if one does not fit.
        """

    def top_k(
        self,
        history: Int32,
        k: int,
        *,
        weights: Float32 | None = None,
        candidates: Bool | None = None,
        exclude: Int64 | None = None,
    ) -> Ranked:
        """The `k` best items that are not in `history`, not in `exclude`, and in the mask `candidates` [items]."""
        scores = self.score(history, weights)
        scores[history] = -np.inf
        if exclude is not None:
            scores[exclude] = -np.inf
        if candidates is not None:
            scores[~candidates] = -np.inf
        return select_top(scores, k)

    def score_batch(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        """Scores [users, items], float32 on `device`, for the given rows of `histories`.

        On the CPU this is `score` row by row, so that a batch equals its single answers to the last bit; one row at
        a time also turned out faster than torch's and scipy's sparse products for short histories.
        """
        import torch

        if device.type == "cuda":  # cuda-only
            return self._score_together(histories, users, device=device)
        scores = np.empty((users.size, self.n_items), dtype=np.float32)
        for place, user in enumerate(users):
            scores[place] = self.score(histories.history(user), histories.history_weights(user))
        return torch.from_numpy(scores)

    def top_k_batch(
        self, histories: Interactions, users: Int64, k: int, *, device: torch.device, candidates: Bool | None = None
    ) -> tuple[Int64, Float32]:
        """`top_k` for rows of `histories`: items and scores, both [users, min(k, items)], -1 and -inf for no item."""
        import torch

        from recommender.engine.ranking import select_top_batch

        scores = self.score_batch(histories, users, device=device)
        rows, places, _after = histories.newest(users)
        columns = histories.items[places].astype(np.int64)
        scores[torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)] = -torch.inf
        if candidates is not None:
            scores[:, torch.from_numpy(~candidates).to(device)] = -torch.inf
        items, values = select_top_batch(scores, k)
        return items.cpu().numpy(), values.cpu().numpy()

    @abstractmethod
    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        """`score_batch` in few large operations on `device`, equal up to float32 rounding."""


def stored_array(arrays: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Float32:
    """The float32 array `name` of a model's state. Raises KeyError if it is missing, DataError if it does not fit."""
    array: Float32 = arrays[name]
    if array.dtype != np.float32 or array.shape != shape:
        raise DataError(f"{name} is {array.dtype} {array.shape}, not float32 {shape}")
    return array


def popularity_prior(interactions: Interactions) -> Float32:
    """Share of users who took each item, float32 [items]: what is said to somebody of whom nothing is known."""
    return (interactions.item_counts / max(interactions.n_users, 1)).astype(np.float32)


def counted(interactions: Interactions, device: torch.device) -> dict[str, torch.Tensor]:
    """The sums behind `popularity_prior`: "counts", how many took each item, and "people"."""
    import torch

    return {
        "counts": torch.from_numpy(interactions.item_counts.astype(np.float64)).to(device),
        "people": torch.tensor(float(interactions.n_users), dtype=torch.float64, device=device),
    }


def prior_of(moments: Mapping[str, torch.Tensor]) -> Float32:
    """`popularity_prior` from sums."""
    share = moments["counts"] / moments["people"].clamp(min=1)
    return share.cpu().numpy().astype(np.float32)


def require_interactions(interactions: Interactions) -> None:
    """Raise DataError where there is no interaction to learn from."""
    if not len(interactions):
        raise DataError("there are no interactions to learn from")
