"""Imports: what came from which file."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, table
from accounts.choices import BatchState
from accounts.models import ImportBatch, ImportedRow


@admin.register(ImportBatch)
class ImportBatchAdmin(ReadingDesk):
    """Imports with their receipts; `import_business` makes them, `reverse_import` takes them back."""

    empty_words = _(
        "The command import_business reads the files of another platform; each import leaves its receipt here."
    )
    list_display = ("display_batch", "display_state", "display_rows", "actor", "created_at", "reversed_at")
    list_filter = (("state", ChoicesDropdownFilter), "source", ("created_at", RangeDateTimeFilter))
    list_select_related = ("actor",)
    search_fields = ("source", "=pk")
    ordering = ("-created_at", "-pk")
    fieldsets = (
        (None, {"fields": (("source", "state"), ("actor", "created_at", "reversed_at"), "display_rows")}),
        (_("Receipt"), {"fields": ("display_receipt",)}),
    )
    readonly_fields = ("display_rows", "display_receipt")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportBatch]:
        """With the number of rows."""
        queryset: QuerySet[ImportBatch] = super().get_queryset(request)
        live = Count("rows", filter=Q(rows__withdrawn=False))
        return queryset.annotate(row_count=Count("rows"), live_count=live)

    @display(description=_("import"), ordering="pk")
    def display_batch(self, obj: ImportBatch) -> str:
        """Source and number."""
        return str(obj)

    @display(
        description=_("state"),
        ordering="state",
        label={str(BatchState.COMMITTED): "success", str(BatchState.REVERSED): "warning"},
    )
    def display_state(self, obj: ImportBatch) -> tuple[str, str]:
        """Imported or reversed."""
        return obj.state, str(obj.get_state_display())

    @display(description=_("rows"), ordering="row_count")
    def display_rows(self, obj: Any) -> str:
        """Rows that count, of all that came."""
        if obj.live_count == obj.row_count:
            return str(obj.row_count)
        return gettext("%(live)s of %(all)s count") % {"live": obj.live_count, "all": obj.row_count}

    @display(description=_("receipt"))
    def display_receipt(self, obj: ImportBatch) -> SafeString:
        """The receipt as tables, one for each part."""
        return receipt_tables(obj.receipt)


@admin.register(ImportedRow)
class ImportedRowAdmin(ReadingDesk):
    """Rows of files and what they became."""

    empty_words = _("Each row of an imported file stands here with what it became.")
    list_display = ("kind", "external_id", "file", "row_number", "display_target", "batch", "withdrawn")
    list_filter = (("external_id", FieldTextFilter), "kind", "withdrawn", "source")
    list_select_related = ("batch",)
    search_fields = ("=external_id", "=target_id")
    ordering = ("-pk",)

    @display(description=_("became"))
    def display_target(self, obj: ImportedRow) -> str:
        """Which row of ours."""
        return f"{obj.target_kind} {obj.target_id}"


def receipt_tables(receipt: dict[str, Any]) -> SafeString:
    """Any JSON mapping as tables: lists of mappings become rows, mappings pairs, the rest one table of pairs."""
    single: list[list[Any]] = []
    blocks: list[tuple[str, SafeString]] = []
    for key, value in receipt.items():
        if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            columns = list(dict.fromkeys(column for entry in value for column in entry))
            rows = [[_cell(entry.get(column)) for column in columns] for entry in value]
            blocks.append((_words(key), table([_words(column) for column in columns], rows)))
        elif isinstance(value, dict) and value:
            pairs = [[_words(name), _cell(entry)] for name, entry in value.items()]
            blocks.append((_words(key), table([gettext("what"), gettext("value")], pairs)))
        else:
            single.append([_words(key), _cell(value)])
    if single:
        blocks.insert(0, ("", table([gettext("what"), gettext("value")], single)))
    parts = [format_html('<h4 class="font-semibold mt-4 mb-2">{}</h4>{}', title, body) for title, body in blocks]
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped by format_html and the table


def _words(key: str) -> str:
    return str(key).replace("_", " ")


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{_words(name)}: {_cell(entry)}" for name, entry in value.items()) or "–"
    if isinstance(value, list):
        return ", ".join(_cell(entry) for entry in value) or "–"
    return "–" if value is None else str(value)
