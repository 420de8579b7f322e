"""What the portal would put live, searched within a budget; studies are kept in PostgreSQL and go on after a loss."""

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun

if TYPE_CHECKING:
    from recommender.engine.config import Progress
    from recommender.engine.data import Interactions

BEST = "best"
"""A model's name in a request: whatever turns out best."""

BUDGET = 900.0
"""CPU seconds that a search may take unless the request says otherwise."""

CLIMB = 0.6
"""The share of the budget in which families of models are tried; the rest refines the settings of the best."""


def training_check(*, model: str, parameters: Any) -> None:
    """Raise TrainingRefusedError for a model that is none, or for settings that it does not have or does not take.

    A search takes `budget` alone: CPU seconds above 0.
    """
    from recommender.engine.config import settings_from
    from recommender.engine.errors import EngineError
    from recommender.engine.models import get_model

    if not isinstance(parameters, Mapping):
        raise TrainingRefusedError(
            _("Settings are names with their values, such as %(example)s.") % {"example": '{"ridge": 50}'}
        )
    if model == BEST:
        _check_budget(parameters)
        return
    try:
        kind = get_model(model)
        own = settings_from(kind.Settings, parameters)
        if resolve := getattr(own, "resolve", None):
            resolve()  # what a model of models is made of
    except (EngineError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise TrainingRefusedError(
            _("The model %(model)s cannot be trained so: %(why)s.") % {"model": model, "why": error}
        ) from error


def _check_budget(parameters: Mapping[str, Any]) -> None:
    budget = parameters.get("budget", BUDGET)
    is_number = isinstance(budget, int | float) and not isinstance(budget, bool)
    if set(parameters) - {"budget"} or not is_number or not isfinite(budget) or budget <= 0:
        raise TrainingRefusedError(
            _("A search for the best takes one setting, its CPU seconds: %(example)s.") % {"example": '{"budget": 900}'}
        )


def search(run: TrainingRun, data: "Interactions", *, device: Any, rng: Any, progress: "Progress") -> dict[str, Any]:
    """Name the model and settings that are best on valid: `model`, `settings`, and of the study its name and trials.

    `tried` is what each trial came to, for TensorBoard.
    """
    from recommender.engine import study, tuning
    from recommender.engine.config import TrainConfig
    from recommender.engine.train import valid_stage

    budget = float(run.parameters.get("budget", BUDGET))
    config = TrainConfig()
    stage = valid_stage(config, data).sample(tuning.USERS, rng=rng)
    name, values = tuning.best(
        stage, budget=CLIMB * budget, select_by=config.select_by, device=device, rng=rng, progress=progress
    )
    if name not in study.SPACES or not stage.users.size:
        return {"model": name, "settings": values}
    found = study.search(
        stage,
        model=name,
        start=values,
        budget=(1 - CLIMB) * budget,
        device=device,
        rng=rng,
        storage=study_storage(),
        name=f"run-{run.pk}",
        progress=progress,
    )
    return {"model": name, "settings": found.settings, "study": f"run-{run.pk}", "trials": found.trials,
            "pruned": found.pruned, "tried": found.tried}  # fmt: skip


def study_storage() -> Any:
    """Optuna's storage: tables in the schema `studies` of the portal's own database, made at first use."""
    from optuna.storages import RDBStorage

    def link() -> Any:
        own = connection.copy()
        opened = own.get_new_connection(own.get_connection_params())
        with opened.cursor() as cursor:
            cursor.execute("SET search_path = studies")
        opened.commit()
        return opened

    return RDBStorage("postgresql+psycopg2://", engine_kwargs={"creator": link, "pool_size": 1})


def board_folder(run: TrainingRun) -> Path:
    """Where the run's TensorBoard figures lie: `tensorboard --logdir DATA_DIR/boards` shows all runs."""
    return Path(settings.DATA_DIR) / "boards" / f"run-{run.pk}"
