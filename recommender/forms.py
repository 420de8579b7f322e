"""Forms of the recommender."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from courses.choices import Level
from courses.models import Course, Topic
from courses.selectors import on_sale, topics_on_sale
from recommender.choices import ExperimentKind, ExperimentMethod, Slot, TrainingState
from recommender.models import TrainingRun
from recommender.services import NewArm, NewExperiment, NewPath


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


class ExperimentForm(forms.Form):
    """A question, the place where it is asked, and what may be better than what serves now."""

    name = forms.CharField(label=pgettext_lazy("experiment", "Name"), max_length=120)
    hypothesis = forms.CharField(
        label=_("What we expect, and why"), max_length=400, widget=forms.Textarea(attrs={"rows": 3})
    )
    slot = forms.ChoiceField(label=_("Place"), choices=Slot.choices)
    run = forms.ModelChoiceField(
        label=_("Model to try"), queryset=TrainingRun.objects.none(), required=False, empty_label=_("What serves now")
    )
    figures = forms.CharField(
        label=_("Figures to try"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line, such as tail = 0.35. Those left out are the code’s own."),
    )
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=ExperimentKind.choices,
        help_text=_(
            "Shared lists tell two models apart with far fewer readers; what is sold only two groups can tell."
        ),
    )
    method = forms.ChoiceField(label=_("Test"), choices=ExperimentMethod.choices)
    share = forms.IntegerField(label=_("Share of readers, percent"), min_value=1, max_value=100, initial=100)
    rate = forms.DecimalField(
        label=_("Buyers among a hundred readers now"), min_value=0, max_value=100, decimal_places=4, initial=3
    )
    lift = forms.DecimalField(
        label=_("Smallest change worth finding, percent"), min_value=-99, max_value=1000, decimal_places=2, initial=10
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        run = self.fields["run"]
        assert isinstance(run, forms.ModelChoiceField)
        run.queryset = TrainingRun.objects.filter(state=TrainingState.DONE).exclude(artefact="").order_by("-pk")

    def clean_figures(self) -> dict[str, float]:
        """Names and numbers."""
        found = {}
        for line in self.cleaned_data["figures"].splitlines():
            name, _equals, value = line.partition("=")
            try:
                if line.strip():
                    found[name.strip()] = float(value)
            except ValueError as fault:
                raise forms.ValidationError(_("“%(line)s” is no name = number.") % {"line": line}) from fault
        return found

    def clean(self) -> dict[str, Any]:
        """Something must differ."""
        given = super().clean() or {}
        if not self.errors and not (given.get("run") or given.get("figures")):
            self.add_error("run", _("Choose a model or figures to try, else both arms are the same."))
        return given

    def experiment(self) -> NewExperiment:
        """What was asked, once the form is valid."""
        given = self.cleaned_data
        run, figures = given["run"], given["figures"]
        told = ", ".join(f"{name} {value:g}" for name, value in figures.items())
        tried = " · ".join(str(part) for part in (run, told) if part)[:80]
        return NewExperiment(
            name=given["name"],
            hypothesis=given["hypothesis"],
            slot=given["slot"],
            kind=given["kind"],
            method=given["method"],
            share_bp=given["share"] * 100,
            rate_ppm=int(given["rate"] * 10_000),
            lift_bp=int(given["lift"] * 100),
            arms=[
                NewArm(name=str(_("What serves now"))),
                NewArm(name=tried, run_id=run.pk if run else None, figures=figures),
            ],
        )
