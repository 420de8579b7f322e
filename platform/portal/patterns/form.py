"""Every kind of field in every state."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class PatternForm(forms.Form):
    """Every kind of field in every state."""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        help_text=gettext_lazy("Letters and digits, up to 16."),
        required=False,
        max_length=16,
    )
    used = forms.CharField(label=gettext_lazy("Filled, hover"), help_text=gettext_lazy("Used 61 times this month."))
    focus = forms.CharField(label=gettext_lazy("Focus"))
    faulty = forms.CharField(label=gettext_lazy("Error"))
    fixed = forms.CharField(
        label=gettext_lazy("Disabled"), help_text=gettext_lazy("Fixed while the agreement runs."), disabled=True
    )
    amount = forms.CharField(label=gettext_lazy("Amount"), help_text=gettext_lazy("Minimum 50.00"))
    model = forms.ChoiceField(
        label=gettext_lazy("Choice"),
        help_text=gettext_lazy("Named by agreement v3."),
        choices=[("decay", gettext_lazy("Time decay, 7 days")), ("linear", gettext_lazy("Linear"))],
    )
    share = forms.CharField(label=gettext_lazy("Share"), help_text=gettext_lazy("1,500 bp"))
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}), required=False)
    proof = forms.FileField(label=gettext_lazy("File"), required=False)
    way = forms.ChoiceField(
        label=gettext_lazy("Paid by"),
        widget=forms.RadioSelect,
        choices=[("bank", gettext_lazy("Bank transfer")), ("card", gettext_lazy("Card"))],
    )
    terms = forms.BooleanField(label=gettext_lazy("I have read the agreement"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["placeholder"] = _("e.g. SPRING15")
        self.fields["used"].widget.attrs["class"] = "is-hover"
        self.fields["focus"].widget.attrs["class"] = "is-focus"
        self.fields["fixed"].initial = "LINYUE15"

    def clean_faulty(self) -> str:
        """Refuse anything but letters and digits."""
        value: str = self.cleaned_data["faulty"]
        if not value.isalnum():
            raise forms.ValidationError(_("Only letters and digits. Take out “!”."))
        return value


def form() -> PatternForm:
    """Return the bound form with one field in error."""
    return PatternForm(
        {
            "used": "LINYUE15",
            "focus": "LINYUE15",
            "faulty": "LINYUE!5",
            "amount": "1,250.00",
            "model": "decay",
            "share": "15.00",
            "way": "bank",
            "terms": "on",
        }
    )
