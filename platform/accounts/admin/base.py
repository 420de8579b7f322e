"""What desks of this floor share."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import FieldDoesNotExist
from django.db.models import IntegerField, Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from accounts.errors import AccountsError
from accounts.models import User

EMPTY = mark_safe('<span class="absent">–</span>')
"""How an absent value is written."""


def figure(value: int | str | None) -> SafeString:
    """A figure of a list, which stands at the right of its column: whole numbers with grouped digits, text as it is."""
    if value is None or value == "":
        return mark_safe('<span class="num absent">–</span>')
    return format_html('<span class="num">{}</span>', f"{value:,}" if isinstance(value, int) else value)


def month_words(day: date) -> str:
    """A month in the reader's words: Nov 2026, 2026年11月."""
    return str(formats.date_format(day, "YEAR_MONTH_FORMAT"))


def day_words(day: date | datetime) -> str:
    """A day in the reader's words; of an instant, the day in the platform's zone."""
    local = timezone.localtime(day) if isinstance(day, datetime) else day
    return str(formats.date_format(local, "DATE_FORMAT"))


class Desk(ModelAdmin):
    """A page of the admin; what a role may do here is asked of the matrix."""

    empty_words: str | Promise = ""
    """What the list says as long as it has no rows: what will be here, and what makes it come."""
    list_per_page = 30
    show_full_result_count = False
    compressed_fields = False
    warn_unsaved_form = True
    list_filter_submit = True
    empty_value_display = EMPTY

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns; those that hold whole numbers are written as figures."""
        return [_column(self, name) for name in super().get_list_display(request)]

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, every label with a capital; Django writes them so for fields of models alone."""
        form = super().get_form(request, obj, change, **kwargs)
        for field in form.base_fields.values():
            field.label = capfirst(field.label) if field.label else field.label
        return form


def _column(desk: Desk, name: Any) -> Any:
    """The column itself, or one that writes its whole numbers as figures."""
    method = getattr(desk, name, None) if isinstance(name, str) else None
    if method is not None:
        if getattr(method, "__annotations__", {}).get("return") is not int:
            return name
        return _figures(name, method.short_description, getattr(method, "admin_order_field", None), method)
    try:
        field = desk.model._meta.get_field(name)
    except (FieldDoesNotExist, AttributeError):
        return name
    if not isinstance(field, IntegerField) or field.choices or field.primary_key:
        return name
    return _figures(name, field.verbose_name, name, lambda row: getattr(row, name))


def _figures(name: str, title: Any, order: Any, read: Callable[[Any], int | None]) -> Callable[[Any], SafeString]:
    def column(row: Any) -> SafeString:
        return figure(read(row))

    column.__name__ = name
    shown: Callable[[Any], SafeString] = display(description=title, ordering=order)(column)
    return shown


class ReadingDesk(Desk):
    """A page on which nothing is written by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's names
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False


class Lines(TabularInline):
    """Rows of another table inside a page."""

    extra = 0
    tab = True
    show_change_link = False
    empty_value_display = EMPTY
    verbose_name_plural: Any


def clerk(request: HttpRequest) -> User:
    """The person at the desk."""
    assert isinstance(request.user, User)
    return request.user


def refuse(request: HttpRequest, fault: AccountsError) -> None:
    """Say why a verb was refused."""
    messages.error(request, str(fault))


def table(headers: list[Any], rows: list[list[Any]]) -> SafeString:
    """A table in the admin's look; cells are escaped."""
    html = render_to_string("unfold/components/table.html", {"table": {"headers": headers, "rows": rows}})
    return mark_safe(html)  # noqa: S308 - the template escapes every cell
