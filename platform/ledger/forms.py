"""Forms of the ledger's desk."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.models import Party
from ledger.errors import amount_refused
from ledger.models import FxRate
from ledger.money import ACTIVE, MoneyError, minor_from_decimal
from ledger.selectors import RunTerms

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


class RunForm(forms.Form):
    """A payout run to be prepared."""

    currency = forms.ChoiceField(label=_("currency"), choices=CURRENCIES)
    cut_off = forms.DateTimeField(
        label=_("cut-off"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("What matures later waits for the next run; refunds count whenever they come."),
    )
    minimum = forms.CharField(label=_("minimum"), initial="0", help_text=_("Who has less carries it over."))
    increment = forms.CharField(
        label=_("round down to"), required=False, help_text=_("Such as 1.00; empty: to the smallest unit.")
    )
    withholding = forms.DecimalField(
        label=_("tax withheld"), min_value=0, max_value=100, decimal_places=2, initial=0, required=False
    )

    def clean(self) -> dict[str, Any]:
        """Read the amounts in the run's currency."""
        data: dict[str, Any] = super().clean() or {}
        for field in ("minimum", "increment"):
            text, currency = (data.get(field) or "").strip(), data.get("currency")
            if not text or not currency:
                continue
            try:
                data[field] = minor_from_decimal(text, currency)
            except MoneyError:
                self.add_error(field, amount_refused(currency))
        return data

    @property
    def terms(self) -> RunTerms:
        """What a valid form asks for."""
        data = self.cleaned_data
        return RunTerms(
            currency=data["currency"],
            cut_off=data["cut_off"],
            minimum=data["minimum"] or 0,
            increment=data["increment"] or 1,
            withholding_bp=int((data["withholding"] or 0) * 100),
        )


class HoldForm(forms.Form):
    """A hold to be placed on a party's payouts."""

    party = forms.ModelChoiceField(label=_("party"), queryset=Party.objects.filter(closed_at=None).order_by("name"))
    reason = forms.CharField(label=_("reason"), max_length=300, help_text=_("The party reads it."))
    decide_by = forms.DateField(
        label=_("decision by"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
