"""Payout runs: prepare, look through, let a second person approve, send, and say what arrived."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from accounts.admin.base import ReadingDesk, clerk
from ledger import services, tasks
from ledger.admin.run_page import progress, run_page
from ledger.admin.words import amount, moment
from ledger.choices import RunState, RunStep
from ledger.errors import RunRefusedError
from ledger.forms import HoldForm, RunForm
from ledger.models import PayoutHold, PayoutRun
from ledger.money import MoneyError, minor_from_decimal
from ledger.selectors.files import csv_text
from ledger.selectors.runs import bank_rows, runs_with_sums

TONES = {
    str(RunState.DRAFT): "",
    str(RunState.WAITING): "info",
    str(RunState.APPROVED): "warning",
    str(RunState.DONE): "success",
    str(RunState.CANCELLED): "",
}


@admin.register(PayoutRun)
class PayoutRunAdmin(ReadingDesk):
    """Runs, each with a page of its own on which every step is taken by its verb."""

    empty_words = gettext_lazy(
        "Finance prepares a run up to a cut-off; a second person approves it by typing its total."
    )
    list_display = (
        "display_number", "display_state", "display_leaves", "display_parties", "display_cut_off", "prepared_by",
        "approved_by", "finished_at",
    )  # fmt: skip
    list_filter = (("state", ChoicesDropdownFilter), "currency", ("cut_off", RangeDateTimeFilter))
    list_select_related = ("prepared_by", "approved_by")
    search_fields = ("=number",)
    ordering = ("-number",)
    actions_list = ("prepare",)

    def get_queryset(self, request: HttpRequest) -> Any:
        """With what leaves the bank."""
        return runs_with_sums(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        """The steps, each by POST alone; the bank's file; the progress of booking."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/step/<slug:step>/", view(require_POST(self.step_view)), name="ledger_payoutrun_step"),
            path("<int:pk>/bank.csv", view(require_POST(self.file_view)), name="ledger_payoutrun_file"),
            path("<int:pk>/progress/", view(require_safe(self.progress_view)), name="ledger_payoutrun_progress"),
            *super().get_urls(),
        ]

    def has_prepare_permission(self, request: HttpRequest) -> bool:
        """Whoever the matrix lets prepare."""
        return bool(request.user.has_perm("ledger.prepare_payoutrun"))

    @display(description=gettext_lazy("run"), header=True, ordering="number")
    def display_number(self, obj: PayoutRun) -> tuple[str, str]:
        """Number above currency."""
        return _("Payout run %(number)d") % {"number": obj.number}, obj.currency

    @display(description=gettext_lazy("state"), label=TONES, ordering="state")
    def display_state(self, obj: PayoutRun) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @display(description=gettext_lazy("leaves the bank"))
    def display_leaves(self, obj: Any) -> SafeString:
        """Amounts less tax."""
        return amount(obj.leaves_minor, obj.currency)

    @display(description=gettext_lazy("parties"))
    def display_parties(self, obj: Any) -> int:
        """How many are paid."""
        return int(obj.payable_count)

    @display(description=gettext_lazy("cut-off"), ordering="cut_off")
    def display_cut_off(self, obj: PayoutRun) -> str:
        """In the house's time zone."""
        return moment(obj.cut_off)

    @action(description=gettext_lazy("Prepare a payout run"), url_path="prepare", permissions=["prepare"])
    def prepare(self, request: HttpRequest) -> HttpResponse:
        """Prepare a run; the cut-off begins at the end of yesterday."""
        midnight = datetime.combine(timezone.localdate(), time.min, timezone.get_default_timezone())
        initial = {"currency": settings.CURRENCY, "cut_off": midnight - timedelta(minutes=1)}
        form = RunForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                run = services.run_prepare(terms=form.terms, by=clerk(request))
            except RunRefusedError as fault:
                form.add_error(None, str(fault))
            else:
                return _to(run.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Prepare a payout run"),
            "form": form,
        }
        return TemplateResponse(request, "admin/ledger/run_form.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The run's page."""
        del form_url, extra_context
        run = get_object_or_404(PayoutRun.objects.select_related("prepared_by", "approved_by"), pk=object_id)
        if request.method == "POST" or not self.has_view_permission(request, run):
            raise PermissionDenied  # every step has an address of its own
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Payout run %(number)d") % {"number": run.number},
            "original": run,
            **run_page(request, run),
        }
        return TemplateResponse(request, "admin/ledger/run.html", context)

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """How far the booking is; reloads the page when it is over."""
        run = get_object_or_404(PayoutRun, pk=pk)
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        response = TemplateResponse(request, "admin/ledger/run_progress.html", progress(run))
        if run.state != RunState.APPROVED:
            response["HX-Refresh"] = "true"
        return response

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bank's file, with whole account numbers; that somebody took it is kept."""
        if not clerk(request).has_perm("ledger.send_payoutrun"):
            raise PermissionDenied
        run = get_object_or_404(PayoutRun, pk=pk)
        services.run_note(run=run, step=RunStep.EXPORTED, by=clerk(request))
        response = HttpResponse(csv_text(bank_rows(run)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="payout-run-{run.number}-{run.currency}.csv"'
        return response

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Take one step by its verb and say what came of it."""
        run = get_object_or_404(PayoutRun, pk=pk)
        verbs = _steps(request, run)
        if step not in verbs or not clerk(request).has_perm(f"ledger.{_PERMISSIONS[step]}_payoutrun"):
            raise PermissionDenied
        try:
            told = verbs[step]()
        except (RunRefusedError, MoneyError) as fault:
            messages.error(request, str(fault))
        else:
            messages.add_message(request, *told)
        return _to(pk)


_PERMISSIONS = {
    "exclude": "prepare", "include": "prepare", "submit": "prepare", "refresh": "prepare", "cancel": "prepare",
    "back": "approve", "approve": "approve", "arrived": "send", "failed": "send",
}  # fmt: skip
"""Which right each step asks for."""


def _steps(request: HttpRequest, run: PayoutRun) -> dict[str, Callable[[], tuple[int, str]]]:
    """What each step does, and what is said when it is done."""
    data, by = request.POST, clerk(request)
    chosen = [int(pk) for pk in data.getlist("item") if pk.isdecimal()]
    note = data.get("note", "")

    def approve() -> tuple[int, str]:
        total = minor_from_decimal(data.get("total", "").replace(",", "").strip(), run.currency)
        done = services.run_approve(run_id=run.pk, total_minor=total, by=by)
        if not done.approved:
            words = ngettext(
                "%(n)d payout was computed again because less is there by now. Look at the new total, then approve.",
                "%(n)d payouts were computed again because less is there by now. Look at the new total, then approve.",
                len(done.changed),
            )
            return messages.WARNING, words % {"n": len(done.changed)}
        transaction.on_commit(lambda: tasks.payout_run.apply_async(args=[run.pk], retry=False), robust=True)
        return messages.SUCCESS, _("Approved. The payouts are being booked.")

    def count(verb: Callable[[], int], one: str, many: str) -> Callable[[], tuple[int, str]]:
        def step() -> tuple[int, str]:
            n = verb()
            return messages.SUCCESS, ngettext(one, many, n) % {"n": n}

        return step

    def say(verb: Callable[[], object], words: str) -> Callable[[], tuple[int, str]]:
        def step() -> tuple[int, str]:
            verb()
            return messages.SUCCESS, words

        return step

    item = chosen[0] if chosen else 0
    return {
        "exclude": count(
            lambda: services.items_exclude(run_id=run.pk, items=chosen, note=note, by=by),
            "%(n)d party taken out.", "%(n)d parties taken out.",
        ),
        "include": count(
            lambda: services.items_include(run_id=run.pk, items=chosen, by=by),
            "%(n)d party put back.", "%(n)d parties put back.",
        ),
        "refresh": count(
            lambda: len(services.run_refresh(run_id=run.pk, by=by)),
            "%(n)d payout changed.", "%(n)d payouts changed.",
        ),
        "submit": say(lambda: services.run_submit(run_id=run.pk, by=by), _("A second person is to approve it.")),
        "back": say(lambda: services.run_send_back(run_id=run.pk, note=note, by=by), _("Sent back.")),
        "cancel": say(lambda: services.run_cancel(run_id=run.pk, note=note, by=by), _("The run is cancelled.")),
        "approve": approve,
        "arrived": count(
            lambda: services.run_arrived(run_id=run.pk, by=by)
            if not chosen
            else len([services.item_arrived(item_id=pk, by=by) for pk in chosen]),
            "%(n)d payout marked as arrived.", "%(n)d payouts marked as arrived.",
        ),
        "failed": say(
            lambda: services.item_failed(item_id=item, reason=note, by=by),
            _("The money is owed to the party again."),
        ),
    }  # fmt: skip


def _to(pk: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:ledger_payoutrun_change", args=[pk]))


@admin.register(PayoutHold)
class PayoutHoldAdmin(ReadingDesk):
    """Holds on payouts: placed here with a reason that the party reads, lifted by an action."""

    empty_words = gettext_lazy("Nobody's payouts are held. Place a hold with a reason; its party reads it.")
    list_display = ("party", "reason", "decide_by", "display_state", "placed_by", "placed_at", "lifted_at")
    list_filter = (("lifted_at", admin.EmptyFieldListFilter),)
    list_select_related = ("party", "placed_by")
    search_fields = ("party__code", "party__name", "party__name_zh", "reason")
    ordering = ("lifted_at", "-pk")
    fields = (
        ("party", "reason"),
        ("decide_by", "display_state_word"),
        ("placed_by", "placed_at"),
        ("lifted_by", "lifted_at"),
    )
    readonly_fields = ("display_state_word",)
    actions = ("lift",)
    actions_list = ("place",)

    def has_place_permission(self, request: HttpRequest) -> bool:
        """Whoever the matrix lets hold payouts back; they let them go as well."""
        return bool(request.user.has_perm("ledger.place_payouthold"))

    @action(description=gettext_lazy("Hold a party's payouts"), url_path="place", permissions=["place"])
    def place(self, request: HttpRequest) -> HttpResponse:
        """Place a hold; the party reads the reason and the day."""
        form = HoldForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            services.hold_place(**form.cleaned_data, by=clerk(request))
            messages.success(request, _("Payouts of this party are on hold."))
            return HttpResponseRedirect(reverse("admin:ledger_payouthold_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Hold a party's payouts"),
            "form": form,
        }
        return TemplateResponse(request, "admin/ledger/hold_form.html", context)

    @display(description=gettext_lazy("state"), label={"held": "warning", "lifted": ""})
    def display_state(self, obj: PayoutHold) -> tuple[str, str]:
        """Held or lifted."""
        return ("lifted", _("Lifted")) if obj.lifted_at else ("held", _("On hold"))

    @display(description=gettext_lazy("state"))
    def display_state_word(self, obj: PayoutHold) -> str:
        """The same on its page, where a label has no place."""
        return str(self.display_state(obj)[1])

    @admin.action(description=gettext_lazy("Lift the hold"), permissions=["place"])
    def lift(self, request: HttpRequest, queryset: Any) -> None:
        """Let the chosen parties be paid again."""
        for pk in queryset.filter(lifted_at=None).values_list("pk", flat=True):
            services.hold_lift(hold_id=pk, by=clerk(request))
