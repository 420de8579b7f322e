"""Which model serves: the automatic gate, promotion, the way back, canary and shadow."""

import hmac
import re
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import User
from recommender.choices import Stage, TrainingState
from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun
from recommender.services.training_data import snapshots_forget

GATES = {"ndcg@10": 0.01, "tail100_hr@10": 0.05}
"""Figure on valid -> the share of the serving model's that a new model may lose and still be promoted by itself."""


_OF_RUN = re.compile(r"\.?run-(\d+)[-.]")
"""How the files of a run begin, also those that a lost worker left."""


def models_folder() -> Path:
    """Where model files lie; made where it is missing."""
    folder = Path(settings.DATA_DIR) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def gate_of(run: TrainingRun) -> dict[str, Any]:
    """What the gate compares with the model that serves: whether the run passes, and each figure before and now.

    A figure that either of the two lacks decides nothing; without a model that serves every run passes.
    """
    live = TrainingRun.objects.filter(stage=Stage.LIVE).exclude(pk=run.pk).first()
    compared = []
    for name, share in GATES.items():
        before, now = (_valid(live, name) if live else None), _valid(run, name)
        if before is not None and now is not None:
            fell = now < before * (1 - share)
            compared.append({"figure": name, "before": before, "now": now, "allowed": share, "passed": not fell})
    return {
        "live": live.pk if live else None,
        "compared": compared,
        "passed": all(bool(row["passed"]) for row in compared),
    }


def _valid(run: TrainingRun, name: str) -> float | None:
    figure = run.metrics.get("valid", {}).get(name)
    return float(figure["value"]) if figure else None


def stages_turn() -> None:
    """Wait for whoever changes stages just now: of two models promoted at once both would find the same one serving."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recommender_stages'))")


@transaction.atomic
def model_promote(*, run_id: int, by: User | None = None) -> TrainingRun:
    """Let a finished run serve; the one that served until now is retired. The audit trail says who did it.

    Raises TrainingRefusedError where the run has no finished model, or its file is not the one that was registered; the
    model that serves then goes on serving.
    """
    stages_turn()
    runs = {run.pk: run for run in TrainingRun.objects.select_for_update().filter(Q(pk=run_id) | Q(stage=Stage.LIVE))}
    chosen = runs[run_id]
    _require_whole(chosen)
    chosen.stage, chosen.canary_bp, chosen.promoted_at = Stage.LIVE, 0, timezone.now()
    with acting(actor=by.pk if by else None):
        for run in runs.values():
            if run.pk != run_id:
                run.stage = Stage.RETIRED
                run.save(update_fields=["stage"])
        chosen.save(update_fields=["stage", "canary_bp", "promoted_at"])
    return chosen


def models_forget(*, run: TrainingRun) -> None:
    """Remove all that is older than `run` on the disk: models, datasets, checkpoints. Somebody is in it who is gone.

    What a training that is under way reads and writes stays, so that the next forgetting finds the person in it.
    """
    busy = dict(TrainingRun.objects.filter(state=TrainingState.RUNNING).values_list("pk", "started_at"))
    if run.snapshot is not None:
        snapshots_forget(before=min([run.snapshot.taken_at, *(at for at in busy.values() if at)]))
    older = TrainingRun.objects.filter(pk__lt=run.pk)
    names = {name for told in older.exclude(artefact="") for name in (told.artefact, told.sums) if name}
    for path in models_folder().iterdir():
        number = _OF_RUN.match(path.name)
        if path.name in names or (number and int(number[1]) < run.pk and int(number[1]) not in busy):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    older.filter(stage__in=[Stage.SHADOW, Stage.CANARY]).update(stage=Stage.RETIRED, canary_bp=0)
    older.update(artefact="", sums="")


@transaction.atomic
def model_rollback(*, by: User | None = None) -> TrainingRun:
    """Let the model serve that served before this one. Raises TrainingRefusedError where there is none."""
    served = TrainingRun.objects.filter(stage=Stage.RETIRED).exclude(Q(promoted_at=None) | Q(artefact=""))
    before = served.order_by("-promoted_at").first()
    if before is None:
        raise TrainingRefusedError(_("No model served before this one; train another or choose a run from the list."))
    return model_promote(run_id=before.pk, by=by)


@transaction.atomic
def model_beside(*, run_id: int, canary_bp: int = 0, by: User | None = None) -> TrainingRun:
    """Put a finished run beside the one that serves: in the shadow, or before a share of people as canary.

    `canary_bp` is that share in basis points, 0 for the shadow. A canary before it steps back into the shadow. Raises
    TrainingRefusedError for a run that serves, has no model, or whose file is not the one that was registered.
    """
    if not 0 <= canary_bp <= 5_000:
        raise TrainingRefusedError(_("A canary is shown to half of the people at most."))
    stages_turn()
    run = TrainingRun.objects.select_for_update().get(pk=run_id)
    _require_whole(run)
    if run.stage == Stage.LIVE:
        raise TrainingRefusedError(_("Run %(run)s serves everybody; let another one serve first.") % {"run": run_id})
    run.stage, run.canary_bp = (Stage.CANARY if canary_bp else Stage.SHADOW), canary_bp
    with acting(actor=by.pk if by else None):
        if canary_bp:
            others = TrainingRun.objects.filter(stage=Stage.CANARY).exclude(pk=run_id)
            others.update(stage=Stage.SHADOW, canary_bp=0)
        run.save(update_fields=["stage", "canary_bp"])
    return run


def serving_run(*, person: str) -> TrainingRun | None:
    """The run that answers this person: the canary for its share of people, else the one that serves, else None.

    `person` is any lasting text of theirs, such as a key or visitor key; the same person gets the same model.
    """
    runs = {run.stage: run for run in TrainingRun.objects.filter(stage__in=[Stage.LIVE, Stage.CANARY])}
    canary = runs.get(Stage.CANARY.value)
    if canary is not None and person and _bucket(canary.pk, person) < canary.canary_bp:
        return canary
    return runs.get(Stage.LIVE.value)


def _bucket(run_id: int, person: str) -> int:
    """A place in 0..9999, even over people and different for each canary."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"recommender.canary {run_id} {person}".encode(), "sha256")
    return int.from_bytes(digest[:8], "big") % 10_000


def _require_whole(run: TrainingRun) -> None:
    """Raise TrainingRefusedError unless the run is done and its file is the one that was registered."""
    from recommender.engine.errors import ArtefactError
    from recommender.engine.serve import open_recommender

    if run.state != TrainingState.DONE or not run.artefact:
        raise TrainingRefusedError(
            _("Run %(run)s has no finished model that could serve; train again first.") % {"run": run.pk}
        )
    try:
        open_recommender(models_folder() / run.artefact, sha256=run.artefact_sha256)
    except ArtefactError as error:
        raise TrainingRefusedError(
            _("Run %(run)s cannot serve: %(why)s. The model that serves stays; restore the file or train again.")
            % {"run": run.pk, "why": error}
        ) from error
