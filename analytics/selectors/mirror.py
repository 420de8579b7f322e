"""The columnar mirror as it lies on disk: which files there are, and what they said after any run.

Facts lie in one file per day (UTC) and table, in order of time; they only grow. What changes (whose a browser is, which
imports were withdrawn, what came back of an order) lies in one table each, a row for every change. Every row says in
which run it came, so the mirror can be read as it was after any run: the same bytes each time.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    import polars as pl

TOUCHES, CONVERSIONS = FACTS = ("touches", "conversions")
"""Tables with a file per day, in folders of their names."""

COLUMNS = {
    TOUCHES: "id visitor_id channel_id owner_id link_id campaign_id import_batch_id occurred_at",
    CONVERSIONS: "id kind order_id user_id visitor_id import_batch_id value_minor currency occurred_at",
}
"""What is kept of each fact beside the run in which it came."""

KEYS = {"people": "visitor_id", "withdrawn": "import_batch_id", "returns": "conversion_id"}
"""Tables of changes -> what a row is about; of one key the latest row holds."""


@dataclass(frozen=True)
class Mark:
    """How far a run had read: the largest ids it saw, and the transaction from which on nothing was decided."""

    ids: dict[str, int]
    xid: int
    at: str


@dataclass(frozen=True)
class MirrorState:
    """What the mirror holds: the last finished run, the instant up to which it read, and the ids that are settled.

    No row with an id up to the settled one can come any more. `marks` are those of runs that may yet settle. What the
    first `erasures` of the database took away is not here either. Of the transactions before `seen` the run saw all
    that they wrote; 0 says nothing.
    """

    database: str
    run: int
    read_at: str
    settled: dict[str, int]
    marks: list[Mark]
    erasures: int = 0
    seen: int = 0

    def text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), indent=1)


def mirror_folder() -> Path:
    """Where the mirror lies."""
    return Path(settings.DATA_DIR) / "mirror"


def mirror_state() -> MirrorState | None:
    """What the mirror holds; None before its first run."""
    try:
        text = (mirror_folder() / "state.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    state = MirrorState(**json.loads(text))
    return replace(state, marks=[Mark(**mark) for mark in json.loads(text)["marks"]])


def day_file(table: str, day: date) -> Path:
    """The file of one day (UTC) of a table of facts."""
    return mirror_folder() / table / f"{day.isoformat()}.parquet"


def change_file(table: str) -> Path:
    """The file of a table of changes."""
    return mirror_folder() / f"{table}.parquet"


def mirrored(table: str, *, run: int, columns: Sequence[str] = (), keys: Sequence[str] = ()) -> pl.DataFrame:
    """All facts of a table as they were after a run, in order of time, of one instant in order of id.

    With `columns` only these; of them those of `keys` as numbers of 32 bits, narrowed while they are read: memory that
    was not used before costs more than the reading.
    """
    import polars as pl

    files = sorted((mirror_folder() / table).glob("*.parquet"))
    if not files:
        schema: dict[str, pl.DataType] = dict.fromkeys(COLUMNS[table].split(), pl.Int64())
        schema |= {name: pl.String() for name in ("kind", "currency") if name in schema}
        rows = pl.DataFrame(schema={**schema, "occurred_at": pl.Datetime("us", "UTC"), "run": pl.Int32()}).lazy()
    else:
        rows = pl.scan_parquet(files).filter(pl.col("run") <= run)
    wanted = [pl.col(name).cast(pl.Int32) if name in keys else pl.col(name) for name in columns]
    return rows.select(wanted or pl.all()).collect()


def changes(table: str, *, run: int) -> pl.DataFrame:
    """What a table of changes said after a run: the latest row of each key, in order of the key."""
    import polars as pl

    key = KEYS[table]
    rows = pl.read_parquet(change_file(table)).filter(pl.col("run") <= run)
    return rows.sort(key, "run").unique(key, keep="last", maintain_order=True)
