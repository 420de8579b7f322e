"""Training in Django: from behaviour to a model that serves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from recommender.choices import Stage, TrainingState
from recommender.engine.models import MODELS
from recommender.engine.names import MODEL_NAMES
from recommender.engine.serve import open_recommender
from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun
from recommender.services import model_promote, training_request, training_run
from recommender.services.training_stages import models_folder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everything", "own_folder")]


def trained(model: str = "ease") -> TrainingRun:
    return training_run(run_id=training_request(model=model).pk)


def test_without_behaviour_a_training_is_refused_and_says_why(courses: list[int]) -> None:
    run = training_request(model="popularity")
    with pytest.raises(TrainingRefusedError, match="nothing to learn from"):
        training_run(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == TrainingState.FAILED
    assert "nothing to learn from" in run.failure


@pytest.mark.usefixtures("behaviour")
def test_a_finished_training_serves_and_keeps_its_figures() -> None:
    run = trained()
    assert (run.state, TrainingRun.objects.get(pk=run.pk).stage) == (TrainingState.DONE, Stage.LIVE)
    assert run.device == "cpu"
    assert len(run.artefact_sha256) == 64
    assert set(run.metrics) >= {"valid", "test", "split", "cpu_seconds"}


@pytest.mark.usefixtures("behaviour")
def test_noise_that_hides_people_is_drawn_anew_for_every_run() -> None:
    """Whoever knew the seed could take the noise away."""
    asked = [training_request(model="private_ease", parameters={"epsilon": 1e6}) for _n in range(2)]
    files = [models_folder() / training_run(run_id=run.pk).artefact for run in asked]
    first, second = (open_recommender(file).model.state()["matrix"] for file in files)
    assert not np.array_equal(first, second)


@pytest.mark.usefixtures("behaviour")
def test_training_a_finished_run_again_changes_nothing() -> None:
    run = trained()
    before = run.artefact_sha256
    assert training_run(run_id=run.pk).artefact_sha256 == before


@pytest.mark.usefixtures("behaviour")
def test_a_run_that_another_worker_is_alive_on_is_left_alone() -> None:
    run = training_request(model="popularity")
    TrainingRun.objects.filter(pk=run.pk).update(state=TrainingState.RUNNING, heartbeat_at=datetime.now(UTC))
    assert training_run(run_id=run.pk).state == TrainingState.RUNNING
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=datetime.now(UTC) - timedelta(hours=1))
    assert training_run(run_id=run.pk).state == TrainingState.DONE


@pytest.mark.usefixtures("behaviour")
def test_promoting_an_older_run_is_the_way_back() -> None:
    first, second = trained("popularity"), trained("popularity")
    model_promote(run_id=second.pk)
    model_promote(run_id=first.pk)
    assert list(TrainingRun.objects.filter(stage=Stage.LIVE).values_list("pk", flat=True)) == [first.pk]


def test_an_unfinished_run_cannot_serve() -> None:
    run = training_request(model="popularity")
    with pytest.raises(TrainingRefusedError, match="train again"):
        model_promote(run_id=run.pk)


def test_the_names_for_pages_are_those_of_the_registry() -> None:
    assert set(MODEL_NAMES) == set(MODELS)


def test_the_desk_asks_for_a_training_with_settings_and_refuses_those_that_the_model_does_not_take(cast: Any) -> None:
    client, add = cast.client_of(cast.olga), reverse("admin:recommender_trainingrun_add")
    refused = {
        ("ease", '{"rigde": 50}'): "unknown setting &#x27;rigde&#x27;",
        ("ease", '{"ridge": "much"}'): "ridge must be a number",
        ("ease", "[1]"): "Settings are names with their values",
        ("blend", '{"components": [{"model": "sasrek"}]}'): "sasrek",
        ("blend", '{"components": [{}]}'): "cannot be trained so",
        ("best", '{"budget": -1}'): "CPU seconds",
        ("best", '{"ridge": 50}'): "CPU seconds",
    }
    for (model, parameters), words in refused.items():
        answer = client.post(add, {"model": model, "parameters": parameters})
        assert (answer.status_code, TrainingRun.objects.exists()) == (200, False)
        assert words in answer.content.decode()
    asked = {"private_ease": '{"epsilon": 4}', "best": '{"budget": 90}', "popularity": ""}
    for model, parameters in asked.items():
        assert client.post(add, {"model": model, "parameters": parameters}).status_code == 302
    told = TrainingRun.objects.order_by("pk").values_list("model", "parameters", "requested_by")
    assert list(told) == [
        ("private_ease", {"epsilon": 4}, cast.olga.pk),
        ("best", {"budget": 90}, cast.olga.pk),
        ("popularity", {}, cast.olga.pk),
    ]
