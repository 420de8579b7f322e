"""The Django app of the portal itself: commands, checks, templates of no single floor."""

from django.apps import AppConfig
from django.contrib import admin


class PortalConfig(AppConfig):
    """Composes the floors below; it has no tables."""

    name = "portal"

    def ready(self) -> None:
        """Make our Celery application the one that shared tasks are bound to; register the checks."""
        from portal import celery, checks  # noqa: F401

        # Celery finds tasks by itself in workers only; whoever sends one by name must know it too.
        celery.app.autodiscover_tasks(force=True)


class BackOfficeConfig(AppConfig):
    """Unfold over our own site; stands before Django's admin, which looks for desks and registers them there."""

    name = "unfold"

    def ready(self) -> None:
        """Make the site of which all desks are part."""
        from portal.site import BackOffice

        admin.site = admin.sites.site = BackOffice()
