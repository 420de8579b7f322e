"""Unfold's settings: the admin wears the same colours, corners and rooms as the portals."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from portal import tokens

STYLES = tuple(f"portal/css/{name}.css" for name in ("tokens", "text", "data", "admin"))


def unfold(platform_name: str) -> dict[str, Any]:
    """The UNFOLD setting; colours and corners are the tokens' part `unfold`."""
    values = tokens.read_tokens()["unfold"]
    icon = static_file("portal/favicon.svg")
    return {
        "SITE_TITLE": platform_name,
        "SITE_HEADER": platform_name,
        "SITE_SUBHEADER": _("Administration"),
        "SITE_ICON": icon,
        "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": icon}],
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": True,
        "SHOW_LANGUAGES": True,
        "BORDER_RADIUS": values["BORDER_RADIUS"],
        "COLORS": values["COLORS"],
        "COMMAND": {"search_models": True},
        "DASHBOARD_CALLBACK": "portal.today.today",
        "SIDEBAR": {
            "show_search": True,
            "command_search": True,
            "show_all_applications": False,
            "navigation": "portal.sidebar.navigation",
        },
        "STYLES": [static_file(path) for path in STYLES],
        "SCRIPTS": [static_file("portal/js/admin.js")],
    }


def static_file(path: str) -> Callable[[HttpRequest], str]:
    """A static file's address, found when a page asks for it and not while settings are read."""
    return lambda request: static(path)  # noqa: ARG005 - Unfold calls it with the request
