"""Exchange rates: entered here or by an import, never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, figure
from ledger import services
from ledger.forms import RateForm
from ledger.models import FxRate


@admin.register(FxRate)
class FxRateAdmin(Desk):
    """Rates by day; the last one entered for a day counts, earlier ones stay as evidence."""

    form = RateForm
    list_display = ("day", "display_pair", "display_rate", "source", "recorded_at", "actor")
    list_filter = ("base", "quote", ("day", RangeDateFilter))
    list_select_related = ("actor",)
    search_fields = ("source",)
    ordering = ("-day", "base", "quote", "-pk")
    fields = ("day", ("base", "quote"), "rate", "source")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A correction is a new row; the list's own permission stays the matrix's."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: amounts were converted by it."""
        return False

    @display(description=_("pair"), ordering="base")
    def display_pair(self, obj: FxRate) -> str:
        """From and to."""
        return f"{obj.base}/{obj.quote}"

    @display(description=_("rate"), ordering="rate")
    def display_rate(self, obj: FxRate) -> SafeString:
        """As it was entered, without idle zeros."""
        return figure(f"{obj.rate:.6f}")

    def save_model(self, request: HttpRequest, obj: FxRate, form: Any, change: bool) -> None:
        """Enter through the verb."""
        del form, change
        entered = services.rate_set(
            day=obj.day,
            base=obj.base,
            quote=obj.quote,
            rate=obj.rate,
            source=obj.source,
            actor_id=clerk(request).pk,
        )
        obj.pk = entered.pk
