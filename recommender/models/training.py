"""Training runs: what was trained from what, how well it did, and whether it serves."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.models import User
from recommender.choices import Stage, TrainingState


class DatasetSnapshot(models.Model):
    """What a training read: cleaned acts under keyed pseudonyms, one row a person and course.

    `file` holds the columns in the data folder under their hash; `left_out` counts acts by the rule that dropped them,
    `findings` what the data checks found.
    """

    taken_at = models.DateTimeField(_("data as of"), default=timezone.now)
    rows = models.PositiveIntegerField(_("rows"))
    people = models.PositiveIntegerField(_("people"))
    courses = models.PositiveIntegerField(_("courses"))
    acts = models.PositiveBigIntegerField(_("acts read"))
    left_out = models.JSONField(_("acts left out"), default=dict)
    findings = models.JSONField(_("findings"), default=list)
    weights = models.JSONField(_("weights"), default=dict)
    sha256 = models.CharField(_("hash of the data"), max_length=64)
    file = models.CharField(_("file"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        constraints = [models.UniqueConstraint(fields=["sha256"], name="recommender_snapshot_once")]

    def __str__(self) -> str:
        return f"{date_format(timezone.localtime(self.taken_at), 'DATETIME_FORMAT')} · {self.sha256[:8]}"


@tracked(
    exclude=(
        "parameters", "state", "device", "step", "progress_bp", "attempts", "metrics", "snapshot", "data_hash",
        "code_version", "sums", "continues", "gate", "started_at", "heartbeat_at", "lease", "finished_at", "failure",
    )
)  # fmt: skip
class TrainingRun(models.Model):
    """One training of one model; the artefact is a safetensors file named by its hash.

    The audit trail keeps who asked for it, who let it serve, and who stopped it; its progress is no news.

    A worker holds a run by `lease`; who finds another lease on it stops. `gate` says what the automatic gate compared
    and why it let the model through or not; `continues` is the run whose sums an hourly update carried on.
    """

    model = models.CharField(_("model"), max_length=32)
    parameters = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=TrainingState.choices, default=TrainingState.QUEUED)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    device = models.CharField(_("device"), max_length=32, blank=True)
    step = models.CharField(_("step"), max_length=16, blank=True, default="", db_default="")
    progress_bp = models.PositiveSmallIntegerField(_("progress in basis points"), default=0)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    metrics = models.JSONField(_("metrics"), default=dict)
    snapshot = models.ForeignKey(
        DatasetSnapshot, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("dataset")
    )
    data_hash = models.CharField(_("hash of the data"), max_length=64, blank=True)
    code_version = models.CharField(_("version of the code"), max_length=64, blank=True, default="", db_default="")
    artefact = models.CharField(_("artefact"), max_length=200, blank=True)
    artefact_sha256 = models.CharField(_("hash of the artefact"), max_length=64, blank=True)
    sums = models.CharField(_("sums over people"), max_length=200, blank=True, default="", db_default="")
    continues = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("carries on")
    )
    gate = models.JSONField(_("gate"), default=dict, db_default=models.Value({}, models.JSONField()))
    canary_bp = models.PositiveSmallIntegerField(
        _("share of people as canary, in basis points"), default=0, db_default=0
    )
    promoted_at = models.DateTimeField(_("began to serve at"), null=True, blank=True)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    requested_at = models.DateTimeField(_("asked at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    lease = models.UUIDField(_("lease"), null=True, blank=True)
    stop_asked_at = models.DateTimeField(_("stop asked at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    failure = models.TextField(_("failure"), blank=True)

    search: dict[str, Any] | None = None
    """What a search for the best model told, while it is trained; then it stands among the metrics."""

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        constraints = [
            models.UniqueConstraint(fields=["stage"], condition=models.Q(stage="live"), name="recommender_one_live"),
            models.UniqueConstraint(
                fields=["stage"], condition=models.Q(stage="canary"), name="recommender_one_canary"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} #{self.pk}"


class ShadowReading(models.Model):
    """A model that does not serve beside the one that does: both asked about the same people before the same acts.

    `overlap_bp` is the mean share of the ten best that both name; `hits` count people whose next course stood there.
    """

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="readings", verbose_name=_("model"))
    live = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="+", verbose_name=_("serving model"))
    read_at = models.DateTimeField(_("compared at"), default=timezone.now)
    people = models.PositiveIntegerField(_("people"))
    overlap_bp = models.PositiveSmallIntegerField(_("overlap in basis points"))
    hits = models.PositiveIntegerField(_("hits"))
    live_hits = models.PositiveIntegerField(_("hits of the serving model"))

    class Meta:
        verbose_name = _("shadow reading")
        verbose_name_plural = _("shadow readings")
        indexes = [models.Index(fields=["run", "-read_at"], name="recommender_shadow_run")]

    def __str__(self) -> str:
        return f"{self.run} · {self.live}"
