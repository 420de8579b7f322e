"""What was shown to whom, and what was waved away."""

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from courses.models import Course
from recommender.choices import Slot
from recommender.models.training import TrainingRun


class ServedList(models.Model):
    """One list as it was shown: courses in order with score and reason, so that a click can be traced to it."""

    user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("learner")
    )
    visitor_key = models.UUIDField(_("visitor"), null=True, blank=True)
    slot = models.CharField(_("place"), max_length=8, choices=Slot.choices)
    course = models.ForeignKey(
        Course, on_delete=models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("beside the course")
    )
    run = models.ForeignKey(
        TrainingRun, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("model")
    )
    items = models.JSONField(_("courses shown"))
    served_at = models.DateTimeField(_("shown at"), default=timezone.now)

    class Meta:
        verbose_name = _("served list")
        verbose_name_plural = _("served lists")
        indexes = [models.Index(fields=["user", "-served_at"], name="recommender_served_user")]

    def __str__(self) -> str:
        shown = date_format(timezone.localtime(self.served_at), "DATETIME_FORMAT")
        return f"{self.get_slot_display()} · {shown}"


class Dismissal(models.Model):
    """A learner said "not for me"."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", verbose_name=_("learner"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="+", verbose_name=_("course"))
    created_at = models.DateTimeField(_("said at"), default=timezone.now)

    class Meta:
        verbose_name = _("dismissal")
        verbose_name_plural = _("dismissals")
        constraints = [models.UniqueConstraint(fields=["user", "course"], name="recommender_dismissed_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.course}"
