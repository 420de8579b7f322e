"""A transformer that reads the history in order and says what comes next (SASRec).

The score is the logarithm of the probability that an item is the next one. Learning needs torch (`engine.attention`);
one person's scores are worked out here in numpy, from the same weights and with the same result. An item of which
nothing was learned is passed over in a history, and an empty history is answered by the logarithm of popularity.

Attention has no exact parts. A reason here is an occlusion: what the score loses when that one item is taken out of the
history and everything else stays. Occlusions overlap, so they do not add up by themselves: what is left, which
may be of either sign, is the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, silent
from recommender.engine.data import Bool, Float32, Int32, Int64, Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models.base import Contributions, Model, popularity_prior, require_interactions, stored_array

if TYPE_CHECKING:
    from pathlib import Path

    import torch

EPSILON = 1e-5
# What exp takes in float32 without overflow.
STEEP = 80.0
# Newest items whose absence is tried for a reason; what older ones add stays in the baseline.
REASONED = 20


@dataclass(frozen=True)
class SasRecSettings:
    """Shape: dimension, a multiple of heads; blocks; window, the newest items that count.

    Learning: dropout, the share of activations left out; negatives, drawn per step from the catalogue (0, or as many
    as it has: all); epochs; learning_rate, falling to zero over the last decay_share of the epochs; batch_tokens, items
    per step; precision, "bfloat16" only where the processor has it in hardware.
    """

    dimension: int = 64
    blocks: int = 2
    heads: int = 2
    window: int = 50
    dropout: float = 0.2
    negatives: int = 512
    epochs: int = 16
    learning_rate: float = 1.5e-3
    decay_share: float = 0.4
    batch_tokens: int = 1024
    precision: str = "float32"

    def __post_init__(self) -> None:
        require_range("dimension", self.dimension, 2, 4096)
        require_range("blocks", self.blocks, 1, 9)
        require_range("heads", self.heads, 1, 64)
        require_range("window", self.window, 1, 1000)
        require_range("dropout", self.dropout, 0, 0.9)
        require_range("negatives", self.negatives, 0, 10**6)
        require_range("epochs", self.epochs, 1, 10_000)
        require_range("learning_rate", self.learning_rate, 1e-6, 1)
        require_range("decay_share", self.decay_share, 0, 1)
        require_range("batch_tokens", self.batch_tokens, 1, 10**7)
        if self.dimension % self.heads:
            raise ConfigError(f"dimension {self.dimension} is not a multiple of {self.heads} heads")
        if self.precision not in ("float32", "bfloat16"):
            raise ConfigError(f"precision must be float32 or bfloat16, not {self.precision!r}")


class SasRec(Model):
    """Causal self-attention over the newest items; `weights` are the arrays that `attention.new_weights` names.

    `prior` is the share of users who took each item. Event weights count when learning, each for its own item as the
    thing to foresee; in a history they are not looked at.
    """

    name: ClassVar[str] = "sasrec"
    resumable: ClassVar[bool] = True
    Settings: ClassVar[type[Any]] = SasRecSettings

    def __init__(
        self, *, settings: SasRecSettings, item_ids: Int64, weights: Mapping[str, Float32], prior: Float32
    ) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.weights = weights
        self.prior = prior
        self._known: Bool = prior > 0
        smooth = prior + prior[self._known].min() / 2
        self._unasked: Float32 = np.log(smooth / smooth.sum()).astype(np.float32)
        self._blocks = [_Block(weights, block, settings.heads) for block in range(settings.blocks)]

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: SasRecSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
        checkpoint: Path | None = None,
    ) -> Self:
        """Learn all epochs. Raises DataError without interactions.

        With `checkpoint`, the file is written after every epoch and, where it exists, learning goes on from it: the
        same model comes out as if it had never stopped. Raises ArtefactError for a checkpoint of anything else.
        """
        from recommender.engine.attention import Learner

        require_interactions(interactions)
        learner = Learner(interactions, settings, device=device, rng=rng)
        learner.run(progress, checkpoint=checkpoint, data_sha256=interactions.fingerprint() if checkpoint else "")
        weights = {name: value.detach().cpu().numpy() for name, value in learner.weights.items()}
        prior = popularity_prior(interactions)
        fitted = cls(settings=settings, item_ids=interactions.item_ids, weights=weights, prior=prior)
        fitted.losses = learner.losses
        return fitted

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Logarithms of the probability to come next; the order of the history matters, `weights` do not."""
        del weights
        recent = self._recent(history)
        if not recent.size:
            return self._unasked.copy()
        scores: Float32 = self._say(self._read(recent[None]))[0]
        return scores

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """What each item's absence would take from the score, and as baseline what that leaves over.

        Costs one more pass per item, all in one batch, and looks at the 20 newest of the window only.
        """
        scores = self.score(history, weights)
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        places = np.flatnonzero(self._known[history])[-self.settings.window :]
        tried = places[-REASONED:]
        if places.size == 1:
            parts[places[0]] = scores[targets] - self._unasked[targets]
        elif places.size:
            others = ~np.eye(places.size, dtype=np.bool_)[places.size - tried.size :]
            without = np.broadcast_to(history[places], others.shape)[others].reshape(tried.size, -1)
            parts[tried] = scores[targets] - self._say(self._read(without))[:, targets]
        return Contributions(parts, scores[targets] - parts.sum(axis=0))

    def state(self) -> dict[str, Any]:
        """The network's weights under their own names, and `prior`, float32 [items]."""
        return {**self.weights, "prior": self.prior}

    @classmethod
    def from_state(cls, *, settings: SasRecSettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read every weight, in the shape that the settings ask for."""
        shapes = weight_shapes(settings, int(item_ids.size))
        return cls(
            settings=settings,
            item_ids=item_ids,
            weights={name: stored_array(arrays, name, shape) for name, shape in shapes.items()},
            prior=stored_array(arrays, "prior", item_ids.shape),
        )

    def _recent(self, history: Int32) -> Int32:
        return history[self._known[history]][-self.settings.window :]

    def _read(self, items: Int32) -> Float32:
        """The last hidden state [batch, d] of histories [batch, length], all of one length above zero."""
        states: Float32 = self.weights["items"][items] + self.weights["positions"][: items.shape[1]]
        for block in self._blocks[:-1]:
            states = block(states)
        states = self._blocks[-1](states, last_only=True)
        return _centred(states[:, -1]) * self.weights["norm.scale"] + self.weights["norm.shift"]

    def _say(self, hidden: Float32) -> Float32:
        """Logarithms of probabilities [batch, items]."""
        items = self.weights["items"]
        # A matrix times one vector is faster than the same as a product of matrices.
        logits: Float32 = hidden @ items.T if len(hidden) > 1 else (items @ hidden[0])[None]
        logits += self.weights["bias"]
        logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
        logits -= np.log(np.add.reduce(np.exp(logits), axis=1, keepdims=True))
        return logits

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        from recommender.engine.attention import encode

        pieces = [self._recent(histories.history(user)) for user in users]
        lengths = np.array([piece.size for piece in pieces])
        asked = np.flatnonzero(lengths)
        scores = torch.tensor(self._unasked, device=device).repeat(users.size, 1)
        if not asked.size:
            return scores
        items = np.zeros((asked.size, lengths.max()), dtype=np.int64)
        items[np.arange(lengths.max()) < lengths[asked, None]] = np.concatenate(pieces)
        weights = {name: torch.tensor(value, device=device) for name, value in self.weights.items()}
        states = encode(
            weights, torch.from_numpy(items).to(device), heads=self.settings.heads, blocks=self.settings.blocks
        )
        rows, ends = torch.arange(asked.size, device=device), torch.from_numpy(lengths[asked] - 1).to(device)
        logits = torch.addmm(weights["bias"], states[rows, ends], weights["items"].T)
        scores[torch.from_numpy(asked).to(device)] = torch.log_softmax(logits, dim=1)
        return scores


class _Block:
    """One layer in numpy: the norms' scales and shifts and the attention's 1/sqrt(width) are folded into matrices."""

    def __init__(self, weights: Mapping[str, Float32], block: int, heads: int) -> None:
        own = {name.removeprefix(f"{block}."): value for name, value in weights.items() if name[0] == str(block)}
        d = own["out.weight"].shape[0]
        self.heads = heads
        window = len(weights["positions"])
        self.unseen = np.triu(np.full((window, window), -np.inf, dtype=np.float32), 1)
        narrow = np.ones(3 * d, dtype=np.float32)
        narrow[:d] = (d // heads) ** -0.5
        qkv = own["norm1.scale"][:, None] * own["qkv.weight"] * narrow
        shift = (own["norm1.shift"] @ own["qkv.weight"] + own["qkv.bias"]) * narrow
        self.query, self.rest = np.ascontiguousarray(qkv[:, :d]), np.ascontiguousarray(qkv[:, d:])
        self.query_bias, self.rest_bias = shift[:d], shift[d:]
        self.out, self.out_bias = own["out.weight"], own["out.bias"]
        self.up = own["norm2.scale"][:, None] * own["up.weight"]
        self.up_bias = own["norm2.shift"] @ own["up.weight"] + own["up.bias"]
        self.down, self.down_bias = own["down.weight"], own["down.bias"]

    def __call__(self, states: Float32, *, last_only: bool = False) -> Float32:
        """States [batch, length, d] of the next layer; with `last_only` of the last position alone."""
        batch, length, d = states.shape
        normed = _centred(states)
        asking = normed[:, -1:] if last_only else normed
        query = self._split(asking @ self.query + self.query_bias)
        told = normed @ self.rest
        told += self.rest_bias
        fit = query @ self._split(told[..., :d]).swapaxes(2, 3)
        if not last_only:
            fit += self.unseen[:length, :length]
        fit -= np.maximum.reduce(fit, axis=3, keepdims=True)
        np.exp(fit, out=fit)
        fit /= np.add.reduce(fit, axis=3, keepdims=True)
        seen = (fit @ self._split(told[..., d:])).swapaxes(1, 2).reshape(batch, -1, d)
        kept: Any = seen @ self.out + self.out_bias
        kept += states[:, -1:] if last_only else states
        inner: Float32 = _centred(kept) @ self.up + self.up_bias
        np.divide(inner, 1 + np.exp(np.minimum(-inner, STEEP)), out=inner)
        answered: Float32 = kept + (inner @ self.down + self.down_bias)
        return answered

    def _split(self, rows: Float32) -> Float32:
        """[batch, length, d] as [batch, heads, length, d / heads]."""
        return rows.reshape(*rows.shape[:2], self.heads, -1).swapaxes(1, 2)


def _centred(rows: Float32) -> Float32:
    """The last axis at mean 0 and variance 1."""
    width = np.float32(rows.shape[-1])
    mean: Any = np.add.reduce(rows, axis=-1, keepdims=True) / width
    centred: Float32 = rows - mean
    spread: Float32 = np.einsum("...d,...d->...", centred, centred)[..., None] / width
    np.divide(centred, np.sqrt(spread + np.float32(EPSILON)), out=centred)
    return centred


def weight_shapes(settings: SasRecSettings, n_items: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the network's weights: the item table is input and output at once, matrices [in, out]."""
    d = settings.dimension
    shapes: dict[str, tuple[int, ...]] = {
        "items": (n_items, d),
        "bias": (n_items,),
        "positions": (settings.window, d),
        "norm.scale": (d,),
        "norm.shift": (d,),
    }
    for block in range(settings.blocks):
        for norm in ("norm1", "norm2"):
            shapes |= {f"{block}.{norm}.scale": (d,), f"{block}.{norm}.shift": (d,)}
        for name, source, target in (("qkv", d, 3 * d), ("out", d, d), ("up", d, 4 * d), ("down", 4 * d, d)):
            shapes |= {f"{block}.{name}.weight": (source, target), f"{block}.{name}.bias": (target,)}
    return shapes
