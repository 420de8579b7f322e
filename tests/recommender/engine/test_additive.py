"""Sums over people: forgetting, updating, and their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.engine.additive import Ledger, changes
from recommender.engine.config import settings_from
from recommender.engine.data import Interactions
from recommender.engine.errors import ArtefactError, DataError
from recommender.engine.models import get_model
from tests.recommender.engine.cases import checkerboard
from tests.recommender.engine.conformance import CPU


def sums(name: str, table: Interactions) -> Ledger:
    return Ledger.of(name, table, settings=settings_from(get_model(name).Settings, {}), device=CPU)


def crowd(people: range, *, seed: int = 1, items: int = 12) -> Interactions:
    rng = np.random.default_rng(seed)
    users, taken = np.repeat(np.array(people), 5), rng.integers(0, items, 5 * len(people))
    return Interactions.build(
        users=users, items=taken, times=np.arange(users.size), weights=rng.integers(1, 6, users.size)
    )


def test_with_whole_weights_forgetting_is_exact_to_the_last_bit() -> None:
    everybody = crowd(range(30))
    ledger = sums("ease", everybody)
    ledger.change(gone=everybody.of_people(everybody.user_ids == 7))
    never = sums("ease", everybody.of_people(everybody.user_ids != 7))
    assert all(torch.equal(ledger.moments[name], never.moments[name]) for name in never.moments)
    np.testing.assert_array_equal(ledger.solve().state()["matrix"], never.solve().state()["matrix"])


def test_what_changed_taken_away_and_added_equals_counting_everybody_anew() -> None:
    before = crowd(range(20), items=9)
    assert before.weights is not None
    after = Interactions.build(
        users=np.concatenate([before.user_ids[before.rows][before.rows != 3], [5, 40, 40]]),
        items=np.concatenate([before.item_ids[before.items][before.rows != 3], [11, 2, 11]]),
        weights=np.concatenate([before.weights[before.rows != 3], [1, 1, 2]]),
    )
    gone, new, rows = changes(before, after)
    assert gone.user_ids.tolist() == [3, 5]
    assert new.user_ids.tolist() == [5, 40]
    assert rows == before.lengths[3] + 3
    for name in ("ease", "stepped_ease", "blend"):
        ledger = sums(name, before)
        ledger.change(gone=gone, new=new)
        fresh, model = sums(name, after).solve(), ledger.solve()
        order = [ledger.item_ids.tolist().index(item) for item in after.item_ids]
        history = np.array([0, 4], dtype=np.int32)
        scores = model.score(np.array([order[item] for item in history], dtype=np.int32))[order]
        np.testing.assert_allclose(scores, fresh.score(history), rtol=1e-4, atol=1e-6)


def test_nothing_changed_is_no_change() -> None:
    gone, new, rows = changes(checkerboard(), checkerboard())
    assert (gone.n_users, new.n_users, rows) == (0, 0, 0)
    ledger = sums("ease", checkerboard())
    ledger.change(gone=gone, new=None)
    assert float(ledger.moments["people"]) == 8


def test_sums_are_written_and_read_and_refused_for_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, path = sums("blend", checkerboard()), tmp_path / "sums"
    ledger.write(path, data_sha256="d")
    again = Ledger.read(path, data_sha256="d", device=CPU)
    assert again.item_ids.tolist() == ledger.item_ids.tolist()
    assert again.settings == ledger.settings
    assert all(torch.equal(again.moments[name], ledger.moments[name]) for name in ledger.moments)
    with pytest.raises(ArtefactError, match="other data"):
        Ledger.read(path, data_sha256="e", device=CPU)
    monkeypatch.setattr("recommender.engine.additive.save_file", full)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space"):
        ledger.write(path, data_sha256="d")
    monkeypatch.setattr("recommender.engine.additive.save_file", refused)
    with pytest.raises(PermissionError):
        ledger.write(path, data_sha256="d")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (before, [path])
    path.write_bytes(before[:50])
    with pytest.raises(ArtefactError, match="cannot read"):
        Ledger.read(path, data_sha256="d", device=CPU)


def full(*_arguments: object, **_named: object) -> None:
    from safetensors import SafetensorError

    raise SafetensorError("I/O error: No space left on device (os error 28)")


def refused(*_arguments: object, **_named: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_model_that_reads_descriptions_is_not_kept_as_sums() -> None:
    with pytest.raises(DataError, match="people alone"):
        sums("hybrid", checkerboard())
