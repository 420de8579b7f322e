"""Versions of agreements: drafted by one person, accepted by the parties, put in force by another."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk
from accounts.models import Party, User
from accounts.rules import may
from ledger.admin.words import moment
from partners import services
from partners.admin.agreements import TONES
from partners.choices import VersionKind, VersionState
from partners.errors import PartnersError
from partners.forms.versions import CorrectionForm, VersionForm, version_initial
from partners.models import AgreementVersion
from partners.selectors import (
    correction_effect,
    rule_changes,
    version_before,
    version_changes,
    version_consents,
    version_lines,
)
from partners.selectors.terms import bound_orders

_WITHDRAWABLE = {VersionState.DRAFT, VersionState.PROPOSED, VersionState.ACCEPTED}


@admin.register(AgreementVersion)
class AgreementVersionAdmin(Desk):
    """Versions with their text, what they change, who accepted, and the next step."""

    list_display = ("display_version", "display_state", "display_from", "display_until", "created_by", "approved_by")
    list_filter = (("state", ChoicesDropdownFilter), "paying_model", ("recorded_at", RangeDateTimeFilter))
    list_select_related = ("agreement", "created_by", "approved_by")
    search_fields = ("agreement__title", "agreement__title_zh", "agreement__code", "note")
    ordering = ("-pk",)

    def get_urls(self) -> list[URLPattern]:
        """The steps of a version's life, each by POST alone."""
        step = path(
            "<int:pk>/step/<slug:step>/",
            self.admin_site.admin_view(require_POST(self.step_view)),
            name="partners_agreementversion_step",
        )
        return [step, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Versions are withdrawn, never deleted."""
        return False

    @display(description=gettext_lazy("version"), header=True, ordering="agreement__title")
    def display_version(self, obj: AgreementVersion) -> tuple[str, str]:
        """Agreement above number."""
        return obj.agreement.local_title, _("Version %(number)d") % {"number": obj.number}

    @display(description=gettext_lazy("state"), label=TONES, ordering="state")
    def display_state(self, obj: AgreementVersion) -> tuple[str, str]:
        """Where it stands."""
        return obj.state, str(obj.get_state_display())

    @display(description=gettext_lazy("from"), ordering="effective__startswith")
    def display_from(self, obj: AgreementVersion) -> str:
        """Start, inclusive."""
        return moment(obj.starts)

    @display(description=gettext_lazy("until"))
    def display_until(self, obj: AgreementVersion) -> str:
        """End, exclusive."""
        return moment(obj.ends)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Draft a version; `?agreement=` begins with the figures in force, `?corrects=` a correction of `&orders=`."""
        del form_url, extra_context
        if not self.has_add_permission(request):
            raise PermissionDenied
        initial: dict[str, Any] = {}
        corrects = request.GET.get("corrects", "")
        agreement = corrects or request.GET.get("agreement", "")
        if agreement.isdecimal():
            rows = AgreementVersion.objects.filter(agreement=int(agreement)).order_by("-number")
            held = rows.filter(state=VersionState.IN_FORCE, kind=VersionKind.STANDARD)
            last = held.first() or rows.first()
            initial = version_initial(last) if last else {"agreement": agreement}
            for name in ("effective_from", "orders"):
                initial.pop(name, None)
        if corrects:
            initial["orders"] = request.GET.get("orders", "")
            return self._drafting(
                request, CorrectionForm(request.POST or None, initial=initial), _("Correct settled orders")
            )
        form = VersionForm(request.POST or None, initial=initial)
        return self._drafting(request, form, _("Draft a version"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a version; `?edit=1` opens a draft for changes."""
        del form_url, extra_context
        version = get_object_or_404(self._versions(), pk=object_id)
        if not self.has_view_permission(request, version):
            raise PermissionDenied
        if request.GET.get("edit") and version.state == VersionState.DRAFT:
            if not self.has_change_permission(request, version):
                raise PermissionDenied
            of_kind = CorrectionForm if version.kind == VersionKind.CORRECTION else VersionForm
            form = of_kind(request.POST or None, initial=version_initial(version), draft=version)
            return self._drafting(request, form, _("Change the draft"))
        return TemplateResponse(request, "admin/partners/version.html", self._page(request, version))

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Take one step by its verb and say what came of it."""
        version = get_object_or_404(self._versions(), pk=pk)
        allowed = self._steps(request, version)
        if not allowed.get(step):
            raise PermissionDenied
        verbs: dict[str, Callable[[], Any]] = {
            "propose": lambda: services.version_propose(version=version, by=clerk(request)),
            "withdraw": lambda: services.version_withdraw(version=version, by=clerk(request)),
            "accept": lambda: services.version_accept(
                version=version,
                party=get_object_or_404(Party, pk=request.POST.get("party", "")),
                user=clerk(request),
                text_hash=request.POST.get("text_hash", ""),
                on_behalf=True,
            ),
            "force": lambda: self._force(version, clerk(request)),
        }
        told = {
            "propose": _("Version %(number)d lies before its parties."),
            "withdraw": _("Version %(number)d is withdrawn."),
            "accept": _("The consent to version %(number)d is recorded."),
            "force": _("Version %(number)d is in force."),
        }
        try:
            verbs[step]()
        except PartnersError as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, told[step] % {"number": version.number})
        return HttpResponseRedirect(reverse("admin:partners_agreementversion_change", args=[pk]))

    def _force(self, version: AgreementVersion, by: User) -> None:
        """Put a version in force; a correction is booked with it, or neither."""
        with transaction.atomic():
            row = services.version_put_in_force(version=version, by=by)
            if row.kind == VersionKind.CORRECTION:
                services.correction_apply(version=row, by=by)

    def _versions(self) -> QuerySet[AgreementVersion]:
        return AgreementVersion.objects.select_related(
            "agreement__owner", "created_by", "approved_by", "decline__party", "leave__party"
        )

    def _drafting(self, request: HttpRequest, form: VersionForm, title: str) -> HttpResponse:
        if request.method == "POST" and form.is_valid():
            version = form.write(by=clerk(request))
            messages.success(request, _("Version %(number)d is drafted.") % {"number": version.number})
            return HttpResponseRedirect(reverse("admin:partners_agreementversion_change", args=[version.pk]))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form}
        return TemplateResponse(request, "admin/partners/version_form.html", context)

    def _page(self, request: HttpRequest, version: AgreementVersion) -> dict[str, Any]:
        before = version_before(version)
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": str(version),
            "original": version,
            "version": version,
            "tone": TONES[version.state],
            "clauses": version_lines(version),
            "before": before,
            "changes": version_changes(version, before),
            "rule_changes": rule_changes(version, before),
            "correction": version.kind == VersionKind.CORRECTION,
            "effect": correction_effect(version=version) if self._previewed(version) else None,
            "orders": bound_orders(version),
            "refused": getattr(version, "decline", None),
            "leaving": getattr(version, "leave", None),
            "consents": version_consents(version),
            "steps": self._steps(request, version),
            "replays": version.replays.order_by("-pk")[:3],
            "may_ask": may(clerk(request), "add", "partners.replay")
            and version.kind == VersionKind.STANDARD
            and version.state in _WITHDRAWABLE,
            "own_version": version.created_by_id == clerk(request).pk,
        }

    def _previewed(self, version: AgreementVersion) -> bool:
        """Whether it is a correction that may still be booked."""
        return version.kind == VersionKind.CORRECTION and version.state in _WITHDRAWABLE

    def _steps(self, request: HttpRequest, version: AgreementVersion) -> dict[str, bool]:
        """Which steps the person at the desk may take now; the verbs have the last word."""
        may = clerk(request).has_perm
        prepare, approve = may("partners.propose_agreementversion"), may("partners.approve_agreementversion")
        state = version.state
        return {
            "propose": prepare and state == VersionState.DRAFT,
            "edit": self.has_change_permission(request, version) and state == VersionState.DRAFT,
            "withdraw": prepare and state in _WITHDRAWABLE,
            "accept": prepare and state == VersionState.PROPOSED,
            "force": approve and state == VersionState.ACCEPTED and version.created_by_id != clerk(request).pk,
            "next": self.has_add_permission(request)
            and version.kind == VersionKind.STANDARD
            and state in {VersionState.IN_FORCE, VersionState.SUPERSEDED},
        }
