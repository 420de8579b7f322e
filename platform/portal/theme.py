"""Unfold's settings: the admin wears the same colours and corners as the portals (the face's tokens, part `unfold`)."""

from typing import Any

from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

COLORS = {
    "base": {
        "50": "oklch(97.1% 0.004 205)",
        "100": "oklch(95.5% 0.005 205)",
        "200": "oklch(91.8% 0.006 205)",
        "300": "oklch(86.5% 0.008 205)",
        "400": "oklch(67.5% 0.014 205)",
        "500": "oklch(52.2% 0.016 205)",
        "600": "oklch(42.5% 0.018 205)",
        "700": "oklch(34.5% 0.014 205)",
        "800": "oklch(28.2% 0.013 205)",
        "900": "oklch(20.4% 0.0115 205)",
        "950": "oklch(16.5% 0.01 205)",
    },
    "primary": {
        "50": "oklch(97.5% 0.012 215)",
        "100": "oklch(94.5% 0.025 215)",
        "200": "oklch(89.0% 0.05 215)",
        "300": "oklch(82.0% 0.078 215)",
        "400": "oklch(76.5% 0.095 215)",
        "500": "oklch(70.0% 0.1 215)",
        "600": "oklch(44.0% 0.078 215)",
        "700": "oklch(38.5% 0.07 215)",
        "800": "oklch(33.0% 0.06 215)",
        "900": "oklch(28.0% 0.05 215)",
        "950": "oklch(22.0% 0.04 215)",
    },
}


def unfold(platform_name: str) -> dict[str, Any]:
    """The UNFOLD setting."""
    return {
        "SITE_TITLE": platform_name,
        "SITE_HEADER": platform_name,
        "SITE_SUBHEADER": _("Partner desk"),
        "SITE_SYMBOL": "water",
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": True,
        "SHOW_LANGUAGES": True,
        "BORDER_RADIUS": "7px",
        "COLORS": COLORS,
        "SIDEBAR": {"show_search": True, "show_all_applications": False},
        "STYLES": [],
        "SCRIPTS": [],
    }


def stylesheet(path: str) -> Any:
    """A static file's address, found when a page asks for it and not while settings are read."""
    return lambda request: static(path)  # noqa: ARG005 - Unfold calls it with the request
