"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """The outbox: news that travels between floors."""

    name = "events"
    verbose_name = _("Events")

    def ready(self) -> None:
        """Register the handlers of news of its own."""
        from events import handlers  # noqa: F401 - registers by being imported
