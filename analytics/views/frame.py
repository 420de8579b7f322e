"""The frame around the marketer's pages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.choices import Role
from accounts.rules import may, may_enter, roles_of
from courses.views.frame import suggestions_at


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context of `portal_shell.html`: navigation, room, who reads."""
    user = request.user
    entries: list[dict[str, Any]] = [
        {"label": _("Overview"), "url": reverse("analytics:overview"), "icon": "chart"},
        {"label": _("Attribution"), "url": reverse("analytics:explorer"), "icon": "streams"},
        {"label": _("Journeys"), "url": reverse("analytics:journeys"), "icon": "path"},
        {"label": _("Cohorts"), "url": reverse("analytics:cohorts"), "icon": "users"},
        {"label": _("Campaigns"), "url": reverse("analytics:campaigns"), "icon": "megaphone"},
    ]
    if suggested := suggestions_at("/marketing/suggestions/"):
        entries.append({"label": _("Suggestions"), "url": suggested, "icon": "compass"})
    if tried := suggestions_at("/marketing/experiments/"):
        entries.append({"label": _("Experiments"), "url": tried, "icon": "flask"})
    for entry in entries:
        entry["current"] = request.path == entry["url"]
    desk = [
        {"label": label, "url": reverse(f"admin:{name}_changelist"), "icon": icon}
        for label, name, icon in (
            (_("Spend"), "analytics_spend", "coins"),
            (_("Channels"), "partners_channel", "streams"),
            (_("Touches"), "analytics_touchpoint", "cursor"),
            (_("Exchange rates"), "ledger_fxrate", "bank"),
        )
        if is_on_desk(name) and may(user, "view", name.replace("_", ".", 1))
    ]
    groups: list[dict[str, Any]] = [{"label": "", "entries": entries}]
    if desk and may_enter(user, "admin"):
        groups.append({"label": _("Back office"), "entries": desk})
    roles = sorted(str(Role(role).label) for role in roles_of(user))
    return {
        "nav": groups,
        "tabs": entries[:4],
        "room": _("Marketing"),
        "room_url": reverse("analytics:overview"),
        "user_note": roles[0] if roles else "",
    }


def is_on_desk(name: str) -> bool:
    """Whether the back office has a page for the model, named APP_MODEL."""
    return any(f"{model._meta.app_label}_{model._meta.model_name}" == name for model in admin.site._registry)
