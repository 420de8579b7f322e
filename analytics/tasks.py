"""Celery doors of analytics: ids in, one service call."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from analytics import services
from analytics.errors import ReportRefusedError
from partners.errors import ReplayRefusedError


@shared_task(name="analytics.report", throws=(ReportRefusedError,))
def report(run_id: int) -> None:
    """Compute one requested channel report."""
    services.report_run(run_id=run_id)


@shared_task(name="analytics.replay", throws=(ReplayRefusedError,))
def replay(replay_id: int) -> None:
    """Compute one what-if that was asked for."""
    services.replay_compute(replay_id=replay_id)


@shared_task(name="analytics.report_nightly", throws=(ReportRefusedError,))
def report_nightly(days: int = 30) -> None:
    """Request and compute the report of the last `days` days up to yesterday in the platform's currency."""
    until = timezone.localdate() - timedelta(days=1)
    since = until - timedelta(days=days - 1)
    run = services.report_request(since=since, until=until, currency=settings.CURRENCY, once=True)
    services.report_run(run_id=run.pk)


@shared_task(name="analytics.partitions")
def partitions() -> None:
    """Keep next month's partition of the touches ready, so that no visitor waits for it."""
    now = timezone.now()
    services.partitions_ensure(instants=[now, now + timedelta(days=31)])


@shared_task(name="analytics.mirror", throws=(ReportRefusedError,))
def mirror() -> None:
    """Bring the columnar mirror up to now, and the daily path statistics with it."""
    services.mirror_update()
    services.path_statistics_update()
