"""The mirror as plain columns that are mapped into memory: what restating the journeys of some people reads.

Touches and orders lie in one segment a run, in order of time and id. Each column is a file of its own, so that a scan
over one of them (whose rows are these people's?) reads nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analytics.choices import ConversionKind
from analytics.selectors.mirror import CONVERSIONS, TOUCHES, change_file, mirror_folder

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from analytics.attribution.daily import DayPaths

NOBODY = -1
"""In columns of ids: none."""

LOG_COLUMNS = {
    TOUCHES: {"id": "i8", "visitor_id": "i4", "channel_id": "i4", "import_batch_id": "i4", "occurred_at": "i8"},
    CONVERSIONS: {
        "id": "i8", "user_id": "i4", "visitor_id": "i4", "import_batch_id": "i4", "value_minor": "i8",
        "currency": "i4", "occurred_at": "i8",
    },
}  # fmt: skip
"""What is kept of each fact; a currency is its place in the state's list."""


@dataclass
class StoreState:
    """What the store holds: the mirror's run, by which look-back, and the mirror's files as they were read.

    `largest` is the largest key of a browser.
    """

    database: str
    run: int
    currency: str
    lookback_days: int
    time_zone: str
    segments: list[int] = field(default_factory=list)
    currencies: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    largest: int = 0

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(vars(self))


def store_folder() -> Path:
    """Where it lies: beside the mirror that it is made from."""
    return mirror_folder() / "journeys"


def store_state() -> StoreState | None:
    """What the store holds; None before its first run."""
    try:
        return StoreState(**json.loads((store_folder() / "state.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def statistics_kept(run: int) -> DayPaths:
    """The daily path statistics as they were after a run of the store."""
    import numpy as np

    from analytics.attribution.daily import DayPaths

    with np.load(store_folder() / f"paths-{run}.npz") as held:
        return DayPaths(held["codes"], held["starts"], held["counts"])


def files_now() -> dict[str, int]:
    """The mirror's files of facts and when each was written."""
    found: dict[str, int] = {}
    for table in (TOUCHES, CONVERSIONS):
        with os.scandir(mirror_folder() / table) as entries:
            days = [entry for entry in entries if _is_day(entry.name)]
            found.update({f"{table}/{entry.name}": entry.stat().st_mtime_ns for entry in days})
    return dict(sorted(found.items()))


def _is_day(name: str) -> bool:
    return name.endswith(".parquet")


def news(table: str, names: Sequence[str], *, after: int, run: int) -> pl.DataFrame:
    """The facts that came in runs (after, run], of these files, in order of time and id."""
    import polars as pl

    columns = list(LOG_COLUMNS[table])
    parts = []
    for name in names:
        if name.startswith(f"{table}/"):
            rows = pl.scan_parquet(mirror_folder() / name).filter(pl.col("run").is_between(after + 1, run))
            if table == CONVERSIONS:
                rows = rows.filter(pl.col("kind") == ConversionKind.ORDER.value)
            parts.append(rows.select(columns))
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.Int64()))
    return pl.concat(parts).collect()  # days follow one another, and each is in order


def columns_of(rows: pl.DataFrame, table: str, currencies: list[str]) -> dict[str, NDArray[np.int64]]:
    """Rows as whole numbers, `NOBODY` where there is none; `currencies` grows by those that are new."""
    found = {}
    for name, kind in LOG_COLUMNS[table].items():
        column = rows[name]
        if name == "occurred_at" and len(rows):
            column = column.to_physical()
        if name == "currency":
            for code in column.unique(maintain_order=True):
                if code not in currencies:
                    currencies.append(code)
            place = {code: number for number, code in enumerate(currencies)}
            column = column.replace_strict(place, default=NOBODY) if len(rows) else column
        found[name] = column.fill_null(NOBODY).to_numpy().astype(kind)
    return found


@dataclass(frozen=True)
class Segment:
    """The facts of one table that came until a run, as columns mapped into memory."""

    run: int
    table: str

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        import numpy as np

        column: NDArray[np.int64] = np.load(store_folder() / f"{self.table}-{self.run}-{name}.npy", mmap_mode="r")
        return column


def segments(state: StoreState, table: str) -> Iterator[Segment]:
    """All segments of a table, the oldest first."""
    for run in state.segments:
        yield Segment(run, table)


def change_rows(table: str, *, run: int) -> pl.DataFrame:
    """All changes of a table until a run."""
    import polars as pl

    return pl.read_parquet(change_file(table)).filter(pl.col("run") <= run)


def latest(rows: pl.DataFrame, key: str, *, run: int) -> Any:
    """Of each key the row that holds after a run."""
    import polars as pl

    return rows.filter(pl.col("run") <= run).sort(key, "run").unique(key, keep="last", maintain_order=True)
