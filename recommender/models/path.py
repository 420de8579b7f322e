"""Learning paths: what a learner is after, the steps to it, and what was left out by hand."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from courses.choices import Level
from courses.models import Course, Topic
from recommender.choices import PathGoal, StepReason
from recommender.models.training import TrainingRun

MOST_PER_LEVEL = 3


class LearningPath(models.Model):
    """A way to one goal: a topic, a course, or words. What is done is read from enrolments, never kept twice."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("learner"))
    goal = models.CharField(_("kind of goal"), max_length=6, choices=PathGoal.choices)
    topic = models.ForeignKey(
        Topic, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("topic")
    )
    course = models.ForeignKey(
        Course, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("course")
    )
    words = models.CharField(_("words of the goal"), max_length=100, blank=True)
    level = models.CharField(_("begins at"), max_length=12, choices=Level.choices, default=Level.BEGINNER)
    per_level = models.PositiveSmallIntegerField(_("courses a level"), default=1)
    is_arranged = models.BooleanField(_("put in order by hand"), default=False)
    run = models.ForeignKey(
        TrainingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    created_at = models.DateTimeField(_("made on"), default=timezone.now)
    planned_at = models.DateTimeField(_("planned at"), default=timezone.now)

    class Meta:
        verbose_name = _("learning path")
        verbose_name_plural = _("learning paths")
        indexes = [models.Index(fields=["user", "-created_at"], name="recommender_path_user")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(goal="topic", topic__isnull=False, course=None, words="")
                | models.Q(goal="course", topic=None, course__isnull=False, words="")
                | (models.Q(goal="words", topic=None, course=None) & ~models.Q(words="")),
                name="recommender_path_one_goal",
            ),
            models.CheckConstraint(
                condition=models.Q(per_level__gte=1, per_level__lte=MOST_PER_LEVEL), name="recommender_path_per_level"
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The goal in the reader's words."""
        return str(self.topic or self.course or self.words)


class PathStep(models.Model):
    """A course at its place on a path, with why it stands there."""

    path = models.ForeignKey(LearningPath, on_delete=models.CASCADE, related_name="steps", verbose_name=_("path"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))
    position = models.PositiveSmallIntegerField(_("position"))
    reason = models.CharField(_("why"), max_length=8, choices=StepReason.choices)
    of = models.ForeignKey(
        Course, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("because of")
    )

    class Meta:
        verbose_name = _("step of a path")
        verbose_name_plural = _("steps of paths")
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["path", "course"], name="recommender_step_once"),
            models.UniqueConstraint(
                fields=["path", "position"], name="recommender_step_place", deferrable=models.Deferrable.DEFERRED
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position + 1} · {self.course}"


class PathSkip(models.Model):
    """A course that the learner left out; plans made anew leave it out too."""

    path = models.ForeignKey(LearningPath, on_delete=models.CASCADE, related_name="skips", verbose_name=_("path"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))

    class Meta:
        verbose_name = _("course left out of a path")
        verbose_name_plural = _("courses left out of paths")
        constraints = [models.UniqueConstraint(fields=["path", "course"], name="recommender_skip_once")]

    def __str__(self) -> str:
        return f"{self.path} · {self.course}"
