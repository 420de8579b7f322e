"""Forms of the recommender."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from courses.choices import Level
from courses.models import Course, Topic
from courses.selectors import on_sale, topics_on_sale
from recommender.services import NewPath


class PathForm(forms.Form):
    """Where a learner wants to go: a course, else a topic, else words."""

    words = forms.CharField(label=_("What do you want to be able to do?"), required=False, max_length=100, strip=True)
    topic = forms.ModelChoiceField(
        label=_("or a whole topic"),
        queryset=Topic.objects.all(),
        required=False,
        to_field_name="code",
        empty_label=_("None, go by my words"),
    )
    course = forms.ModelChoiceField(
        queryset=Course.objects.none(), required=False, to_field_name="slug", widget=forms.HiddenInput
    )
    level = forms.ChoiceField(label=_("I begin as"), choices=Level.choices, initial=Level.BEGINNER)
    per_level = forms.TypedChoiceField(
        label=_("How thorough"),
        coerce=int,
        choices=[(1, _("One course a level")), (2, _("Two courses a level")), (3, _("Three courses a level"))],
        initial=1,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        course = self.fields["course"]
        assert isinstance(course, forms.ModelChoiceField)
        course.queryset = on_sale()

    def clean(self) -> dict[str, Any]:
        """Something must be wanted."""
        given = super().clean() or {}
        if not self.errors and not (given.get("words") or given.get("topic") or given.get("course")):
            self.add_error("words", _("Say what you want to learn, or choose a topic."))
        return given

    def goal(self) -> NewPath:
        """What was asked, once the form is valid."""
        given = self.cleaned_data
        course, topic = given.get("course"), given.get("topic")
        return NewPath(
            course_id=course.pk if course else None,
            topic_id=topic.pk if topic and not course else None,
            words="" if course or topic else given["words"],
            level=given["level"],
            per_level=given["per_level"],
        )


class InterestsForm(forms.Form):
    """Topics that have courses on sale."""

    topics = forms.MultipleChoiceField(
        label=_("Topics"), required=False, widget=forms.CheckboxSelectMultiple(), choices=()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {facet.value: facet.label for facet in topics_on_sale()}
        ids = dict(Topic.objects.filter(code__in=labels).values_list("code", "pk"))
        self.fields["topics"].choices = [(ids[code], label) for code, label in labels.items()]  # type: ignore[attr-defined]  # a choice field
