"""What every template may say about this installation."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.middleware import way_on


def installation(request: HttpRequest) -> dict[str, object]:
    """`platform_name`, `platform_currency` and `demo`; `way_on` from setting a second factor up, asked when read."""
    return {
        "platform_name": settings.PLATFORM_NAME,
        "platform_currency": settings.CURRENCY,
        "demo": settings.DEMO,
        "way_on": SimpleLazyObject(lambda: way_on(request)),
    }
