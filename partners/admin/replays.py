"""What-ifs: a question put to history on one page, its answer on another."""

import csv
from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, day_words, figure
from accounts.scope import streamed
from partners import selectors, services
from partners.choices import ReplayState
from partners.forms.replays import ReplayForm, changes_told
from partners.models import AgreementVersion, Replay

TONES = {
    str(ReplayState.QUEUED): "",
    str(ReplayState.RUNNING): "info",
    str(ReplayState.DONE): "success",
    str(ReplayState.FAILED): "danger",
    str(ReplayState.CANCELLED): "warning",
}
ITEMS = 12
"""What was sold, at most so many rows."""


class _Echo:
    """A file that gives back what is written, for the CSV writer."""

    def write(self, text: str) -> str:
        return text


@admin.register(Replay)
class ReplayAdmin(Desk):
    """What-ifs, newest first."""

    empty_words = gettext_lazy(
        "Ask what other terms would have paid: months of sales are computed again under them, beside what was booked."
    )
    list_display = (
        "display_title",
        "display_range",
        "display_state",
        "display_progress",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = (("state", ChoicesDropdownFilter), ("requested_at", RangeDateTimeFilter))
    list_select_related = ("requested_by", "version__agreement")
    search_fields = (
        "title",
        "requested_by__email",
        "version__agreement__code",
        "version__agreement__title",
        "version__agreement__title_zh",
    )
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        """The file, how far it is, and two acts by POST alone."""
        view, name = self.admin_site.admin_view, "partners_replay"
        return [
            path("<int:pk>/csv/", view(self.csv_view), name=f"{name}_csv"),
            path("<int:pk>/progress/", view(self.progress_view), name=f"{name}_progress"),
            path("<int:pk>/act/<slug:act>/", view(require_POST(self.act_view)), name=f"{name}_act"),
            *super().get_urls(),
        ]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: an answer belongs to its question."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: a party that was shown its effect must find it again."""
        return False

    @display(description=gettext_lazy("question"), ordering="title")
    def display_title(self, obj: Replay) -> str:
        """What was asked."""
        return obj.local_title

    @display(description=gettext_lazy("orders of"), ordering="since")
    def display_range(self, obj: Replay) -> str:
        """First and last day."""
        return f"{day_words(obj.since)} – {day_words(obj.until)}"

    @display(description=gettext_lazy("state"), label=TONES, ordering="state")
    def display_state(self, obj: Replay) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @display(description=gettext_lazy("progress"))
    def display_progress(self, obj: Replay) -> SafeString:
        """In percent."""
        return figure(f"{obj.progress_bp // 100}%")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask; `?version=` asks about a draft, `?agreement=` begins with its code."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        version = _version(request.GET.get("version", ""))
        initial = {"agreements": request.GET.get("agreement", "")}
        form = ReplayForm(request.POST or None, initial=initial, version=version)
        if request.method == "POST" and form.is_valid():
            row = form.ask(by=clerk(request))
            return redirect("admin:partners_replay_change", row.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("What if other terms had held?"),
            "form": form,
            "version": version,
        }
        return TemplateResponse(request, "admin/partners/replay_form.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The answer, or how far it is."""
        del form_url, extra_context
        row = get_object_or_404(self._rows(), pk=object_id)
        if request.method == "POST" or not self.has_view_permission(request, row):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": row.local_title,
            "original": row,
            "replay": row,
            "told": changes_told(row),
            "may_ask": self.has_add_permission(request),
        }
        if row.state == ReplayState.DONE:
            context |= _answer(request, row)
        return TemplateResponse(request, "admin/partners/replay.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far it is, asked every two seconds by the page that waits; once it is over the page is loaded anew."""
        row = get_object_or_404(self._rows(), pk=pk)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if not row.is_alive:
            return HttpResponse(headers={"HX-Refresh": "true"})
        context = {"replay": row, "may_ask": self.has_add_permission(request)}
        return TemplateResponse(request, "admin/partners/replay_progress.html", context)

    def act_view(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """Cancel it, or compute it once more."""
        row = get_object_or_404(self._rows(), pk=pk)
        if not self.has_add_permission(request) or act not in {"cancel", "again"}:
            raise PermissionDenied
        if act == "cancel":
            services.replay_cancel(replay=row)
            messages.success(request, _("It is cancelled."))
        else:
            services.replay_again(replay=row, by=clerk(request))
        return HttpResponseRedirect(reverse("admin:partners_replay_change", args=[pk]))

    def csv_view(self, request: HttpRequest, pk: int) -> StreamingHttpResponse:
        """A row for each party, course and month."""
        row = get_object_or_404(self._rows(), pk=pk)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        writer = csv.writer(_Echo())

        def lines() -> Iterator[str]:
            yield "\ufeff"  # spreadsheets take the text for UTF-8 by this mark
            for cells in selectors.replay_csv(selectors.replay_cells(replay=row, visible_to=None)):
                yield writer.writerow(cells)

        name = f"what-if-{row.pk}-{row.since}-{row.until}.csv"
        return StreamingHttpResponse(
            streamed(lines),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def _rows(self) -> QuerySet[Replay]:
        return Replay.objects.select_related("requested_by", "version__agreement", "result")


def _version(text: str) -> AgreementVersion | None:
    if not text.isdecimal():
        return None
    return get_object_or_404(AgreementVersion.objects.select_related("agreement__owner"), pk=int(text))


def _answer(request: HttpRequest, row: Replay) -> dict[str, Any]:
    """What the page shows of a finished what-if; the address holds currency, side, page and step."""
    result: dict[str, Any] = row.result.sums
    currencies = list(result["currencies"])
    currency = request.GET.get("currency", "")
    currency = currency if currency in currencies else (currencies[0] if currencies else "")
    if not currency:
        return {"result": result}
    side = request.GET.get("side", "all")
    step = "month" if request.GET.get("by") == "month" else "week"
    page = request.GET.get("page", "")
    start = (int(page) if page.isdecimal() and len(page) < 6 else 0) * selectors.REPLAY_PAGE
    sums = result["currencies"][currency]
    rows, count = selectors.replay_parties(replay=row, currency=currency, side=side, start=start, visible_to=None)
    items = selectors.replay_items(replay=row, currency=currency, most=ITEMS, visible_to=None)
    return {
        "result": result,
        "currency": currency,
        "sums": sums,
        "parties_change": sums["parties"][1] - sums["parties"][0],
        "platform_change": sums["platform"][1] - sums["platform"][0],
        "rows": rows,
        "top": max((abs(one.difference) for one in rows), default=0),
        "first": start + 1 if rows else 0,
        "last": start + len(rows),
        "count": count,
        "newer": _address(request.GET, page=start // selectors.REPLAY_PAGE - 1) if start else "",
        "older": _address(request.GET, page=start // selectors.REPLAY_PAGE + 1) if start + len(rows) < count else "",
        "sides": [
            {"label": label, "url": _address(request.GET, side=code, page=None), "current": side == code}
            for code, label in (("all", _("All")), ("more", _("More")), ("less", _("Less")))
        ],
        "currencies": [
            {"label": code, "url": _address(request.GET, currency=code, page=None), "current": code == currency}
            for code in currencies
        ],
        "steps": [
            {"label": label, "url": _address(request.GET, by=code), "current": step == code}
            for code, label in (("week", _("By week")), ("month", _("By month")))
        ],
        "step": step,
        "months": selectors.replay_months(sums=sums, of="parties"),
        "releases": selectors.replay_releases(sums=sums, by=step),
        "names": [_("As booked"), _("As it would have been")],
        "items": items,
        "items_top": max((abs(one.difference) for one in items), default=0),
    }


def _address(query: QueryDict, **changes: Any) -> str:
    new = query.copy()
    for key, value in changes.items():
        new.pop(key, None)
        if value is not None:
            new[key] = str(value)
    return f"?{new.urlencode()}"
