"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EventsConfig(AppConfig):
    """The outbox: news that travels between floors."""

    name = "events"
    verbose_name = _("Events")
