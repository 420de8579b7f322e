"""What the addresses of the marketer's pages may say."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from analytics.choices import ReportModel

WINDOWS = (7, 30, 90)
"""Look-backs in days that the page offers."""

COMPARISONS = (
    ("none", _("Nothing")),
    ("before", _("The days before")),
    ("year", _("The same days last year")),
)


class ReportForm(forms.Form):
    """The query of the overview. Every key may be missing; a wrong one is named, and the default is shown instead."""

    since = forms.DateField(required=False, label=_("From"))
    until = forms.DateField(required=False, label=_("To, inclusive"))
    currency = forms.ChoiceField(required=False, label=_("Currency"))
    model = forms.ChoiceField(required=False, label=_("Model"), choices=ReportModel.choices)
    window = forms.TypedChoiceField(
        required=False, label=_("Look-back"), coerce=int, empty_value=None, choices=[(w, str(w)) for w in WINDOWS]
    )
    compare = forms.ChoiceField(required=False, label=_("Compare with"), choices=COMPARISONS)

    def __init__(self, *args: Any, known_currencies: list[str], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["currency"].choices = [(code, code) for code in known_currencies]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A range has both ends, in order, and at most three years, none of them ahead."""
        values: dict[str, Any] = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if (since is None) != (until is None):
            raise forms.ValidationError(_("A range needs both its first and its last day."))
        if since and until:
            if until < since:
                raise forms.ValidationError(_("The range ends before it begins."))
            if until > self.today:
                raise forms.ValidationError(_("The range ends in the future."))
            if until - since >= timedelta(days=1100):
                raise forms.ValidationError(_("A report covers at most three years."))
        return values
