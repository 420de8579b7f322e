"""Who took what, in which order: the one data structure every model is fitted on.

Interactions are a compressed sparse row table: the history of user row r is ``items[pointers[r]:pointers[r + 1]]``,
oldest first. Rows and items are dense indices (0..n-1); ``user_ids`` and ``item_ids`` carry the ids of the outer world
(any 64-bit integers, such as primary keys or keyed pseudonyms).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from recommender.engine.errors import DataError

if TYPE_CHECKING:
    from recommender.engine.content import Content

Int32: TypeAlias = NDArray[np.int32]
Int64: TypeAlias = NDArray[np.int64]
Float32: TypeAlias = NDArray[np.float32]
Float64: TypeAlias = NDArray[np.float64]
Bool: TypeAlias = NDArray[np.bool_]

MAX_WEIGHT = 1e6


@dataclass(frozen=True, eq=False)
class Interactions:
    """Histories of all users over one catalogue.

    pointers: int64 [users + 1], items: int32 [rows], times: int64 [rows] in Unix seconds or None where only the order
    is known, weights: float32 [rows] above zero or None where every event counts 1, user_ids: int64 [users] ascending,
    item_ids: int64 [items]. Within one user no item occurs twice. `content` describes the items, where anything does.
    """

    pointers: Int64
    items: Int32
    times: Int64 | None
    weights: Float32 | None
    user_ids: Int64
    item_ids: Int64
    content: Content | None = None

    @classmethod
    def build(
        cls,
        *,
        users: ArrayLike,
        items: ArrayLike,
        times: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        item_ids: ArrayLike | None = None,
        repeats: Literal["merge", "refuse"] = "merge",
    ) -> Interactions:
        """Build from plain columns of equal length, one entry per event.

        Order within a user is by `times`, equal times and a missing column by input order. `item_ids` is the
        catalogue, which may hold items nobody took; left out, the items seen. Of a repeated (user, item) pair "merge"
        keeps the latest place and the largest weight; "refuse" raises. Raises DataError for unequal lengths, values
        that are not numbers of the right kind, items outside the catalogue, and weights out of range.
        """
        user_column, item_column = _integers(users, "users"), _integers(items, "items")
        time_column = None if times is None else _integers(times, "times")
        weight_column = None if weights is None else _weights(weights)
        _require_equal_lengths(user_column.size, items=item_column, times=time_column, weights=weight_column)
        catalogue = np.unique(item_column) if item_ids is None else _integers(item_ids, "item_ids")
        user_ids, rows = np.unique(user_column, return_inverse=True)
        indices = index_of(catalogue, item_column)
        if (indices < 0).any():
            raise DataError(f"item {item_column[indices < 0][0]} is not in the catalogue")
        order = np.lexsort((rows,)) if time_column is None else np.lexsort((time_column, rows))
        last, groups = _last_of_each(rows[order] * max(catalogue.size, 1) + indices[order])
        if repeats == "refuse" and last.size < order.size:
            raise DataError(f"{order.size - last.size} rows repeat a (user, item) pair")
        kept = order[last]
        return cls(
            pointers=_pointers(np.bincount(rows[kept], minlength=user_ids.size)),
            items=indices[kept].astype(np.int32),
            times=None if time_column is None else time_column[kept],
            weights=None if weight_column is None else _largest_of_each(weight_column[order], groups)[last],
            user_ids=user_ids,
            item_ids=catalogue,
        )

    @classmethod
    def of_histories(
        cls, histories: Sequence[Int64], *, item_ids: Int64, user_ids: Int64 | None = None
    ) -> Interactions:
        """Build from one list of item ids a user, oldest first, perhaps empty; a repeat counts where it came first.

        `user_ids` ascending; left out, 0, 1, 2 ... Raises DataError for an item outside the catalogue.
        """
        lengths = np.array([history.size for history in histories], dtype=np.int64)
        ids = np.concatenate([np.empty(0, dtype=np.int64), *histories])
        items = index_of(item_ids, ids)
        if (items < 0).any():
            raise DataError(f"item {ids[items < 0][0]} is not in the catalogue")
        rows = np.repeat(np.arange(lengths.size), lengths)
        first = np.sort(np.unique(rows * max(item_ids.size, 1) + items, return_index=True)[1])
        return cls(
            pointers=_pointers(np.bincount(rows[first], minlength=lengths.size)),
            items=items[first].astype(np.int32),
            times=None,
            weights=None,
            user_ids=np.arange(lengths.size, dtype=np.int64) if user_ids is None else user_ids,
            item_ids=item_ids,
        )

    def __len__(self) -> int:
        return int(self.items.size)

    @property
    def n_users(self) -> int:
        """Number of user rows."""
        return int(self.user_ids.size)

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return int(self.item_ids.size)

    @property
    def lengths(self) -> Int64:
        """History length of every row, int64 [users]."""
        return np.diff(self.pointers)

    @property
    def rows(self) -> Int64:
        """The user row of every interaction, int64 [rows]."""
        return np.repeat(np.arange(self.n_users, dtype=np.int64), self.lengths)

    @property
    def item_counts(self) -> Int64:
        """How many users took each item, int64 [items]."""
        return np.bincount(self.items, minlength=self.n_items).astype(np.int64)

    def history(self, row: int) -> Int32:
        """Items of one user, oldest first."""
        return self.items[self.pointers[row] : self.pointers[row + 1]]

    def history_weights(self, row: int) -> Float32 | None:
        """Event weights beside `history`, or None where every event counts 1."""
        return None if self.weights is None else self.weights[self.pointers[row] : self.pointers[row + 1]]

    def newest(self, users: Int64, window: int | None = None) -> tuple[Int64, Int64, Int64]:
        """The newest `window` events (all of them for None) of some user rows, laid end to end, oldest first.

        Three columns: the place of the row in `users`, where the event stands in `items`, how many follow it.
        """
        lengths = self.lengths[users] if window is None else np.minimum(self.lengths[users], window)
        rows = np.repeat(np.arange(users.size, dtype=np.int64), lengths)
        after = np.cumsum(lengths)[rows] - 1 - np.arange(rows.size)
        return rows, self.pointers[users + 1][rows] - 1 - after, after

    def keep(self, mask: Bool) -> Interactions:
        """The same users and catalogue with only the interactions where `mask` (bool [rows]) holds."""
        return replace(
            self,
            pointers=_pointers(np.bincount(self.rows[mask], minlength=self.n_users)),
            items=self.items[mask],
            times=None if self.times is None else self.times[mask],
            weights=None if self.weights is None else self.weights[mask],
        )

    def of_people(self, mask: Bool) -> Interactions:
        """Only the user rows where `mask` (bool [users]) holds, over the same catalogue."""
        rows = mask[self.rows]
        return replace(
            self,
            pointers=_pointers(self.lengths[mask]),
            items=self.items[rows],
            times=None if self.times is None else self.times[rows],
            weights=None if self.weights is None else self.weights[rows],
            user_ids=self.user_ids[mask],
        )

    def fingerprint(self) -> str:
        """SHA-256 over every column, equal for equal data on every machine; a model carries it as its data hash."""
        digest = hashlib.sha256()
        for name in ("pointers", "items", "times", "weights", "user_ids", "item_ids"):
            column = getattr(self, name)
            digest.update(f"{name}:{-1 if column is None else column.size};".encode())
            if column is not None:
                digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
        if self.content is not None:
            digest.update(self.content.fingerprint().encode())
        return digest.hexdigest()


def index_of(catalogue: Int64, ids: Int64) -> Int64:
    """Place of each id in `catalogue`, -1 for ids it lacks. Raises DataError when the catalogue repeats an id."""
    order = np.argsort(catalogue, kind="stable")
    ascending = catalogue[order]
    if ascending.size > 1 and (ascending[1:] == ascending[:-1]).any():
        raise DataError("the catalogue names an item twice")
    if not ascending.size:
        return np.full(ids.size, -1, dtype=np.int64)
    place = np.minimum(np.searchsorted(ascending, ids), ascending.size - 1)
    return np.where(ascending[place] == ids, order[place], -1).astype(np.int64)


def _integers(values: ArrayLike, name: str) -> Int64:
    column: NDArray[Any] = np.asarray(values)
    if column.ndim != 1:
        raise DataError(f"{name} must be one column, not of shape {column.shape}")
    if column.size and column.dtype.kind not in "iu":
        raise DataError(f"{name} must hold integers, not {column.dtype}")
    return column.astype(np.int64)


def _require_equal_lengths(wanted: int, **columns: NDArray[Any] | None) -> None:
    for name, column in columns.items():
        if column is not None and column.size != wanted:
            raise DataError(f"{name} has {column.size} entries, users has {wanted}")


def _weights(values: ArrayLike) -> Float32:
    column: NDArray[Any] = np.asarray(values)
    if column.ndim != 1 or (column.size and column.dtype.kind not in "iuf"):
        raise DataError("weights must be one column of numbers")
    column = column.astype(np.float32)
    if not ((column > 0) & (column <= MAX_WEIGHT)).all():
        raise DataError(f"weights must be above 0 and at most {MAX_WEIGHT:g}")
    return column


def _pointers(lengths: NDArray[np.integer[Any]]) -> Int64:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _last_of_each(keys: Int64) -> tuple[Int64, Int64]:
    """Return the places where a key occurs for the last time, ascending, and for every row the group of its key."""
    unique, groups = np.unique(keys, return_inverse=True)
    last = np.zeros(unique.size, dtype=np.int64)
    np.maximum.at(last, groups, np.arange(keys.size))
    return np.sort(last), groups


def _largest_of_each(values: Float32, groups: Int64) -> Float32:
    """Replace every value by the largest of its group."""
    largest = np.zeros(groups.max(initial=-1) + 1, dtype=np.float32)
    np.maximum.at(largest, groups, values)
    return largest[groups]
