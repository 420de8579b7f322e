"""Trains models from behaviour and decides which one serves."""

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from courses.selectors import interactions
from events.services import event_record
from recommender.choices import Stage, TrainingState
from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun

if TYPE_CHECKING:
    from recommender.engine.data import Interactions
    from recommender.engine.train import TrainingResult

LEASE = timedelta(minutes=10)
"""A run without a sign of life for this long may be taken over by another worker."""

GATE_NDCG = 0.01
"""How much of the live model's test NDCG@10 a new one may lose and still be promoted by itself."""

NIGHT = timedelta(hours=12)
"""What nobody in person asked for so shortly before is this night's training."""

CODE_VERSION = "1"


@transaction.atomic
def training_request(
    *, model: str = "blend", parameters: dict[str, Any] | None = None, requested_by: User | None = None
) -> TrainingRun:
    """Ask for a training; the task does it. Raises ConfigError of the engine for a model that nobody registered."""
    from recommender.engine.models import get_model

    get_model(model)
    return TrainingRun.objects.create(model=model, parameters=parameters or {}, requested_by=requested_by)


@transaction.atomic
def training_request_nightly() -> TrainingRun:
    """Ask for the night's training, or find it asked for: two schedulers train one model."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recommender_training_request'))")
    tonight = TrainingRun.objects.filter(requested_by=None, requested_at__gt=timezone.now() - NIGHT)
    return tonight.exclude(state=TrainingState.FAILED).order_by("-pk").first() or training_request()


def training_run(*, run_id: int) -> TrainingRun:
    """Train one requested run and promote it unless it is worse than the model that serves.

    Safe to repeat and to start twice: a run belongs to whoever holds its lease, a finished one is returned as it is.
    """
    run = _take(run_id)
    if run is None:
        return TrainingRun.objects.get(pk=run_id)
    try:
        result = _train(run)
        with transaction.atomic():
            _keep(run, result)
    except Exception as error:
        TrainingRun.objects.filter(pk=run_id).update(
            state=TrainingState.FAILED, failure=f"{type(error).__name__}: {error}", finished_at=timezone.now()
        )
        raise
    return run


@transaction.atomic
def model_promote(*, run_id: int) -> TrainingRun:
    """Let a finished run serve; the one that served until now is retired. Rolling back is promoting the older run."""
    runs = {run.pk: run for run in TrainingRun.objects.select_for_update().filter(Q(pk=run_id) | Q(stage=Stage.LIVE))}
    chosen = runs[run_id]
    if chosen.state != TrainingState.DONE or not chosen.artefact:
        raise TrainingRefusedError(f"Run {run_id} has no finished model that could serve; train again first.")
    for run in runs.values():
        if run.pk != run_id:
            run.stage = Stage.RETIRED
            run.save(update_fields=["stage"])
    chosen.stage = Stage.LIVE
    chosen.save(update_fields=["stage"])
    return chosen


def _take(run_id: int) -> TrainingRun | None:
    """The run with its lease, or None when it is done or another worker is alive on it."""
    now = timezone.now()
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().get(pk=run_id)
        alive = run.heartbeat_at is not None and run.heartbeat_at > now - LEASE
        if run.state == TrainingState.DONE or (run.state == TrainingState.RUNNING and alive):
            return None
        run.state, run.started_at, run.heartbeat_at, run.failure = TrainingState.RUNNING, now, now, ""
        run.save(update_fields=["state", "started_at", "heartbeat_at", "failure"])
    return run


def _train(run: TrainingRun) -> "TrainingResult":
    import numpy as np

    from recommender.engine.config import TrainConfig
    from recommender.engine.device import choose_device
    from recommender.engine.train import train

    data = training_data()
    if not len(data):
        raise TrainingRefusedError("Nobody has done anything with a course yet; there is nothing to learn from.")
    device = choose_device(settings.DEVICE)
    config = TrainConfig(model=run.model, settings=run.parameters)
    return train(config, data, device=device, rng=np.random.default_rng(0), progress=_heartbeat(run))


def training_data() -> "Interactions":
    """What people did with courses, as the engine reads it; acts that speak against a course are left out."""
    from recommender.engine.data import Interactions

    acts = interactions()
    positive = acts.weight > 0
    return Interactions.build(
        users=acts.user[positive], items=acts.course[positive], times=acts.time[positive], weights=acts.weight[positive]
    )


def _heartbeat(run: TrainingRun) -> Any:
    """Progress of the engine, written at most once a second so that the admin can show it."""
    told = 0.0

    def progress(_step: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told < 1:
            return
        told = time.monotonic()
        share = 10_000 * done // max(total, 1)
        TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now(), progress_bp=min(share, 9_900))

    return progress


def _keep(run: TrainingRun, result: "TrainingResult") -> None:
    """Write the artefact and the figures; promote where the gate lets it through."""
    from recommender.engine.artefact import write_artefact

    folder = models_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{run.pk}.safetensors"
    info = write_artefact(path, result.model, data_sha256=result.data_sha256, code_version=CODE_VERSION)
    run.state, run.finished_at, run.progress_bp = TrainingState.DONE, timezone.now(), 10_000
    run.heartbeat_at = run.finished_at
    run.device, run.data_hash = result.device, result.data_sha256
    run.artefact, run.artefact_sha256 = path.name, info.sha256
    run.parameters = dict(result.settings)
    run.metrics = {
        "split": result.split,
        "cpu_seconds": {step: round(seconds, 3) for step, seconds in result.cpu_seconds.items()},
        "curves": {name: list(values) for name, values in result.curves.items()},
        **{
            part: {name: {"value": estimate.value, "se": estimate.error} for name, estimate in figures.items()}
            for part, figures in result.metrics.items()
        },
    }
    run.save()
    event_record(name="training.finished", key=str(run.pk), payload={"run_id": run.pk, "model": run.model})
    if _passes_gate(run):
        model_promote(run_id=run.pk)


def _passes_gate(run: TrainingRun) -> bool:
    live = TrainingRun.objects.filter(stage=Stage.LIVE).first()
    before, now = _ndcg(live), _ndcg(run)
    return before is None or now is None or now >= before * (1 - GATE_NDCG)


def _ndcg(run: TrainingRun | None) -> float | None:
    figure = run.metrics.get("test", {}).get("ndcg@10") if run else None
    return float(figure["value"]) if figure else None


def models_folder() -> Path:
    """Where artefacts lie."""
    return Path(settings.DATA_DIR) / "models"
