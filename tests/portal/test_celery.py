"""Celery as this project sets it up: late, one at a time, by queue, on the embedded broker where no other is named."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from portal.celery import app

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> str:
    """Run `code` in a fresh process with the product's own settings, Django set up."""
    done = subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}", "DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_web_process_knows_every_task() -> None:
    names = run("from celery import current_app; print(sorted(n for n in current_app.tasks if n[:6] != 'celery'))")
    assert "'events.relay'" in names
    assert "'recommender.train'" in names


def test_a_message_reaches_the_embedded_broker() -> None:
    code = """
from portal.celery import app
app.send_task("events.sweep", queue="probe", retry=False)
with app.connection_for_read() as link:
    queue = link.SimpleQueue("probe")
    message = queue.get(timeout=10)
    print(message.headers["task"])
    message.ack()
    queue.close()
"""
    assert run(code) == "events.sweep"


def test_a_lost_worker_loses_no_task() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.result_backend is None
    limit = run(
        "from django.conf import settings as s; "
        "print(s.CELERY_BROKER_TRANSPORT_OPTIONS['visibility_timeout'] - s.CELERY_TASK_TIME_LIMIT)"
    )
    assert int(limit) > 0


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
