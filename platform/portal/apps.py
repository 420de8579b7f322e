"""The Django app of the portal itself: commands, checks, templates of no single floor."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Composes the floors below; it has no tables."""

    name = "portal"

    def ready(self) -> None:
        """Make our Celery application the one that shared tasks are bound to; register the checks."""
        from portal import celery, checks  # noqa: F401

        # Celery finds tasks by itself in workers only; whoever sends one by name must know it too.
        celery.app.autodiscover_tasks(force=True)
