"""Doors of the whole house for workers."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from portal import erasure


@shared_task(name="portal.touches_expire")
def touches_expire() -> None:
    """Erase the touches that are older than the house keeps them; beat sends it at night."""
    erasure.touches_expire(months=settings.TOUCH_MONTHS, today=timezone.localdate())
