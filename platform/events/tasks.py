"""Doors of the outbox for workers."""

from celery import shared_task

from events import services


@shared_task(name="events.relay")
def relay(queue: str) -> None:
    """Run what is due on one queue; wakes itself again when there is more than one turn's work."""
    if services.relay(queue=queue).more:
        services.wake(queue)


@shared_task(name="events.sweep")
def sweep() -> None:
    """Mend the outbox; beat sends it every 30 seconds."""
    services.sweep()


@shared_task(name="events.purge")
def purge() -> None:
    """Remove events that have aged; beat sends it at night."""
    services.purge()
