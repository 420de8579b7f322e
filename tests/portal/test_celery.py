"""Celery as this project sets it up: late, one at a time, by queue, on the embedded broker where no other is named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from portal.celery import app

ROOT = Path(__file__).resolve().parents[2]


WEB = """
import django, json
django.setup()
from celery import current_app
from django.conf import settings
said = {"tasks": list(current_app.tasks), "visible": settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]}
from portal.celery import app
app.send_task("events.sweep", queue="probe", retry=False)
with app.connection_for_read() as link:
    queue = link.SimpleQueue("probe")
    message = queue.get(timeout=10)
    said["met"] = message.headers["task"]
    message.ack()
    queue.close()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def fresh() -> dict[str, Any]:
    """What a fresh process with the product's own settings says of its tasks, its broker and a message sent there."""
    done = subprocess.run(
        [sys.executable, "-c", WEB],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}", "DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_web_process_knows_every_task(fresh: dict[str, Any]) -> None:
    assert {"events.relay", "recommender.train"} <= set(fresh["tasks"])


def test_a_message_reaches_the_embedded_broker(fresh: dict[str, Any]) -> None:
    assert fresh["met"] == "events.sweep"


def test_a_lost_worker_loses_no_task(fresh: dict[str, Any]) -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.result_backend is None
    assert fresh["visible"] > settings.CELERY_TASK_TIME_LIMIT


def test_money_and_training_have_queues_of_their_own() -> None:
    def queue(name: str) -> str:
        found = app.amqp.router.route({}, name)["queue"]
        return str(getattr(found, "name", found))

    assert queue("ledger.seal") == "money"
    assert queue("partners.payout_send") == "money"
    assert queue("recommender.train") == "training"
    assert queue("analytics.report") == "default"


def test_beat_keeps_its_schedule_in_the_database_by_the_platforms_clock() -> None:
    assert settings.CELERY_BEAT_SCHEDULER == "django_celery_beat.schedulers:DatabaseScheduler"
    assert settings.CELERY_TIMEZONE == settings.TIME_ZONE
