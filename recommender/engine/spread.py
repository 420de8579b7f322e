"""A transformer trained by several processes, one a GPU, started by `torchrun`.

    torchrun --nproc-per-node 4 -m recommender.engine.spread FOLDER --protocol p1 --out model.safetensors

Every process holds all histories and all weights and takes its share of each step's histories; slopes are summed over
processes, so that a step is the one that a single process would make of the same histories, but for what dropout
leaves out. Settings are `--set name=value`; figures of test and the file's digest are printed as one JSON line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed

from recommender.engine.artefact import write_artefact
from recommender.engine.attention import Learner
from recommender.engine.config import settings_from, silent
from recommender.engine.data import Interactions
from recommender.engine.errors import EngineError
from recommender.engine.evaluate import evaluate
from recommender.engine.layouts import READERS, read_dataset
from recommender.engine.models.base import popularity_prior
from recommender.engine.models.sasrec import SasRec, SasRecSettings


def fit_together(interactions: Interactions, settings: SasRecSettings, *, device: torch.device, seed: int) -> SasRec:
    """Fit inside a process group that is there already; every process returns the same model."""
    learner = Learner(interactions, settings, device=device, rng=np.random.default_rng(seed))
    learner.share(distributed.get_rank(), distributed.get_world_size())
    learner.run(silent)
    weights = {name: value.detach().cpu().numpy() for name, value in learner.weights.items()}
    prior = popularity_prior(interactions)
    return SasRec(settings=settings, item_ids=interactions.item_ids, weights=weights, prior=prior)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, fit together, write and report from the first process; 1 and a sentence where that cannot be."""
    options = _parser().parse_args(arguments)
    cuda = torch.cuda.is_available()
    distributed.init_process_group("nccl" if cuda else "gloo")
    device = torch.device("cuda", distributed.get_node_local_rank(0)) if cuda else torch.device("cpu")
    try:
        settings = settings_from(SasRecSettings, dict(_setting(text) for text in options.set))
        dataset = read_dataset(options.folder, options.protocol)
        model = fit_together(dataset.split.test.train, settings, device=device, seed=options.seed)
        if distributed.get_rank() == 0:
            digest = dataset.split.test.train.fingerprint()
            info = write_artefact(options.out, model, data_sha256=digest, code_version="spread")
            figures = evaluate(model, dataset.split.test, device=device, rng=np.random.default_rng(0))
            told = {"sha256": info.sha256, "metrics": {name: figure.value for name, figure in figures.items()}}
            sys.stdout.write(json.dumps(told) + "\n")
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        distributed.destroy_process_group()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--protocol", required=True, choices=sorted(READERS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _setting(text: str) -> tuple[str, Any]:
    """One setting: a number where it is one, else a word."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":  # pragma: no cover - what torchrun calls
    sys.exit(main())
