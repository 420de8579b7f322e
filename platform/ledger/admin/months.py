"""Months of the books: those that are closed, and the page on which two persons close the next one."""

from datetime import date

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from unfold.decorators import action, display

from accounts.admin.base import ReadingDesk, clerk, month_words, table
from ledger import services
from ledger.admin.words import amount
from ledger.errors import LedgerError
from ledger.models import ClosedPeriod
from ledger.selectors import open_months, period_findings


@admin.register(ClosedPeriod)
class ClosedPeriodAdmin(ReadingDesk):
    """Closed months with their trial balance; nothing is booked into them any more."""

    empty_words = gettext_lazy("One person finds a month in order, another closes it; then its statements are issued.")
    list_display = ("display_month", "prepared_by", "closed_by", "closed_at")
    list_select_related = ("prepared_by", "closed_by")
    ordering = ("-month",)
    fields = (("display_month", "prepared_by"), ("closed_by", "closed_at"), "display_totals")
    readonly_fields = ("display_month", "display_totals")
    actions_list = ("open_page",)

    def get_urls(self) -> list[URLPattern]:
        """The page of open months, and its two steps, each by POST alone."""
        view = self.admin_site.admin_view
        return [
            path("open/", view(require_safe(self.open_view)), name="ledger_closedperiod_open"),
            path("open/<slug:month>/<slug:step>/", view(require_POST(self.step_view)), name="ledger_closedperiod_step"),
            *super().get_urls(),
        ]

    @display(description=gettext_lazy("month"), ordering="month")
    def display_month(self, obj: ClosedPeriod) -> str:
        """Year and month."""
        return month_words(obj.month)

    @display(description=gettext_lazy("trial balance"))
    def display_totals(self, obj: ClosedPeriod) -> SafeString:
        """Every account's balance at the end of the month, by currency."""
        rows = [
            [account, amount(minor, currency)]
            for currency, accounts in sorted(obj.totals.items())
            for account, minor in sorted(accounts.items())
        ]
        return table([_("account"), _("balance")], rows)

    @action(description=gettext_lazy("Close a month"), url_path="to-open", permissions=["view"])
    def open_page(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Unfold's signature
        """Lead to the page of open months."""
        return HttpResponseRedirect(reverse("admin:ledger_closedperiod_open"))

    def open_view(self, request: HttpRequest) -> HttpResponse:
        """Every open month; of the earliest, what was looked at and whose turn it is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        user = clerk(request)
        months = open_months()
        first = months[0] if months else None
        prepared = first.prepared if first else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Close a month"),
            "months": months,
            "running": timezone.localdate().replace(day=1),
            "first": first,
            "step": f"{first.month:%Y-%m}" if first else "",
            "step_words": month_words(first.month) if first else "",
            "checks": [
                {"ok": finding.ok, "bad": not finding.ok, "words": finding.words}
                for finding in (period_findings(month=first.month) if first else [])
            ],
            "prepared": prepared,
            "you": "maker" if prepared and prepared.prepared_by_id == user.pk else "",
            "may_prepare": user.has_perm("ledger.prepare_closedperiod"),
            "may_close": user.has_perm("ledger.close_closedperiod"),
        }
        return TemplateResponse(request, "admin/ledger/months.html", context)

    def step_view(self, request: HttpRequest, month: str, step: str) -> HttpResponse:
        """Prepare a month, or close it as another person."""
        user = clerk(request)
        if step not in {"prepare", "close"} or not user.has_perm(f"ledger.{step}_closedperiod"):
            raise PermissionDenied
        try:
            first = date.fromisoformat(f"{month}-01")
        except ValueError as fault:
            raise Http404 from fault
        try:
            self._take(request, first, step)
        except LedgerError as fault:
            messages.error(request, str(fault))
        return HttpResponseRedirect(reverse("admin:ledger_closedperiod_open"))

    def _take(self, request: HttpRequest, month: date, step: str) -> None:
        named = {"month": month_words(month)}
        if step == "prepare":
            services.period_prepare(month=month, by=clerk(request))
            messages.success(request, _("%(month)s is prepared; another person closes it.") % named)
            return
        for sentence in services.period_close(month=month, by=clerk(request)):
            messages.info(request, sentence)
        messages.success(request, _("%(month)s is closed; its statements are being issued.") % named)
