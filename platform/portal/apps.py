"""The Django app of the portal itself: commands, checks, templates of no single floor."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Composes the floors below; it has no tables."""

    name = "portal"

    def ready(self) -> None:
        """Make our Celery application the one that shared tasks are bound to, and put the admin behind one door."""
        from allauth.account.decorators import secure_admin_login
        from django.contrib import admin

        from portal import celery, checks  # noqa: F401

        admin.autodiscover()
        admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
