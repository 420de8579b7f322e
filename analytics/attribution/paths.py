"""The path table: journeys as integer codes in compressed rows, with their counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.errors import AttributionError

Channel = str | int
Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]

LARGEST = 1e15
"""Counts and values beyond this would lose whole units in a double, so they are refused."""


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written to. Kernels are compiled for such arrays alone, once."""
    view = array.view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True, slots=True)
class PathTable:
    """Paths of touches with what came of them.

    `channels[c]` is the key of code `c`, in order of first appearance. Row `r` is the path
    `codes[starts[r]:starts[r + 1]]`, never empty. `conversions[r]` journeys of that path converted, `nulls[r]` did
    not; `values[r]` is the money of all its conversions together (any unit; may be negative), None where no value is
    known at all. Counts are finite and >= 0; they need not be whole.
    """

    channels: tuple[Channel, ...]
    codes: Codes
    starts: Offsets
    conversions: Floats
    nulls: Floats
    values: Floats | None = None

    def __post_init__(self) -> None:
        rows = len(self.starts) - 1
        for name in ("codes", "starts", "conversions", "nulls", "values"):
            array = getattr(self, name)
            object.__setattr__(self, name, None if array is None else read_only(array))
        sizes = {len(self.conversions), len(self.nulls), rows if self.values is None else len(self.values)}
        if sizes != {rows} or int(self.starts[-1]) != len(self.codes):
            raise AttributionError("a path table needs one count of each kind per path")
        if rows and not bool(np.all(self.starts[1:] > self.starts[:-1])):
            raise AttributionError("a path needs at least one touch")
        for name, column, least in (
            ("conversions", self.conversions, 0.0),
            ("nulls", self.nulls, 0.0),
            ("values", self.values, -LARGEST),
        ):
            if column is not None and not bool(np.all((column >= least) & (column <= LARGEST))):
                raise AttributionError(f"{name} of a path table must lie between {least:g} and {LARGEST:g}")

    @property
    def weights(self) -> Floats:
        """Journeys per row, converted or not."""
        return self.conversions + self.nulls


def path_table(
    journeys: Iterable[Sequence[Channel]],
    *,
    conversions: Sequence[float],
    nulls: Sequence[float] | None = None,
    values: Sequence[float] | None = None,
) -> PathTable:
    """Build a path table from sequences of channel keys (text or ids), one per row.

    Raises AttributionError on an empty path, on counts that do not match the rows, and on negative or non-finite ones.
    """
    ids: dict[Channel, int] = {}
    codes: list[int] = []
    starts = [0]
    for journey in journeys:
        codes.extend(ids.setdefault(channel, len(ids)) for channel in journey)
        starts.append(len(codes))
    return PathTable(
        channels=tuple(ids),
        codes=np.array(codes, np.int32),
        starts=np.array(starts, np.int64),
        conversions=np.array(conversions, np.float64),
        nulls=np.zeros(len(starts) - 1) if nulls is None else np.array(nulls, np.float64),
        values=None if values is None else np.array(values, np.float64),
    )
