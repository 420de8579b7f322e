"""Celery doors of courses: ids in, one service call."""

from celery import shared_task

from courses import services


@shared_task(name="courses.expire")
def expire() -> None:
    """Cancel orders that waited too long for their payment; beat sends it every ten minutes."""
    services.orders_expire()
