"""Learning paths, to read."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, table
from recommender.models import LearningPath


@admin.register(LearningPath)
class LearningPathAdmin(ReadingDesk):
    """Where learners want to go, and by which steps."""

    empty_words = _("When learners plan a path to a goal, it stands here with its steps and their reasons.")
    list_display = ("__str__", "user", "goal", "level", "display_steps", "run", "created_at")
    list_filter = (("goal", ChoicesDropdownFilter), ("level", ChoicesDropdownFilter))
    list_select_related = ("user", "topic", "course", "run")
    search_fields = ("user__email", "words", "topic__name", "course__title")
    ordering = ("-pk",)
    fields = (
        ("user", "goal"),
        ("topic", "course", "words"),
        ("level", "per_level", "is_arranged"),
        ("run", "created_at", "planned_at"),
        "display_way",
    )
    readonly_fields = ("display_way",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LearningPath]:
        """With the number of steps."""
        queryset: QuerySet[LearningPath] = super().get_queryset(request)
        return queryset.annotate(step_count=Count("steps"))

    @display(description=_("steps"), ordering="step_count")
    def display_steps(self, obj: Any) -> int:
        """How many steps it has."""
        return int(obj.step_count)

    @display(description=_("steps"))
    def display_way(self, obj: LearningPath) -> SafeString:
        """The steps in order, each with why it is there."""
        steps = obj.steps.select_related("course", "of")
        rows = [
            [step.position + 1, step.course.local_title, step.get_reason_display(), str(step.of or "–")]
            for step in steps
        ]
        return table([gettext("step"), gettext("course"), gettext("why"), gettext("because of")], rows)
