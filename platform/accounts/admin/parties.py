"""Parties: whoever can earn or be charged."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts import services
from accounts.admin.base import Desk, Lines, ReadingDesk, clerk
from accounts.models import Party, PayoutDetails, Seat


class PeopleLines(Lines):
    """People who act for the party."""

    model = Seat
    verbose_name_plural = _("people")
    fields = ("user", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("user",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """With their people."""
        queryset: QuerySet[Seat] = super().get_queryset(request)
        return queryset.select_related("user", "party")


@admin.register(Party)
class PartyAdmin(Desk):
    """Parties; their standing in the programme lies with the memberships."""

    list_display = ("display_name", "kind", "country", "currency", "display_seats", "display_state", "created_at")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        "currency",
        ("closed_at", admin.EmptyFieldListFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("code", "name", "name_zh")
    ordering = ("name", "pk")
    fieldsets = (
        (None, {"fields": (("code", "kind"), ("name", "name_zh"), ("country", "currency"))}),
        (_("Life"), {"fields": (("created_at", "closed_at"), "import_batch")}),
    )
    readonly_fields = ("created_at", "import_batch")
    inlines = (PeopleLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Party]:
        """With the number of seats."""
        queryset: QuerySet[Party] = super().get_queryset(request)
        return queryset.annotate(seat_count=Count("seats"))

    def get_readonly_fields(self, request: HttpRequest, obj: Party | None = None) -> tuple[str, ...]:
        """The code names ledger accounts, so it stays."""
        del request
        return (*self.readonly_fields, "code") if obj else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: Party | None) -> tuple[type[Lines], ...]:
        """Seats wait until the party exists."""
        del request
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Parties are closed, never deleted: money points at them."""
        return False

    @display(description=_("name"), header=True, ordering="name")
    def display_name(self, obj: Party) -> tuple[str, str]:
        """Name above code."""
        return obj.local_name, obj.code

    @display(description=_("people"), ordering="seat_count")
    def display_seats(self, obj: Any) -> int:
        """How many act for it."""
        return int(obj.seat_count)

    @display(description=_("state"), label={"open": "success", "closed": ""}, ordering="closed_at")
    def display_state(self, obj: Party) -> tuple[str, str]:
        """Open or closed."""
        return ("closed", pgettext("party", "Closed")) if obj.closed_at else ("open", pgettext("party", "Open"))

    def save_model(self, request: HttpRequest, obj: Party, form: Any, change: bool) -> None:
        """Create through the verb."""
        del form
        if change:
            obj.save(update_fields=["kind", "name", "name_zh", "country", "currency", "closed_at"])
            return
        made = services.party_create(
            code=obj.code,
            kind=obj.kind,
            name=obj.name,
            name_zh=obj.name_zh,
            country=obj.country,
            currency=obj.currency,
            by=clerk(request),
        )
        obj.pk = made.pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Give and take seats by their verbs."""
        del form, change
        for line in formset.save(commit=False):
            services.seat_give(user=line.user, party=line.party, role=line.role, by=clerk(request))
        for line in formset.deleted_objects:
            services.seat_take(user=line.user, party=line.party, by=clerk(request))


@admin.register(PayoutDetails)
class PayoutDetailsAdmin(ReadingDesk):
    """Where parties are paid, masked; parties say it themselves, the whole number leaves by the bank file alone."""

    list_display = ("party", "method", "holder", "masked", "entered_by", "entered_at")
    list_filter = (("method", ChoicesDropdownFilter), ("entered_at", RangeDateTimeFilter))
    list_select_related = ("party", "entered_by")
    search_fields = ("party__code", "party__name", "party__name_zh", "holder")
    ordering = ("-pk",)
    fields = (("party", "method"), ("holder", "masked"), ("entered_by", "entered_at"))
    readonly_fields = ("masked",)
