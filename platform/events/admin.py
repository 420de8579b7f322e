"""The outbox as operators see it: what was told, to whom, and what is stuck."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as _beat_admin  # noqa: F401 - registers the pages that are replaced below
from django_celery_beat import models as beat
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import (
    AllValuesCheckboxFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import display

from accounts.models import User
from events import services
from events.choices import DeliveryState, EventName
from events.models import Delivery, OutboxEvent
from events.services.relay import DIED
from events.services.repair import ORPHAN

STATE_TONES = {
    str(DeliveryState.DUE): "info",
    str(DeliveryState.DONE): "success",
    str(DeliveryState.PARKED): "danger",
}


class Reading:
    """Nothing here is written by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Django's names
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False


class DeliveryLines(Reading, TabularInline):
    """Where one event stands with each handler."""

    model = Delivery
    extra = 0
    fields = ("handler", "queue", "state", "attempts", "due_at", "done_at", "reason")
    readonly_fields = fields
    hide_title = True


class StandingFilter(DropdownFilter):
    """Events by what became of them."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """As deliveries stand."""
        return [("parked", _("Parked somewhere")), ("due", _("Due somewhere")), ("done", _("Done everywhere"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> QuerySet[OutboxEvent]:  # noqa: ARG002
        """Those that stand so."""
        open_ones = Delivery.objects.exclude(state=DeliveryState.DONE)
        if self.value() == "done":
            return queryset.exclude(pk__in=open_ones.values("event_id"))
        if self.value():
            return queryset.filter(pk__in=open_ones.filter(state=self.value()).values("event_id"))
        return queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(Reading, ModelAdmin):
    """What happened, and who was told."""

    list_display = ("display_event", "key", "occurred_at", "recorded_at", "display_standing")
    list_filter = (StandingFilter, ("name", AllValuesCheckboxFilter), ("occurred_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("=key", "name")
    ordering = ("-pk",)
    list_per_page = 30
    show_full_result_count = False
    fields = ("name", "key", ("occurred_at", "recorded_at"), "display_payload")
    readonly_fields = ("display_payload",)
    inlines = (DeliveryLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OutboxEvent]:
        """With the number of deliveries in each state."""
        queryset: QuerySet[OutboxEvent] = super().get_queryset(request)
        counts = {f"{state}_count": Count("deliveries", filter=Q(deliveries__state=state)) for state in DeliveryState}
        return queryset.annotate(**counts)

    @display(description=_("event"), header=True, ordering="name")
    def display_event(self, obj: OutboxEvent) -> tuple[str, str]:
        """Its meaning above its name."""
        known = obj.name in EventName.values
        return (str(EventName(obj.name).label) if known else obj.name), obj.name

    @display(description=_("standing"), label={"parked": "danger", "due": "info", "done": "success", "none": ""})
    def display_standing(self, obj: Any) -> tuple[str, str]:
        """The worst of its deliveries."""
        if obj.parked_count:
            return "parked", ngettext("%d parked", "%d parked", obj.parked_count) % obj.parked_count
        if obj.due_count:
            return "due", ngettext("%d due", "%d due", obj.due_count) % obj.due_count
        if obj.done_count:
            return "done", gettext("Done")
        return "none", gettext("Nobody listens")

    @display(description=_("payload"))
    def display_payload(self, obj: OutboxEvent) -> SafeString:
        """The payload as it was recorded."""
        return format_html("<pre>{}</pre>", json.dumps(obj.payload, indent=2, ensure_ascii=False, sort_keys=True))


@admin.register(Delivery)
class DeliveryAdmin(Reading, ModelAdmin):
    """Deliveries; what is parked stands first, with its reason."""

    list_display = ("event", "handler", "display_state", "attempts", "due_at", "done_at", "display_reason")
    list_filter = (("state", ChoicesDropdownFilter), ("queue", ChoicesDropdownFilter), "handler")
    list_filter_submit = True
    list_select_related = ("event",)
    search_fields = ("=event__key", "reason")
    ordering = ("-state", "-pk")  # parked, due, done: the alphabet happens to agree
    list_per_page = 30
    show_full_result_count = False
    fields = ("event", "handler", "queue", "state", "attempts", "due_at", "begun_at", "done_at", "reason")
    actions = ("try_again",)

    @display(description=_("state"), label=STATE_TONES, ordering="state")
    def display_state(self, obj: Delivery) -> tuple[str, str]:
        """Due, done or parked."""
        return obj.state, str(obj.get_state_display())

    @display(description=_("reason"))
    def display_reason(self, obj: Delivery) -> str:
        """The first words of the last failure; reasons of the outbox's own are in the reader's language."""
        reason = gettext(obj.reason) if obj.reason in (DIED, ORPHAN) else obj.reason
        return reason[:120] + ("…" if len(reason) > 120 else "") or "–"

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """By the matrix."""
        return request.user.has_perm("events.retry_delivery")

    @admin.action(description=_("Try again"), permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Make the chosen deliveries due at once."""
        assert isinstance(request.user, User)
        chosen = list(queryset.values_list("pk", flat=True))
        count = services.deliveries_retry(delivery_ids=chosen, by=request.user.pk)
        messages.success(
            request,
            ngettext("%d delivery will be tried at once.", "%d deliveries will be tried at once.", count) % count,
        )


for _model in (
    beat.PeriodicTask,
    beat.IntervalSchedule,
    beat.CrontabSchedule,
    beat.ClockedSchedule,
    beat.SolarSchedule,
):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)  # schedules are code; what is shown below is what beat made of them


@admin.register(beat.PeriodicTask)
class PeriodicTaskAdmin(Reading, ModelAdmin):
    """What beat sends and when it last did. Only the switch may be turned."""

    list_display = ("name", "task", "display_schedule", "enabled", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    ordering = ("name",)
    fields = ("name", "task", "display_schedule", "enabled", "last_run_at", "total_run_count")
    readonly_fields = ("name", "task", "display_schedule", "last_run_at", "total_run_count")

    @display(description=_("when"))
    def display_schedule(self, obj: Any) -> str:
        """The schedule in words."""
        return str(obj.scheduler)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """By the matrix."""
        return request.user.has_perm("django_celery_beat.change_periodictask")
