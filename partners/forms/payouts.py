"""Where a party is paid."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.choices import PayoutMethod


class PayoutDetailsForm(forms.Form):
    """Where a party is paid."""

    method = forms.ChoiceField(label=_("Way"), choices=PayoutMethod.choices)
    holder = forms.CharField(label=_("Account holder"), max_length=120)
    institution = forms.CharField(label=_("Bank or service"), max_length=120)
    reference = forms.CharField(
        label=_("Account number or address"), max_length=120, help_text=_("Shown masked from then on.")
    )
