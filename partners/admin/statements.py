"""Statements on finance's desk: issued ones, their files, and the months that wait."""

import json
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action, display

from accounts.admin.base import ReadingDesk, month_words
from ledger.admin.words import amount
from ledger.selectors import closed_months
from partners import services
from partners.errors import StatementError
from partners.models import Statement, StatementMonth
from partners.selectors.statements import statement_proven


@admin.register(Statement)
class StatementAdmin(ReadingDesk):
    """Issued statements; they never change, so the file is the same whenever it is taken."""

    empty_words = gettext_lazy(
        "Statements are issued when a month is closed: one for each party and currency, with its proof."
    )
    list_display = ("number", "party", "display_month", "display_opening", "display_closing", "lines", "issued_at")
    list_filter = ("currency", ("month", RangeDateFilter))
    list_select_related = ("party",)
    search_fields = ("number", "party__name", "party__name_zh", "=root")
    ordering = ("-month", "number")
    fields = (
        ("number", "party", "display_month"),
        ("display_opening", "display_closing", "lines"),
        ("issued_at", "display_file"),
        "root",
    )
    readonly_fields = ("display_month", "display_opening", "display_closing", "display_file")
    actions_list = ("issue",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the bodies."""
        return super().get_queryset(request).defer("body")

    def get_urls(self) -> list[URLPattern]:
        """The file of each."""
        view = self.admin_site.admin_view(require_safe(self.file_view))
        return [path("<int:pk>/statement.json", view, name="partners_statement_file"), *super().get_urls()]

    def has_issue_permission(self, request: HttpRequest) -> bool:
        """Whoever the matrix lets issue."""
        return bool(request.user.has_perm("partners.issue_statement"))

    @display(description=gettext_lazy("month"), ordering="month")
    def display_month(self, obj: Statement) -> str:
        """That it states."""
        return month_words(obj.month)

    @display(description=gettext_lazy("opening balance"), ordering="opening_minor")
    def display_opening(self, obj: Statement) -> SafeString:
        """Of the payable."""
        return amount(obj.opening_minor, obj.currency)

    @display(description=gettext_lazy("closing balance"), ordering="closing_minor")
    def display_closing(self, obj: Statement) -> SafeString:
        """Of the payable."""
        return amount(obj.closing_minor, obj.currency)

    @display(description=gettext_lazy("file"))
    def display_file(self, obj: Statement) -> SafeString:
        """With every proof."""
        return format_html(
            '<a href="{}">{}.json</a>', reverse("admin:partners_statement_file", args=[obj.pk]), obj.number
        )

    @action(description=gettext_lazy("Issue closed months"), url_path="issue", permissions=["issue"])
    def issue(self, request: HttpRequest) -> HttpResponse:
        """Issue every closed month that has no statements yet."""
        issued, known = 0, set(StatementMonth.objects.values_list("month", flat=True))
        try:
            for month in closed_months():
                if month not in known:
                    services.statements_issue(month=month)
                    issued += 1
        except StatementError as fault:
            messages.error(request, str(fault))
        words = ngettext("%(n)d month was issued.", "%(n)d months were issued.", issued) % {"n": issued}
        messages.info(request, words if issued else _("No closed month waits for its statements."))
        return HttpResponseRedirect(reverse("admin:partners_statement_changelist"))

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The statement with its proofs."""
        found = get_object_or_404(Statement.objects.select_related("of", "party"), pk=pk)
        if not self.has_view_permission(request, found):
            return HttpResponse(status=403)
        body = json.dumps(statement_proven(found), ensure_ascii=False, indent=1)
        response = HttpResponse(body, content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="{found.number}.json"'
        return response
