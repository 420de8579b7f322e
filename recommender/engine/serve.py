"""Ranking for one person at request time: a mapped model file, numpy, no torch.

Importing this module loads neither; a web process that never recommends never pays. The history is given with each
request, so what somebody did a second ago already counts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from recommender.engine.artefact import ArtefactInfo
    from recommender.engine.data import Bool, Float32, Int32
    from recommender.engine.models.base import Model


class Because(NamedTuple):
    """A taken item (its id) and what it added to the score."""

    item_id: int
    contribution: float


class Recommendation(NamedTuple):
    """An item (its id), its score, and the taken items that raised it most, largest first."""

    item_id: int
    score: float
    reasons: tuple[Because, ...]


class Recommender:
    """A model that speaks in item ids. Safe to share between threads: nothing changes after it is made."""

    def __init__(self, model: Model, info: ArtefactInfo | None = None) -> None:
        self.model = model
        self.info = info
        self._ids: list[int] = model.item_ids.tolist()
        self._indices = {item_id: index for index, item_id in enumerate(self._ids)}

    def allow(self, item_ids: Collection[int]) -> Bool:
        """A mask for `recommend` that lets only `item_ids` through; ids the model does not know are passed over."""
        import numpy as np

        mask = np.zeros(len(self._ids), dtype=np.bool_)
        mask[[self._indices[item_id] for item_id in item_ids if item_id in self._indices]] = True
        return mask

    def recommend(
        self,
        history: Sequence[int],
        *,
        k: int = 20,
        weights: Sequence[float] | None = None,
        exclude: Collection[int] = (),
        allowed: Bool | None = None,
        reasons: int = 2,
    ) -> list[Recommendation]:
        """The `k` best items for somebody who took the item ids `history`, oldest first, with their reasons.

        Nothing in `history` or `exclude` is returned, nor anything outside the mask `allowed` (see `allow`). Ids the
        model has never met are passed over, so a course published after the training may stand in any list. `weights`
        goes beside `history`. Fewer than `k` where the catalogue has fewer. `reasons=0` saves taking scores apart.
        """
        import numpy as np

        from recommender.engine.explain import explain

        taken, strengths = self._known(history, weights)
        barred = [self._indices[item_id] for item_id in exclude if item_id in self._indices]
        ranked = self.model.top_k(
            taken, k, weights=strengths, candidates=allowed, exclude=np.array(barred, dtype=np.int64)
        )
        if not reasons:
            pairs = zip(ranked.items.tolist(), ranked.scores.tolist(), strict=True)
            return [Recommendation(self._ids[item], score, ()) for item, score in pairs]
        return [
            Recommendation(
                self._ids[found.item],
                found.score,
                tuple(Because(self._ids[reason.item], reason.contribution) for reason in found.reasons),
            )
            for found in explain(self.model, taken, ranked.items, weights=strengths, top=reasons)
        ]

    def _known(self, history: Sequence[int], weights: Sequence[float] | None) -> tuple[Int32, Float32 | None]:
        """Indices of the known items of a history, each at its latest place, and their weights."""
        import numpy as np

        places = {self._indices[item_id]: place for place, item_id in enumerate(history) if item_id in self._indices}
        if len(places) < len(history):
            places = dict(sorted(places.items(), key=lambda pair: pair[1]))
        taken = np.fromiter(places, dtype=np.int32, count=len(places))
        if weights is None:
            return taken, None
        return taken, np.array([weights[place] for place in places.values()], dtype=np.float32)


def open_recommender(path: Path, *, sha256: str | None = None) -> Recommender:
    """Open a model file (see `artefact.read_artefact`). Raises ArtefactError where that does."""
    from recommender.engine.artefact import read_artefact

    return Recommender(*read_artefact(path, sha256=sha256))


@lru_cache(maxsize=8)
def cached_recommender(path: Path, sha256: str) -> Recommender:
    """`open_recommender`, kept for the life of the process; a promoted model has another digest, so another entry."""
    return open_recommender(path, sha256=sha256)
