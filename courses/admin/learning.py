"""Learning: enrolments, ratings to moderate, behaviour to read."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RangeNumericFilter,
)
from unfold.decorators import display

from accounts.admin.base import Desk, ReadingDesk, clerk
from courses import services
from courses.admin.orders import ReadingLines
from courses.models import BehaviourEvent, Enrolment, LessonProgress, Rating

LONGEST_EXCERPT = 80


class ProgressLines(ReadingLines):
    """How far the learner came."""

    model = LessonProgress
    verbose_name_plural = _("lesson progress")
    fields = ("lesson", "seconds", "completed_at", "updated_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[LessonProgress]:
        """With their lessons."""
        queryset: QuerySet[LessonProgress] = super().get_queryset(request)
        return queryset.select_related("lesson", "enrolment").order_by("-updated_at")


@admin.register(Enrolment)
class EnrolmentAdmin(Desk):
    """Who may open which course. One given by hand has no order."""

    list_display = ("user", "course", "display_state", "display_progress", "enrolled_at", "completed_at")
    list_filter = (
        ("course", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("withdrawn_at", admin.EmptyFieldListFilter),
        ("completed_at", admin.EmptyFieldListFilter),
        ("enrolled_at", RangeDateTimeFilter),
    )
    list_select_related = ("user", "course", "order_line")
    search_fields = ("user__email", "user__name", "user__name_zh", "course__title", "course__title_zh")
    search_help_text = _("Learner or course")
    ordering = ("-enrolled_at", "-pk")
    fields = (("user", "course"), ("enrolled_at", "completed_at", "withdrawn_at"), "order_line")
    readonly_fields = ("enrolled_at", "completed_at", "withdrawn_at", "order_line")
    autocomplete_fields = ("user", "course")
    inlines = (ProgressLines,)
    actions = ("withdraw",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Enrolment]:
        """With the number of finished lessons."""
        queryset: QuerySet[Enrolment] = super().get_queryset(request)
        finished = Count("progress", filter=Q(progress__completed_at__isnull=False))
        return queryset.annotate(finished_count=finished)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The list's action needs the right; a single enrolment is not rewritten."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Enrolments end, they are not deleted."""
        return False

    @display(description=_("state"), label={"live": "success", "over": "", "finished": "info"})
    def display_state(self, obj: Enrolment) -> tuple[str, str]:
        """Open, finished or ended."""
        if obj.withdrawn_at:
            return "over", gettext("Ended")
        return ("finished", gettext("Finished")) if obj.completed_at else ("live", gettext("Learning"))

    @display(description=_("lessons finished"), ordering="finished_count")
    def display_progress(self, obj: Any) -> int:
        """How many lessons are finished."""
        return int(obj.finished_count)

    def save_model(self, request: HttpRequest, obj: Enrolment, form: Any, change: bool) -> None:
        """Give through the verb."""
        del request, form, change
        obj.pk = services.enrolment_give(user=obj.user, course_id=obj.course_id).pk

    @admin.action(description=_("End these enrolments"), permissions=["change"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Enrolment]) -> None:
        """End the chosen enrolments."""
        count = services.enrolments_withdraw(ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, ngettext("%d enrolment ended.", "%d enrolments ended.", count) % count)


@admin.register(Rating)
class RatingAdmin(Desk):
    """Ratings. A comment may be hidden; its stars still count."""

    list_display = ("course", "user", "stars", "display_comment", "display_state", "created_at")
    list_filter = (
        ("stars", RangeNumericFilter),
        ("course", AutocompleteSelectFilter),
        ("hidden_at", admin.EmptyFieldListFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("course", "user")
    search_fields = ("comment", "course__title", "course__title_zh", "user__email", "user__name")
    search_help_text = _("Words of the comment, course or learner")
    ordering = ("-created_at", "-pk")
    fields = (("course", "user"), ("stars", "created_at"), "comment", ("hidden_at", "hidden_by"))
    readonly_fields = ("course", "user", "stars", "created_at", "comment", "hidden_at", "hidden_by")
    actions = ("hide", "show")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Learners rate, nobody else."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A rating stays; its comment may be hidden."""
        return False

    @display(description=_("comment"))
    def display_comment(self, obj: Rating) -> str:
        """The beginning of the comment."""
        text = obj.comment
        return (text[:LONGEST_EXCERPT] + "…" if len(text) > LONGEST_EXCERPT else text) or "–"

    @display(description=_("state"), label={"shown": "success", "hidden": "warning"}, ordering="hidden_at")
    def display_state(self, obj: Rating) -> tuple[str, str]:
        """Shown or hidden."""
        return ("hidden", gettext("Hidden")) if obj.hidden_at else ("shown", gettext("Shown"))

    @admin.action(description=_("Hide the comments"), permissions=["change"])
    def hide(self, request: HttpRequest, queryset: QuerySet[Rating]) -> None:
        """Hide the chosen comments."""
        count = services.ratings_hide(ids=list(queryset.values_list("pk", flat=True)), by=clerk(request))
        messages.success(request, ngettext("%d comment hidden.", "%d comments hidden.", count) % count)

    @admin.action(description=_("Show the comments again"), permissions=["change"])
    def show(self, request: HttpRequest, queryset: QuerySet[Rating]) -> None:
        """Show the chosen comments again."""
        count = services.ratings_show(ids=list(queryset.values_list("pk", flat=True)))
        messages.success(request, ngettext("%d comment shown again.", "%d comments shown again.", count) % count)


@admin.register(BehaviourEvent)
class BehaviourEventAdmin(ReadingDesk):
    """What visitors and learners did, the latest first."""

    list_display = ("occurred_at", "kind", "display_who", "course", "lesson", "value", "query")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("course", AutocompleteSelectFilter),
        ("user", AutocompleteSelectFilter),
        ("occurred_at", RangeDateTimeFilter),
    )
    list_select_related = ("user", "course", "lesson")
    search_fields = ("=user__email", "=visitor_key", "query")
    search_help_text = _("Learner's address, visitor's key or search words")
    ordering = ("-occurred_at", "-pk")
    fields = ("occurred_at", "kind", "user", "visitor_key", ("course", "lesson"), ("value", "query"), "import_batch")
    readonly_fields = (
        "occurred_at",
        "kind",
        "user",
        "visitor_key",
        "course",
        "lesson",
        "value",
        "query",
        "import_batch",
    )

    @display(description=_("who"))
    def display_who(self, obj: BehaviourEvent) -> str:
        """The person, or the visitor's key."""
        return str(obj.user) if obj.user else str(obj.visitor_key)
