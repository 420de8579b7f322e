"""Settings searched by Optuna on valid: Parzen estimators, hopeless trials cut short, a budget of CPU seconds.

A trial is measured on a part of valid's users first and on more of them while it keeps up with the median of the others
at that stage. The study lives in whatever storage it is given: in PostgreSQL it outlasts the worker and goes on under
the same name.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from recommender.engine.config import SELECTION_METRICS, Progress, settings_from, settings_to, silent
from recommender.engine.errors import ConfigError
from recommender.engine.evaluate import evaluate
from recommender.engine.models import get_model
from recommender.engine.split import Stage

RUNGS = (0.125, 0.5, 1.0)
"""Shares of valid's users on which a trial is measured in turn."""


class Span(NamedTuple):
    """From where to where a setting is searched; logarithmically, or in whole numbers."""

    low: float
    high: float
    log: bool = True
    whole: bool = False


_FADE = Span(0.5, 1.0, log=False)
_WINDOW = Span(5, 200, whole=True)
_RIDGE = Span(3.0, 3000.0)

SPACES: Mapping[str, Mapping[str, Span]] = {
    "item_knn": {"neighbours": Span(10, 1000, whole=True), "shrink": Span(0.1, 500), "decay": _FADE, "window": _WINDOW},
    "ease": {"ridge": _RIDGE, "decay": _FADE, "window": _WINDOW},
    "hybrid": {"ridge": _RIDGE, "decay": _FADE, "window": _WINDOW, "content": Span(0.2, 100)},
    "sequence_ease": {"ridge": _RIDGE, "decay": _FADE, "window": Span(5, 60, whole=True)},
    "stepped_ease": {
        "ridge": _RIDGE,
        "latest_ridge": _RIDGE,
        "decay": _FADE,
        "window": Span(5, 60, whole=True),
    },
    "ials": {"dimension": Span(16, 256, whole=True), "unobserved": Span(0.01, 1), "ridge": Span(3e-4, 0.1)},
    "sasrec": {"learning_rate": Span(5e-4, 4e-3), "dropout": Span(0.05, 0.5, log=False)},
}
"""Model -> the settings that are searched, and how far."""


@dataclass(frozen=True)
class Searched:
    """The best settings, their figure on valid, and how many trials ended whole and how many were cut short.

    `tried`: what each trial came to, in order; of those cut short, on the part of valid that they were measured on.
    """

    settings: dict[str, Any]
    value: float
    trials: int
    pruned: int
    tried: tuple[float, ...]


def search(
    stage: Stage,
    *,
    model: str,
    start: Mapping[str, Any],
    budget: float,
    device: torch.device,
    rng: np.random.Generator,
    select_by: str = "ndcg@10",
    trials: int = 50,
    storage: Any = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Searched:
    """Search from `start` on for at most `trials` trials and `budget` CPU seconds of this process.

    `storage` and `name` are Optuna's: a study of that name in that storage goes on. Raises ConfigError for a model
    whose settings are not searched, or a figure that selection may not look at.
    """
    import optuna

    if model not in SPACES or select_by not in SELECTION_METRICS:
        raise ConfigError(f"{model} is not searched by {select_by}; searched: {', '.join(SPACES)}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**31))),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    kind, until = get_model(model), time.process_time() + budget
    first = settings_to(settings_from(kind.Settings, start))
    study.enqueue_trial({key: first[key] for key in SPACES[model]}, skip_if_exists=True)
    rungs = [stage.sample(max(1, round(share * stage.users.size)), rng=rng) for share in RUNGS]

    def objective(trial: Any) -> float:
        settings = settings_from(kind.Settings, {**first, **_asked(trial, SPACES[model])})
        fitted = kind.fit(stage.train, settings=settings, device=device, rng=np.random.default_rng(0))
        value = 0.0
        for rung, part in enumerate(rungs):
            value = evaluate(fitted, part, device=device, rng=rng, replicates=2)[select_by].value
            trial.report(value, rung)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    def after(running: Any, trial: Any) -> None:
        progress("search", trial.number + 1, trials)
        if time.process_time() > until:
            running.stop()

    study.optimize(objective, n_trials=trials, callbacks=[after])
    states = [trial.state.name for trial in study.trials]
    best = {key: _typed(value, SPACES[model][key]) for key, value in study.best_params.items()}
    tried = tuple(trial.value for trial in study.trials if trial.value is not None)
    return Searched({**first, **best}, study.best_value, states.count("COMPLETE"), states.count("PRUNED"), tried)


def _asked(trial: Any, space: Mapping[str, Span]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, span in space.items():
        if span.whole:
            found[name] = trial.suggest_int(name, int(span.low), int(span.high), log=span.log)
        else:
            found[name] = trial.suggest_float(name, span.low, span.high, log=span.log)
    return found


def _typed(value: float, span: Span) -> Any:
    return int(value) if span.whole else float(value)
