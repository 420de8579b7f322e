"""Trains models from behaviour: asked for, taken by one worker under a lease, gone on with where a worker was lost."""

import hashlib
import hmac
import json
import shutil
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import User
from events.services import event_record
from recommender.choices import Stage, TrainingState
from recommender.errors import TrainingRefusedError, TrainingStoppedError
from recommender.models import DatasetSnapshot, TrainingRun
from recommender.services.training_data import snapshot_take, snapshots_thin, training_content
from recommender.services.training_search import BEST, board_folder, search, training_check
from recommender.services.training_stages import gate_of, model_promote, models_folder, models_forget, stages_turn

if TYPE_CHECKING:
    from recommender.engine.data import Interactions
    from recommender.engine.train import TrainingResult

LEASE = timedelta(minutes=5)
"""A run without a sign of life for this long may be taken over by another worker."""

PULSE = 30.0
"""Seconds between signs of life while the engine says nothing."""

ATTEMPTS = 3
"""Workers that may be lost over one run before it counts as failed."""

NIGHT = timedelta(hours=12)
"""What nobody in person asked for so shortly before is this night's training."""

SUMS_LIMIT = 2**30
"""Bytes of sums over people above which none are kept beside a model; it is then fitted anew each night only."""

_OVER = (TrainingState.DONE, TrainingState.STOPPED)


@transaction.atomic
def training_request(
    *, model: str = "blend", parameters: dict[str, Any] | None = None, requested_by: User | None = None
) -> TrainingRun:
    """Ask for a training; the task does it. Raises what `training_check` raises."""
    training_check(model=model, parameters=parameters or {})
    return TrainingRun.objects.create(model=model, parameters=parameters or {}, requested_by=requested_by)


@transaction.atomic
def training_request_nightly() -> TrainingRun:
    """Ask for the night's training, or find it asked for: two schedulers train one model."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recommender_training_request'))")
    tonight = TrainingRun.objects.filter(
        requested_by=None, continues=None, requested_at__gt=timezone.now() - NIGHT
    ).exclude(state=TrainingState.FAILED)
    return tonight.order_by("-pk").first() or training_request()


@transaction.atomic
def training_stop(*, run_id: int, by: User | None = None) -> TrainingRun:
    """Stop a run: at once where it waits, at its next step where it runs.

    Raises TrainingRefusedError for one that is over.
    """
    run = TrainingRun.objects.select_for_update().get(pk=run_id)
    if run.state not in (TrainingState.QUEUED, TrainingState.RUNNING):
        raise TrainingRefusedError(
            _("Run %(run)s is over already; only a run that waits or trains can be stopped.") % {"run": run_id}
        )
    run.stop_asked_at = timezone.now()
    if run.state == TrainingState.QUEUED:
        run.state, run.finished_at = TrainingState.STOPPED, run.stop_asked_at
    with acting(actor=by.pk if by else None):
        run.save(update_fields=["stop_asked_at", "state", "finished_at"])
    return run


def training_waiting() -> list[int]:
    """Runs that nobody works on though somebody should: asked for and not begun, or their worker was lost.

    A run over which `ATTEMPTS` workers were lost has failed.
    """
    now = timezone.now()
    lost = TrainingRun.objects.filter(state=TrainingState.RUNNING, heartbeat_at__lt=now - LEASE)
    lost.filter(attempts__gte=ATTEMPTS).update(
        state=TrainingState.FAILED,
        finished_at=now,
        failure=f"{ATTEMPTS} workers were lost over this run, most likely for want of memory; see the workers' log.",
    )
    waiting = list(lost.filter(attempts__lt=ATTEMPTS).values_list("pk", flat=True))
    if not TrainingRun.objects.filter(state=TrainingState.RUNNING, heartbeat_at__gte=now - LEASE).exists():
        asked = TrainingRun.objects.filter(state=TrainingState.QUEUED, requested_at__lt=now - LEASE)
        waiting += asked.order_by("pk").values_list("pk", flat=True)[:1]
    return waiting


def training_run(*, run_id: int) -> TrainingRun:
    """Train one requested run and promote it unless the gate finds it worse than the model that serves.

    Safe to repeat and to start twice: a run belongs to whoever holds its lease, a finished one is returned as it is. A
    run whose worker was lost goes on from its checkpoints. Raises what the training raises, once that is written down.
    """
    run = _take(run_id)
    if run is None:
        return TrainingRun.objects.get(pk=run_id)
    steps = models_folder() / f"run-{run.pk}.steps"
    try:
        steps.mkdir(exist_ok=True)
        with _alive(run):
            snapshot, data = snapshot_take()
            result = _train(run, data, steps)
            _keep(run, snapshot, data, result)
            if run.continues_id:
                models_forget(run=run)
    except TrainingStoppedError:
        shutil.rmtree(steps, ignore_errors=True)
        _end(run, state=TrainingState.STOPPED)
        run.refresh_from_db()
        return run
    except Exception as error:
        run_fail(run, error)
        raise
    shutil.rmtree(steps, ignore_errors=True)
    return run


def _end(run: TrainingRun, **values: Any) -> None:
    """Write how it ended, unless another worker holds the run by now."""
    TrainingRun.objects.filter(pk=run.pk, lease=run.lease).update(finished_at=timezone.now(), **values)


def run_fail(run: TrainingRun, error: Exception) -> None:
    """Write down that the run failed and why, in a sentence that says what to do where that is known."""
    told = f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        told = (
            f"The model could not be saved in {models_folder()} ({error.strerror or error}); the one that serves "
            f"stays. Free space there and train again."
        )
    _end(run, state=TrainingState.FAILED, failure=told)


def _take(run_id: int) -> TrainingRun | None:
    """The run with its lease, or None when it is over or another worker is alive on it."""
    now = timezone.now()
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().get(pk=run_id)
        alive = run.heartbeat_at is not None and run.heartbeat_at > now - LEASE
        if run.state in _OVER or (run.state == TrainingState.RUNNING and alive):
            return None
        run.state, run.started_at, run.heartbeat_at, run.failure = TrainingState.RUNNING, now, now, ""
        run.lease, run.attempts = uuid.uuid4(), run.attempts + 1
        run.save(update_fields=["state", "started_at", "heartbeat_at", "failure", "lease", "attempts"])
    return run


def _train(run: TrainingRun, data: "Interactions", steps: Path) -> "TrainingResult":
    import numpy as np

    from recommender.engine.board import Board
    from recommender.engine.config import TrainConfig
    from recommender.engine.device import choose_device
    from recommender.engine.names import READERS
    from recommender.engine.train import train

    told = json.dumps([run.model, run.parameters])
    device, rng = choose_device(settings.DEVICE), np.random.default_rng(_seed(run) if _is_private(told) else 0)
    if any(name in told for name in READERS):
        data = replace(data, content=training_content(data.item_ids))
    with Board(board_folder(run)) as board:
        progress = board.progress(_progress(run))
        if run.model == BEST:
            run.search = search(run, data, device=device, rng=rng, progress=progress)
            run.model, run.parameters = run.search.pop("model"), run.search.pop("settings")
            board.tried("search", run.search.pop("tried", ()))
        config = TrainConfig(model=run.model, settings=run.parameters)
        result = train(config, data, device=device, rng=rng, progress=progress, checkpoints=steps)
        board.result(run.model, result)
    return result


def _is_private(told: str) -> bool:
    """Whether noise is to hide people."""
    return '"private_ease"' in told or '"noise"' in told


def _seed(run: TrainingRun) -> int:
    """Whoever knows the seed of a noise can take the noise away: it hangs on the installation's secret and the run."""
    told = f"recommender.noise {run.pk}".encode()
    return int.from_bytes(hmac.digest(settings.SECRET_KEY.encode(), told, "sha256"), "big")


def _progress(run: TrainingRun) -> Any:
    """Progress of the engine, written at most once a second so that the admin can show it."""
    told = 0.0

    def progress(step: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told < 1:
            return
        told = time.monotonic()
        share = min(10_000 * done // max(total, 1), 9_900)
        sign_of_life(run, step=step, progress_bp=share)

    return progress


def sign_of_life(run: TrainingRun, **told: Any) -> None:
    """Say that the worker lives, and how far it is. Raises TrainingStoppedError where the run is no longer its own."""
    held = TrainingRun.objects.filter(pk=run.pk, lease=run.lease, stop_asked_at=None)
    if not held.update(heartbeat_at=timezone.now(), **told):
        raise TrainingStoppedError(f"Run {run.pk} was stopped, or another worker has taken it over.")


@contextmanager
def _alive(run: TrainingRun) -> Iterator[None]:
    """Give signs of life from a thread of its own: one matrix may take longer than a lease and says nothing."""
    over = threading.Event()

    def pulse() -> None:
        try:
            while not over.wait(PULSE):
                sign_of_life(run)
        except TrainingStoppedError:
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=pulse, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep(run: TrainingRun, snapshot: DatasetSnapshot, data: "Interactions", result: "TrainingResult") -> None:
    """Write the artefact and the figures; promote where the gate lets it through."""
    figures = {
        "split": result.split,
        "cpu_seconds": {step: round(seconds, 3) for step, seconds in result.cpu_seconds.items()},
        **({"search": run.search} if run.search else {}),
        "curves": {name: list(values) for name, values in result.curves.items()},
        **{part: _figures(of) for part, of in result.metrics.items()},
    }
    run.parameters, run.device, run.data_hash = dict(result.settings), result.device, snapshot.sha256
    model_keep(run, result.model, snapshot=snapshot)
    run.sums = _sums_keep(run, data)
    run_finish(run, figures)


def file_name(run: TrainingRun, ending: str) -> str:
    """What a file of this run is called; a worker that was given up cannot overwrite that of its successor."""
    again = f"-{run.attempts}" if run.attempts > 1 else ""
    return f"run-{run.pk}{again}.{ending}"


def model_keep(run: TrainingRun, model: Any, *, snapshot: DatasetSnapshot) -> None:
    """Write the model's file and name it on the run. Raises OSError where the disk refuses."""
    from recommender.engine.artefact import write_artefact

    run.snapshot, run.code_version = snapshot, code_version()
    path = models_folder() / file_name(run, "safetensors")
    info = write_artefact(path, model, data_sha256=snapshot.sha256, code_version=run.code_version)
    run.artefact, run.artefact_sha256 = path.name, info.sha256


def run_finish(run: TrainingRun, figures: dict[str, Any]) -> None:
    """Write the run down as done, tell of it, and let it serve unless the gate finds it worse."""
    with transaction.atomic():
        stages_turn()
        held = TrainingRun.objects.select_for_update().get(pk=run.pk)
        if held.lease != run.lease or held.stop_asked_at:
            raise TrainingStoppedError(f"Run {run.pk} was stopped, or another worker has taken it over.")
        run.state, run.progress_bp, run.step = TrainingState.DONE, 10_000, ""
        run.heartbeat_at = run.finished_at = timezone.now()
        run.metrics = figures
        run.gate = gate_of(run)
        # What replaces a model that somebody has to be forgotten by serves whatever its figures.
        serves = run.gate["passed"] or run.continues_id is not None
        run.stage = Stage.CANDIDATE if serves else Stage.SHADOW
        run.save()
        event_record(name="training.finished", key=str(run.pk), payload={"run_id": run.pk, "model": run.model})
        if serves:
            run.stage = model_promote(run_id=run.pk).stage
    live = TrainingRun.objects.filter(stage=Stage.LIVE, snapshot__isnull=False).first()
    snapshots_thin(keep={live.snapshot_id} if live and live.snapshot_id else set())


def _figures(estimates: Any) -> dict[str, dict[str, float]]:
    """Each figure with its standard error and the ends of its 95 % interval."""
    return {
        name: {
            "value": estimate.value,
            "se": estimate.error,
            "low": estimate.low,
            "high": estimate.high,
        }
        for name, estimate in estimates.items()
    }


def _sums_keep(run: TrainingRun, data: "Interactions") -> str:
    """Keep the sums that the model is solved from, where it is, and return the file's name."""
    from recommender.engine.additive import Ledger
    from recommender.engine.config import settings_from
    from recommender.engine.device import choose_device
    from recommender.engine.models import get_model

    kind = get_model(run.model)
    own = settings_from(kind.Settings, run.parameters)
    if not kind.additive(own) or 5 * 8 * data.n_items**2 > SUMS_LIMIT:
        return ""
    name = file_name(run, "sums")
    ledger = Ledger.of(run.model, data, settings=own, device=choose_device(settings.DEVICE))
    ledger.write(models_folder() / name, data_sha256=run.data_hash)
    return name


@cache
def code_version() -> str:
    """The release, and a hash over the engine's sources: what a model was made by."""
    import recommender.engine

    folder = Path(str(recommender.engine.__file__)).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{version('tributary')}+{digest.hexdigest()[:12]}"
