"""Trainings with their figures, and which model serves."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin.base import Desk, clerk, day_words, figure, table
from accounts.admin.confirm import Facts, confirmed
from accounts.rules import may
from courses.admin.catalogue import to_page
from recommender import services, tasks
from recommender.choices import Stage, TrainingState
from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun

STATES = {
    TrainingState.QUEUED: "",
    TrainingState.RUNNING: "info",
    TrainingState.DONE: "success",
    TrainingState.FAILED: "danger",
    TrainingState.STOPPED: "",
}
STAGES = {
    Stage.CANDIDATE: "",
    Stage.SHADOW: "",
    Stage.CANARY: "warning",
    Stage.LIVE: "success",
    Stage.RETIRED: "",
}
CANARY_BP = 1_000
"""The share of people who see a canary, in basis points."""

FIGURES_READ = _(
    "In brackets: between what the figure lies in 95 of 100 draws of other people. hr@10: people whose next course "
    "stood among the first ten; ndcg and mrr weigh its place, recall counts all that they took next. coverage and "
    "gini: how widely places are spread. head and tail100: next courses that at least, or fewer than, 100 people took; "
    "short: people with five acts at most."
)
"""How to read the names of the figures."""

SETTINGS_READ = _(
    'Only what shall differ from the model’s own: {"ridge": 50} for ease, {"epsilon": 4} for private_ease, '
    '{"noise": 0.6} for ncf under differential privacy; best takes {"budget": 900}, CPU seconds.'
)
"""How settings are written."""


def run_facts(run: TrainingRun) -> Facts:
    """What a step concerns: the run, its figures, what the gate said."""
    words = ""
    if run.gate.get("compared"):
        words = gettext("passed") if run.gate.get("passed") else gettext("fell too far")
    test = run.metrics.get("test", {})
    figures = [(name.upper(), f"{test[name]['value']:.4f}") for name in ("ndcg@10", "hr@10") if name in test]
    return [(_("training run"), run), *figures, *([(_("gate"), words)] if words else [])]


class TrainingForm(forms.ModelForm):  # type: ignore[type-arg]  # subscripted only in the stubs
    """What is asked for: a model, and its settings where they shall differ from its own."""

    def clean(self) -> dict[str, Any] | None:
        """Settings are refused here as the service would refuse them; none are the model's own."""
        told = super().clean() or self.cleaned_data
        if "model" in told and "parameters" in told:
            told["parameters"] = told["parameters"] or {}
            try:
                services.training_check(model=told["model"], parameters=told["parameters"])
            except TrainingRefusedError as refusal:
                self.add_error("parameters", str(refusal))
        return told


@admin.register(TrainingRun)
class TrainingRunAdmin(Desk):
    """Training runs, newest first; adding one asks for a training, which a worker does."""

    list_display = (
        "__str__",
        "display_state",
        "display_stage",
        "display_ndcg",
        "display_hits",
        "device",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = (("state", ChoicesDropdownFilter), ("stage", ChoicesDropdownFilter), "model")
    list_select_related = ("requested_by",)
    search_fields = ("=id", "model", "=data_hash", "=artefact_sha256")
    ordering = ("-pk",)
    empty_words = _(
        "Ask for a training with the button above; a worker learns from what people did, and tells how well."
    )
    list_before_template = "admin/recommender/rollback.html"
    actions_detail = ("promote_run", "canary_run", "shadow_run", "stop_run")
    form = TrainingForm
    fields = ("model", "parameters")
    readonly_fields = ("display_metrics", "display_search", "display_gate", "display_readings", "display_progress")

    def get_urls(self) -> list[URLPattern]:
        """The way back, by POST alone."""
        view = self.admin_site.admin_view(require_POST(self.rollback_view))
        return [path("rollback/", view, name="recommender_trainingrun_rollback"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """With the way back where somebody may take it and there is one."""
        served = TrainingRun.objects.filter(stage=Stage.RETIRED, promoted_at__isnull=False).exclude(artefact="")
        before = served.order_by("-promoted_at").first() if self.has_promote_permission(request) else None
        return super().changelist_view(request, {**(extra_context or {}), "before": before})

    def rollback_view(self, request: HttpRequest) -> HttpResponse:
        """Let the model serve that served before."""
        if not self.has_promote_permission(request):
            return HttpResponse(status=403)
        self._do(request, partial(services.model_rollback, by=clerk(request)), gettext("%(run)s serves now."))
        return HttpResponseRedirect(reverse("admin:recommender_trainingrun_changelist"))

    def get_fieldsets(self, request: HttpRequest, obj: TrainingRun | None = None) -> Any:
        """A request names the model and its settings; a run shows everything."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        course = (
            ("model", "state", "stage"),
            ("device", "display_progress", "requested_by"),
            ("requested_at", "started_at", "finished_at"),
            ("heartbeat_at", "attempts", "stop_asked_at"),
            ("promoted_at", "canary_bp", "continues"),
            *(["failure"] if obj.failure else []),
        )
        return (
            (None, {"fields": course}),
            (_("Figures on the test days"), {"fields": ("display_metrics",)}),
            *([(_("The search"), {"fields": ("display_search",)})] if "search" in obj.metrics else []),
            (_("The gate"), {"fields": ("display_gate",)}),
            (_("Beside the model that serves"), {"fields": ("display_readings",)}),
            (
                _("What it was made of"),
                {
                    "fields": (
                        "parameters",
                        "snapshot",
                        "data_hash",
                        "code_version",
                        "artefact",
                        "artefact_sha256",
                        "sums",
                    )
                },
            ),
            (_("Everything measured"), {"fields": ("metrics",), "classes": ("collapse",)}),
        )

    def has_change_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """A run is never written by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """A run stays: served lists point at it."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Models are chosen, not typed; settings may be left out."""
        if db_field.name == "model":
            from unfold.widgets import UnfoldAdminSelectWidget

            from recommender.engine.names import MODEL_NAMES

            return forms.ChoiceField(
                label=_("model"),
                choices=[(name, name) for name in (services.BEST, *MODEL_NAMES)],
                initial="blend",
                widget=UnfoldAdminSelectWidget,
            )
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "parameters":
            field.required, field.label, field.help_text = False, _("settings"), SETTINGS_READ
        return field

    def save_model(self, request: HttpRequest, obj: TrainingRun, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """Ask for the training and wake a worker when the request is stored."""
        run = services.training_request(model=obj.model, parameters=obj.parameters, requested_by=clerk(request))
        obj.pk = run.pk
        transaction.on_commit(lambda: tasks.train.delay(run.pk))

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Only what this run allows now."""
        found: list[Any] = super().get_actions_detail(request, object_id)
        run = TrainingRun.objects.only("state", "stage", "artefact").filter(pk=object_id).first()
        if run is None:
            return []
        whole = run.state == TrainingState.DONE and bool(run.artefact) and run.stage != Stage.LIVE
        allowed = {
            "recommender_trainingrun_promote_run": whole,
            "recommender_trainingrun_canary_run": whole and run.stage != Stage.CANARY,
            "recommender_trainingrun_shadow_run": whole and run.stage != Stage.SHADOW,
            "recommender_trainingrun_stop_run": run.state in {TrainingState.QUEUED, TrainingState.RUNNING},
        }
        return [row for row in found if allowed.get(row.action_name, True)]

    @action(description=_("Let it serve"), url_path="promote", permissions=["promote"], icon="rocket_launch")
    @confirmed(
        title=_("Let this model serve"),
        does=_("Everybody’s suggestions come from it from now on; its file is held against its digest first."),
        back=_("One click on the list of training runs goes back to the model that serves now."),
        act=_("Let it serve"),
        facts=run_facts,
        destructive=False,
    )
    def promote_run(self, request: HttpRequest, form: forms.Form, run: TrainingRun) -> HttpResponse:
        """Promote this run."""
        del form
        return self._this(request, run, services.model_promote, gettext("%(run)s serves now."))

    @action(description=_("Show it to a tenth"), url_path="canary", permissions=["promote"], icon="flutter_dash")
    @confirmed(
        title=_("Show this model to a tenth of the people"),
        does=_("A tenth of the people, always the same, get their suggestions from it; a canary before it steps back."),
        back=_("Keep it in the shadow, whenever you like."),
        act=_("Show it to a tenth of the people"),
        facts=run_facts,
        destructive=False,
    )
    def canary_run(self, request: HttpRequest, form: forms.Form, run: TrainingRun) -> HttpResponse:
        """Make this run the canary."""
        del form
        verb = partial(services.model_beside, canary_bp=CANARY_BP)
        return self._this(request, run, verb, gettext("%(run)s is shown to a tenth of the people now."))

    @action(description=_("Keep it in the shadow"), url_path="shadow", permissions=["promote"], icon="visibility_off")
    @confirmed(
        title=_("Keep this model in the shadow"),
        does=_("Nobody sees it; every night it is compared with the model that serves."),
        back=_("Let it serve or show it to a tenth, whenever you like."),
        act=_("Keep it in the shadow"),
        facts=run_facts,
        destructive=False,
    )
    def shadow_run(self, request: HttpRequest, form: forms.Form, run: TrainingRun) -> HttpResponse:
        """Put this run beside the one that serves."""
        del form
        return self._this(request, run, services.model_beside, gettext("%(run)s is in the shadow now."))

    @action(description=_("Stop the training"), url_path="stop", permissions=["promote"], icon="stop_circle")
    @confirmed(
        title=_("Stop this training"),
        does=_("It ends at its next step and leaves no model; the model that serves stays."),
        back=_("Ask for the training again; what it learned until now is kept for nobody."),
        act=_("Stop the training"),
        facts=run_facts,
    )
    def stop_run(self, request: HttpRequest, form: forms.Form, run: TrainingRun) -> HttpResponse:
        """Stop this run."""
        del form
        return self._this(request, run, services.training_stop, gettext("%(run)s stops at its next step."))

    def _this(self, request: HttpRequest, run: TrainingRun, verb: Any, words: str) -> HttpResponse:
        self._do(request, partial(verb, run_id=run.pk, by=clerk(request)), words)
        return to_page("recommender_trainingrun", run.pk)

    def _do(self, request: HttpRequest, verb: Any, words: str) -> None:
        try:
            run = verb()
        except TrainingRefusedError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, words % {"run": run})

    def has_promote_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 - Unfold's signature
        """Who may, by the role matrix."""
        return may(request.user, "promote", "recommender.trainingrun")

    @display(description=_("state"), label=STATES)
    def display_state(self, obj: TrainingRun) -> tuple[str, str]:
        """As a label; of a running one, how far it is."""
        words = obj.get_state_display()
        return obj.state, f"{words} {obj.progress_bp // 100}%" if obj.state == TrainingState.RUNNING else words

    @display(description=_("stage"), label=STAGES)
    def display_stage(self, obj: TrainingRun) -> tuple[str, str]:
        """As a label."""
        return obj.stage, obj.get_stage_display()

    @display(description=_("progress"))
    def display_progress(self, obj: TrainingRun) -> str:
        """The step and how far it is."""
        return f"{obj.step} {obj.progress_bp // 100}%".strip()

    @display(description=_("what was tried"))
    def display_search(self, obj: TrainingRun) -> SafeString:
        """How the best model and its settings were found; the study lies in the database."""
        found = obj.metrics.get("search", {})
        rows = [
            [gettext("study"), found.get("study", "–")],
            [gettext("trials finished"), found.get("trials", "–")],
            [gettext("trials given up early"), found.get("pruned", "–")],
            [gettext("best settings"), ", ".join(f"{name} {value}" for name, value in obj.parameters.items()) or "–"],
        ]
        return table([gettext("what"), gettext("value")], rows)

    @display(description=_("compared on valid"))
    def display_gate(self, obj: TrainingRun) -> SafeString | str:
        """Each figure before and now, and whether it may have fallen so far."""
        rows = [
            [
                row["figure"],
                f"{row['before']:.4f}",
                f"{row['now']:.4f}",
                f"{100 * row['allowed']:.0f}%",
                gettext("passed") if row["passed"] else gettext("fell too far"),
            ]
            for row in obj.gate.get("compared", [])
        ]
        head = [
            gettext("figure"), gettext("serving model"), gettext("this model"), gettext("may fall by"), gettext("gate"),
        ]  # fmt: skip
        return table(head, rows) if rows else ""

    @display(description=_("shadow readings"))
    def display_readings(self, obj: TrainingRun) -> SafeString | str:
        """The newest comparisons with the model that serves."""
        rows = [
            [
                day_words(reading.read_at),
                str(reading.live),
                f"{reading.people:,}",
                f"{reading.overlap_bp / 100:.1f}%",
                f"{reading.hits:,}",
                f"{reading.live_hits:,}",
            ]
            for reading in obj.readings.select_related("live").order_by("-read_at")[:10]
        ]
        head = [
            gettext("compared at"), gettext("serving model"), gettext("people"), gettext("overlap"), gettext("hits"),
            gettext("hits of the serving model"),
        ]  # fmt: skip
        return table(head, rows) if rows else ""

    @display(description=_("figures"))
    def display_metrics(self, obj: TrainingRun) -> SafeString | str:
        """Each figure of the test with its interval; empty before the run has one."""
        test = obj.metrics.get("test", {})
        rows = [[name, _with_interval(of)] for name, of in sorted(test.items()) if "low" in of]
        if not rows:
            return ""
        shown = table([gettext("figure"), gettext("value")], rows)
        return format_html('{}<p class="note-text">{}</p>', shown, FIGURES_READ)

    @display(description=_("NDCG@10, test"))
    def display_ndcg(self, obj: TrainingRun) -> SafeString:
        """With its interval."""
        return _figure(obj, "ndcg@10")

    @display(description=_("HR@10, test"))
    def display_hits(self, obj: TrainingRun) -> SafeString:
        """With its interval."""
        return _figure(obj, "hr@10")


def _figure(run: TrainingRun, name: str) -> SafeString:
    found = run.metrics.get("test", {}).get(name)
    return figure(_with_interval(found) if found else None)


def _with_interval(of: dict[str, float]) -> str:
    return f"{of['value']:.4f} ({of['low']:.4f}–{of['high']:.4f})"
