"""Full-ranking evaluation: every item competes, the user's own items stand aside, ties share their mean rank.

Scores come in blocks of users; ranks are counted, never sorted: rank = 1 + #(higher) + (#(equal) - 1) / 2 over the
items the user has not taken. A score that is not finite counts as the lowest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from recommender.engine.checks import refuse_leaks
from recommender.engine.config import Progress, silent
from recommender.engine.data import Float64, Int64
from recommender.engine.metrics import DEPTH, Estimate, Ranking, summarise
from recommender.engine.models.base import Model
from recommender.engine.ranking import select_top_batch
from recommender.engine.split import Stage

CHUNK_USERS = 1024
COMPARED = 2**25
"""How many scores are held against targets at a time: 128 MB of float32."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """A block of users of a stage: seen and asked (row of the block, item) pairs; `first` picks first targets."""

    users: Int64
    seen: tuple[Int64, Int64]
    asked: tuple[Int64, Int64]
    first: Int64


def chunks(stage: Stage, size: int = CHUNK_USERS) -> Iterator[Chunk]:
    """The stage in blocks of at most `size` users, in order."""
    for start in range(0, stage.users.size, size):
        users = stage.users[start : start + size]
        pointers = stage.pointers[start : start + size + 1]
        seen, places, _after = stage.known.newest(users)
        yield Chunk(
            users=users,
            seen=(seen, stage.known.items[places].astype(np.int64)),
            asked=(
                np.repeat(np.arange(users.size), np.diff(pointers)),
                stage.targets[pointers[0] : pointers[-1]].astype(np.int64),
            ),
            first=pointers[:-1] - pointers[0],
        )


def rank_targets(scores: torch.Tensor, chunk: Chunk) -> Float64:
    """Rank of every asked item, float64 [asked], mean rank on ties; ``scores [users, items]`` stays as it is."""
    ranks, _ = _rank(scores.clone(), chunk)
    return ranks


def rank_stage(model: Model, stage: Stage, *, device: torch.device, progress: Progress = silent) -> Ranking:
    """Let `model`, fitted on ``stage.train``, rank the stage. Raises LeakError when the stage gives answers away."""
    refuse_leaks(stage)
    ranks, tops, done = [], [], 0
    for chunk in chunks(stage):
        own, masked = _rank(model.score_batch(stage.known, chunk.users, device=device), chunk)
        items, _ = select_top_batch(masked, DEPTH)
        ranks.append(own)
        tops.append(items.cpu().numpy())
        done += chunk.users.size
        progress("evaluate", done, int(stage.users.size))
    return Ranking(
        stage=stage,
        ranks=np.concatenate(ranks) if ranks else np.empty(0),
        top=np.concatenate(tops).astype(np.int32) if tops else np.empty((0, DEPTH), dtype=np.int32),
    )


def evaluate(
    model: Model,
    stage: Stage,
    *,
    device: torch.device,
    rng: np.random.Generator,
    replicates: int = 100,
    progress: Progress = silent,
) -> dict[str, Estimate]:
    """All figures of `metrics.summarise` for a model fitted on ``stage.train``. Raises LeakError on a leaking stage."""
    return summarise(rank_stage(model, stage, device=device, progress=progress), rng=rng, replicates=replicates)


def _rank(scores: torch.Tensor, chunk: Chunk) -> tuple[Float64, torch.Tensor]:
    """Ranks of the asked items, and the scores with seen and non-finite places at -inf; `scores` is overwritten."""
    device = scores.device
    scores.masked_fill_(~torch.isfinite(scores), -torch.inf)
    rows, items = (torch.from_numpy(part).to(device) for part in chunk.asked)
    wanted = scores[rows, items]
    seen_rows, seen_items = (torch.from_numpy(part).to(device) for part in chunk.seen)
    scores[seen_rows, seen_items] = -torch.inf
    higher, equal = _compare(scores, rows, wanted)
    # Seen items lie at -inf now and would tie with a target that has no finite score.
    seen = torch.bincount(seen_rows, minlength=chunk.users.size)[rows]
    equal = torch.where(wanted == -torch.inf, equal - seen, equal)
    return (1.0 + higher + 0.5 * (equal - 1)).double().cpu().numpy(), scores


def _compare(scores: torch.Tensor, rows: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many scores of each asked row lie above the wanted one, and how many equal it, itself included."""
    if rows.numel() == scores.shape[0]:
        return (scores > wanted[:, None]).sum(dim=1), (scores == wanted[:, None]).sum(dim=1)
    higher, equal = torch.empty_like(rows), torch.empty_like(rows)
    step = max(1, COMPARED // max(1, scores.shape[1]))
    for start in range(0, rows.numel(), step):
        part = slice(start, start + step)
        table, bound = scores[rows[part]], wanted[part, None]
        higher[part], equal[part] = (table > bound).sum(dim=1), (table == bound).sum(dim=1)
    return higher, equal
