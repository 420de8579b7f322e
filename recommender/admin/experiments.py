"""Experiments, to read: arms with their figures, guardrails, the log. They are written where marketers work."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, table
from recommender.models import Experiment
from recommender.selectors.experiments import experiment_figures


@admin.register(Experiment)
class ExperimentAdmin(ReadingDesk):
    """What was asked of readers, and what they answered."""

    empty_words = _("Experiments that marketers write stand here with their figures and decisions.")
    list_display = ("__str__", "state", "slot", "method", "planned_people", "started_at", "stopped_at")
    list_filter = (("state", ChoicesDropdownFilter), ("slot", ChoicesDropdownFilter))
    search_fields = ("name", "name_zh", "hypothesis")
    ordering = ("-pk",)
    fields = (
        ("name", "name_zh", "display_page"),
        "hypothesis",
        ("state", "slot", "method"),
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

    @display(description=_("page"))
    def display_page(self, obj: Experiment) -> SafeString:
        """Where it is worked on."""
        url = reverse("marketing-experiment", args=[obj.pk])
        return format_html('<a href="{}">{}</a>', url, gettext("In the marketer’s portal"))

    @display(description=_("arms"))
    def display_arms(self, obj: Experiment) -> SafeString:
        """People, buyers and the difference, arm by arm."""
        rows = []
        for row in experiment_figures(experiment=obj).arms:
            found = row.difference
            told = f"{found.estimate:+.4f} ({found.low:+.4f} – {found.high:+.4f}), p {found.p:.3f}" if found else "–"
            rows.append([row.arm.name, row.sums.n, int(row.sums.y), f"{row.rate:.4f}", told])
        heads = [
            gettext("arm"),
            gettext("people"),
            gettext("buyers"),
            gettext("buyers a person"),
            gettext("difference"),
        ]
        return table(heads, rows)

    @display(description=_("guardrails"))
    def display_guardrails(self, obj: Experiment) -> SafeString:
        """What must not get worse."""
        rows = [
            [row.arm.name, one.kind, f"{one.change:+.4f}", f"{one.margin:.4f}", one.verdict]
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
