"""Experiments, to read: arms with their figures, guardrails, the log. They are written where marketers work."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, clerk, table
from recommender import services
from recommender.choices import Decision, Verdict, Watched
from recommender.errors import ExperimentRefusedError
from recommender.models import Experiment
from recommender.selectors.experiments import experiment_figures


@admin.register(Experiment)
class ExperimentAdmin(ReadingDesk):
    """What was asked of readers, and what they answered."""

    empty_words = _("Experiments that marketers write stand here with their figures and decisions.")
    list_display = ("__str__", "state", "slot", "kind", "planned_people", "started_at", "stopped_at")
    list_filter = (("state", ChoicesDropdownFilter), ("slot", ChoicesDropdownFilter))
    search_fields = ("name", "name_zh", "hypothesis")
    ordering = ("-pk",)
    fields = (
        ("name", "name_zh", "display_page"),
        "hypothesis",
        ("state", "slot"),
        ("kind", "method"),
        ("layer", "first_bucket", "share_bp"),
        ("rate_ppm", "lift_bp", "planned_people"),
        ("refund_margin_bp", "latency_margin_ms", "gini_margin_bp"),
        ("created_by", "created_at"),
        ("started_at", "stopped_at"),
        "display_arms",
        "display_guardrails",
        "display_log",
    )
    readonly_fields = ("display_page", "display_arms", "display_guardrails", "display_log")
    change_form_outer_after_template = "admin/recommender/promotion.html"

    def get_urls(self) -> list[URLPattern]:
        """Promotion and the step back, by POST alone."""
        view = self.admin_site.admin_view(require_POST(self.move_view))
        return [path("<int:pk>/move/", view, name="recommender_experiment_move"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With what the decision may change for everybody."""
        found = self.get_object(request, object_id)
        words = services.promotion_words(experiment=found, reader=clerk(request)) if found else {}
        context = {**(extra_context or {}), "promotion": words, "experiment": found}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the chosen arm serve everybody, or what served before."""
        found = get_object_or_404(Experiment, pk=pk)
        if not services.promotion_words(experiment=found, reader=clerk(request)).get("may"):
            raise PermissionDenied
        back = request.POST.get("act") == Decision.ROLLBACK
        try:
            if back:
                services.arm_rollback(experiment_id=pk, by=clerk(request))
            elif request.POST.get("sure"):
                services.arm_promote(experiment_id=pk, by=clerk(request))
        except ExperimentRefusedError as refusal:
            messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("admin:recommender_experiment_change", args=[pk]))

    @display(description=_("page"))
    def display_page(self, obj: Experiment) -> SafeString:
        """Where it is worked on."""
        url = reverse("marketing-experiment", args=[obj.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("In the marketer’s portal"))

    @display(description=_("arms"))
    def display_arms(self, obj: Experiment) -> SafeString:
        """People, buyers and the difference, arm by arm; of shared lists places, clicks and who prefers it."""
        figures = experiment_figures(experiment=obj)
        if (found := figures.preference) is not None:
            share = f"{found.share.value:.1%} ({found.share.low:.1%}–{found.share.high:.1%})"
            told = [
                [row.arm.name, row.sums.n, int(row.sums.y), row.brought and row.brought.orders, preferring, share_of]
                for row, preferring, share_of in zip(
                    figures.arms, (found.losses, found.wins), ("–", share), strict=True
                )
            ]
            heads = [
                gettext("arm"),
                gettext("places shown"),
                gettext("places opened"),
                gettext("orders"),
                gettext("prefer it"),
            ]
            return table([*heads, gettext("share of them")], told)
        rows = []
        for row in figures.arms:
            found_one = row.difference
            words = "–"
            if found_one is not None:
                between = f"{_signed(100 * found_one.low)}–{_signed(100 * found_one.high)}"
                words = f"{_signed(100 * found_one.estimate)} ({between}), p {found_one.p:.3f}"
            rows.append([row.arm.name, row.sums.n, int(row.sums.y), f"{row.rate:.2%}", words])
        heads = [
            gettext("arm"),
            gettext("people"),
            gettext("buyers"),
            gettext("buyers a person"),
            gettext("difference in percent"),
        ]
        return table(heads, rows)

    @display(description=_("guardrails"))
    def display_guardrails(self, obj: Experiment) -> SafeString:
        """What must not get worse."""
        rows = [
            [
                row.arm.name,
                Watched(one.kind).label,
                _amount(one.kind, one.change, sign="+"),
                _amount(one.kind, one.margin),
                Verdict(one.verdict).label,
            ]
            for row in experiment_figures(experiment=obj).arms
            for one in row.guardrails
        ]
        heads = [gettext("arm"), gettext("figure"), gettext("change"), gettext("may rise by"), gettext("verdict")]
        return table(heads, rows)

    @display(description=_("decision log"))
    def display_log(self, obj: Experiment) -> SafeString:
        """Who did what, and why."""
        rows = [
            [row.get_act_display(), row.reason, str(row.by or "–"), row.at]
            for row in obj.decisions.select_related("by")
        ]
        return table([gettext("act"), gettext("reason"), gettext("by"), gettext("at")], rows)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")


def _amount(kind: str, value: float, *, sign: str = "") -> str:
    """A guardrail's figure in its unit: percent of orders, milliseconds, or Gini's own."""
    if kind == Watched.REFUNDS:
        return f"{value:{sign}.2%}".replace("-", "\N{MINUS SIGN}")
    if kind == Watched.LATENCY:
        return f"{value:{sign}.1f} ms".replace("-", "\N{MINUS SIGN}")
    return f"{value:{sign}.3f}".replace("-", "\N{MINUS SIGN}")
