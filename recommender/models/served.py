"""What was shown to whom and what they made of it, and what they said of their taste."""

from uuid import uuid4

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from courses.models import Course, Topic
from recommender.choices import Refusal, Slot, Source
from recommender.models.training import TrainingRun


class ServingPolicy(models.Model):
    """The figures by which lists are put together; the newest row is in force, none means those of the code.

    `values` is what `recommender.engine.re_rank.Policy` says of itself. Rows are added, never changed: a list names its
    own.
    """

    values = models.JSONField(_("figures"), default=dict, help_text=_("Those left out are the code's own."))
    note = models.CharField(_("why"), max_length=200)
    is_trial = models.BooleanField(_("tried by an experiment only"), default=False, db_default=False)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("written by")
    )
    created_at = models.DateTimeField(_("in force since"), default=timezone.now)

    class Meta:
        verbose_name = _("policy of suggestions")
        verbose_name_plural = _("policies of suggestions")

    def __str__(self) -> str:
        return f"#{self.pk} {self.note}"


class ServedList(models.Model):
    """One list as it was shown. `code` is in its links, so that a click finds its place without a login.

    `mail_week` is the Monday of the week in whose mail it stood: one list a person and week.
    """

    code = models.UUIDField(_("code"), unique=True, default=uuid4, db_default=RandomUUID())
    user = models.ForeignKey(
        User,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("learner"),
    )
    visitor_key = models.UUIDField(_("visitor"), null=True, blank=True)
    slot = models.CharField(_("place"), max_length=8, choices=Slot.choices)
    course = models.ForeignKey(
        Course,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("beside the course"),
    )
    run = models.ForeignKey(
        TrainingRun,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("model"),
    )
    policy = models.ForeignKey(
        ServingPolicy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("policy"),
    )
    mail_week = models.DateField(_("mail of the week"), null=True, blank=True)
    served_at = models.DateTimeField(_("shown at"), default=timezone.now)

    class Meta:
        verbose_name = _("served list")
        verbose_name_plural = _("served lists")
        indexes = [
            models.Index(fields=["user", "-served_at"], name="recommender_served_user"),
            models.Index(
                fields=["visitor_key"],
                condition=models.Q(visitor_key__isnull=False),
                name="recommender_served_visitor",
            ),
            models.Index(fields=["served_at", "slot"], name="recommender_served_when"),
            models.Index(fields=["course"], condition=models.Q(course__isnull=False), name="recommender_served_beside"),
        ]
        constraints = [models.UniqueConstraint(fields=["user", "mail_week"], name="recommender_mailed_once")]

    def __str__(self) -> str:
        shown = date_format(timezone.localtime(self.served_at), "DATETIME_FORMAT")
        return f"{self.get_slot_display()} · {shown}"


class Impression(models.Model):
    """One course at one place of a list that was shown. Only `clicked_at` changes, once.

    `propensity` is the probability with which the policy shows this course at this place, given the places before it.
    `reason` takes the score apart: `parts` ([course, amount], largest first), `features` (name to amount), `rest`; all
    of them add up to `score`. `topic` is the topic that led here. `arm` brought it to a list that two arms share.
    """

    served = models.ForeignKey(
        ServedList, on_delete=models.CASCADE, related_name="impressions", db_index=False, verbose_name=_("list")
    )
    position = models.PositiveSmallIntegerField(_("place in the list"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))
    source = models.CharField(_("found by"), max_length=8, choices=Source.choices)
    score = models.FloatField(_("score"))
    propensity = models.FloatField(_("propensity"), default=1.0)
    reason = models.JSONField(_("why shown"), default=dict)
    clicked_at = models.DateTimeField(_("clicked at"), null=True, blank=True)
    arm = models.ForeignKey(
        "recommender.Arm",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("arm"),
    )

    class Meta:
        verbose_name = _("impression")
        verbose_name_plural = _("impressions")
        indexes = [
            models.Index(fields=["arm"], condition=models.Q(arm__isnull=False), name="recommender_place_arm"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["served", "position"], name="recommender_place_once"),
            models.CheckConstraint(
                condition=models.Q(propensity__gt=0, propensity__lte=1), name="recommender_propensity_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.course}"


class Dismissal(models.Model):
    """A learner said "not for me" of a course, or "less like this": then its topic counts less too."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("learner"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))
    kind = models.CharField(
        _("what was said"), max_length=8, choices=Refusal.choices, default=Refusal.COURSE, db_default=Refusal.COURSE
    )
    created_at = models.DateTimeField(_("said at"), default=timezone.now)

    class Meta:
        verbose_name = _("dismissal")
        verbose_name_plural = _("dismissals")
        constraints = [models.UniqueConstraint(fields=["user", "course"], name="recommender_dismissed_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.course}"


class Taste(models.Model):
    """The topics that a learner chose, perhaps none. No row: they were not asked yet."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("learner"))
    topics = models.ManyToManyField(Topic, related_name="+", blank=True, verbose_name=_("topics"))
    answered_at = models.DateTimeField(_("said at"), default=timezone.now)

    class Meta:
        verbose_name = _("chosen interests")
        verbose_name_plural = _("chosen interests")

    def __str__(self) -> str:
        return str(self.user)
