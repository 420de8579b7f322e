"""Two people promote at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connections, transaction

from recommender.choices import Stage, TrainingState
from recommender.models import TrainingRun
from recommender.services import model_promote, training_stages

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]


def test_of_two_promotions_at_once_the_later_one_serves_and_none_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_stages, "_require_whole", lambda _run: None)
    stages = (Stage.LIVE, Stage.CANDIDATE, Stage.CANDIDATE)
    _old, first, second = (
        TrainingRun.objects.create(model="ease", state=TrainingState.DONE, stage=stage) for stage in stages
    )
    promoted = Event()

    def slowly() -> None:
        with transaction.atomic():
            model_promote(run_id=first.pk)
            promoted.set()
            time.sleep(0.3)
        connections.close_all()

    def meanwhile() -> None:
        promoted.wait(10)
        model_promote(run_id=second.pk)
        connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(slowly), pool.submit(meanwhile)]:
            done.result()
    assert TrainingRun.objects.get(stage=Stage.LIVE) == second
