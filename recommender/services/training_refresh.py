"""What happens between nights: the sums are carried on, people who left are forgotten, shadows are compared."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from recommender.choices import Stage, TrainingState
from recommender.models import ShadowReading, TrainingRun
from recommender.services.training import file_name, model_keep, run_fail, run_finish
from recommender.services.training_data import behaviour_read, people_kept, snapshot_read, snapshot_take
from recommender.services.training_stages import models_folder, models_forget

if TYPE_CHECKING:
    from recommender.engine.data import Interactions

REFIT_SHARE = 0.01
"""Share of new or changed rows from which the serving model is solved anew."""

COMPARED = 2_000
"""People whom a shadow is compared on, at most."""

SHOWN = 10


def training_update() -> TrainingRun | None:
    """Carry the serving model's sums on to the behaviour of now, and solve it anew where that is worth it.

    It is where more than a hundredth of the rows changed, or somebody is gone: what they did is subtracted, and the
    model equals one that never saw them. Models and datasets that could still tell of them are then removed. Returns
    the new run, or None where nothing was to be done. A model that is no sum over people waits for the night, or is
    trained at once where somebody is gone.
    """
    from recommender.engine.additive import changes

    live = TrainingRun.objects.filter(stage=Stage.LIVE).select_related("snapshot").first()
    before = snapshot_read(live.snapshot) if live and live.snapshot else None
    if live is None or before is None:
        return None
    after = behaviour_read().data
    gone, new, rows = changes(before, after)
    left = people_kept() - set(after.user_ids.tolist())  # also who only a model in the shadow learned from
    if not len(after) or (rows <= REFIT_SHARE * len(before) and not left):
        return None
    if not live.sums:
        return _train_again(live) if left else None
    run = _carry_on(live, gone, new)
    if left:
        models_forget(run=run)
    return run


def _train_again(live: TrainingRun) -> TrainingRun:
    """The same model asked for once more, or found asked for; a worker finds it waiting and forgets the older ones."""
    waiting = TrainingRun.objects.filter(continues=live, state__in=[TrainingState.QUEUED, TrainingState.RUNNING])
    return waiting.first() or TrainingRun.objects.create(model=live.model, parameters=live.parameters, continues=live)


def _carry_on(live: TrainingRun, gone: "Interactions", new: "Interactions") -> TrainingRun:
    """Minus the old histories, plus the new ones, solved and registered, with the figures of the run it carries on."""
    from recommender.engine.additive import Ledger
    from recommender.engine.device import choose_device, describe_device

    device = choose_device(settings.DEVICE)
    ledger = Ledger.read(models_folder() / live.sums, data_sha256=live.data_hash, device=device)
    ledger.change(gone=gone, new=new)
    snapshot, _ = snapshot_take()
    now = timezone.now()
    run = TrainingRun.objects.create(
        model=live.model,
        parameters=live.parameters,
        continues=live,
        state=TrainingState.RUNNING,
        started_at=now,
        heartbeat_at=now,
        device=describe_device(device),
        data_hash=snapshot.sha256,
    )
    try:
        model_keep(run, ledger.solve(), snapshot=snapshot)
        run.sums = file_name(run, "sums")
        ledger.write(models_folder() / run.sums, data_sha256=run.data_hash)
        run_finish(run, {**live.metrics, "of_run": live.metrics.get("of_run", live.pk)})
    except Exception as error:
        run_fail(run, error)
        raise
    return run


def shadows_compare() -> list[ShadowReading]:
    """Ask each shadow and canary beside the serving model about people who took a course since both were trained.

    Both get the history before that course. Runs without anybody to ask about get no reading.
    """
    live = TrainingRun.objects.filter(stage=Stage.LIVE).select_related("snapshot").first()
    beside = TrainingRun.objects.filter(stage__in=[Stage.SHADOW, Stage.CANARY]).select_related("snapshot")
    if live is None or not beside:
        return []
    now = behaviour_read().data
    found = (_compare(run, live, now) for run in beside)
    return [reading for reading in found if reading is not None]


def _compare(run: TrainingRun, live: TrainingRun, now: "Interactions") -> ShadowReading | None:
    from recommender.engine.serve import open_recommender

    asked = _asked(run, live, now)
    if not asked:
        return None
    models = [open_recommender(models_folder() / of.artefact, sha256=of.artefact_sha256) for of in (run, live)]
    overlap, hits = 0, [0, 0]
    for history, wanted in asked:
        lists = [{found.item_id for found in model.recommend(history, k=SHOWN, reasons=0)} for model in models]
        overlap += len(lists[0] & lists[1])
        for place, shown in enumerate(lists):
            hits[place] += wanted in shown
    return ShadowReading.objects.create(
        run=run,
        live=live,
        people=len(asked),
        overlap_bp=min(10_000, round(10_000 * overlap / (SHOWN * len(asked)))),
        hits=hits[0],
        live_hits=hits[1],
    )


def _asked(run: TrainingRun, live: TrainingRun, now: "Interactions") -> list[tuple[list[int], int]]:
    """Of each person their history as both models knew it, and the first course since."""
    import numpy as np

    kept = [snapshot_read(of.snapshot) for of in (run, live) if of.snapshot]
    known = [table for table in kept if table is not None]
    if len(known) < 2:
        return []
    fresh = np.ones(len(now), dtype=np.bool_)
    pairs = _pairs(now)
    for table in known:
        fresh &= ~np.isin(pairs, _pairs(table))
    found = []
    for row in np.unique(now.rows[fresh])[:COMPARED]:
        span = slice(now.pointers[row], now.pointers[row + 1])
        items, new = now.item_ids[now.items[span]], fresh[span]
        if not new.all():
            found.append((items[~new].tolist(), int(items[new][0])))
    return found


def _pairs(table: "Interactions") -> Any:
    import numpy as np

    rows = np.empty(len(table), dtype=[("user", np.int64), ("item", np.int64)])
    rows["user"], rows["item"] = table.user_ids[table.rows], table.item_ids[table.items]
    return rows
