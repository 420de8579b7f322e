"""Doors of the ground floor for workers."""

from celery import shared_task

from accounts import services


@shared_task(name="accounts.sessions_clear")
def sessions_clear() -> None:
    """Remove sessions that have expired; beat sends it at night."""
    services.sessions_clear()
