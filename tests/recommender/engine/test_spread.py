"""Several processes learn what one would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed

from recommender.engine.artefact import read_artefact
from recommender.engine.attention import Learner, new_weights
from recommender.engine.data import Int64
from recommender.engine.models.sasrec import SasRecSettings
from recommender.engine.spread import main
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU

SETTINGS = {"dimension": 4, "epochs": 2, "dropout": 0.0, "negatives": 5, "batch_tokens": 12}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = chains(users=30)
    lines = [" ".join(map(str, table.history(user).tolist())) for user in range(table.n_users)]
    (tmp_path / "sequences.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


# The second step has fewer histories than there are processes: each takes all of them.
@pytest.mark.parametrize(("rows", "weight"), [(np.arange(6), 12.0), (np.array([4]), 4.0)])
def test_shares_of_a_step_sum_up_to_the_step_of_one(
    rows: Int64, weight: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SasRecSettings(**SETTINGS)  # type: ignore[arg-type] # plain values of both kinds
    one, *parts = (Learner(chains(), settings, device=CPU, rng=np.random.default_rng(3)) for _ in range(3))
    slopes: list[torch.Tensor] = []

    def summed(values: torch.Tensor) -> None:
        """What two processes would agree on: the weight of all positions; slopes are looked at as they are."""
        if values.dim() == 0:
            values.fill_(weight)

    monkeypatch.setattr(distributed, "all_reduce", summed)
    monkeypatch.setattr(Learner, "_descend", lambda self, _rate: slopes.append(self.slope.clone()))
    one.learn(rows, 0.1)
    for rank, part in enumerate(parts):
        part.share(rank, 2)
        part.rng = np.random.default_rng(3)
        new_weights(settings, 9, rng=part.rng)  # what the first has drawn by now
        part.learn(rows, 0.1)
    torch.testing.assert_close(slopes[1] + slopes[2], slopes[0], rtol=1e-4, atol=1e-6)


def test_one_process_reads_fits_and_writes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    start = distributed.init_process_group
    monkeypatch.setattr(
        distributed,
        "init_process_group",
        lambda backend: start(backend, init_method=f"file://{folder / 'meet'}", rank=0, world_size=1),
    )
    out = folder / "model"
    asked = [str(folder), "--protocol", "p1", "--out", str(out), "--set", "dimension=4", "--set", "epochs=1"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert read_artefact(out, sha256=told["sha256"])[0].name == "sasrec"
    (folder / "meet").unlink(missing_ok=True)
    out.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(distributed, "get_rank", lambda: 1)
        assert main(asked) == 0
    assert not out.exists()
    (folder / "meet").unlink(missing_ok=True)
    assert main([*asked, "--set", "precision=half"]) == 1
    assert "float32 or bfloat16" in capsys.readouterr().err


@pytest.mark.long
def test_two_processes_write_the_model_of_one(folder: Path) -> None:
    models = []
    for count in (1, 2):
        out = folder / f"model-{count}"
        asked = [f"--set={name}={value}" for name, value in SETTINGS.items()]
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        command += ["-m", "recommender.engine.spread", str(folder), "--protocol=p1", f"--out={out}", *asked]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=240)
        models.append(read_artefact(out)[0])
    history = np.array([0, 1], dtype=np.int32)
    np.testing.assert_allclose(models[0].score(history), models[1].score(history), rtol=1e-3, atol=1e-4)
