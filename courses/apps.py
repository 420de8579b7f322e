"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CoursesConfig(AppConfig):
    """Catalogue, orders, enrolments, learning, behaviour events."""

    name = "courses"
    verbose_name = _("Courses")

    def ready(self) -> None:
        """Register the system checks, and what must be in order before a month is closed."""
        from courses import checks  # noqa: F401
        from courses.selectors import (
            closing,  # noqa: F401 - what a month must have in order registers itself
            proofs,  # noqa: F401 - they register themselves
        )
