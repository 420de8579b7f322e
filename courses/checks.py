"""What `check --deploy` refuses about selling. Ids are stable: courses.E001 ..."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.security, deploy=True)
def payment_is_real(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[checks.CheckMessage]:  # noqa: ARG001
    """A test payment on a public installation gives courses away."""
    if not settings.TEST_PAYMENT:
        return []
    words = "The checkout offers a test payment: courses cost nothing."
    return [checks.Error(words, hint="Unset PORTAL_TEST_PAYMENT and PORTAL_DEMO.", id="courses.E001")]
