"""Model files: safetensors, never pickle; the same model gives the same bytes, and an altered file is refused.

One file holds the model's arrays, its item ids and one JSON header (format, model, settings, data hash, code version).
Reading maps the arrays into memory, so several web processes share one copy and opening costs no time; the layout is
checked first, and with a digest at hand the content too. Writing goes to a neighbouring file that then takes the name,
so that a full disk or a killed process leaves the old model alone.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as to_safetensors

from recommender.engine.config import settings_from, settings_to
from recommender.engine.errors import ArtefactError
from recommender.engine.models import get_model
from recommender.engine.models.base import Model

FORMAT = "tributary-recommender/1"
_HEADER = "tributary"
_DTYPES: dict[str, np.dtype[Any]] = {
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "I32": np.dtype("<i4"),
    "I64": np.dtype("<i8"),
}
_MAX_HEADER = 10**7


@dataclass(frozen=True)
class ArtefactInfo:
    """What the header says besides the model itself; sha256 is that of the whole file."""

    model: str
    data_sha256: str
    code_version: str
    sha256: str


def write_artefact(path: Path, model: Model, *, data_sha256: str, code_version: str) -> ArtefactInfo:
    """Write `model` to `path` and return what was written.

    Raises OSError when the disk refuses; whatever lay at `path` is then untouched.
    """
    header = {
        "format": FORMAT,
        "model": model.name,
        "settings": settings_to(model.settings),
        "data_sha256": data_sha256,
        "code_version": code_version,
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in model.state().items()}
    arrays["item_ids"] = model.item_ids
    # One metadata entry only: the library writes several in an order that differs from run to run.
    content = to_safetensors(arrays, metadata={_HEADER: json.dumps(header, sort_keys=True)})
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
    return ArtefactInfo(model.name, data_sha256, code_version, hashlib.sha256(content).hexdigest())


def read_artefact(path: Path, *, sha256: str | None = None) -> tuple[Model, ArtefactInfo]:
    """Map the model at `path`. Raises ArtefactError for a missing, truncated, altered or foreign file.

    With `sha256` the whole file is read once and compared; without, only layout and header are checked.
    """
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot read the model file {path.name}: {error}") from error
    digest = sha256 and hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise ArtefactError(f"{path.name} is not the file that was registered: its digest differs")
    try:
        header, arrays = _parse(content)
        kind = get_model(header["model"])
        settings = settings_from(kind.Settings, header["settings"])
        model = kind.from_state(settings=settings, item_ids=arrays.pop("item_ids"), arrays=arrays)
        info = ArtefactInfo(header["model"], header["data_sha256"], header["code_version"], digest or "")
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path.name} is not a model file of this version: {error}") from error
    return model, info


def _parse(content: mmap.mmap) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and read-only arrays of a safetensors file; the JSON in front is not trusted further than checked here."""
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= min(_MAX_HEADER, len(content) - 8):
        raise ArtefactError("its header is cut short")
    layout = json.loads(content[8 : 8 + length])
    header = json.loads(layout.pop("__metadata__")[_HEADER])
    if header["format"] != FORMAT:
        raise ArtefactError(f"its format is {header['format']!r}")
    body = memoryview(content)[8 + length :]
    arrays = {name: _view(body, entry) for name, entry in layout.items()}
    return header, arrays


def _view(body: memoryview, entry: dict[str, Any]) -> Any:
    dtype: np.dtype[Any] = _DTYPES[entry["dtype"]]
    start, stop = entry["data_offsets"]
    if not 0 <= start <= stop <= len(body):
        raise ArtefactError("it ends before its arrays do")
    return np.frombuffer(body[start:stop], dtype=dtype).reshape(entry["shape"])
