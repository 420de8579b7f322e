"""The process that trains is killed: its run waits for the lease to end, and is then trained by somebody else."""

import os
import signal
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from accounts.scope import all_rows
from courses.choices import EventKind
from courses.services import NewBehaviour, behaviours_record
from recommender.choices import TrainingState
from recommender.models import TrainingRun
from recommender.services import training_request, training_run
from tests.factories.courses import NOON, course, learner

pytestmark = pytest.mark.race


def looked_at() -> None:
    """Six people looked at four courses, each in an order of their own."""
    courses = [course(slug=f"c{number}") for number in range(4)]
    people = [learner() for _ in range(6)]
    events = [
        NewBehaviour(
            kind=EventKind.VIEW,
            user_id=person.pk,
            course_id=courses[(step + number) % 4].pk,
            occurred_at=NOON + timedelta(days=7 * step, minutes=number),
        )
        for number, person in enumerate(people)
        for step in range(4)
    ]
    behaviours_record(events=events)


def worker_at_work(run_id: int) -> int:
    """A process that has taken the run and trains for a very long time; its number."""
    connections.close_all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        try:
            sys.modules["recommender.services.training"]._train = lambda run: time.sleep(60)  # type: ignore[attr-defined]
            training_run(run_id=run_id)
        finally:
            os._exit(0)
    return pid


def test_a_killed_training_is_taken_over_when_its_lease_is_over(
    committed_db: str, monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR, settings.DEVICE = tmp_path, "cpu"
    with all_rows():
        looked_at()
        run = training_request(model="popularity")
    pid = worker_at_work(run.pk)
    deadline = time.monotonic() + 20
    while run.state != TrainingState.RUNNING and time.monotonic() < deadline:
        time.sleep(0.02)
        run.refresh_from_db()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert training_run(run_id=run.pk).state == TrainingState.RUNNING, "nobody knows yet that it was killed"
    monkeypatch.setattr(sys.modules["recommender.services.training"], "LEASE", timedelta(0))
    done = training_run(run_id=run.pk)
    assert done.state == TrainingState.DONE
    assert done.artefact
    assert TrainingRun.objects.count() == 1
