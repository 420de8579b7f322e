"""Data sets as folders of plain files: what `manage.py evaluate_recommender` reads, and how it asks.

| protocol | files | asks |
|---|---|---|
| `p1` | `sequences.txt`: a line a user, item ids oldest first | the last item of each user; the one before on valid |
| `p3` | `interactions.tsv` (user, item, unix_time), `items.tsv` | what came after an instant, its first above all |
| `split` | `train.txt`, `test.txt`: `user item item ...` a line | the set of each user's test items |
| `given` | `train_input.txt`, `val_input.txt`, `val_output.txt` | what came after each line of `val_input` |

Any file may end in `.gz`. A repeated item counts where it came first. `item_kg.tsv` (item, relation, entity) and a text
column of `items.tsv` (slug, title, name or description) describe the items where they are there.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from recommender.engine.checks import targets_known
from recommender.engine.content import Content, content_of
from recommender.engine.data import Int64, Interactions
from recommender.engine.errors import ConfigError, DataError, LeakError
from recommender.engine.split import Split, Stage, split_by_time, split_leave_one_out

STRAY_SHARE = 0.25
"""Targets that their user has taken already (people repeat things) are left out of the question, so they help no model.

More of them than this are a leak.
"""

HELD_OUT = 0.1
"""What `split` holds out of every user's training items to choose by."""

LARGEST = 2**63 - 1
"""The largest id: what 64 bits hold with their sign."""

TEXT_COLUMNS = ("slug", "title", "name", "description")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A folder as a protocol reads it. `select_by` is what choices on valid go by; `findings` what was odd, by code."""

    split: Split
    select_by: str
    findings: Mapping[str, int]


def read_dataset(
    folder: Path, protocol: str, *, valid_from: str | None = None, test_from: str | None = None
) -> Dataset:
    """Read `folder` under a protocol; the dates (ISO, UTC) are for `p3` and else come from `protocol.json`.

    Raises ConfigError for an unknown protocol or date, DataError for a file that is missing or wrong (with its line),
    LeakError where the data give their answers away.
    """
    if protocol not in READERS:
        raise ConfigError(f"unknown protocol {protocol!r}; known: {', '.join(READERS)}")
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder")
    if protocol != "p3" and (valid_from or test_from):
        raise ConfigError("--valid-from and --test-from are for protocol p3")
    dates = _dates(folder, valid_from, test_from) if protocol == "p3" else (0, 0)
    split, repeated = READERS[protocol](folder, dates)
    test, stray = _without_stray(split.test)
    valid, _stray = _without_stray(split.valid)
    if not test.users.size:
        raise DataError(f"{folder}: no user has both a history and something to be asked for")
    if not len(test.train):
        raise DataError(f"{folder}: there is nothing to learn from before what is asked")
    content = _content(folder, test.train.item_ids)
    told = Split(valid=_described(valid, content), test=_described(test, content))
    findings = {"repeated_rows": repeated, "target_in_train": stray}
    return Dataset(
        split=told,
        select_by="ndcg@20" if test.unordered else "ndcg@10",
        findings={code: count for code, count in findings.items() if count},
    )


def _read_p1(folder: Path, _dates: tuple[int, int]) -> tuple[Split, int]:
    lines = _id_lines(_file(folder, "sequences.txt"))
    catalogue = _catalogue(folder, lines)
    _refuse_repeated_end(lines)
    table = Interactions.of_histories(lines, item_ids=catalogue)
    return split_leave_one_out(table), sum(line.size for line in lines) - len(table)


def _read_p3(folder: Path, dates: tuple[int, int]) -> tuple[Split, int]:
    path = _file(folder, "interactions.tsv")
    columns = _columns(path, ("user", "item", "unix_time"))
    order = np.lexsort((columns["unix_time"], columns["user"]))
    users, items, times = (columns[name][order] for name in ("user", "item", "unix_time"))
    _unique, first = np.unique(np.stack([users, items], axis=1), axis=0, return_index=True)
    kept = np.sort(first)
    table = Interactions.build(
        users=users[kept], items=items[kept], times=times[kept], item_ids=_catalogue(folder, [items])
    )
    valid_from, test_from = dates
    return split_by_time(table, valid_from=valid_from, test_from=test_from), int(users.size - kept.size)


def _read_split(folder: Path, _dates: tuple[int, int]) -> tuple[Split, int]:
    """Train and test as given; valid is a tenth of every user's training items, drawn once and for all."""
    train, test = (_user_lines(_file(folder, name)) for name in ("train.txt", "test.txt"))
    users = np.array(sorted(train.keys() | test.keys()), dtype=np.int64)
    nothing = np.empty(0, dtype=np.int64)
    past, future = ([lines.get(user, nothing) for user in users.tolist()] for lines in (train, test))
    catalogue = _catalogue(folder, [*past, *future])
    table = Interactions.of_histories(past, item_ids=catalogue, user_ids=users)
    asked = Interactions.of_histories(future, item_ids=catalogue, user_ids=users)
    repeated = sum(line.size for line in [*past, *future]) - len(table) - len(asked)
    return Split(valid=_drawn(table), test=stage_of(table, asked, unordered=True)), repeated


def _read_given(folder: Path, _dates: tuple[int, int]) -> tuple[Split, int]:
    """Train, questions and answers as given; valid leaves out the last item of every training line."""
    names = ("train_input.txt", "val_input.txt", "val_output.txt")
    train, known, answers = (_id_lines(_file(folder, name)) for name in names)
    both = min(len(known), len(answers))
    if any(line.size for line in [*known[both:], *answers[both:]]):
        raise DataError(f"val_input has {len(known)} lines, val_output {len(answers)}; line k of both is one user")
    known, answers = known[:both], answers[:both]
    catalogue = _catalogue(folder, [*train, *known, *answers])
    table, histories, asked = (
        Interactions.of_histories(lines, item_ids=catalogue) for lines in (train, known, answers)
    )
    repeated = sum(line.size for line in [*train, *known, *answers]) - len(table) - len(histories) - len(asked)
    return Split(valid=split_leave_one_out(table).test, test=stage_of(table, asked, histories=histories)), repeated


READERS: Mapping[str, Callable[[Path, tuple[int, int]], tuple[Split, int]]] = {
    "p1": _read_p1,
    "p3": _read_p3,
    "split": _read_split,
    "given": _read_given,
}


def stage_of(
    train: Interactions, asked: Interactions, *, histories: Interactions | None = None, unordered: bool = False
) -> Stage:
    """Ask every row of `asked` that holds something for it; rows are those of `histories`, or else of `train`."""
    users = np.flatnonzero(asked.lengths).astype(np.int64)
    pointers = np.concatenate([[0], np.cumsum(asked.lengths[users])]).astype(np.int64)
    return Stage(train, users, pointers, asked.items, None, True, histories, unordered)


def _drawn(table: Interactions) -> Stage:
    """Hold out a tenth of each user's items, at least one and never all of them; the draw hangs on nothing else."""
    lengths = table.lengths
    wanted = np.where(lengths > 1, np.maximum(1, np.round(HELD_OUT * lengths)), 0).astype(np.int64)
    lot = np.random.default_rng(0).random(len(table))
    order = np.lexsort((lot, table.rows))
    place = np.empty(len(table), dtype=np.int64)
    place[order] = np.arange(len(table))
    out = place - np.repeat(table.pointers[:-1], lengths) < np.repeat(wanted, lengths)
    return stage_of(table.keep(~out), table.keep(out), unordered=True)


def _without_stray(stage: Stage) -> tuple[Stage, int]:
    """Leave out targets that their user has taken already. LeakError where they are no stray ones."""
    known = targets_known(stage)
    count = int(known.sum())
    if not count:
        return stage, 0
    if count > STRAY_SHARE * known.size:
        raise LeakError(
            f"{count} of {known.size} items that are asked for stand in the history of the user who is asked: "
            "the data give their answers away"
        )
    owners = np.repeat(np.arange(stage.users.size), np.diff(stage.pointers))[~known]
    lengths = np.bincount(owners, minlength=stage.users.size)
    left = lengths > 0
    return (
        replace(
            stage,
            users=stage.users[left],
            pointers=np.concatenate([[0], np.cumsum(lengths[left])]).astype(np.int64),
            targets=stage.targets[~known],
            target_times=None if stage.target_times is None else stage.target_times[~known],
        ),
        count,
    )


def _refuse_repeated_end(lines: Sequence[Int64]) -> None:
    """A sequence whose last item stands in it before gives that answer away."""
    long = [line for line in lines if line.size > 1]
    given_away = sum(bool((line[:-1] == line[-1]).any()) for line in long)
    if long and given_away > STRAY_SHARE * len(long):
        raise LeakError(f"the last item of {given_away} of {len(long)} sequences stands in the sequence before already")


def _described(stage: Stage, content: Content | None) -> Stage:
    if content is None:
        return stage
    known = None if stage.histories is None else replace(stage.histories, content=content)
    return replace(stage, train=replace(stage.train, content=content), histories=known)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: there is neither {name} nor {name}.gz")


def _maybe(folder: Path, name: str) -> Path | None:
    try:
        return _file(folder, name)
    except DataError:
        return None


def _text(path: Path) -> list[str]:
    """The lines of a file, with or without a byte order mark; only line feeds end them, as titles may hold the rest."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: cannot be read: it is no UTF-8 text (byte {error.start})") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def _ids(path: Path, number: int, words: Sequence[str]) -> Int64:
    """Digits and nothing else: what int() also takes ("1_0", "+1") is more likely a mistake than an id."""
    together = "".join(words)
    if not words:
        return np.empty(0, dtype=np.int64)
    if together.isascii() and together.isdigit() and all(words):
        with suppress(OverflowError, ValueError):  # too large, or longer than Python reads
            return np.array(words, dtype=np.int64)
    wrong = next(word for word in words if not (word.isascii() and word.isdigit() and _fits(word)))
    raise DataError(f"{path}, line {number}: {wrong!r} is no id; ids are whole numbers from 0 to {LARGEST}")


def _fits(digits: str) -> bool:
    return len(digits) < 20 and int(digits) <= LARGEST


def _id_lines(path: Path) -> list[Int64]:
    """One list of ids a line; an empty line is a user without any."""
    return [_ids(path, number, line.split()) for number, line in enumerate(_text(path), start=1)]


def _user_lines(path: Path) -> dict[int, Int64]:
    """Items by user; a user's lines are taken together."""
    found: dict[int, list[Int64]] = {}
    for number, line in enumerate(_text(path), start=1):
        ids = _ids(path, number, line.split())
        if ids.size:
            found.setdefault(int(ids[0]), []).append(ids[1:])
    return {user: np.concatenate(lines) for user, lines in found.items()}


def _rows(path: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a tab-separated file by the names of its header."""
    rows = csv.DictReader(_text(path), restval="", delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [name for name in names if name not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{path}, line 1: there is no column {missing[0]!r}")
    return list(rows)


def _columns(path: Path, names: Sequence[str]) -> dict[str, Int64]:
    rows = _rows(path, names)
    return {name: _column(path, [row[name] for row in rows]) for name in names}


def _column(path: Path, words: Sequence[str]) -> Int64:
    with suppress(DataError):
        return _ids(path, 0, words)
    return np.concatenate([_ids(path, number, [word]) for number, word in enumerate(words, start=2)])


def _catalogue(folder: Path, lines: Sequence[Int64]) -> Int64:
    """The items of `items.tsv`, where there is one, and all that occur."""
    path = _maybe(folder, "items.tsv")
    listed = [_columns(path, ("item",))["item"]] if path else []
    return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *listed, *lines]))


def _content(folder: Path, item_ids: Int64) -> Content | None:
    """What the folder says of its items; None where it says nothing."""
    texts: dict[int, str] = {}
    tags: dict[int, list[tuple[str, str]]] = {}
    items, graph = _maybe(folder, "items.tsv"), _maybe(folder, "item_kg.tsv")
    if items:
        rows = _rows(items, ("item",))
        columns = [name for name in TEXT_COLUMNS if rows and name in rows[0]]
        texts = {int(row["item"]): " ".join(row[name] for name in columns) for row in rows} if columns else {}
    if graph:
        rows = _rows(graph, ("item", "relation"))
        entity = next((name for name in ("entity_id", "entity", "tail") if rows and name in rows[0]), None)
        if rows and entity is None:
            raise DataError(f"{graph}, line 1: there is no column 'entity_id'")
        for item, row in zip(_column(graph, [row["item"] for row in rows]).tolist(), rows, strict=True):
            tags.setdefault(item, []).append((row["relation"], row[str(entity)]))
    if not any(texts.values()) and not tags:
        return None
    return content_of(
        texts=[texts.get(item, "") for item in item_ids.tolist()],
        tags=[tags.get(item, []) for item in item_ids.tolist()],
    )


def _dates(folder: Path, valid_from: str | None, test_from: str | None) -> tuple[int, int]:
    """The instants of `p3` in Unix seconds: as given, or as `protocol.json` says."""
    told: dict[str, str] = {}
    path = folder / "protocol.json"
    if path.is_file() and not (valid_from and test_from):
        try:
            told = dict(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"{path}: cannot be read: {error}") from None
    found = []
    for name, given in (("valid_from", valid_from), ("test_from", test_from)):
        text = given or told.get(name)
        if not text:
            raise ConfigError(f"protocol p3 needs {name}: in protocol.json, or --{name.replace('_', '-')} YYYY-MM-DD")
        try:
            moment = datetime.fromisoformat(str(text))
        except ValueError:
            raise ConfigError(f"{name}: {text!r} is no date; write YYYY-MM-DD") from None
        found.append(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    return found[0], found[1]
