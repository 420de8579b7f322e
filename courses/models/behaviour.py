"""What visitors and learners did."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import ImportBatch, User
from courses.choices import EventKind
from courses.models.catalogue import Course, Lesson


class BehaviourEvent(models.Model):
    """One act. `value` is seconds for stays and progress, stars for ratings, else 1.

    Append-only; what must be forgotten is erased by the owner of the tables, never by the application.
    """

    user = models.ForeignKey(
        User,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("person"),
    )
    visitor_key = models.UUIDField(_("visitor"), null=True, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=EventKind.choices)
    course = models.ForeignKey(
        Course,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("course"),
    )
    lesson = models.ForeignKey(
        Lesson,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("lesson"),
    )
    value = models.PositiveIntegerField(_("value"), default=1)
    query = models.CharField(_("search words"), max_length=200, blank=True)
    occurred_at = models.DateTimeField(_("occurred at"), default=timezone.now)
    import_batch = models.ForeignKey(
        ImportBatch, on_delete=models.PROTECT, null=True, blank=True, db_index=False, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("behaviour event")
        verbose_name_plural = _("behaviour events")
        indexes = [
            models.Index(
                fields=["user", "occurred_at"], condition=models.Q(user__isnull=False), name="courses_event_user"
            ),
            models.Index(
                fields=["visitor_key", "occurred_at"],
                condition=models.Q(visitor_key__isnull=False),
                name="courses_event_visitor",
            ),
            models.Index(fields=["course", "kind", "occurred_at"], name="courses_event_course"),
            models.Index(fields=["lesson"], condition=models.Q(lesson__isnull=False), name="courses_event_lesson"),
            models.Index(
                fields=["import_batch"], condition=models.Q(import_batch__isnull=False), name="courses_event_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.course_id}"
