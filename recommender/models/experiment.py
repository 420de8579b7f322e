"""Experiments: which arms, who saw them, what was decided and why."""

from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from recommender.choices import Decision, ExperimentKind, ExperimentMethod, ExperimentState, Slot
from recommender.models.served import ServingPolicy
from recommender.models.training import TrainingRun


class Experiment(models.Model):
    """A question put to readers: do they buy more from one way of suggesting than from another?

    Of kind `mixed`, both arms share each list and the places say which arm brought them; then what is planned are
    readers who prefer one. It holds `share_bp` of its layer's traffic from bucket `first_bucket` on. `rate_ppm` and
    `lift_bp` are what it was planned for: the buyers a million readers of the first arm, and the least relative change
    worth finding.
    """

    name = models.CharField(_("name"), max_length=120)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    hypothesis = models.CharField(_("what we expect, and why"), max_length=400)
    slot = models.CharField(_("place"), max_length=8, choices=Slot.choices, default=Slot.HOME)
    layer = models.SlugField(_("layer"), max_length=32, default="suggestions")
    first_bucket = models.PositiveSmallIntegerField(_("first bucket"), default=0)
    share_bp = models.PositiveSmallIntegerField(_("share of traffic in basis points"), default=10_000)
    salt = models.CharField(_("salt"), max_length=32, unique=True, editable=False)
    kind = models.CharField(
        _("kind"),
        max_length=8,
        choices=ExperimentKind.choices,
        default=ExperimentKind.SPLIT,
        db_default=ExperimentKind.SPLIT,
    )
    method = models.CharField(
        _("test"), max_length=8, choices=ExperimentMethod.choices, default=ExperimentMethod.ALWAYS
    )
    rate_ppm = models.PositiveIntegerField(_("expected buyers in a million readers"), default=30_000)
    lift_bp = models.PositiveIntegerField(_("smallest change worth finding, basis points"), default=1_000)
    planned_people = models.PositiveIntegerField(_("people needed an arm"), default=0)
    refund_margin_bp = models.PositiveSmallIntegerField(_("refund rate may rise by, basis points"), default=100)
    latency_margin_ms = models.PositiveSmallIntegerField(_("answers may be slower by, milliseconds"), default=20)
    gini_margin_bp = models.PositiveSmallIntegerField(_("creators’ Gini may rise by, basis points"), default=300)
    state = models.CharField(_("state"), max_length=8, choices=ExperimentState.choices, default=ExperimentState.DRAFT)
    replay = models.JSONField(_("offline replay"), default=dict, blank=True)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("written by")
    )
    created_at = models.DateTimeField(_("written on"), default=timezone.now)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True, blank=True)

    class Meta:
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(share_bp__gte=1, share_bp__lte=10_000 - models.F("first_bucket")),
                name="recommender_experiment_range",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", started_at=None, stopped_at=None)
                | models.Q(state="running", started_at__isnull=False, stopped_at=None)
                | models.Q(state__in=["stopped", "decided"], started_at__isnull=False, stopped_at__isnull=False),
                name="recommender_experiment_state",
            ),
        ]

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


class Arm(models.Model):
    """One way of suggesting: a model run, a policy of figures, or both; neither means what serves now."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.CASCADE, related_name="arms", verbose_name=_("experiment")
    )
    position = models.PositiveSmallIntegerField(_("position"), help_text=_("0 is what the others are held against."))
    name = models.CharField(_("name"), max_length=80)
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    run = models.ForeignKey(
        TrainingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    policy = models.ForeignKey(
        ServingPolicy, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("policy")
    )

    class Meta:
        verbose_name = _("arm")
        verbose_name_plural = _("arms")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["experiment", "position"], name="recommender_arm_place"),
            models.CheckConstraint(condition=models.Q(weight__gte=1), name="recommender_arm_weight"),
        ]

    def __str__(self) -> str:
        return self.name


class Exposure(models.Model):
    """Somebody saw an arm for the first time: once an experiment and unit, at render, by a keyed pseudonym."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.PROTECT, related_name="exposures", verbose_name=_("experiment")
    )
    arm = models.ForeignKey(Arm, on_delete=models.PROTECT, related_name="exposures", verbose_name=_("arm"))
    unit = models.CharField(_("unit"), max_length=40)
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("learner")
    )
    visitor_key = models.UUIDField(_("visitor"), null=True, blank=True)
    answer_ms = models.PositiveIntegerField(_("milliseconds of the answer"), default=0)
    exposed_at = models.DateTimeField(_("seen at"), default=timezone.now)

    class Meta:
        verbose_name = _("exposure")
        verbose_name_plural = _("exposures")
        constraints = [
            models.UniqueConstraint(fields=["experiment", "unit"], name="recommender_exposed_once"),
        ]
        indexes = [models.Index(fields=["experiment", "arm"], name="recommender_exposed_arm")]

    def __str__(self) -> str:
        return f"{self.experiment} · {self.arm}"


class DecisionLog(models.Model):
    """What was done with an experiment, by whom and why, with the figures that were seen. Rows only grow."""

    experiment = models.ForeignKey(
        Experiment, on_delete=models.PROTECT, related_name="decisions", verbose_name=_("experiment")
    )
    act = models.CharField(_("act"), max_length=8, choices=Decision.choices)
    reason = models.CharField(_("reason"), max_length=400)
    seen = models.JSONField(_("figures seen"), default=dict)
    by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("by")
    )
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.experiment} · {self.get_act_display()}"
