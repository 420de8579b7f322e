"""Forms of the ledger's desk."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from ledger.models import FxRate
from ledger.money import ACTIVE

CURRENCIES = [(code, code) for code in sorted(ACTIVE)]


class RateForm(forms.ModelForm):  # type: ignore[type-arg]
    """One exchange rate to be entered; a second one for the day corrects the first."""

    base = forms.ChoiceField(label=_("from"), choices=CURRENCIES, widget=UnfoldAdminSelectWidget)
    quote = forms.ChoiceField(label=_("to"), choices=CURRENCIES, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = FxRate
        fields = ("day", "base", "quote", "rate", "source")

    def clean(self) -> dict[str, Any]:
        """Refuse what cannot be a rate."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("base") and data.get("base") == data.get("quote"):
            self.add_error("quote", _("A rate stands between two currencies."))
        if data.get("rate") is not None and data["rate"] <= 0:
            self.add_error("rate", _("A rate is above 0."))
        return data
