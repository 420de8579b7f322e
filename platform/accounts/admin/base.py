"""What desks of this floor share."""

from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, TabularInline

from accounts.errors import AccountsError
from accounts.models import User


class Desk(ModelAdmin):
    """A page of the admin; what a role may do here is asked of the matrix."""

    empty_words: str | Promise = ""
    """What the list says as long as it has no rows: what will be here, and what makes it come."""
    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    warn_unsaved_form = True
    list_filter_submit = True

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, every label with a capital; Django writes them so for fields of models alone."""
        form = super().get_form(request, obj, change, **kwargs)
        for field in form.base_fields.values():
            field.label = capfirst(field.label) if field.label else field.label
        return form


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
