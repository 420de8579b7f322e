"""What every template may say about this installation."""

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts.middleware import way_on


def installation(request: HttpRequest) -> dict[str, object]:
    """What every page may say; `home_url` (the reader's own door) and `way_on` (to go on after setting a second factor
    up) are asked when read.
    """
    return {
        "platform_name": settings.PLATFORM_NAME,
        "platform_currency": settings.CURRENCY,
        "demo": settings.DEMO,
        "home_url": SimpleLazyObject(lambda: get_adapter(request).get_login_redirect_url(request)),
        "way_on": SimpleLazyObject(lambda: way_on(request)),
    }
