"""One training run from interactions to a model: split, choose on valid, report test once, fit on everything.

The model that is returned has seen all data; the figures beside it come from the same settings fitted on the past
alone. Random generator and device are arguments, and progress is told step by step.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recommender.engine.config import Progress, TrainConfig, settings_from, settings_to, silent
from recommender.engine.data import Interactions
from recommender.engine.device import describe_device
from recommender.engine.errors import DataError
from recommender.engine.evaluate import evaluate
from recommender.engine.metrics import Estimate
from recommender.engine.models import get_model
from recommender.engine.models.base import Model
from recommender.engine.split import Split, Stage, cut_times, split_by_time, split_leave_one_out


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A finished run.

    metrics: "valid" and "test", each figure by name, empty where the data hold no user to ask. curves: values by trial
    of what was tried on valid, in order. split: "temporal" or "leave_one_out". cpu_seconds: of this process, by step.
    """

    model: Model
    settings: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Estimate]]
    curves: Mapping[str, list[float]]
    split: str
    device: str
    data_sha256: str
    cpu_seconds: Mapping[str, float]


def train(
    config: TrainConfig,
    interactions: Interactions,
    *,
    device: torch.device,
    rng: np.random.Generator,
    progress: Progress = silent,
    checkpoints: Path | None = None,
) -> TrainingResult:
    """Run `config` on `interactions`. Raises DataError without interactions, ConfigError for settings out of range.

    In the folder `checkpoints` each fit of a model that learns in epochs leaves its state: the same call with the same
    folder goes on where a killed one stood, to the same model.
    """
    if not len(interactions):
        raise DataError("there are no interactions to learn from")
    kind = get_model(config.model)
    split_name = _split_name(config, interactions)
    split = _split(config, interactions, split_name)
    clock = _Clock()
    settings, curve, valid = _choose(
        kind, config, split.valid, device=device, rng=rng, progress=progress, checkpoints=checkpoints
    )
    clock.lap("choose")
    test = _report(kind, settings, split.test, config, device=device, rng=rng, checkpoints=checkpoints)
    clock.lap("test")
    progress("test", 1, 1)
    model = kind.fit_resumed(
        interactions,
        settings=settings,
        device=device,
        rng=rng,
        progress=progress,
        checkpoint=checkpoints and checkpoints / "fit",
    )
    clock.lap("fit")
    return TrainingResult(
        model=model,
        settings=settings_to(settings),
        metrics={"valid": valid, "test": test},
        curves={f"valid/{config.select_by}": curve},
        split=split_name,
        device=describe_device(device),
        data_sha256=interactions.fingerprint(),
        cpu_seconds=clock.laps,
    )


def valid_stage(config: TrainConfig, interactions: Interactions) -> Stage:
    """The valid stage that `train` would choose on."""
    return _split(config, interactions, _split_name(config, interactions)).valid


def _split_name(config: TrainConfig, interactions: Interactions) -> str:
    if config.split == "auto":
        return "leave_one_out" if interactions.times is None else "temporal"
    return config.split


def _split(config: TrainConfig, interactions: Interactions, name: str) -> Split:
    if name == "leave_one_out":
        return split_leave_one_out(interactions)
    valid_from, test_from = cut_times(interactions, valid_share=config.valid_share, test_share=config.test_share)
    return split_by_time(interactions, valid_from=valid_from, test_from=test_from)


def _choose(
    kind: type[Model],
    config: TrainConfig,
    stage: Stage,
    *,
    device: torch.device,
    rng: np.random.Generator,
    progress: Progress,
    checkpoints: Path | None,
) -> tuple[Any, list[float], Mapping[str, Estimate]]:
    """The best candidate's settings, the curve of the metric over candidates, and the winner's figures on valid.

    A valid stage that asks nobody decides nothing: the first candidate stands.
    """
    candidates = [settings_from(kind.Settings, {**config.settings, **extra}) for extra in config.candidates or ({},)]
    stage = stage.sample(config.max_valid_users, rng=rng)
    if not stage.users.size:
        return candidates[0], [], {}
    curve: list[float] = []
    best: tuple[Any, Mapping[str, Estimate]] = (candidates[0], {})
    for place, candidate in enumerate(candidates):
        model = kind.fit_tuned(
            stage,
            settings=candidate,
            device=device,
            rng=rng,
            progress=lambda _step, done, total: progress("choose", done, total + 1),
            checkpoint=checkpoints and checkpoints / f"choose-{place}",
        )
        figures = evaluate(model, stage, device=device, rng=rng, replicates=config.replicates)
        value = figures[config.select_by].value if config.select_by in figures else 0.0
        if not curve or value > max(curve):
            best = (model.settings, figures)
        curve.append(value)
        progress("choose", place + 1, len(candidates))
    return best[0], curve, best[1]


def _report(
    kind: type[Model],
    settings: Any,
    stage: Stage,
    config: TrainConfig,
    *,
    device: torch.device,
    rng: np.random.Generator,
    checkpoints: Path | None,
) -> Mapping[str, Estimate]:
    if not stage.users.size:
        return {}
    model = kind.fit_resumed(
        stage.train, settings=settings, device=device, rng=rng, checkpoint=checkpoints and checkpoints / "test"
    )
    return evaluate(model, stage, device=device, rng=rng, replicates=config.replicates)


class _Clock:
    """CPU seconds of this process between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.laps[name] = now - self._since
        self._since = now
