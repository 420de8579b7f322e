"""Lists as they were shown, what was waved away, which interests were chosen, and the figures behind it all."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet, Subquery
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Desk, ReadingDesk, clerk, day_words, table
from courses.models import Course
from recommender import services
from recommender.errors import PolicyRefusedError
from recommender.models import Dismissal, ServedList, ServingPolicy, Taste


@admin.register(ServedList)
class ServedListAdmin(ReadingDesk):
    """Lists as they were shown."""

    list_display = ("served_at", "slot", "user", "course", "run")
    list_filter = (("slot", ChoicesDropdownFilter),)
    list_select_related = ("user", "course", "run")
    search_fields = ("user__email", "=code")
    ordering = ("-pk",)
    fields = (("slot", "served_at"), ("run", "policy"), ("user", "visitor_key", "course"), "display_places")
    readonly_fields = ("display_places",)

    @display(description=_("courses shown"))
    def display_places(self, obj: ServedList) -> SafeString:
        """The courses in their order: score, propensity, what each was shown for, and whether it was opened."""
        places = list(obj.impressions.select_related("course").order_by("position"))
        parts = {number for place in places for number, _amount in place.reason.get("parts", ())}
        titles = {course.pk: course.local_title for course in Course.objects.filter(pk__in=parts)}
        rows = [
            [
                place.course.local_title,
                place.get_source_display(),
                f"{place.score:.3f}",
                f"{place.propensity:.3f}",
                ", ".join(titles.get(number, "–") for number, _amount in place.reason.get("parts", ())) or "–",
                gettext("yes") if place.clicked_at else "–",
            ]
            for place in places
        ]
        heads = [gettext("course"), gettext("found by"), gettext("score"), gettext("propensity")]
        return table([*heads, gettext("because of"), gettext("clicked")], rows)


@admin.register(Dismissal)
class DismissalAdmin(ReadingDesk):
    """What learners waved away."""

    empty_words = _("When learners wave a suggestion away, it is kept here and not shown to them again.")
    list_display = ("created_at", "user", "kind", "course")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("user", "course")
    search_fields = ("user__email", "course__title")
    ordering = ("-pk",)


@admin.register(ServingPolicy)
class ServingPolicyAdmin(Desk):
    """Figures by which lists are put together; the newest are in force, and adding is the only way to change them."""

    empty_words = _("Lists are put together by the program's own figures. Add others here, with the reason.")
    list_display = ("__str__", "display_use", "display_values", "display_written", "created_by")
    list_select_related = ("created_by",)
    list_filter = ("is_trial",)
    search_fields = ("note",)
    ordering = ("-pk",)
    fields = ("values", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServingPolicy]:
        """With the one that is in force."""
        queryset: QuerySet[ServingPolicy] = super().get_queryset(request)
        in_force = ServingPolicy.objects.filter(is_trial=False).order_by("-pk").values("pk")[:1]
        return queryset.annotate(in_force=Subquery(in_force))

    @display(description=_("use"), label={"now": "success", "trial": "info", "before": ""})
    def display_use(self, obj: Any) -> tuple[str, str]:
        """Whether lists go by it now, did before, or only an arm of an experiment does."""
        if obj.is_trial:
            return "trial", gettext("Tried by an experiment")
        return ("now", gettext("In force")) if obj.pk == obj.in_force else ("before", gettext("Before"))

    @display(description=_("written on"), ordering="created_at")
    def display_written(self, obj: ServingPolicy) -> str:
        """The day; from then on it was in force, unless an experiment only tries it."""
        return day_words(obj.created_at)

    @display(description=_("figures"))
    def display_values(self, obj: ServingPolicy) -> str:
        """Those that differ from the code's own."""
        told = ", ".join(f"{name} {value:g}" for name, value in obj.values.items())
        return told or gettext("all the code’s own")

    def has_change_permission(self, request: HttpRequest, obj: ServingPolicy | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Lists name the figures they were made by, so these stay."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ServingPolicy | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """As above."""
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Figures are refused in the form as the service would refuse them."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "values":
            field.validators.append(_checked)
        return field

    def save_model(self, request: HttpRequest, obj: ServingPolicy, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """Put it in force."""
        by = clerk(request)
        obj.pk = services.policy_write(values=obj.values, note=obj.note, by=by).pk


@admin.register(Taste)
class TasteAdmin(ReadingDesk):
    """Which topics learners chose."""

    empty_words = _("Learners choose topics after they sign up; what they chose stands here.")
    list_display = ("answered_at", "user")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    ordering = ("-pk",)
    fields = ("user", "answered_at", "topics")


def _checked(values: Any) -> None:
    """A validator of the figures' field."""
    try:
        services.policy_check(values=values)
    except PolicyRefusedError as refusal:
        raise ValidationError(str(refusal)) from refusal
