"""Two schedulers run by mistake, through a whole night: each period's work is done once (F15)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from celery.schedules import maybe_schedule
from django.conf import settings as configured
from django.db.models import Count

from accounts.scope import all_rows
from analytics.models import ReportRun
from courses.models import Course
from courses.services import NewBehaviour, behaviours_record
from events.models import Delivery
from ledger.models import BalanceSnapshot, JournalEntry, Payout, Seal, Verification
from portal.celery import app
from recommender.models import TrainingRun
from tests import databases
from tests.cast import Cast
from tests.factories.courses import learner
from tests.faults.test_payday import school
from tests.faults.test_redelivery import business
from tests.ledger import stage
from tests.ledger.together import together

EVENING = datetime(2026, 11, 26, 18, 5, tzinfo=UTC)
"""Five past two at night in Shanghai."""

MINUTES = 160


def evening() -> None:
    """News that nobody has handled, a payout run that is approved, learners who looked at courses."""
    business()
    school(Cast(), 5)
    course = Course.objects.get()
    seen = [
        NewBehaviour(kind="view", user_id=learner().pk, course_id=course.pk, occurred_at=EVENING - timedelta(days=day))
        for day in range(8)
    ]
    behaviours_record(events=seen)


def due(minute: datetime, ran: dict[str, datetime]) -> Iterator[str]:
    """The jobs that a scheduler sends in this minute, by the schedule of the product."""
    for name, row in configured.CELERY_BEAT_SCHEDULE.items():
        if maybe_schedule(row["schedule"], app=app).is_due(ran.setdefault(name, EVENING)).is_due:
            ran[name] = minute
            yield row["task"]


def night(beats: int) -> dict[str, Any]:
    """A night under so many schedulers, whose workers set to work at once; what it came to."""
    ran: dict[str, datetime] = {}
    for number in range(1, MINUTES):
        minute = EVENING + timedelta(minutes=number)
        with time_machine.travel(minute, tick=False):
            for task in list(due(minute, ran)):
                kwargs = [{"queue": queue} for queue in ("money", "default")] if task == "events.relay" else [{}]
                for each in kwargs:
                    found = together(*[lambda task=task, each=each: app.tasks[task](**each)] * beats)
                    assert not [one for one in found if isinstance(one, Exception) and "Busy" not in type(one).__name__]
            together(*[lambda: [app.tasks["events.relay"](queue=queue) for queue in ("money", "default")]] * beats)
    with all_rows():
        assert not stage.violations("I1", "I2", "I4-seals", "I8", "I10", "I11")
        assert not Delivery.objects.exclude(state="done").exists()
        kinds = JournalEntry.objects.values_list("kind").annotate(n=Count("pk")).order_by("kind")
        return {
            "entries": dict(kinds),
            "paid": Payout.objects.count(),
            "sealed": sum(Seal.objects.values_list("entries", flat=True)),
            "snapshots": BalanceSnapshot.objects.count(),
            "verified": Verification.objects.count(),
            "trained": TrainingRun.objects.filter(state="done").count(),
            "asked": TrainingRun.objects.count(),
            "reports": [*ReportRun.objects.values_list("state", flat=True)],
        }


@pytest.mark.long
def test_a_night_under_two_schedulers_comes_to_what_it_comes_to_under_one(
    django_db_setup: None, django_db_blocker: Any, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR, settings.DEVICE = tmp_path, "cpu"
    came = []
    for beats in (1, 2):
        with django_db_blocker.unblock(), databases.clone():
            with all_rows(), time_machine.travel(EVENING, tick=False):
                evening()
            came.append(night(beats))
    assert came[0] == came[1]
    assert came[0]["paid"] == 5
    assert came[0]["verified"] == came[0]["trained"] == len(came[0]["reports"]) == 1
    assert came[0]["sealed"] > 10
