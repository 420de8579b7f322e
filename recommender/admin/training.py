"""Trainings with their figures, and which model serves."""

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display

from accounts.admin.base import Desk, clerk, figure, table
from accounts.rules import may
from recommender import services, tasks
from recommender.choices import Stage, TrainingState
from recommender.errors import TrainingRefusedError
from recommender.models import TrainingRun

STATES = {
    TrainingState.QUEUED: "",
    TrainingState.RUNNING: "info",
    TrainingState.DONE: "success",
    TrainingState.FAILED: "danger",
}
STAGES = {Stage.CANDIDATE: "", Stage.LIVE: "success", Stage.RETIRED: ""}


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
    actions = ("promote",)
    fields = ("model",)
    readonly_fields = ("display_metrics",)

    def get_fieldsets(self, request: HttpRequest, obj: TrainingRun | None = None) -> Any:
        """A request names the model; a run shows everything."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        course = (
            ("model", "state", "stage"),
            ("device", "progress_bp", "requested_by"),
            ("requested_at", "started_at", "finished_at"),
            "heartbeat_at",
            *(["failure"] if obj.failure else []),
        )
        return (
            (None, {"fields": course}),
            (_("Figures on the test days"), {"fields": ("display_metrics",)}),
            (_("What it was made of"), {"fields": ("parameters", "data_hash", "artefact", "artefact_sha256")}),
            (_("Everything measured"), {"fields": ("metrics",), "classes": ("collapse",)}),
        )

    def has_change_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:  # noqa: ARG002
        """A run is never written by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: TrainingRun | None = None) -> bool:  # noqa: ARG002
        """A run stays: served lists point at it."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Models are chosen, not typed."""
        if db_field.name == "model":
            from django import forms
            from unfold.widgets import UnfoldAdminSelectWidget

            from recommender.engine.names import MODEL_NAMES

            return forms.ChoiceField(
                label=_("model"),
                choices=[(name, name) for name in MODEL_NAMES],
                initial="blend",
                widget=UnfoldAdminSelectWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: TrainingRun, form: Any, change: bool) -> None:  # noqa: ARG002
        """Ask for the training and wake a worker when the request is stored."""
        run = services.training_request(model=obj.model, requested_by=clerk(request))
        obj.pk = run.pk
        transaction.on_commit(lambda: tasks.train.delay(run.pk))

    @action(description=_("Let it serve"), permissions=["promote"])
    def promote(self, request: HttpRequest, queryset: QuerySet[TrainingRun]) -> None:
        """Promote the chosen run; an older one is a rollback."""
        if queryset.count() != 1:
            messages.error(request, gettext("Choose exactly one run."))
            return
        try:
            run = services.model_promote(run_id=queryset.get().pk)
        except TrainingRefusedError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("%(run)s serves now.") % {"run": run})

    def has_promote_permission(self, request: HttpRequest) -> bool:
        """Who may, by the role matrix."""
        return may(request.user, "promote", "recommender.trainingrun")

    @display(description=_("state"), label=STATES)
    def display_state(self, obj: TrainingRun) -> tuple[str, str]:
        """As a label."""
        return obj.state, obj.get_state_display()

    @display(description=_("stage"), label=STAGES)
    def display_stage(self, obj: TrainingRun) -> tuple[str, str]:
        """As a label."""
        return obj.stage, obj.get_stage_display()

    @display(description=_("figures"))
    def display_metrics(self, obj: TrainingRun) -> SafeString | str:
        """Each figure of the test with its standard error; empty before the run has one."""
        test = obj.metrics.get("test", {})
        rows = [[name, f"{of['value']:.4f} ± {of['se']:.4f}"] for name, of in sorted(test.items()) if "se" in of]
        return table([gettext("figure"), gettext("value")], rows) if rows else ""

    @display(description=_("NDCG@10, test"))
    def display_ndcg(self, obj: TrainingRun) -> SafeString:
        """With its standard error."""
        return _figure(obj, "ndcg@10")

    @display(description=_("HR@10, test"))
    def display_hits(self, obj: TrainingRun) -> SafeString:
        """With its standard error."""
        return _figure(obj, "hr@10")


def _figure(run: TrainingRun, name: str) -> SafeString:
    found = run.metrics.get("test", {}).get(name)
    return figure(f"{found['value']:.4f} ± {found['se']:.4f}" if found else None)
