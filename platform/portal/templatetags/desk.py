"""What the admin's frame needs beside the face: ``{% load desk %}``."""

from typing import Any

from babel.dates import get_timezone_name
from django import template
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from portal import figures, sidebar

register = template.Library()


@register.filter
def room(opts: Any) -> str:
    """Name the sidebar's room in which a model stands; empty where it stands in none."""
    return str(sidebar.room_of(opts.app_label, opts.model_name) or "")


@register.simple_tag
def zone() -> str:
    """Name the time zone in which the page writes its times."""
    return str(get_timezone_name(timezone.get_current_timezone(), locale=figures.locale()))


@register.simple_tag(takes_context=True)
def readable(context: Any, field: Any) -> str:
    """What stands in a read-only field, empty where nothing does; a thing whose page the reader may not open is named
    without a link to it.
    """
    resolved = field.resolved_field
    related = getattr(resolved[0], "remote_field", None) if resolved else None
    if related is not None and isinstance(resolved[2], related.model):
        desk = admin.site._registry.get(related.model)
        if desk is None or not desk.has_view_permission(context["request"]):
            return str(escape(resolved[2]))
    words = str(field.contents())
    return "" if words == "None" else mark_safe(words)  # noqa: S308 - the library escapes what it shows


@register.simple_tag
def rows_shown(cl: Any) -> dict[str, str]:
    """Say which rows of a change list are in view, and where the pages before and after lie (empty: there is none).

    A list without a count of its own knows only how many rows it shows.
    """
    counted = cl.paginator.count < 9_000_000_000  # the library's paginator without a count says ten thousand million
    here = len(cl.result_list)
    first = (cl.page_num - 1) * cl.list_per_page + 1 if cl.multi_page and not cl.show_all else 1
    last = first + here - 1
    words = figures.interval_text(figures.number_text(first), figures.number_text(last)) if here else ""
    if counted and here:
        words = _("%(rows)s of %(total)s") % {"rows": words, "total": figures.number_text(cl.result_count)}
    more = last < cl.result_count if counted else here == cl.list_per_page
    return {
        "words": words,
        "before": cl.get_query_string({PAGE_VAR: cl.page_num - 1}) if first > 1 else "",
        "after": cl.get_query_string({PAGE_VAR: cl.page_num + 1}) if more and not cl.show_all else "",
    }
