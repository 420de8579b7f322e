"""From acts to a model that serves: datasets, leases, the gate, the way back, updates, forgetting."""

import errno
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from accounts.models import AuditEntry, User
from courses.choices import EventKind
from courses.services import NewBehaviour, behaviours_record
from recommender.choices import Stage, TrainingState
from recommender.engine.serve import open_recommender
from recommender.errors import TrainingRefusedError, TrainingStoppedError
from recommender.models import DatasetSnapshot, ShadowReading, TrainingRun
from recommender.services import (
    model_beside,
    model_promote,
    model_rollback,
    serving_run,
    shadows_compare,
    training_request,
    training_run,
    training_stop,
    training_update,
    training_waiting,
)
from recommender.services.training import LEASE, sign_of_life
from recommender.services.training_data import behaviour_read, datasets_folder, snapshot_read
from recommender.services.training_search import study_storage
from recommender.services.training_stages import models_folder
from tests.recommender.conftest import START
from tests.recommender.test_training import trained

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everything", "own_folder")]


def act(kind: EventKind, learner: User, course: int, day: int, value: int = 1) -> NewBehaviour:
    return NewBehaviour(
        kind=kind, user_id=learner.pk, course_id=course, value=value, occurred_at=START + timedelta(days=day)
    )


def test_acts_are_cleaned_weighed_and_counted_once_under_pseudonyms(courses: list[int], learners: list[User]) -> None:
    one, two, three = learners[:3]
    User.objects.filter(pk=three.pk).update(is_staff=True)
    behaviours_record(
        events=[
            act(EventKind.VIEW, one, courses[0], 0),
            act(EventKind.PURCHASE, one, courses[0], 1),
            act(EventKind.VIEW, one, courses[0], 2),
            act(EventKind.DWELL, one, courses[1], 3, value=4),
            act(EventKind.PURCHASE, one, courses[2], 4),
            act(EventKind.REFUND, one, courses[2], 5),
            act(EventKind.RATING, two, courses[3], 1, value=5),
            act(EventKind.COMPLETE, two, courses[4], 1),
            act(EventKind.RATING, two, courses[4], 2, value=1),
            act(EventKind.VIEW, three, courses[5], 1),
        ]
    )
    read = behaviour_read()
    assert read.data.weights is not None
    kept = dict(zip(read.data.item_ids[read.data.items].tolist(), read.data.weights.tolist(), strict=True))
    assert kept == {courses[0]: 5.0, courses[3]: 3.0}
    assert read.data.n_items == 6
    assert (read.acts, read.left_out) == (10, {"staff": 1, "short stay": 1})
    assert not {one.pk, two.pk} & set(read.data.user_ids.tolist())
    assert behaviour_read().data.fingerprint() == read.data.fingerprint()


@pytest.mark.usefixtures("behaviour")
def test_a_dataset_is_kept_once_and_refused_when_it_was_altered(settings: Any) -> None:
    first, second = trained(), trained()
    snapshot = DatasetSnapshot.objects.get()
    assert first.snapshot_id == second.snapshot_id == snapshot.pk
    assert (snapshot.people, snapshot.courses, snapshot.sha256) == (24, 6, first.data_hash)
    kept = snapshot_read(snapshot)
    assert kept is not None
    assert kept.fingerprint() == snapshot.sha256
    path = Path(settings.DATA_DIR) / "datasets" / snapshot.file
    path.write_bytes(path.read_bytes()[:100])
    assert snapshot_read(snapshot) is None
    assert "+" in first.code_version
    assert set(first.metrics["valid"]["ndcg@10"]) == {"value", "se", "low", "high"}


@pytest.mark.filterwarnings("ignore")  # Optuna and TensorBoard warn of libraries of their own
@pytest.mark.usefixtures("behaviour")
def test_what_is_best_is_searched_in_a_study_that_the_database_keeps(settings: Any) -> None:
    import optuna

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.engine.tuning.best", lambda *_, **__: ("ease", {}))
        patch.setattr("recommender.services.training_search.BUDGET", 1e-3)
        searched = training_run(run_id=training_request(model="best").pk)
    assert TrainingRun.objects.get(pk=searched.pk).model == "ease"
    assert any((Path(settings.DATA_DIR) / "boards" / f"run-{searched.pk}").iterdir())
    assert searched.metrics["search"] == {"study": f"run-{searched.pk}", "trials": 1, "pruned": 0}
    storage = study_storage()
    assert optuna.load_study(study_name=f"run-{searched.pk}", storage=storage).best_params["ridge"] == 100
    optuna.delete_study(study_name=f"run-{searched.pk}", storage=storage)
    storage.engine.dispose()


@pytest.mark.usefixtures("behaviour")
def test_what_courses_are_about_is_read_by_models_that_ask_for_it(settings: Any, courses: list[int]) -> None:
    run = training_run(run_id=training_request(model="content").pk)
    assert run.data_hash == DatasetSnapshot.objects.get().sha256
    matrix = open_recommender(models_folder() / run.artefact).model.state()["matrix"]
    assert (matrix[~np.eye(6, dtype=bool)] > 0).any()
    assert [path.suffix for path in (Path(settings.DATA_DIR) / "vectors").iterdir()] == [".npz"]


@pytest.mark.usefixtures("behaviour")
def test_a_killed_training_is_found_goes_on_from_its_checkpoint_and_ends_in_the_same_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = {"dimension": 4, "epochs": 3, "window": 4, "dropout": 0.0}
    whole = training_run(run_id=training_request(model="sasrec", parameters=small).pk)
    run = training_request(model="sasrec", parameters=small)
    calls = []

    class Killed(BaseException):
        pass

    def killed(*_arguments: Any, **_named: Any) -> None:
        calls.append(1)
        if len(calls) == 5:  # in the second of three fits
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("recommender.engine.attention.Learner.learn_epoch", _then(killed))
        with pytest.raises(Killed):
            training_run(run_id=run.pk)
    assert list((models_folder() / f"run-{run.pk}.steps").iterdir())
    assert training_waiting() == []
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=datetime.now(UTC) - 2 * LEASE)
    assert training_waiting() == [run.pk]
    again = training_run(run_id=run.pk)
    assert (again.state, again.attempts, again.artefact) == (TrainingState.DONE, 2, f"run-{run.pk}-2.safetensors")
    histories = np.array([0, 1], dtype=np.int32)
    scores = [open_recommender(models_folder() / of.artefact).model.score(histories) for of in (whole, again)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not (models_folder() / f"run-{run.pk}.steps").exists()


def _then(before: Any) -> Any:
    from recommender.engine.attention import Learner

    own = Learner.learn_epoch

    def learn_epoch(self: Any) -> float:
        before()
        return own(self)

    return learn_epoch


def test_a_run_whose_workers_are_lost_again_and_again_has_failed() -> None:
    run = training_request(model="popularity")
    long_ago = datetime.now(UTC) - 2 * LEASE
    TrainingRun.objects.filter(pk=run.pk).update(state=TrainingState.RUNNING, heartbeat_at=long_ago, attempts=3)
    assert training_waiting() == []
    run.refresh_from_db()
    assert (run.state, "3 workers" in run.failure) == (TrainingState.FAILED, True)
    asked = training_request(model="popularity")
    TrainingRun.objects.filter(pk=asked.pk).update(requested_at=long_ago)
    assert training_waiting() == [asked.pk]


@pytest.mark.usefixtures("behaviour")
def test_a_stop_ends_a_waiting_run_at_once_and_a_running_one_at_its_next_step(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = training_stop(run_id=training_request(model="popularity").pk)
    assert waiting.state == TrainingState.STOPPED
    assert training_run(run_id=waiting.pk).state == TrainingState.STOPPED
    with pytest.raises(TrainingRefusedError, match="over already"):
        training_stop(run_id=waiting.pk)
    run = training_request(model="popularity")
    monkeypatch.setattr(
        "recommender.services.training.snapshot_take", lambda: (training_stop(run_id=run.pk), behaviour_read().data)
    )
    assert training_run(run_id=run.pk).state == TrainingState.STOPPED
    run.lease = None
    with pytest.raises(TrainingStoppedError, match="stopped"):
        sign_of_life(run)


@pytest.mark.usefixtures("behaviour")
def test_a_full_disk_fails_the_run_in_a_sentence_and_the_live_model_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    live = trained("popularity")

    def full(*_arguments: Any, **_named: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, words in (("artefact", "could not be saved"), ("dataset", "could not be kept")):
        with monkeypatch.context() as patch:
            if place == "artefact":
                patch.setattr("recommender.engine.artefact.os.fsync", full)
            else:
                patch.setattr("numpy.savez", full)
            with pytest.raises((OSError, TrainingRefusedError)):
                trained("popularity")
        failed = TrainingRun.objects.order_by("-pk").first()
        assert failed is not None
        assert failed.state == TrainingState.FAILED
        assert words in failed.failure
        assert "No space left" in failed.failure
    assert serving_run(person="anybody") == live
    assert [path.name for path in models_folder().glob("*.safetensors")] == [live.artefact]


@pytest.mark.usefixtures("behaviour")
def test_an_altered_file_cannot_serve_and_the_live_one_stays() -> None:
    first, second = trained("popularity"), trained("popularity")
    path = models_folder() / first.artefact
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    verbs: list[Any] = [model_rollback, partial(model_promote, run_id=first.pk), partial(model_beside, run_id=first.pk)]
    for verb in verbs:
        with pytest.raises(TrainingRefusedError, match="digest differs"):
            verb()
    assert serving_run(person="") == second


@pytest.mark.usefixtures("behaviour")
def test_a_worse_model_stays_in_the_shadow_and_the_way_back_is_one_step(cast: Any) -> None:
    with pytest.raises(TrainingRefusedError, match="No model served before"):
        model_rollback()
    first = trained("ease")
    worse = trained("popularity")
    assert (worse.stage, worse.gate["passed"]) == (Stage.SHADOW, False)
    assert worse.gate["compared"][0]["now"] < worse.gate["compared"][0]["before"]
    model_promote(run_id=worse.pk, by=cast.olga)
    assert model_rollback(by=cast.mei).pk == first.pk
    assert TrainingRun.objects.get(stage=Stage.LIVE).pk == first.pk
    told = AuditEntry.objects.filter(source="recommender_trainingrunevent", object_id=first.pk).order_by("-number")[:2]
    assert [(entry.data["stage"], entry.actor_id) for entry in told] == [
        ("live", cast.mei.pk),
        ("retired", cast.olga.pk),
    ]


@pytest.mark.usefixtures("behaviour")
def test_a_canary_answers_its_share_of_people_and_always_the_same() -> None:
    live, other = trained("ease"), trained("popularity")
    with pytest.raises(TrainingRefusedError, match="half"):
        model_beside(run_id=other.pk, canary_bp=9_000)
    with pytest.raises(TrainingRefusedError, match="serves everybody"):
        model_beside(run_id=live.pk)
    model_beside(run_id=other.pk, canary_bp=2_000)
    answers = [serving_run(person=f"p{n}") for n in range(200)]
    assert 15 < answers.count(other) < 70
    assert answers == [serving_run(person=f"p{n}") for n in range(200)]
    third = training_run(run_id=training_request(model="popularity").pk)
    model_beside(run_id=third.pk, canary_bp=1_000)
    assert TrainingRun.objects.get(pk=other.pk).stage == Stage.SHADOW


@pytest.mark.usefixtures("behaviour")
def test_what_is_new_is_added_to_the_sums_and_who_is_gone_is_unlearned(
    courses: list[int], learners: list[User]
) -> None:
    live, shadow = trained("ease"), trained("popularity")
    assert (live.sums, training_update()) == (f"run-{live.pk}.sums", None)
    behaviours_record(events=[act(EventKind.PURCHASE, learners[n], courses[4], 50) for n in (0, 2, 4)])
    updated = training_update()
    assert updated is not None
    assert (updated.stage, updated.continues_id, updated.metrics["of_run"]) == (Stage.LIVE, live.pk, live.pk)
    _equals_a_fresh_fit(updated)
    assert TrainingRun.objects.get(pk=shadow.pk).artefact
    User.objects.filter(pk=learners[1].pk).update(is_staff=True)  # what an erasure leaves: no act of theirs is read
    without = training_update()
    assert without is not None
    _equals_a_fresh_fit(without)
    assert [path.name for path in models_folder().glob("*.safetensors")] == [without.artefact]
    assert TrainingRun.objects.exclude(artefact="").get() == without
    assert [path.name for path in datasets_folder().iterdir()] == [f"{without.data_hash}.npz"]
    User.objects.filter(pk=learners[1].pk).update(is_staff=False)
    trained("popularity")  # stays in the shadow, and is the only one that learned from them
    (models_folder() / "run-1.steps").mkdir()  # what workers left that were lost
    (models_folder() / ".run-1.safetensors.x").touch()
    (datasets_folder() / ".dataset.x").touch()
    User.objects.filter(pk=learners[1].pk).update(is_staff=True)
    again = training_update()
    assert again is not None
    assert {path.name for path in models_folder().iterdir()} == {again.artefact, again.sums}
    assert [path.name for path in datasets_folder().iterdir()] == [f"{again.data_hash}.npz"]
    assert training_update() is None


def _equals_a_fresh_fit(run: TrainingRun) -> None:
    from recommender.engine.config import settings_from
    from recommender.engine.device import choose_device
    from recommender.engine.models import get_model

    kind, data = get_model("ease"), behaviour_read().data
    never = kind.fit(
        data,
        settings=settings_from(kind.Settings, run.parameters),
        device=choose_device("cpu"),
        rng=np.random.default_rng(0),
    )
    kept = open_recommender(models_folder() / run.artefact, sha256=run.artefact_sha256).model
    np.testing.assert_allclose(kept.state()["matrix"], never.state()["matrix"], rtol=0, atol=1e-7)
    assert run.data_hash == data.fingerprint()


@pytest.mark.usefixtures("behaviour")
def test_a_shadow_is_compared_on_what_people_took_since(courses: list[int], learners: list[User]) -> None:
    assert shadows_compare() == []
    trained("ease")
    shadow = trained("popularity")
    assert shadows_compare() == []
    behaviours_record(events=[act(EventKind.PURCHASE, learners[n], courses[5 if n % 2 else 0], 60) for n in range(6)])
    behaviours_record(events=[act(EventKind.PURCHASE, learners[n], courses[4], 61) for n in (0, 2)])
    reading = shadows_compare()[0]
    assert (reading.run, reading.people) == (shadow, 3)
    assert reading.hits == reading.live_hits == 3  # of six courses ten places show all
    assert ShadowReading.objects.count() == 1


@pytest.mark.usefixtures("behaviour")
def test_a_model_that_is_no_sum_over_people_is_trained_anew_once_somebody_is_gone(learners: list[User]) -> None:
    training_run(run_id=training_request(model="sasrec", parameters={"dimension": 4, "epochs": 1, "dropout": 0.0}).pk)
    User.objects.filter(pk=learners[1].pk).update(is_staff=True)
    asked = training_update()
    assert asked is not None
    assert (asked.state, asked.model) == (TrainingState.QUEUED, "sasrec")
    assert training_update() == asked
    again = training_run(run_id=asked.pk)
    assert again.stage == Stage.LIVE
    assert [path.name for path in models_folder().iterdir()] == [again.artefact]


def test_the_desk_goes_back_stops_and_shows_what_was_compared(cast: Any) -> None:
    client = cast.client_of(cast.olga)
    runs = reverse("admin:recommender_trainingrun_changelist")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommender.admin.training.services.model_rollback", lambda **_by: 1 / 1)
        assert client.post(reverse("admin:recommender_trainingrun_rollback")).status_code == 302
    waiting = training_request(model="popularity")
    client.post(reverse("admin:recommender_trainingrun_stop_run", args=[waiting.pk]), {"step": "confirm"})
    assert TrainingRun.objects.get(pk=waiting.pk).state == TrainingState.STOPPED
    story = AuditEntry.objects.filter(source="recommender_trainingrunevent", object_id=waiting.pk).order_by("number")
    assert [(entry.label, entry.actor_id) for entry in story] == [("insert", None), ("update", cast.olga.pk)]
    TrainingRun.objects.filter(pk=waiting.pk).update(
        gate={"compared": [{"figure": "ndcg@10", "before": 0.2, "now": 0.1, "allowed": 0.01, "passed": False}]},
        metrics={"search": {"study": "run-9", "trials": 12, "pruned": 3}},
        stage=Stage.RETIRED,
        artefact="x",
        promoted_at=START,
    )
    assert f"#{waiting.pk}".encode() in client.get(runs).content
    page = client.get(reverse("admin:recommender_trainingrun_change", args=[waiting.pk])).content.decode()
    assert "fell too far" in page
    assert "run-9" in page
    asked = training_request(model="popularity")
    stop = reverse("admin:recommender_trainingrun_stop_run", args=[asked.pk])
    own = client.get(reverse("admin:recommender_trainingrun_change", args=[asked.pk])).content.decode()
    assert stop in own
    assert "/promote/" not in own  # there is nothing yet that could serve
    assert "It ends at its next step" in client.get(stop).content.decode()
    assert TrainingRun.objects.get(pk=asked.pk).state == TrainingState.QUEUED
    client.post(stop, {"step": "confirm"})
    assert TrainingRun.objects.get(pk=asked.pk).state == TrainingState.STOPPED
    TrainingRun.objects.filter(pk=waiting.pk).update(state=TrainingState.DONE)
    promote = reverse("admin:recommender_trainingrun_promote_run", args=[waiting.pk])
    assert promote in client.get(reverse("admin:recommender_trainingrun_change", args=[waiting.pk])).content.decode()
    assert "cannot serve" in client.post(promote, {"step": "confirm"}, follow=True).content.decode()
    for verb in ("canary", "shadow"):
        client.post(reverse(f"admin:recommender_trainingrun_{verb}_run", args=[waiting.pk]), {"step": "confirm"})
        assert TrainingRun.objects.get(pk=waiting.pk).stage == Stage.RETIRED, "its file is not there"
