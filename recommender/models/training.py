"""Training runs: what was trained from what, how well it did, and whether it serves."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from recommender.choices import Stage, TrainingState


class TrainingRun(models.Model):
    """One training of one model; the artefact is a safetensors file named by its hash."""

    model = models.CharField(_("model"), max_length=32)
    parameters = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=8, choices=TrainingState.choices, default=TrainingState.QUEUED)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, default=Stage.CANDIDATE)
    device = models.CharField(_("device"), max_length=32, blank=True)
    progress_bp = models.PositiveSmallIntegerField(_("progress in basis points"), default=0)
    metrics = models.JSONField(_("metrics"), default=dict)
    data_hash = models.CharField(_("hash of the data"), max_length=64, blank=True)
    artefact = models.CharField(_("artefact"), max_length=200, blank=True)
    artefact_sha256 = models.CharField(_("hash of the artefact"), max_length=64, blank=True)
    requested_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    requested_at = models.DateTimeField(_("asked at"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    failure = models.TextField(_("failure"), blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        constraints = [
            models.UniqueConstraint(fields=["stage"], condition=models.Q(stage="live"), name="recommender_one_live")
        ]

    def __str__(self) -> str:
        return f"{self.model} #{self.pk}"
