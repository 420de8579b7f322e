"""The torch side of the neural item scorers: what learns, and its weights as plain arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recommender.engine.content import Content
from recommender.engine.data import Bool, Float32


@contextmanager
def seeded(rng: np.random.Generator) -> Iterator[None]:
    """Let torch draw from a seed of `rng` meanwhile, and go on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        yield


class NcfNet(nn.Module):
    """`ncf.Ncf` while it learns; layers of plain kinds, so that gradients can be taken a person (Opacus)."""

    def __init__(self, n_items: int, dimension: int, hidden: int) -> None:
        super().__init__()
        self.heard, self.named = nn.Embedding(n_items, dimension), nn.Embedding(n_items, dimension)
        self.bias = nn.Embedding(n_items, 1)
        self.product = nn.Linear(dimension, 1, bias=False)
        self.person = nn.Linear(dimension, hidden, bias=False)
        self.item = nn.Linear(dimension, hidden)
        self.second = nn.Linear(hidden, hidden // 2)
        self.out = nn.Linear(hidden // 2, 1, bias=False)
        for table in (self.heard, self.named):
            nn.init.normal_(table.weight, std=0.1)
        nn.init.zeros_(self.bias.weight)
        nn.init.ones_(self.product.weight)

    def forward(self, context: torch.Tensor, factors: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Logits [n, candidates]."""
        person = (self.heard(context) * factors[..., None]).sum(1, keepdim=True)
        items = self.named(candidates)
        layer = (self.person(person) + self.item(items)).relu()
        logits = self.product(person * items) + self.out(self.second(layer).relu()) + self.bias(candidates)
        found: torch.Tensor = logits[..., 0]
        return found

    def arrays(self) -> dict[str, Float32]:
        """The weights as `ncf.Ncf.shapes` names them."""
        return {
            "heard": _plain(self.heard.weight),
            "named": _plain(self.named.weight),
            "bias": _plain(self.bias.weight[:, 0]),
            "product": _plain(self.product.weight[0]),
            "person": _plain(self.person.weight.T),
            "item": _plain(self.item.weight.T),
            "first": _plain(self.item.bias),
            "second": _plain(self.second.weight.T),
            "second_bias": _plain(self.second.bias),
            "out": _plain(self.out.weight[0]),
        }


class TwoTowerNet(nn.Module):
    """`two_tower.TwoTower` while it learns."""

    def __init__(self, n_items: int, dimension: int, *, hidden_id: float, taken: Bool, content: Content | None) -> None:
        super().__init__()
        self.hidden_id = hidden_id
        self.taken: torch.Tensor
        self.columns: torch.Tensor
        self.begins: torch.Tensor
        self.amounts: torch.Tensor
        self.meaning: torch.Tensor
        self.described: Bool = np.zeros(n_items, dtype=np.bool_)
        self.ids = nn.Parameter(_rows(n_items, dimension))
        self.layer = nn.Linear(dimension, dimension)
        nn.init.zeros_(self.layer.weight)
        self.words: nn.Parameter | None = None
        self.meant: nn.Parameter | None = None
        self.register_buffer("taken", torch.from_numpy(taken.astype(np.float32))[:, None])
        if content is not None:
            self._describe(content, dimension)

    def _describe(self, content: Content, dimension: int) -> None:
        words = content.features.astype(np.float32).tocsr()
        self.described = np.asarray(np.abs(words).sum(axis=1)).ravel() > 0
        for name, part in (("columns", words.indices), ("begins", words.indptr[:-1]), ("amounts", words.data)):
            self.register_buffer(name, torch.from_numpy(part))
        self.words = nn.Parameter(_rows(words.shape[1], dimension))
        if content.meaning is not None:
            self.described = np.ones_like(self.described)
            self.register_buffer("meaning", torch.from_numpy(content.meaning))
            self.meant = nn.Parameter(_rows(content.meaning.shape[1], dimension))

    def vectors(self) -> torch.Tensor:
        """Vectors of all items, then their biases, [items, dimension + 1]; while learning, some ids are hidden."""
        ids = self.ids * self.taken
        if self.words is None:
            return ids
        if self.training and self.hidden_id:
            ids = ids * (torch.rand(len(ids), 1, device=ids.device) >= self.hidden_id)
        # Item by item the words that it has, weighted: the product with a sparse matrix.
        found: torch.Tensor = ids + functional.embedding_bag(
            self.columns, self.words, self.begins, per_sample_weights=self.amounts, mode="sum"
        )
        return found if self.meant is None else found + self.meaning @ self.meant

    def forward(self, context: torch.Tensor, factors: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Logits [n, candidates]."""
        told = self.vectors()
        items, bias = told[:, :-1], told[:, -1]
        person = functional.embedding_bag(context, items, per_sample_weights=factors, mode="sum")
        person = person + self.layer(person).relu()
        # The first candidate is each row's own, the others are one list for all.
        rivals = candidates[0, 1:]
        own = (person * items[candidates[:, 0]]).sum(1, keepdim=True)
        return torch.cat([own, person @ items[rivals].T], dim=1) + bias[candidates]

    def arrays(self) -> dict[str, Float32]:
        """The weights as `two_tower.TwoTower.shapes` names them."""
        self.eval()
        with torch.no_grad():
            told = _plain(self.vectors())
        heard = self.described | (_plain(self.taken)[:, 0] > 0)
        return {
            "items": np.ascontiguousarray(told[:, :-1]),
            "bias": np.where(heard, told[:, -1], told[heard, -1].min()),
            "layer": _plain(self.layer.weight.T),
            "layer_bias": _plain(self.layer.bias),
        }


def _rows(count: int, dimension: int) -> torch.Tensor:
    """First vectors, with a last column of zeros, the biases."""
    return functional.pad(torch.randn(count, dimension) * 0.1, (0, 1))


def _plain(values: torch.Tensor) -> Any:
    return np.ascontiguousarray(values.detach().cpu().numpy())
