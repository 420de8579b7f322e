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

    `largest` is the largest key of a browser; `erasures` is the mirror's.
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
    erasures: int = 0

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
    """The daily path statistics after a run of the store, mapped into memory; the files may go meanwhile."""
    import numpy as np

    from analytics.attribution.daily import DayPaths

    return DayPaths(*(np.load(file, mmap_mode="r") for file in statistics_files(run)))


def statistics_files(run: int) -> list[Path]:
    """Where they lie: paths, where each begins, what is counted."""
    return [store_folder() / f"paths-{run}-{name}.npy" for name in ("codes", "starts", "counts")]


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
    import numpy as np

    if rows.is_empty():
        return {name: np.zeros(0, kind) for name, kind in LOG_COLUMNS[table].items()}
    found = {}
    for name, kind in LOG_COLUMNS[table].items():
        column = rows[name]
        if name == "occurred_at":
            column = column.to_physical()
        if name == "currency":
            for code in column.unique(maintain_order=True):
                if code not in currencies:
                    currencies.append(code)
            place = {code: number for number, code in enumerate(currencies)}
            column = column.replace_strict(place, default=NOBODY)
        found[name] = column.fill_null(NOBODY).to_numpy().astype(kind)
    return found


@dataclass(frozen=True)
class Segment:
    """The facts of one table that came until a run, as columns mapped into memory."""

    run: int
    table: str
    _mapped: dict[str, NDArray[np.int64]] = field(default_factory=dict, compare=False, repr=False)

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        import numpy as np

        if name not in self._mapped:
            self._mapped[name] = np.asarray(np.load(self.file(name), mmap_mode="r"))
        return self._mapped[name]

    def file(self, name: str) -> Path:
        """Where a column lies."""
        return store_folder() / f"{self.table}-{self.run}-{name}.npy"

    def index(self, largest: int) -> None:
        """Keep by which rows each browser came, up to the largest browser's key."""
        import numpy as np

        from analytics.attribution.builder import by_person
        from analytics.attribution.paths import read_only

        browsers = read_only(np.asarray(self["visitor_id"]))
        starts, rows = by_person(browsers, read_only(np.arange(len(browsers))), largest + 1)
        self.put("starts", starts)
        self.put("rows", rows.astype(np.int32))

    def rows_of(self, browsers: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The rows of browsers that are chosen, in order."""
        import numpy as np

        from analytics.attribution.daily import packed, rows_at, rows_of

        if not self.file("starts").exists():
            found: NDArray[np.int64] = rows_of(np.asarray(self["visitor_id"]), packed(browsers))
            return found
        starts = np.asarray(self["starts"])
        return np.sort(rows_at(starts, np.asarray(self["rows"]), np.flatnonzero(browsers[: len(starts) - 1])))

    def put(self, name: str, column: NDArray[np.int64]) -> None:
        """Put another column in its place; whoever has mapped the one before keeps it."""
        import numpy as np

        draft = self.file(name).with_suffix(".draft.npy")
        np.save(draft, column)
        draft.replace(self.file(name))
        self._mapped.pop(name, None)


def segments(state: StoreState, table: str) -> Iterator[Segment]:
    """All segments of a table, the oldest first."""
    for run in state.segments:
        yield Segment(run, table)


def owners_file(run: int) -> Path:
    """Where whose each browser was after a run of the store lies."""
    return store_folder() / f"owners-{run}.npy"


def owners_kept(run: int) -> NDArray[np.int64]:
    """The person of each browser, by its key, as after a run of the store."""
    import numpy as np

    owners: NDArray[np.int64] = np.load(owners_file(run))
    return owners


@dataclass(frozen=True)
class Gone:
    """What the store still has and the mirror lost by erasures: by segment, rows of touches and of orders' browsers."""

    touches: dict[int, NDArray[np.bool_]]
    browsers_of_orders: dict[int, NDArray[np.bool_]]

    def browsers(self, state: StoreState) -> list[NDArray[np.int64]]:
        """Browsers that lost touches."""
        return [segment["visitor_id"][self.touches[segment.run]] for segment in segments(state, TOUCHES)]

    def orders(self, state: StoreState) -> Iterator[tuple[Segment, NDArray[np.bool_]]]:
        """By segment, the rows of orders whose browser is no more."""
        for segment in segments(state, CONVERSIONS):
            yield segment, self.browsers_of_orders[segment.run]

    def take_out(self, state: StoreState) -> None:
        """Write the segments without them."""
        import numpy as np

        for segment in segments(state, TOUCHES):
            lost = self.touches[segment.run]
            for name in LOG_COLUMNS[TOUCHES] if lost.any() else ():
                segment.put(name, segment[name][~lost])
            if lost.any() and segment.file("starts").exists():
                segment.index(state.largest)
        for segment, lost in self.orders(state):
            if lost.any():
                segment.put("visitor_id", np.where(lost, NOBODY, segment["visitor_id"]))


def gone_since(state: StoreState) -> Gone:
    """Compare the store's segments with the mirror as it is."""
    import numpy as np
    import polars as pl

    def mirrored(table: str, *columns: str) -> pl.DataFrame:
        files = sorted((mirror_folder() / table).glob("*.parquet"))
        nothing = pl.DataFrame(schema=dict.fromkeys(columns, pl.Int64))
        return pl.concat([nothing, *(pl.read_parquet(file, columns=list(columns)) for file in files)])

    def among(ids: NDArray[np.int64], held: NDArray[np.int64]) -> NDArray[np.bool_]:
        place = np.searchsorted(held, ids)
        found: NDArray[np.bool_] = np.append(held, NOBODY)[place] == ids
        return found

    left = np.sort(mirrored(TOUCHES, "id")["id"].to_numpy())
    orders = mirrored(CONVERSIONS, "id", "visitor_id").filter(pl.col("visitor_id").is_null())["id"].to_numpy()
    touches = {segment.run: ~among(segment["id"], left) for segment in segments(state, TOUCHES)}
    browsers = {
        segment.run: (segment["visitor_id"] != NOBODY) & among(segment["id"], np.sort(orders))
        for segment in segments(state, CONVERSIONS)
    }
    return Gone(touches, browsers)


def change_rows(table: str, *, run: int) -> pl.DataFrame:
    """All changes of a table until a run."""
    import polars as pl

    return pl.read_parquet(change_file(table)).filter(pl.col("run") <= run)


def latest(rows: pl.DataFrame, key: str, *, run: int) -> Any:
    """Of each key the row that holds after a run."""
    import polars as pl

    return rows.filter(pl.col("run") <= run).sort(key, "run").unique(key, keep="last", maintain_order=True)
