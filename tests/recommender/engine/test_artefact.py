"""Model files: refused when they are not what they should be, and never half written."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from recommender.engine.artefact import FORMAT, read_artefact, write_artefact
from recommender.engine.errors import ArtefactError
from recommender.engine.models.ease import Ease, EaseSettings
from recommender.engine.models.linear import LinearModel
from tests.recommender.engine.cases import checkerboard


@pytest.fixture
def model() -> Ease:
    return Ease.fit(
        checkerboard(), settings=EaseSettings(ridge=1.0), device=torch.device("cpu"), rng=np.random.default_rng(0)
    )


@pytest.fixture
def path(tmp_path: Path, model: Ease) -> Path:
    write_artefact(tmp_path / "ease.safetensors", model, data_sha256="abc", code_version="1")
    return tmp_path / "ease.safetensors"


def rewrite(path: Path, *, header: dict[str, Any] | None = None, **arrays: Any) -> None:
    """Write the file again with parts of its header or arrays replaced; None drops an array."""
    whole = {**load_file(path), **arrays}
    original = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    stated = json.loads(original["__metadata__"]["tributary"]) | (header or {})
    kept = {name: array for name, array in whole.items() if array is not None}
    save_file(kept, path, metadata={"tributary": json.dumps(stated)})


def test_the_file_is_plain_safetensors_with_a_json_header(path: Path) -> None:
    arrays = load_file(path)
    assert sorted(arrays) == ["item_ids", "matrix", "prior"]
    assert arrays["item_ids"].tolist() == list(range(100, 108))
    content = path.read_bytes()
    layout = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(layout["__metadata__"]["tributary"]) == {
        "format": FORMAT,
        "model": "ease",
        "settings": {"content": 0.0, "decay": 0.7071, "ridge": 1.0, "window": 20},
        "data_sha256": "abc",
        "code_version": "1",
    }


def test_the_bytes_are_the_same_in_another_process(path: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from recommender.engine.artefact import read_artefact, write_artefact\n"
        "model, info = read_artefact(Path(sys.argv[1]))\n"
        "write_artefact(Path(sys.argv[2]), model, data_sha256=info.data_sha256, code_version=info.code_version)\n"
    )
    other = tmp_path / "other"
    subprocess.run(
        [sys.executable, "-c", code, str(path), str(other)], check=True, env={**os.environ, "PYTHONHASHSEED": "5"}
    )
    assert other.read_bytes() == path.read_bytes()


def test_arrays_are_mapped_not_copied_and_cannot_be_written(path: Path) -> None:
    model, _ = read_artefact(path)
    assert isinstance(model, LinearModel)
    assert not model.matrix.flags.writeable
    assert not model.matrix.flags.owndata


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="cannot read the model file none"):
        read_artefact(tmp_path / "none")


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8, b"\x10" + b"\0" * 7 + b"{}", pickle.dumps({"a": 1})])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "foreign").write_bytes(content)
    with pytest.raises(ArtefactError):
        read_artefact(tmp_path / "foreign")


@pytest.mark.parametrize(
    "header", [b"[]", b"{}", b'{"__metadata__": {}}', b'{"__metadata__": {"tributary": "[]"}}', b"{"]
)
def test_a_header_that_says_nothing_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "odd").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ArtefactError):
        read_artefact(tmp_path / "odd")


def test_every_truncation_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ArtefactError):
            read_artefact(path)


def test_one_changed_bit_is_refused_by_its_digest(path: Path, model: Ease) -> None:
    digest = write_artefact(path, model, data_sha256="abc", code_version="1").sha256
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match="digest differs"):
        read_artefact(path, sha256=digest)


@pytest.mark.parametrize(
    "header",
    [
        {"format": "tributary-recommender/0"},
        {"model": "unheard_of"},
        {"settings": {"ridge": -1}},
        {"settings": {"unheard_of": 1}},
        {"settings": [1]},
    ],
)
def test_a_header_of_another_version_is_refused(path: Path, header: dict[str, Any]) -> None:
    rewrite(path, header=header)
    with pytest.raises(ArtefactError, match="not a model file of this version"):
        read_artefact(path)


@pytest.mark.parametrize(
    "arrays",
    [
        {"matrix": None},
        {"item_ids": None},
        {"matrix": np.zeros((8, 7), dtype=np.float32)},
        {"prior": np.zeros(8, dtype=np.float64)},
        {"prior": np.zeros(8, dtype=np.float16)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(path: Path, arrays: dict[str, Any]) -> None:
    rewrite(path, **arrays)
    with pytest.raises(ArtefactError):
        read_artefact(path)


def test_a_full_disk_leaves_the_old_model_alone(path: Path, model: Ease, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_artefact(path, model, data_sha256="new", code_version="2")
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_open_model_survives_being_replaced(path: Path, model: Ease) -> None:
    opened, _ = read_artefact(path)
    history = np.array([0, 2], dtype=np.int32)
    expected = opened.score(history)
    model.matrix = model.matrix * 2
    write_artefact(path, model, data_sha256="new", code_version="2")
    np.testing.assert_array_equal(opened.score(history), expected)
