"""Forms by which a party answers a version or leaves an agreement."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class _InDialog(forms.Form):
    """A form whose fields stand in a dialog's words, while its button stands in the dialog's acts."""

    def __init__(self, *args: Any, form_id: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form_id = form_id
        for field in self.fields.values():
            field.widget.attrs["form"] = form_id


class DeclineForm(_InDialog):
    """Why a version is declined."""

    reason = forms.CharField(
        label=_("Why"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The other parties read it, so that they know what to propose next."),
    )


class LeaveForm(_InDialog):
    """From which day a co-creator leaves."""

    leaves_on = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate()
        self.fields["leaves_on"].widget.attrs["min"] = (today + timedelta(days=1)).isoformat()
        self.fields["leaves_on"].initial = today + timedelta(days=30)
