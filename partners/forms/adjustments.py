"""The form in which an adjustment is filed."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Party
from ledger.errors import amount_refused
from ledger.money import MoneyError, minor_from_decimal
from partners.forms.reach import CURRENCIES


class AdjustmentForm(forms.Form):
    """A credit or debit for one party; what the verb would refuse for its words stands in the form."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)
    party = forms.CharField(label=_("Party"), max_length=64, help_text=_("Its code, as it stands at the party."))
    amount = forms.CharField(
        label=_("Amount"), max_length=24, help_text=_("Such as 120.00; with a minus before it the party is charged.")
    )
    currency = forms.ChoiceField(label=_("Currency"), choices=CURRENCIES[1:])
    order_code = forms.CharField(label=_("Order"), max_length=32, required=False)
    reason = forms.CharField(
        label=_("Why"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("The party reads it on its statement."),
    )

    def clean_party(self) -> Party:
        """The party of that code."""
        found = Party.objects.filter(code=self.cleaned_data["party"].strip()).first()
        if found is None:
            raise forms.ValidationError(_("There is no party of this code."))
        return found

    def clean(self) -> dict[str, Any]:
        """Read the amount as whole minor units."""
        data: dict[str, Any] = super().clean() or {}
        if "amount" not in data or "currency" not in data:
            return data
        text = str(data["amount"]).strip().replace("\u2212", "-").replace(",", "")
        try:
            self.amount_minor = minor_from_decimal(text.removeprefix("-"), data["currency"])
        except MoneyError:
            self.add_error("amount", amount_refused(data["currency"]))
            return data
        if text.startswith("-"):
            self.amount_minor = -self.amount_minor
        if not self.amount_minor:
            self.add_error("amount", _("An adjustment moves something; give an amount above or below zero."))
        return data

    def wish(self) -> dict[str, Any]:
        """What was entered, as the verb takes it."""
        data = self.cleaned_data
        return {
            "key": data["key"],
            "party": data["party"],
            "currency": data["currency"],
            "amount_minor": self.amount_minor,
            "reason": data["reason"],
            "order_code": data["order_code"].strip(),
        }
