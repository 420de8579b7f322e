"""What every template may say about this installation."""

from django.conf import settings
from django.http import HttpRequest


def installation(request: HttpRequest) -> dict[str, object]:  # noqa: ARG001 - a context processor's signature
    """`platform_name`, `platform_currency` and `demo`."""
    return {"platform_name": settings.PLATFORM_NAME, "platform_currency": settings.CURRENCY, "demo": settings.DEMO}
