"""The two shared data sets as the protocols P1 and P3 split them."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path

import numpy as np

from recommender.engine.data import Interactions
from recommender.engine.split import Split, split_by_time, split_leave_one_out

P3_VALID_FROM, P3_TEST_FROM = 1_500_076_800, 1_504_224_000  # 2017-07-15 and 2017-09-01, UTC


def shared_data() -> Path:
    """The folder of shared data sets, from the environment; a clear end where it is not."""
    root = os.environ.get("PORTAL_SHARED_DATA")
    folder = Path(root or ".") / "data" / "recommender"
    if not root or not folder.is_dir():
        sys.exit("set PORTAL_SHARED_DATA to the folder that holds data/recommender")
    return folder


def load_sequences(path: Path) -> Interactions:
    """One user a line, space-separated item ids 0..n-1, oldest first."""
    with gzip.open(path, "rt") as lines:
        rows = [np.array(line.split(), dtype=np.int64) for line in lines]
    items = np.concatenate(rows)
    users = np.repeat(np.arange(len(rows)), [row.size for row in rows])
    return Interactions.build(users=users, items=items, item_ids=np.arange(items.max() + 1), repeats="refuse")


def load_events(folder: Path) -> Interactions:
    """Tab-separated user, item, unix_time with a header; the catalogue is items.tsv."""
    table = np.loadtxt(folder / "interactions.tsv.gz", skiprows=1, usecols=(0, 1, 2), dtype=np.int64, delimiter="\t")
    with gzip.open(folder / "items.tsv.gz", "rt") as lines:
        catalogue = [int(line.split("\t")[0]) for line in lines.readlines()[1:]]
    return Interactions.build(
        users=table[:, 0], items=table[:, 1], times=table[:, 2], item_ids=catalogue, repeats="refuse"
    )


def load(protocol: str) -> Split:
    """The data set of a protocol, split."""
    folder = shared_data()
    if protocol.startswith("p1"):
        return split_leave_one_out(load_sequences(folder / "mooccubex5" / "sequences.txt.gz"))
    return split_by_time(load_events(folder / "coco_recent"), valid_from=P3_VALID_FROM, test_from=P3_TEST_FROM)
