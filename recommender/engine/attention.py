"""A small causal transformer over histories: its weights, its pass over a batch, and how it learns.

Every position of a history predicts the item that follows, all in one pass. What costs time elsewhere is left out:
histories lie on the device as one flat array and are gathered by length into batches of so many tokens (hardly any
padding, no loader); negatives are drawn once per step for all positions, without replacement, and their sum is scaled
up to the whole catalogue; the loss's gradients are written down during the forward pass; dropout multiplies by slices
of one pool of zeros and scales, because drawing a number per activation costs more than the layer it follows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import distributed
from torch.nn import functional

from recommender.engine.config import Progress, settings_to
from recommender.engine.data import Float32, Int64, Interactions
from recommender.engine.errors import ArtefactError

if TYPE_CHECKING:
    from recommender.engine.models.sasrec import SasRecSettings

BETAS = (0.9, 0.98)
CLIP = 1.0
POOL = 1 << 21
EPSILON = 1e-5


def new_weights(settings: SasRecSettings, n_items: int, *, rng: np.random.Generator) -> dict[str, Float32]:
    """Random weights, float32, under the names and in the shapes of `models.sasrec.weight_shapes`."""
    from recommender.engine.models.sasrec import weight_shapes

    weights: dict[str, Float32] = {}
    for name, shape in weight_shapes(settings, n_items).items():
        if name.endswith("scale"):
            weights[name] = np.ones(shape, dtype=np.float32)
        elif len(shape) == 1:
            weights[name] = np.zeros(shape, dtype=np.float32)
        else:
            spread = 0.5 * shape[0] ** -0.5 if name.endswith("weight") else 0.02
            weights[name] = rng.normal(0, spread, shape).astype(np.float32)
    return weights


class Dropout:
    """Zeros and scales drawn in bulk; each use multiplies by a slice at a random place of the pool."""

    def __init__(self, share: float, *, room: int, device: torch.device, rng: np.random.Generator) -> None:
        self.share, self.device, self.rng = share, device, rng
        self.size = POOL + room if share else 0
        self.pool = torch.empty(0)

    def refill(self) -> None:
        """Draw the pool anew, on the CPU whatever the device, so that all devices learn from the same draws."""
        if self.share:
            kept = self.rng.random(self.size, dtype=np.float32) >= self.share
            self.pool = torch.from_numpy(kept.astype(np.float32) / (1 - self.share)).to(self.device)

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """`values` with a share of them at zero and the others scaled up."""
        if not self.share:
            return values
        start = int(self.rng.integers(self.size - values.numel() + 1))
        return values * self.pool[start : start + values.numel()].view_as(values)


def encode(
    weights: Mapping[str, torch.Tensor], items: torch.Tensor, *, heads: int, blocks: int, dropout: Dropout | None = None
) -> torch.Tensor:
    """Hidden states [batch, length, d] for items [batch, length] from the window's start; later items are not seen."""
    drop = dropout or (lambda values: values)
    batch, length = items.shape
    states = drop(functional.embedding(items, weights["items"]) + weights["positions"][:length])
    d = states.shape[-1]
    for block in range(blocks):
        own = {name.removeprefix(f"{block}."): value for name, value in weights.items() if name[0] == str(block)}
        normed = functional.layer_norm(states, (d,), own["norm1.scale"], own["norm1.shift"], EPSILON)
        mixed = torch.addmm(own["qkv.bias"], normed.view(-1, d), own["qkv.weight"])
        q, k, v = mixed.view(batch, length, 3, heads, d // heads).permute(2, 0, 3, 1, 4).unbind()
        seen = functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(-1, d)
        added = torch.addmm(own["out.bias"], seen, own["out.weight"])
        states = states + drop(added).view(batch, length, d)
        normed = functional.layer_norm(states, (d,), own["norm2.scale"], own["norm2.shift"], EPSILON)
        inner = drop(functional.silu(torch.addmm(own["up.bias"], normed.view(-1, d), own["up.weight"])))
        states = states + drop(torch.addmm(own["down.bias"], inner, own["down.weight"])).view(batch, length, d)
    return functional.layer_norm(states, (d,), weights["norm.scale"], weights["norm.shift"], EPSILON)


class SampledSoftmax(torch.autograd.Function):
    """Mean cross entropy of targets among themselves and shared negatives, gradients found on the way.

    Arguments: hidden [n, d], items [items, d], bias [items], targets [n], weights [n] summing to 1, negatives
    [drawn] without repeats. The negatives' share of the partition is scaled to the catalogue; a negative that is a
    row's target is left out of that row. With all items as negatives this is the full softmax.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        items: torch.Tensor,
        bias: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        negatives: torch.Tensor,
    ) -> torch.Tensor:
        """The loss, a scalar."""
        rivals, wanted = items[negatives], items[targets]
        logits = _rival_logits(hidden, rivals, bias[negatives], targets, negatives, n_items=items.shape[0])
        own = torch.einsum("nd,nd->n", hidden, wanted) + bias[targets]
        top = torch.maximum(logits.amax(1), own)
        shares = logits.sub_(top[:, None]).exp_()
        own_share = (own - top).exp()
        total = shares.sum(1) + own_share
        loss = ((total.log() + top - own) * weights).sum()
        # From here on the gradients: a row's shares times its weight, and the target's own share less one.
        shares.mul_((weights / total)[:, None])
        pull = weights * (own_share / total - 1)
        to_hidden = torch.addcmul(shares @ rivals, pull[:, None], wanted)
        to_items, to_bias = torch.zeros_like(items), torch.zeros_like(bias)
        to_items[negatives] = shares.T @ hidden
        to_items.index_add_(0, targets, pull[:, None] * hidden)
        to_bias[negatives] = shares.sum(0)
        to_bias.index_add_(0, targets, pull)
        ctx.save_for_backward(to_hidden, to_items, to_bias)
        return loss

    @staticmethod
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """The gradients found before, times the outer one."""
        to_hidden, to_items, to_bias = ctx.saved_tensors
        return to_hidden * outer[0], to_items * outer[0], to_bias * outer[0], None, None, None


def _rival_logits(
    hidden: torch.Tensor,
    rivals: torch.Tensor,
    bias: torch.Tensor,
    targets: torch.Tensor,
    negatives: torch.Tensor,
    *,
    n_items: int,
) -> torch.Tensor:
    """Logits [n, drawn], raised by log(items / negatives), at -inf where the negative is the row's target."""
    drawn = negatives.numel()
    raised = math.log(n_items / max(drawn, 1))
    logits = torch.addmm(bias + raised, hidden, rivals.T)
    place = torch.full((n_items,), -1, dtype=torch.long, device=hidden.device)
    place[negatives] = torch.arange(drawn, device=hidden.device)
    column = place[targets][:, None]
    where = column.clamp(min=0)
    logits.scatter_(1, where, logits.gather(1, where).masked_fill_(column >= 0, -torch.inf))
    return logits


class Lessons:
    """All histories as windows of the newest items, cut into batches of about so many tokens of nearly one length."""

    def __init__(self, interactions: Interactions, settings: SasRecSettings, device: torch.device) -> None:
        self.n_items = interactions.n_items
        self.lengths = np.minimum(interactions.lengths - 1, settings.window)
        users = np.flatnonzero(self.lengths > 0)
        self.lengths = self.lengths[users]
        self.starts = interactions.pointers[1:][users] - self.lengths - 1
        self.budget, self.device = settings.batch_tokens, device
        self.items = torch.from_numpy(interactions.items.astype(np.int64)).to(device)
        weights = interactions.weights
        self.weights = None if weights is None else torch.from_numpy(weights).to(device)

    @property
    def positions(self) -> int:
        """How many items are predicted in one epoch."""
        return int(self.lengths.sum())

    def groups(self, rng: np.random.Generator) -> list[Int64]:
        """One epoch's batches in random order, each the rows of histories of nearly one length."""
        if not self.lengths.size:
            return []
        order = np.lexsort((rng.random(self.lengths.size), self.lengths))
        cuts = np.flatnonzero(np.diff(np.cumsum(self.lengths[order]) // self.budget)) + 1
        groups = np.split(order, cuts)
        return [groups[place] for place in rng.permutation(len(groups))]

    def batch(self, rows: Int64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Items [batch, length], where the targets [n] lie in `items`, and their places in the flattened batch.

        Places are None where all histories of the batch have one length.
        """
        lengths = self.lengths[rows]
        width = np.arange(lengths.max())
        inside = width < lengths[:, None]
        source = torch.from_numpy(np.where(inside, self.starts[rows, None] + width, 0)).to(self.device)
        if inside.all():
            return self.items[source], source.flatten() + 1, None
        places = torch.from_numpy(np.flatnonzero(inside)).to(self.device)
        return self.items[source], source.flatten()[places] + 1, places


class Learner:
    """Weights being learned, one epoch after the other.

    All weights are views of one flat vector, and so are their gradients: clipping and Adam are a few operations each.
    """

    def __init__(
        self, interactions: Interactions, settings: SasRecSettings, *, device: torch.device, rng: np.random.Generator
    ) -> None:
        self.settings, self.device, self.rng = settings, device, rng
        self.lessons = Lessons(interactions, settings, device)
        drawn = new_weights(settings, interactions.n_items, rng=rng)
        self.flat = torch.from_numpy(np.concatenate([value.ravel() for value in drawn.values()])).to(device)
        self.slope, self.mean, self.square = (torch.zeros_like(self.flat) for _ in range(3))
        self.weights: dict[str, torch.Tensor] = {}
        start = 0
        for name, value in drawn.items():
            stop = start + value.size
            self.weights[name] = self.flat[start:stop].view(value.shape).detach().requires_grad_()
            self.weights[name].grad = self.slope[start:stop].view(value.shape)
            start = stop
        room = 4 * settings.dimension * (settings.batch_tokens + settings.window) * 2
        self.dropout = Dropout(settings.dropout, room=room, device=device, rng=rng)
        self.epoch = self.steps = 0
        self.losses: list[float] = []
        self.rank, self.world = 0, 1

    def share(self, rank: int, world: int) -> None:
        """Be one of `world` processes of a group: take a share of each step's histories, and sum slopes.

        What is drawn for everybody (order, negatives) stays alike; what dropout leaves out is each process's own.
        """
        self.rank, self.world = rank, world
        self.dropout.rng = np.random.default_rng([rank, int(self.rng.integers(2**31))])

    def run(self, progress: Progress, *, checkpoint: Path | None = None, data_sha256: str = "") -> None:
        """Learn until the last epoch, telling `progress` after each; `checkpoint` is read where it exists, and kept."""
        if checkpoint and checkpoint.exists():
            self.load(checkpoint, data_sha256=data_sha256)
        while self.epoch < self.settings.epochs:
            self.losses.append(self.learn_epoch())
            if checkpoint:
                self.save(checkpoint, data_sha256=data_sha256)
            progress("fit", self.epoch, self.settings.epochs)

    def learn_epoch(self) -> float:
        """One pass over all histories; returns the mean loss, 0 where no history has two items."""
        settings = self.settings
        falling = max(settings.decay_share * settings.epochs, 1e-9)
        self.dropout.refill()
        groups = self.lessons.groups(self.rng)
        losses = []
        for step, rows in enumerate(groups):
            left = settings.epochs - self.epoch - step / len(groups)
            losses.append(self.learn(rows, settings.learning_rate * min(1.0, left / falling)))
        self.epoch += 1
        return float(torch.stack(losses).mean()) if losses else 0.0

    def learn(self, rows: Int64, rate: float) -> torch.Tensor:
        """One step on the histories `rows` at the learning rate `rate`; returns the loss before it."""
        settings, lessons = self.settings, self.lessons
        # Where there are fewer histories than processes each takes all of them; the sum of weights sets that right.
        own = rows[self.rank :: self.world] if rows.size >= self.world else rows
        items, sources, places = lessons.batch(own)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            states = encode(
                self.weights, items, heads=settings.heads, blocks=settings.blocks, dropout=self.dropout
            ).flatten(0, 1)
        strength = (
            torch.ones(sources.numel(), device=self.device) if lessons.weights is None else lessons.weights[sources]
        )
        loss: torch.Tensor = SampledSoftmax.apply(  # type: ignore[no-untyped-call]
            (states if places is None else states[places]).float(),
            self.weights["items"],
            self.weights["bias"],
            lessons.items[sources],
            strength / self._everybodys(strength.sum()),
            self._negatives(),
        )
        loss.backward()  # type: ignore[no-untyped-call]
        self._everybodys(self.slope)
        self._descend(rate)
        return loss.detach()

    def _everybodys(self, values: torch.Tensor) -> torch.Tensor:
        """`values` summed over all processes, in place."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values

    def _descend(self, rate: float) -> None:
        """One step of Adam along the clipped slope, which is then empty again."""
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in BETAS)
        self.slope.mul_((CLIP / (self.slope.norm() + 1e-6)).clamp(max=1))
        self.mean.lerp_(self.slope, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(self.slope, self.slope, value=1 - BETAS[1])
        self.flat.addcdiv_(self.mean, (self.square / second).sqrt_().add_(1e-8), value=-rate / first)
        self.slope.zero_()

    def _negatives(self) -> torch.Tensor:
        n_items, wanted = self.lessons.n_items, self.settings.negatives
        if not 0 < wanted < n_items:
            return torch.arange(n_items, device=self.device)
        return torch.from_numpy(self.rng.choice(n_items, wanted, replace=False, shuffle=False)).to(self.device)

    def save(self, path: Path, *, data_sha256: str) -> None:
        """Write everything the next epoch depends on, beside `path` and then renamed."""
        about = self._about(data_sha256) | {
            "epoch": self.epoch,
            "steps": self.steps,
            "losses": self.losses,
            "rng": self.rng.bit_generator.state,
        }
        tensors = {"flat": self.flat, "mean": self.mean, "square": self.square}
        beside = path.with_name(f".{path.name}.new")
        save_file(tensors, beside, metadata={"learner": json.dumps(about)})
        beside.replace(path)

    def load(self, path: Path, *, data_sha256: str) -> None:
        """Go on where `save` stopped; the result equals that of a run never stopped.

        Raises ArtefactError for a file of other data or settings, or one that cannot be read.
        """
        try:
            with safe_open(path, framework="pt", device=str(self.device)) as file:
                about = json.loads(file.metadata()["learner"])
                tensors = {name: file.get_tensor(name) for name in ("flat", "mean", "square")}
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"cannot read the checkpoint {path.name}: {error}") from error
        wanted = self._about(data_sha256)
        if {name: about.get(name) for name in wanted} != wanted:
            raise ArtefactError(f"the checkpoint {path.name} belongs to other settings or other data")
        for name, tensor in tensors.items():
            getattr(self, name).copy_(tensor)
        self.epoch, self.steps, self.losses = about["epoch"], about["steps"], about.get("losses", [])
        self.rng.bit_generator.state = about["rng"]

    def _about(self, data_sha256: str) -> dict[str, Any]:
        return {"settings": settings_to(self.settings), "data_sha256": data_sha256}
