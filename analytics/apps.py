"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    """Visitors, touchpoints, conversions, credits, spend and channel reports."""

    name = "analytics"
    verbose_name = _("Analytics")

    def ready(self) -> None:
        """Register the handlers of other floors' news, and who tells of touches."""
        from analytics import handlers  # noqa: F401 - registers by being imported
        from analytics.services import touches  # noqa: F401 - answers for how learners came
