"""The catalogue: topics, courses with creators and sections, sections with lessons."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)
from unfold.decorators import action, display

from accounts.admin.base import Desk, Lines
from accounts.admin.confirm import Facts, confirmed
from courses import services
from courses.admin.words import money
from courses.errors import CoursesError
from courses.forms import CourseForm, PrerequisiteFormSet
from courses.models import Course, CourseCreator, Lesson, Prerequisite, Section, Topic

STATE_TONES = {"draft": "", "published": "success", "retired": "warning"}


@admin.register(Topic)
class TopicAdmin(Desk):
    """Fields of the catalogue, in the order in which the storefront lists them."""

    list_display = ("display_name", "position", "display_courses")
    search_fields = ("code", "name", "name_zh")
    ordering = ("position", "pk")
    fields = (("name", "name_zh"), ("code", "position"))
    prepopulated_fields: ClassVar[dict[str, tuple[str, ...]]] = {"code": ("name",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        """With the number of courses."""
        queryset: QuerySet[Topic] = super().get_queryset(request)
        return queryset.annotate(course_count=Count("courses"))

    def has_delete_permission(self, request: HttpRequest, obj: Topic | None = None) -> bool:
        """A topic with courses stays."""
        if obj is not None and obj.courses.exists():
            return False
        return bool(super().has_delete_permission(request, obj))

    @display(description=_("name"), header=True, ordering="name")
    def display_name(self, obj: Topic) -> tuple[str, str]:
        """Name above code."""
        return obj.local_name, obj.code

    @display(description=_("courses"), ordering="course_count")
    def display_courses(self, obj: Any) -> int:
        """How many courses it has."""
        return int(obj.course_count)


class CreatorLines(Lines):
    """Who makes the course; what it pays them stands in the agreement."""

    model = CourseCreator
    verbose_name_plural = _("creators")
    fields = ("party", "role", "position")
    autocomplete_fields = ("party",)
    ordering_field = "position"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CourseCreator]:
        """With their parties."""
        queryset: QuerySet[CourseCreator] = super().get_queryset(request)
        return queryset.select_related("party", "course")


class PrerequisiteLines(Lines):
    """What to finish before; no ring is taken."""

    model = Prerequisite
    fk_name = "course"
    formset = PrerequisiteFormSet
    verbose_name_plural = _("prerequisites")
    fields = ("requires",)
    autocomplete_fields = ("requires",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Prerequisite]:
        """With their courses."""
        queryset: QuerySet[Prerequisite] = super().get_queryset(request)
        return queryset.select_related("course", "requires")


class SectionLines(Lines):
    """Sections; their lessons stand on their own page."""

    model = Section
    verbose_name_plural = _("sections")
    fields = ("title", "title_zh", "position", "display_lessons")
    readonly_fields = ("display_lessons",)
    ordering_field = "position"
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Section]:
        """With the number of lessons."""
        queryset: QuerySet[Section] = super().get_queryset(request)
        return queryset.select_related("course").annotate(lesson_count=Count("lessons"))

    @admin.display(description=_("lessons"))
    def display_lessons(self, obj: Any) -> int:
        """How many lessons it has."""
        return getattr(obj, "lesson_count", 0)


def course_facts(course: Course) -> Facts:
    """What of a course a step concerns."""
    return [
        (_("course"), course.local_title),
        (_("price"), money(course.price_minor, course.currency)),
        (_("learners"), course.enrolments.count()),
    ]


@admin.register(Course)
class CourseAdmin(Desk):
    """Courses. Publishing puts one on sale, retiring takes it off; neither touches those who own it."""

    form = CourseForm
    list_display = (
        "display_title",
        "topic",
        "display_creators",
        "display_price",
        "display_state",
        "display_learners",
        "published_at",
    )
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("topic", RelatedDropdownFilter),
        ("level", ChoicesDropdownFilter),
        "language",
        "currency",
        ("creators", AutocompleteSelectFilter),
        ("published_at", RangeDateTimeFilter),
    )
    list_select_related = ("topic",)
    search_fields = ("title", "title_zh", "slug", "creators__name", "creators__name_zh")
    search_help_text = _("Title, address or creator")
    ordering = ("-published_at", "-pk")
    fieldsets = (
        (None, {"fields": (("title", "title_zh"), ("slug", "topic"), ("level", "language"), ("price", "currency"))}),
        (
            _("What visitors read"),
            {
                "fields": (
                    ("summary", "summary_zh"),
                    ("outcome_lines", "outcome_lines_zh"),
                    ("description", "description_zh"),
                )
            },
        ),
        (_("State"), {"fields": (("state", "published_at", "updated_at"), "import_batch")}),
    )
    readonly_fields = ("state", "published_at", "updated_at", "import_batch")
    prepopulated_fields: ClassVar[dict[str, tuple[str, ...]]] = {"slug": ("title",)}
    inlines = (CreatorLines, PrerequisiteLines, SectionLines)
    actions = ("publish_chosen",)
    actions_detail: ClassVar[list[str]] = ["publish", "retire"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        """With creators and the number of learners: two queries more for a page of any length."""
        queryset: QuerySet[Course] = super().get_queryset(request)
        return queryset.prefetch_related("credits__party").annotate(learner_count=Count("enrolments", distinct=True))

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """By the matrix."""
        return request.user.has_perm("courses.publish_course")

    def get_view_on_site_url(self, obj: Course | None = None) -> str | None:
        """The course's page."""
        return reverse("courses:course", args=[obj.slug]) if obj else None

    def get_readonly_fields(self, request: HttpRequest, obj: Course | None = None) -> tuple[str, ...]:
        """What was sold keeps its currency."""
        del request
        sold = obj is not None and obj.order_lines.exists()
        return (*self.readonly_fields, "currency") if sold else self.readonly_fields

    @display(description=_("title"), header=True, ordering="title")
    def display_title(self, obj: Course) -> tuple[str, str]:
        """Title above address."""
        return obj.local_title, obj.slug

    @display(description=_("creators"))
    def display_creators(self, obj: Course) -> str:
        """Names of the creators, the lead first."""
        return ", ".join(str(credit.party) for credit in obj.credits.all()) or "–"

    @display(description=_("price"), ordering="price_minor")
    def display_price(self, obj: Course) -> str:
        """Price with its currency."""
        return money(obj.price_minor, obj.currency)

    @display(description=_("state"), label=STATE_TONES, ordering="state")
    def display_state(self, obj: Course) -> tuple[str, str]:
        """Draft, published or retired."""
        return obj.state, obj.get_state_display()

    @display(description=_("learners"), ordering="learner_count")
    def display_learners(self, obj: Any) -> int:
        """How many were ever enrolled."""
        return int(obj.learner_count)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Once creators are saved too, the course is found by its new words."""
        super().save_related(request, form, formsets, change)
        services.courses_index(ids=[form.instance.pk])

    @admin.action(description=_("Publish"), permissions=["publish"])
    def publish_chosen(self, request: HttpRequest, queryset: QuerySet[Course]) -> None:
        """Put the chosen courses on sale, all or none."""
        try:
            count = len(services.courses_publish(ids=list(queryset.values_list("pk", flat=True))))
        except CoursesError as refusal:
            messages.error(request, str(refusal))
        else:
            words = ngettext("%d course is on sale now.", "%d courses are on sale now.", count)
            messages.success(request, words % count)

    @action(
        description=_("Publish"),
        url_path="publish",
        permissions=["publish"],
        icon="storefront",
    )
    @confirmed(
        title=_("Publish this course"),
        does=_("It is on sale from now on, at the price that it states."),
        back=_("Retire it, whenever you like; who bought it meanwhile keeps it."),
        act=_("Publish"),
        facts=course_facts,
        destructive=False,
    )
    def publish(self, request: HttpRequest, form: forms.Form, course: Course) -> HttpResponse:
        """Put the course on sale."""
        del form
        try:
            services.course_publish(course_id=course.pk)
        except CoursesError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, gettext("The course is on sale."))
        return to_page("courses_course", course.pk)

    @action(
        description=_("Retire"),
        url_path="retire",
        permissions=["publish"],
        icon="inventory_2",
    )
    @confirmed(
        title=_("Retire this course"),
        does=_("Nobody can buy it any more. Those who own it keep it."),
        back=_("Publish it again, whenever you like."),
        act=_("Retire"),
        facts=course_facts,
    )
    def retire(self, request: HttpRequest, form: forms.Form, course: Course) -> HttpResponse:
        """Take the course off sale."""
        del form
        services.course_retire(course_id=course.pk)
        messages.success(request, gettext("The course is off sale."))
        return to_page("courses_course", course.pk)


class LessonLines(StackedInline):
    """Lessons of a section in order."""

    model = Lesson
    extra = 0
    verbose_name_plural = _("lessons")
    fields = (
        ("title", "title_zh"),
        ("kind", "duration_seconds", "is_preview"),
        "video",
        ("body", "body_zh"),
        "position",
    )
    ordering_field = "position"
    hide_ordering_field = True
    collapsible = True


@admin.register(Section)
class SectionAdmin(Desk):
    """A section with its lessons; reached from its course."""

    list_display = ("display_title", "course", "position", "display_lessons")
    list_filter = (("course", AutocompleteSelectFilter),)
    list_select_related = ("course",)
    search_fields = ("title", "title_zh", "course__title", "course__title_zh")
    ordering = ("course", "position", "pk")
    fields = ("course", ("title", "title_zh"), "position")
    autocomplete_fields = ("course",)
    inlines = (LessonLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Section]:
        """With the number of lessons."""
        queryset: QuerySet[Section] = super().get_queryset(request)
        return queryset.annotate(lesson_count=Count("lessons"))

    @display(description=_("title"), ordering="title")
    def display_title(self, obj: Section) -> str:
        """Title in the reader's language."""
        return obj.local_title

    @display(description=_("lessons"), ordering="lesson_count")
    def display_lessons(self, obj: Any) -> int:
        """How many lessons it has."""
        return int(obj.lesson_count)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """A section stays with its course."""
        del request
        return ("course",) if obj else ()


def to_page(name: str, pk: int | str) -> HttpResponse:
    """Where a step leads once it is done: the page of the thing."""
    return HttpResponseRedirect(reverse(f"admin:{name}_change", args=[pk]))
