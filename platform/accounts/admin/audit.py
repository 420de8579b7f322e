"""The audit trail: who changed what, on which request, from what to what."""

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, clerk, table
from accounts.models import AuditEntry
from accounts.selectors import audit_changes, audit_entries


def tracked_models() -> dict[str, type[Model]]:
    """Event table -> the model that it tracks."""
    from pghistory.core import event_models

    return {model._meta.db_table: model.pgh_tracked_model for model in event_models()}  # type: ignore[attr-defined]


class SourceFilter(DropdownFilter):
    """Entries about one kind of row."""

    title = _("what")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Every tracked model by its name."""
        names = {source: str(model._meta.verbose_name) for source, model in tracked_models().items()}
        return sorted(names.items(), key=lambda entry: entry[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:  # noqa: ARG002
        """Only its entries."""
        return queryset.filter(source=self.value()) if self.value() else queryset


class LabelFilter(DropdownFilter):
    """Entries of one kind of change."""

    title = _("change")
    parameter_name = "label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """Added, changed, removed."""
        return [("insert", _("Added")), ("update", _("Changed")), ("delete", _("Removed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:  # noqa: ARG002
        """Only such entries."""
        return queryset.filter(label=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadingDesk):
    """The trail, newest first. It cannot be changed, here or anywhere."""

    list_display = ("display_time", "display_label", "display_object", "display_actor", "display_request")
    list_display_links = ("display_time", "display_object")
    list_filter = (SourceFilter, LabelFilter, ("actor", AutocompleteSelectFilter), ("at", RangeDateTimeFilter))
    search_fields = ("actor__email", "actor__name", "url", "=object_id")
    search_help_text = _("Person who acted, address of the request, number of the row")
    ordering = ("-at", "-number")
    fields = ("display_time", "display_change", "display_object", "display_actor", "display_request", "display_changes")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """With the people who acted."""
        return audit_entries(visible_to=clerk(request))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuditEntry | None:
        """One entry, read from its own table alone."""
        del from_field
        source, _colon, number = object_id.rpartition(":")
        if not number.isdigit():
            return None
        return self.get_queryset(request).filter(source=source, number=int(number)).first()

    @display(description=_("time"), ordering="at")
    def display_time(self, obj: AuditEntry) -> str:
        """To the second, in the platform's time zone."""
        return f"{formats.date_format(localtime(obj.at), 'DATETIME_FORMAT')}:{localtime(obj.at):%S}"

    @display(description=_("change"))
    def display_change(self, obj: AuditEntry) -> str:
        """The word alone."""
        return str(self.display_label(obj)[1])

    @display(
        description=_("change"),
        label={"insert": "success", "update": "info", "delete": "danger"},
    )
    def display_label(self, obj: AuditEntry) -> tuple[str, str]:
        """Added, changed or removed."""
        words = {"insert": gettext("Added"), "update": gettext("Changed"), "delete": gettext("Removed")}
        return obj.label, words.get(obj.label, obj.label)

    @display(description=_("what"))
    def display_object(self, obj: AuditEntry) -> str:
        """Kind and name of the row, as it was then."""
        model = tracked_models().get(obj.source)
        kind = str(model._meta.verbose_name) if model else obj.source
        named = (obj.data.get(key) for key in ("email", "code", "name", "title", "role", "purpose"))
        name = next((str(value) for value in named if value), "")
        return f"{capfirst(kind)} {obj.object_id}" + (f" · {name}" if name else "")

    @display(description=_("actor"))
    def display_actor(self, obj: AuditEntry) -> str:
        """The person, or what ran without one."""
        if obj.actor:
            return f"{obj.actor} ({obj.actor.email})" if obj.actor.name else obj.actor.email
        context: dict[str, Any] = obj.context or {}
        work = context.get("handler") or context.get("task") or context.get("command")
        return gettext("system: %(work)s") % {"work": work} if work else gettext("nobody named")

    @display(description=_("request"))
    def display_request(self, obj: AuditEntry) -> str:
        """Method and address."""
        context: dict[str, Any] = obj.context or {}
        return f"{context.get('method', '')} {obj.url}".strip() or "–"

    @display(description=_("from what to what"))
    def display_changes(self, obj: AuditEntry) -> SafeString:
        """Fields before and after."""
        model = tracked_models().get(obj.source)
        rows = [[_field_name(model, c.field), _shown(c.before), _shown(c.after)] for c in audit_changes(obj)]
        return table([gettext("field"), gettext("before"), gettext("after")], rows)


def _field_name(model: type[Model] | None, column: str) -> str:
    for field in model._meta.concrete_fields if model else ():
        if column in (field.column, field.name):
            return str(field.verbose_name)
    return column


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return str(value)
