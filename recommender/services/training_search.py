"""What the portal would put live, searched within a budget; studies are kept in PostgreSQL and go on after a loss."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

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


def search(run: TrainingRun, data: "Interactions", *, device: Any, rng: Any, progress: "Progress") -> dict[str, Any]:
    """Name the model and settings that are best on valid: `model`, `settings`, and of the study its name and trials."""
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
            "pruned": found.pruned}  # fmt: skip


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
