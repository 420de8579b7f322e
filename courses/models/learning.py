"""Learning: who may open what, how far they came, what they think."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.audit import tracked
from accounts.models import User
from courses.models.catalogue import Course, Lesson
from courses.models.order import OrderLine


class Enrolment(models.Model):
    """A learner's right to open a course."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="enrolments", verbose_name=_("learner"))
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="enrolments", verbose_name=_("course"))
    order_line = models.OneToOneField(
        OrderLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="enrolment",
        verbose_name=_("bought by"),
    )
    enrolled_at = models.DateTimeField(_("enrolled at"), default=timezone.now)
    completed_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        constraints = [models.UniqueConstraint(fields=["user", "course"], name="courses_enrolled_once")]
        indexes = [models.Index(fields=["course", "enrolled_at"], name="courses_enrolment_course")]

    def __str__(self) -> str:
        return f"{self.user} · {self.course}"


class LessonProgress(models.Model):
    """How far a learner came in a lesson."""

    enrolment = models.ForeignKey(
        Enrolment, on_delete=models.CASCADE, related_name="progress", verbose_name=_("enrolment")
    )
    lesson = models.ForeignKey(Lesson, on_delete=models.CASCADE, related_name="+", verbose_name=_("lesson"))
    seconds = models.PositiveIntegerField(_("seconds"), default=0)
    completed_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("lesson progress")
        verbose_name_plural = _("lesson progress")
        constraints = [models.UniqueConstraint(fields=["enrolment", "lesson"], name="courses_progress_once")]
        indexes = [models.Index(fields=["enrolment", "-updated_at"], name="courses_progress_recent")]

    def __str__(self) -> str:
        return f"{self.enrolment} · {self.lesson}"


@tracked()
class Rating(models.Model):
    """Stars and a comment by a learner who is enrolled. A hidden comment is shown to nobody; its stars still count."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="ratings", verbose_name=_("learner"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="ratings", verbose_name=_("course"))
    stars = models.PositiveSmallIntegerField(_("stars"), validators=[MinValueValidator(1), MaxValueValidator(5)])
    comment = models.TextField(_("comment"), blank=True, max_length=2000)
    created_at = models.DateTimeField(_("rated at"), default=timezone.now)
    hidden_at = models.DateTimeField(_("hidden at"), null=True, blank=True)
    hidden_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("hidden by")
    )

    class Meta:
        verbose_name = _("rating")
        verbose_name_plural = pgettext_lazy("stars", "ratings")
        constraints = [
            models.UniqueConstraint(fields=["user", "course"], name="courses_rated_once"),
            models.CheckConstraint(condition=models.Q(stars__gte=1, stars__lte=5), name="courses_rating_range"),
        ]

    def __str__(self) -> str:
        return f"{self.course}: {self.stars}"


class Favourite(models.Model):
    """A course saved for later."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="favourites", verbose_name=_("learner"))
    course = models.ForeignKey(Course, on_delete=models.CASCADE, related_name="favourites", verbose_name=_("course"))
    created_at = models.DateTimeField(_("saved at"), default=timezone.now)

    class Meta:
        verbose_name = _("favourite")
        verbose_name_plural = _("favourites")
        constraints = [models.UniqueConstraint(fields=["user", "course"], name="courses_favourite_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.course}"
