"""Channel reports: asked for here or on the marketer's pages, computed by a task."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Desk, Lines, clerk, day_words, figure
from analytics import services, tasks
from analytics.admin.words import count, money
from analytics.choices import RunState
from analytics.forms import ReportRunForm
from analytics.models import ChannelReportRow, ReportRun

TONES = {
    RunState.QUEUED: "",
    RunState.RUNNING: "info",
    RunState.DONE: "success",
    RunState.FAILED: "danger",
}


class RowLines(Lines):
    """The rows of a run, exactly."""

    model = ChannelReportRow
    hide_title = True
    verbose_name_plural = _("rows")
    fields = (
        "model",
        "display_channel",
        "display_revenue",
        "display_refunds",
        "display_spend",
        "display_orders",
        "display_buyers",
        "display_sign_ups",
    )
    readonly_fields = fields
    ordering = ("model", "-revenue_minor", "pk")
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChannelReportRow]:
        """With their channels."""
        queryset: QuerySet[ChannelReportRow] = super().get_queryset(request)
        return queryset.select_related("channel", "run")

    def has_add_permission(self, request: HttpRequest, obj: ReportRun | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: ReportRun | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    @display(description=_("channel"))
    def display_channel(self, obj: ChannelReportRow) -> str:
        """Its name, or unattributed."""
        return obj.channel.local_name if obj.channel else gettext("Unattributed")

    @display(description=_("revenue"))
    def display_revenue(self, obj: ChannelReportRow) -> str:
        """In the report's currency, what was given back taken off."""
        return money(obj.revenue_minor, obj.run.currency)

    @display(description=_("refunds"))
    def display_refunds(self, obj: ChannelReportRow) -> str:
        """In the report's currency."""
        return money(obj.refunds_minor, obj.run.currency)

    @display(description=_("spend"))
    def display_spend(self, obj: ChannelReportRow) -> str:
        """In the report's currency."""
        return money(obj.spend_minor, obj.run.currency)

    @display(description=_("orders"))
    def display_orders(self, obj: ChannelReportRow) -> str:
        """With all digits."""
        return count(obj.orders_ppm)

    @display(description=_("buyers"))
    def display_buyers(self, obj: ChannelReportRow) -> str:
        """With all digits."""
        return count(obj.buyers_ppm)

    @display(description=_("sign-ups"))
    def display_sign_ups(self, obj: ChannelReportRow) -> str:
        """With all digits."""
        return count(obj.sign_ups_ppm)


@admin.register(ReportRun)
class ReportRunAdmin(Desk):
    """Runs of the channel report, newest first."""

    form = ReportRunForm
    list_display = (
        "display_range",
        "currency",
        "window_days",
        "pays",
        "display_state",
        "display_progress",
        "requested_by",
        "requested_at",
        "finished_at",
        "display_page",
    )
    list_filter = (("state", ChoicesDropdownFilter), "pays", "currency", ("requested_at", RangeDateTimeFilter))
    list_select_related = ("requested_by",)
    search_fields = ("=id", "=input_hash", "requested_by__email")
    search_help_text = _("Number of the run, hash of its inputs, e-mail of who asked")
    ordering = ("-pk",)
    actions = ("compute_again",)
    inlines = (RowLines,)

    def get_fields(self, request: HttpRequest, obj: ReportRun | None = None) -> Any:
        """A request names the range; a run shows all that it was computed from."""
        del request
        asked = (("since", "until"), ("currency", "window_days"))
        if obj is None:
            return asked
        return (
            *asked,
            ("state", "display_progress"),
            *((("display_failure", "failure"),) if obj.state == RunState.FAILED else ()),
            ("requested_by", "requested_at"),
            "pays",
            ("started_at", "finished_at", "watermark"),
            "input_hash",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: ReportRun | None = None) -> tuple[str, ...]:
        """Django asks for the computed ones by name."""
        del request
        return ("display_progress", "display_failure") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: ReportRun | None) -> tuple[type[Lines], ...]:
        """Rows come with the run."""
        del request
        return self.inlines if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: a run is what it was computed from."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: settled orders may point at its removal effects."""
        return False

    @display(description=_("range"), ordering="since")
    def display_range(self, obj: ReportRun) -> str:
        """First and last day."""
        return f"{day_words(obj.since)} – {day_words(obj.until)}"

    @display(description=_("state"), label=TONES, ordering="state")
    def display_state(self, obj: ReportRun) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @display(description=_("progress"))
    def display_progress(self, obj: ReportRun) -> SafeString:
        """In percent."""
        return figure(f"{obj.progress_bp // 100}%")

    @display(description=_("failed because"))
    def display_failure(self, obj: ReportRun) -> str:
        """In the reader's language."""
        return obj.failed_because

    @display(description=_("page"))
    def display_page(self, obj: ReportRun) -> SafeString | str:
        """The marketer's page of the run."""
        if obj.state != RunState.DONE:
            return "–"
        query = urlencode(
            {"since": f"{obj.since}", "until": f"{obj.until}", "currency": obj.currency, "window": str(obj.window_days)}
        )
        return format_html('<a href="{}?{}">{}</a>', reverse("analytics:overview"), query, gettext("Open"))

    def has_compute_permission(self, request: HttpRequest) -> bool:
        """Who may ask for a report may ask again."""
        return bool(self.has_add_permission(request))

    @admin.action(description=_("Compute again"), permissions=["compute"])
    def compute_again(self, request: HttpRequest, queryset: QuerySet[ReportRun]) -> None:
        """Ask for the same ranges once more."""
        spans = set(queryset.values_list("since", "until", "currency", "window_days"))
        for since, until, currency, window in sorted(spans):
            _ask(request, since=since, until=until, currency=currency, window_days=window)
        messages.success(
            request, ngettext("%d report is being computed.", "%d reports are being computed.", len(spans)) % len(spans)
        )

    def save_model(self, request: HttpRequest, obj: ReportRun, form: Any, change: bool) -> None:
        """Ask by the verb."""
        del form, change
        run = _ask(request, since=obj.since, until=obj.until, currency=obj.currency, window_days=obj.window_days)
        obj.pk = run.pk


def _ask(request: HttpRequest, **span: Any) -> ReportRun:
    run = services.report_request(**span, requested_by=clerk(request))
    transaction.on_commit(lambda: tasks.report.apply_async(args=[run.pk], retry=False), robust=True)
    return run
