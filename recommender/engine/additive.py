"""Sums over people that closed forms are solved from: what one person added can be taken away again, exactly.

A model that is the solution of normal equations needs nothing of its data but some sums of one term a person. Kept
beside the model, they make an update "minus the old history, plus the new one", and forgetting somebody a subtraction:
the refit equals one that never saw them. Sums of whole weights are exact in double precision, so equal to the last bit;
those over fading histories to its rounding.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from recommender.engine.config import settings_from, settings_to
from recommender.engine.data import Int64, Interactions, index_of
from recommender.engine.errors import ArtefactError, DataError
from recommender.engine.models import get_model

if TYPE_CHECKING:
    import torch

    from recommender.engine.models.base import Model

Moments: TypeAlias = "dict[str, torch.Tensor]"
"""Float64 by name; every dimension of each is the catalogue, but for "people", which has none."""


class Ledger:
    """The sums of one model over one catalogue.

    `model` and `settings` as in the registry, `item_ids` int64 [items], `moments` on the device they were counted on.
    """

    def __init__(self, *, model: str, settings: Any, item_ids: Int64, moments: Moments) -> None:
        self.model, self.settings, self.item_ids, self.moments = model, settings, item_ids, moments

    @classmethod
    def of(cls, model: str, interactions: Interactions, *, settings: Any, device: torch.device) -> Ledger:
        """Count everybody. Raises DataError for a model that is not solved from sums over people alone."""
        kind = get_model(model)
        if not kind.additive(settings):
            raise DataError(f"{model} is not solved from sums over people alone")
        moments = kind.moments(interactions, settings=settings, device=device)
        return cls(model=model, settings=settings, item_ids=interactions.item_ids, moments=moments)

    def change(self, *, gone: Interactions | None = None, new: Interactions | None = None) -> None:
        """Take away the histories `gone` and add the histories `new`; both may hold courses that are new here.

        A person whose history grew stands in both, once as it was and once as it is.
        """
        for table, sign in ((gone, -1.0), (new, 1.0)):
            if table is not None and table.n_users:
                self._grow(table.item_ids)
                self._add(table, sign)

    def _add(self, table: Interactions, sign: float) -> None:
        places = index_of(self.item_ids, table.item_ids)
        device = self.moments["people"].device
        found = get_model(self.model).moments(table, settings=self.settings, device=device)
        for name, values in found.items():
            kept = self.moments[name]
            self.moments[name] = kept.add_(_placed(values, places, int(self.item_ids.size)), alpha=sign)

    def _grow(self, ids: Int64) -> None:
        """Make room for ids that the catalogue lacks, behind those it has."""
        lacking = ids[index_of(self.item_ids, ids) < 0]
        if lacking.size:
            size = int(self.item_ids.size)
            self.item_ids = np.concatenate([self.item_ids, lacking])
            places = np.arange(size)
            self.moments = {
                name: _placed(values, places, int(self.item_ids.size)) for name, values in self.moments.items()
            }

    def solve(self) -> Model:
        """The model that these sums give; they stay as they are."""
        copies = {name: values.clone() for name, values in self.moments.items()}
        kind = get_model(self.model)
        return kind.from_moments(copies, settings=self.settings, item_ids=self.item_ids)

    def write(self, path: Path, *, data_sha256: str) -> None:
        """Write beside `path`, then rename. Raises OSError where the disk refuses; what lay there is then untouched."""
        about = {"model": self.model, "settings": settings_to(self.settings), "data_sha256": data_sha256}
        import torch

        tensors = {name: values.cpu().contiguous() for name, values in self.moments.items()}
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        try:
            ids = {"item_ids": torch.from_numpy(self.item_ids)}
            save_file(tensors | ids, temporary, metadata={"sums": json.dumps(about)})
            Path(temporary).replace(path)
        except BaseException as error:
            Path(temporary).unlink(missing_ok=True)
            if isinstance(error, SafetensorError):
                raise OSError(str(error)) from error
            raise

    @classmethod
    def read(cls, path: Path, *, data_sha256: str, device: torch.device) -> Ledger:
        """Read what `write` wrote. Raises ArtefactError for a file that is missing, cut short or of other data."""
        try:
            with safe_open(path, framework="pt", device=str(device)) as file:
                about: Mapping[str, Any] = json.loads(file.metadata()["sums"])
                moments = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
            ids = moments.pop("item_ids").cpu().numpy()
            settings = settings_from(get_model(about["model"]).Settings, about["settings"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"cannot read the sums {path.name}: {error}") from error
        if about["data_sha256"] != data_sha256:
            raise ArtefactError(f"the sums {path.name} belong to other data")
        return cls(model=about["model"], settings=settings, item_ids=ids, moments=moments)


def _placed(values: torch.Tensor, places: Int64, size: int) -> torch.Tensor:
    """`values` with every dimension laid out anew: entry i at places[i] of `size`."""
    import torch

    where = torch.from_numpy(places).to(values.device)
    laid = values.new_zeros((size,) * values.dim())
    if values.dim() == 0:
        return values
    if values.dim() == 1:
        laid[where] = values
    else:
        laid[where[:, None], where[None, :]] = values
    return laid


def changes(before: Interactions, after: Interactions) -> tuple[Interactions, Interactions, int]:
    """Histories that differ: those of `before`, those of `after`, and in how many rows they do.

    People are matched by id; who stands in one of both only, differs as well. Places in the catalogue are compared by
    item id.
    """
    old, new = _rows(before), _rows(after)
    both = np.concatenate([old, new])
    _, where, counts = np.unique(both, return_inverse=True, return_counts=True)
    single = counts[where] == 1
    people = np.unique(both["user"][single])
    kept = [table.of_people(np.isin(table.user_ids, people)) for table in (before, after)]
    return kept[0], kept[1], int(single.sum())


def _rows(table: Interactions) -> Any:
    """Every interaction as one record: who, what, its place in the history, and how much it counts."""
    kind = [("user", np.int64), ("item", np.int64), ("place", np.int64), ("weight", np.float32)]
    rows = np.empty(len(table), dtype=kind)
    rows["user"], rows["item"] = table.user_ids[table.rows], table.item_ids[table.items]
    rows["place"] = np.arange(len(table)) - table.pointers[:-1][table.rows]
    rows["weight"] = 1 if table.weights is None else table.weights
    return rows
